/* The requests that the SMP server understands, one function each; private to servers/smp.
 *
 * A handler writes the answer's map to `w` and returns SMP_RC_OK, or returns the error's number and
 * has written nothing; then *reason may say which rule of the verifier refused.
 */
#ifndef SUBDEVICE_SMP_HANDLERS_H
#define SUBDEVICE_SMP_HANDLERS_H

#include "smp_server.h"

struct smp_body {
    const uint8_t *at;
    size_t len;
};

typedef enum smp_rc (*smp_handler)(struct smp_server *s, struct smp_body body,
                                   struct cbor_writer *w, uint16_t *reason);

/* The handler for this operation, group and command; NULL = not supported. */
smp_handler smp_find_handler(enum smp_op op, uint16_t group, uint8_t command);

/* The error number for a status of the core; sets *reason for UPDATE_REFUSED. */
enum smp_rc smp_rc_of(enum update_status status, enum verify_result verdict, uint16_t *reason);

/* Group 1 */
enum smp_rc smp_handle_state_read(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                  uint16_t *reason);
enum smp_rc smp_handle_state_write(struct smp_server *s, struct smp_body body,
                                   struct cbor_writer *w, uint16_t *reason);
enum smp_rc smp_handle_upload(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                              uint16_t *reason);

/* Group 26487 */
enum smp_rc smp_handle_identify(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                uint16_t *reason);
enum smp_rc smp_handle_report(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                              uint16_t *reason);
enum smp_rc smp_handle_revert(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                              uint16_t *reason);
enum smp_rc smp_handle_log(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                           uint16_t *reason);
enum smp_rc smp_handle_activate(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                uint16_t *reason);

#endif
