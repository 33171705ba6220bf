/* SMP messages (docs/SPEC 5.1, 5.2): header, numbers, error answers.
 *
 * A message is an 8-byte big-endian header and one CBOR map. Shared with firmware: no malloc, no
 * I/O. Bodies: smp_standard.h (groups 0 and 1) and smp_gateway.h (our own group); bytes on the
 * line: smp_frame.h.
 */
#ifndef WIRE_SMP_H
#define WIRE_SMP_H

#include "cbor.h"

enum {
    SMP_HEADER_LEN = 8,
    SMP_MESSAGE_MIN_BUFFER = 256, /* what a receiver of unknown size is trusted with */
    SMP_MESSAGE_OVERHEAD = 4,     /* a message is at most buf_size - 4 bytes */
    SMP_MESSAGE_MAX = 65535 + 8,  /* what the header's length can say */
    SMP_DIGEST_LEN = 32,
    SMP_ID_LEN = 16,
};

enum smp_version { SMP_V1 = 0, SMP_V2 = 1 };

enum smp_op { SMP_READ = 0, SMP_READ_ANSWER = 1, SMP_WRITE = 2, SMP_WRITE_ANSWER = 3 };

enum smp_group { SMP_GROUP_OS = 0, SMP_GROUP_IMAGE = 1, SMP_GROUP_GATEWAY = 26487 };

enum smp_os_command { SMP_OS_ECHO = 0, SMP_OS_RESET = 5, SMP_OS_PARAMS = 6 };
enum smp_image_command { SMP_IMAGE_STATE = 0, SMP_IMAGE_UPLOAD = 1 };
enum smp_gateway_command {
    SMP_GATEWAY_IDENTIFY = 0,
    SMP_GATEWAY_TRUST = 1,
    SMP_GATEWAY_REPORT = 2,
    SMP_GATEWAY_REVERT = 3,
    SMP_GATEWAY_LOG = 4,
    SMP_GATEWAY_ACTIVATE = 5,
};

/* Result codes of every group (mcumgr's own numbers). */
enum smp_rc {
    SMP_RC_OK = 0,
    SMP_RC_UNKNOWN = 1,
    SMP_RC_NO_MEMORY = 2,
    SMP_RC_INVALID = 3, /* the request cannot be understood */
    SMP_RC_TIMEOUT = 4,
    SMP_RC_NOT_FOUND = 5,
    SMP_RC_BAD_STATE = 6,
    SMP_RC_TOO_LARGE = 7,
    SMP_RC_NOT_SUPPORTED = 8,
    SMP_RC_CORRUPT = 9, /* here: the verifier refused; `reason` says which rule */
    SMP_RC_BUSY = 10,
    SMP_RC_DENIED = 11,
};

struct smp_header {
    enum smp_version version;
    enum smp_op op;
    uint8_t flags;     /* 0 */
    uint16_t body_len; /* bytes after the header */
    uint16_t group;
    uint8_t seq; /* an answer carries its request's */
    uint8_t command;
};

/* False when reserved bits are set or the version or operation is unknown. */
bool smp_header_parse(struct smp_header *out, const uint8_t bytes[SMP_HEADER_LEN]);
void smp_header_pack(uint8_t bytes[SMP_HEADER_LEN], const struct smp_header *header);

/* Make a message in `buf`: begin, write one map with the cbor_put_* functions, finish. The result
 * is its length, 0 when it did not fit; header->body_len is ignored and computed. */
struct cbor_writer smp_begin(uint8_t *buf, size_t cap);
size_t smp_finish(struct cbor_writer *w, const struct smp_header *header);

/* The answer's header for a request: same version, group, sequence and command. */
struct smp_header smp_answer_header(const struct smp_header *request);

/* How a request fared. */
struct smp_status {
    uint32_t rc;     /* SMP_RC_OK = it succeeded; the meaning of others depends on `group` */
    uint16_t group;  /* whose numbers `rc` are; for version 1 errors mcumgr's own, 0 */
    bool is_v2;      /* the error came as {err: {group, rc}} */
    uint16_t reason; /* verify_result when our device's verifier refused; 0 = none */
};

/* Read the status out of any answer's body: {rc}, {err: {group, rc}}, reason; none of them means
 * success. False when the body is not one well-formed map. */
bool smp_get_status(struct smp_status *out, const uint8_t *body, size_t len);

/* Write an error body in the request's version; `reason` 0 is left out. */
void smp_put_error(struct cbor_writer *w, enum smp_version version, uint16_t group, uint32_t rc,
                   uint16_t reason);

/* An empty map: the body of many requests and answers. */
void smp_put_empty(struct cbor_writer *w);

#endif
