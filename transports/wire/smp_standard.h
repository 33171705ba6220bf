/* Bodies of SMP groups 0 (OS) and 1 (image), both directions (docs/SPEC 5.2).
 *
 * put: writes one CBOR map; failure shows in the writer's `ok`. get: false when the body is not
 * one well-formed map, a member has the wrong type, or a mandatory one is missing; the output is
 * then zeroed. What get returns borrows from the body. Unknown members are ignored. An answer may
 * be an error instead: look at smp_get_status() first.
 */
#ifndef WIRE_SMP_STANDARD_H
#define WIRE_SMP_STANDARD_H

#include "smp.h"

/* Group 0, echo: {d} -> {r}. */
void smp_put_echo_request(struct cbor_writer *w, const char *text, size_t len);
bool smp_get_echo_request(struct cbor_string *out, const uint8_t *body, size_t len);
void smp_put_echo_answer(struct cbor_writer *w, const char *text, size_t len);
bool smp_get_echo_answer(struct cbor_string *out, const uint8_t *body, size_t len);

/* Group 0, params: {} -> {buf_size, buf_count}. */
struct smp_params {
    uint32_t buf_size;  /* bytes of one receive buffer */
    uint32_t buf_count; /* buffers */
};
void smp_put_params(struct cbor_writer *w, const struct smp_params *params);
bool smp_get_params(struct smp_params *out, const uint8_t *body, size_t len);

/* Group 1, upload request. */
struct smp_upload {
    uint64_t off;
    bool has_start;         /* off 0 only: the three that follow are there */
    uint32_t image;         /* component */
    uint64_t len;           /* bytes of the whole stream */
    struct cbor_string sha; /* the upload's token; len 0 = absent (get), at most 32 bytes (put) */
    struct cbor_string data;
};
/* With data.at NULL, room for data.len bytes is left: the result is where they go, NULL when the
 * message did not fit. */
uint8_t *smp_put_upload(struct cbor_writer *w, const struct smp_upload *upload);
/* `image` absent means 0; at off 0 `len` is mandatory. */
bool smp_get_upload(struct smp_upload *out, const uint8_t *body, size_t len);

/* Most data bytes that an upload request of these other members can carry in a message of
 * `message_max` bytes, header included; 0 when not even one. */
size_t smp_upload_room(const struct smp_upload *upload, size_t message_max);

/* Group 1, upload answer: {off}, or an error. */
void smp_put_upload_answer(struct cbor_writer *w, uint64_t off);
bool smp_get_upload_answer(uint64_t *off, const uint8_t *body, size_t len);

/* Group 1, state. */
struct smp_image_state {
    uint32_t image;
    uint32_t slot;
    struct cbor_string version;
    struct cbor_string hash; /* len 0 = absent; 32 bytes on our devices */
    bool bootable, pending, confirmed, active, permanent;
};
void smp_put_state_answer(struct cbor_writer *w, const struct smp_image_state *images,
                          size_t count);
/* At most `cap` images are stored; more of them are a malformed body. */
bool smp_get_state_answer(struct smp_image_state *images, size_t cap, size_t *count,
                          const uint8_t *body, size_t len);

/* Group 1, state write: {hash, confirm}; without a hash it means the running image. */
struct smp_state_write {
    struct cbor_string hash; /* len 0 = absent */
    bool confirm;            /* false: try it at the next reset; true: keep it */
};
void smp_put_state_write(struct cbor_writer *w, const struct smp_state_write *write);
bool smp_get_state_write(struct smp_state_write *out, const uint8_t *body, size_t len);

#endif
