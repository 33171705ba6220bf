#include <string.h>

#include "slots.h"
#include "smp_handlers.h"

/* --- state --- */

static bool is_whole(enum slot_phase phase)
{
    return phase != SLOT_PHASE_EMPTY && phase != SLOT_PHASE_RECEIVING &&
           phase != SLOT_PHASE_BROKEN && phase != SLOT_PHASES;
}

static struct smp_image_state image_state(const struct smp_server *s, uint8_t index,
                                          const struct slot_head *head)
{
    const struct slotlog *log = s->config.trial->log;
    enum slot_phase phase = log->slots[index].phase;

    return (struct smp_image_state){
        .image = log->port->geometry.slots[index].component,
        .slot = index,
        .version = { head->version, head->version_len },
        .hash = { head->identity, SHA256_LEN },
        .bootable = phase != SLOT_PHASE_REJECTED,
        .pending = phase == SLOT_PHASE_PENDING,
        .confirmed = phase == SLOT_PHASE_CONFIRMED,
        .active = s->config.trial->running >> index & 1,
    };
}

static enum smp_rc put_state(const struct smp_server *s, struct cbor_writer *w)
{
    const struct slotlog *log = s->config.trial->log;
    struct slot_head heads[PORT_SLOTS_MAX];
    struct smp_image_state images[PORT_SLOTS_MAX];
    size_t count = 0;

    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        if (is_whole(log->slots[i].phase) && slot_read_head(log->port, i, &heads[i])) {
            images[count++] = image_state(s, i, &heads[i]);
        }
    }
    smp_put_state_answer(w, images, count);
    return SMP_RC_OK;
}

enum smp_rc smp_handle_state_read(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                  uint16_t *reason)
{
    (void)body;
    (void)reason;
    return put_state(s, w);
}

/* The component whose slot holds this image. */
static bool find_component(const struct slotlog *log, const uint8_t identity[SHA256_LEN],
                           uint8_t *component)
{
    uint8_t slot;

    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        *component = log->port->geometry.slots[i].component;
        if (slots_find_image(log, *component, identity, &slot)) {
            return true;
        }
    }
    return false;
}

/* Without a hash: the image on trial. */
static enum update_status confirm(struct smp_server *s, const struct smp_state_write *write)
{
    struct trial *t = s->config.trial;
    struct slot_head head;

    if (write->hash.len > 0) {
        return trial_confirm(t, write->hash.at);
    }
    if (!t->is_on) {
        return UPDATE_OK;
    }
    return slot_read_head(t->log->port, t->slot, &head) ? trial_confirm(t, head.identity)
                                                        : UPDATE_FLASH;
}

enum smp_rc smp_handle_state_write(struct smp_server *s, struct smp_body body,
                                   struct cbor_writer *w, uint16_t *reason)
{
    struct trial *t = s->config.trial;
    struct smp_state_write write;
    enum verify_result verdict = VERIFY_NOT_CHECKED;
    enum update_status status;
    uint8_t component;

    if (!smp_get_state_write(&write, body.at, body.len) ||
        (write.hash.len > 0 && write.hash.len != SHA256_LEN) ||
        (write.hash.len == 0 && !write.confirm)) {
        return SMP_RC_INVALID;
    }
    if (write.confirm) {
        status = confirm(s, &write);
    } else if (!find_component(t->log, write.hash.at, &component)) {
        status = UPDATE_NOT_FOUND;
    } else {
        status = trial_activate(t, component, write.hash.at, false, &verdict);
    }
    return status ? smp_rc_of(status, verdict, reason) : put_state(s, w);
}

/* --- upload --- */

static bool has_token(const struct smp_server *s, const struct smp_upload *request)
{
    return s->has_token && request->sha.len == sizeof s->token &&
           memcmp(request->sha.at, s->token, sizeof s->token) == 0;
}

static void start(struct smp_server *s, const struct smp_upload *request)
{
    s->has_token = request->sha.len == sizeof s->token;
    if (s->has_token) {
        memcpy(s->token, request->sha.at, sizeof s->token);
    }
    updater_begin(s->config.updater, request->len);
}

/* Offset 0 starts a stream, unless it is the one that runs, sent again. */
static bool is_start(const struct smp_server *s, const struct smp_upload *request)
{
    enum updater_phase phase = s->config.updater->phase;
    bool runs = phase == UPDATER_RECEIVING || phase == UPDATER_COMPLETE;

    return request->off == 0 && !(runs && has_token(s, request));
}

static enum smp_rc put_offset(struct smp_server *s, enum update_status status,
                              struct cbor_writer *w, uint16_t *reason)
{
    enum smp_rc rc = smp_rc_of(status, s->config.updater->reason, reason);

    if (rc == SMP_RC_OK) {
        smp_put_upload_answer(w, updater_offset(s->config.updater));
    }
    return rc;
}

enum smp_rc smp_handle_upload(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                              uint16_t *reason)
{
    struct updater *u = s->config.updater;
    struct smp_upload request;

    if (!smp_get_upload(&request, body.at, body.len)) {
        /* damaged on a line without check sums: a running upload goes on from where it is */
        return u->phase == UPDATER_RECEIVING ? put_offset(s, UPDATE_OK, w, reason) : SMP_RC_INVALID;
    }
    if (is_start(s, &request)) {
        start(s, &request);
    }
    if (u->phase == UPDATER_FAILED) {
        return put_offset(s, u->status, w, reason);
    }
    if (u->phase != UPDATER_RECEIVING || request.off != updater_offset(u)) {
        return put_offset(s, UPDATE_OK, w, reason);
    }
    return put_offset(s, updater_feed(u, request.data.at, request.data.len), w, reason);
}
