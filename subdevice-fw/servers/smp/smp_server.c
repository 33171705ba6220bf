#include "smp_server.h"

#include <string.h>

#include "smp_handlers.h"

void smp_server_init(struct smp_server *s, const struct smp_server_config *config)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    smp_receiver_init(&s->receiver, config->request, config->params.buf_size, SMP_FRAMING_ANY);
}

static struct port *port_of(const struct smp_server *s)
{
    return s->config.trial->log->port;
}

static uint64_t now_ms(const struct smp_server *s)
{
    return port_of(s)->ops->now_ms(port_of(s));
}

/* --- group 0 --- */

static enum smp_rc handle_echo(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                               uint16_t *reason)
{
    struct cbor_string text;

    (void)s;
    (void)reason;
    if (!smp_get_echo_request(&text, body.at, body.len)) {
        return SMP_RC_INVALID;
    }
    smp_put_echo_answer(w, (const char *)text.at, text.len);
    return w->ok ? SMP_RC_OK : SMP_RC_TOO_LARGE;
}

static enum smp_rc handle_params(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                 uint16_t *reason)
{
    (void)body;
    (void)reason;
    smp_put_params(w, &s->config.params);
    return SMP_RC_OK;
}

static enum smp_rc handle_reset(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                uint16_t *reason)
{
    (void)body;
    (void)reason;
    smp_put_empty(w);
    s->wants_reset = true;
    return SMP_RC_OK;
}

smp_handler smp_find_handler(enum smp_op op, uint16_t group, uint8_t command)
{
    static const struct {
        uint16_t group;
        uint8_t command;
        enum smp_op op;
        smp_handler handler;
    } handlers[] = {
        { SMP_GROUP_OS, SMP_OS_ECHO, SMP_WRITE, handle_echo },
        { SMP_GROUP_OS, SMP_OS_ECHO, SMP_READ, handle_echo },
        { SMP_GROUP_OS, SMP_OS_PARAMS, SMP_READ, handle_params },
        { SMP_GROUP_OS, SMP_OS_RESET, SMP_WRITE, handle_reset },
        { SMP_GROUP_IMAGE, SMP_IMAGE_STATE, SMP_READ, smp_handle_state_read },
        { SMP_GROUP_IMAGE, SMP_IMAGE_STATE, SMP_WRITE, smp_handle_state_write },
        { SMP_GROUP_IMAGE, SMP_IMAGE_UPLOAD, SMP_WRITE, smp_handle_upload },
        { SMP_GROUP_GATEWAY, SMP_GATEWAY_IDENTIFY, SMP_READ, smp_handle_identify },
        { SMP_GROUP_GATEWAY, SMP_GATEWAY_REPORT, SMP_READ, smp_handle_report },
        { SMP_GROUP_GATEWAY, SMP_GATEWAY_REVERT, SMP_WRITE, smp_handle_revert },
        { SMP_GROUP_GATEWAY, SMP_GATEWAY_LOG, SMP_READ, smp_handle_log },
        { SMP_GROUP_GATEWAY, SMP_GATEWAY_ACTIVATE, SMP_WRITE, smp_handle_activate },
    };

    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].group == group && handlers[i].command == command && handlers[i].op == op) {
            return handlers[i].handler;
        }
    }
    return NULL;
}

enum smp_rc smp_rc_of(enum update_status status, enum verify_result verdict, uint16_t *reason)
{
    switch (status) {
    case UPDATE_OK:
    case UPDATE_REPEAT:
        return SMP_RC_OK;
    case UPDATE_REFUSED:
        *reason = (uint16_t)verdict;
        return SMP_RC_CORRUPT;
    case UPDATE_BUSY:
        return SMP_RC_BUSY;
    case UPDATE_NOT_FOUND:
        return SMP_RC_NOT_FOUND;
    case UPDATE_WRONG_STATE:
        return SMP_RC_BAD_STATE;
    case UPDATE_FLASH:
        break;
    }
    return SMP_RC_UNKNOWN;
}

/* --- requests and answers --- */

static size_t write_error(struct smp_server *s, const struct smp_header *request, enum smp_rc rc,
                          uint16_t reason)
{
    struct cbor_writer w = smp_begin(s->config.answer, s->config.answer_cap);
    struct smp_header header = smp_answer_header(request);

    smp_put_error(&w, request->version, request->group, rc, reason);
    return smp_finish(&w, &header);
}

static size_t answer(struct smp_server *s, const struct smp_header *request)
{
    struct cbor_writer w = smp_begin(s->config.answer, s->config.answer_cap);
    struct smp_header header = smp_answer_header(request);
    struct smp_body body = { s->receiver.buf + SMP_HEADER_LEN, s->receiver.len - SMP_HEADER_LEN };
    smp_handler handler = smp_find_handler(request->op, request->group, request->command);
    enum smp_rc rc = SMP_RC_NOT_SUPPORTED;
    uint16_t reason = 0;

    if (handler) {
        rc = handler(s, body, &w, &reason);
    }
    if (rc == SMP_RC_OK && !w.ok) {
        rc = SMP_RC_NO_MEMORY;
    }
    return rc == SMP_RC_OK ? smp_finish(&w, &header) : write_error(s, request, rc, reason);
}

/* A whole message lies in the receiver. Answers, our own echoed ones among them, are nobody's
 * request. */
static void handle(struct smp_server *s)
{
    struct smp_header request;

    if (!smp_header_parse(&request, s->receiver.buf) ||
        (request.op != SMP_READ && request.op != SMP_WRITE)) {
        return;
    }
    s->requests++;
    s->answer_len = answer(s, &request);
    s->answer_at = 0;
    if (s->receiver.framing == SMP_FRAMING_CONSOLE) {
        smp_console_begin(&s->encoder, s->config.answer, s->answer_len);
        s->line_len = s->line_at = 0;
    }
}

size_t smp_server_receive(struct smp_server *s, const uint8_t *bytes, size_t len)
{
    size_t at = 0, used;

    while (at < len && s->answer_len == 0) {
        if (smp_receive(&s->receiver, bytes + at, len - at, &used)) {
            handle(s);
        }
        at += used;
    }
    if (at > 0) {
        s->heard_ms = now_ms(s);
    }
    return at;
}

/* The piece of the answer that is next; *len 0 = all of it is out. */
static const uint8_t *next_piece(struct smp_server *s, size_t *len)
{
    if (s->receiver.framing != SMP_FRAMING_CONSOLE) {
        *len = s->answer_len - s->answer_at;
        return s->config.answer + s->answer_at;
    }
    if (s->line_at == s->line_len) {
        s->line_len = smp_console_next(&s->encoder, s->line);
        s->line_at = 0;
    }
    *len = s->line_len - s->line_at;
    return s->line + s->line_at;
}

size_t smp_server_take(struct smp_server *s, uint8_t *out, size_t cap)
{
    size_t taken = 0;

    while (s->answer_len > 0 && taken < cap) {
        size_t len;
        const uint8_t *piece = next_piece(s, &len);

        if (len == 0) {
            s->answer_len = 0;
            break;
        }
        len = len < cap - taken ? len : cap - taken;
        memcpy(out + taken, piece, len);
        taken += len;
        if (s->receiver.framing == SMP_FRAMING_CONSOLE) {
            s->line_at += len;
        } else {
            s->answer_at += len;
            s->answer_len = s->answer_at == s->answer_len ? 0 : s->answer_len;
        }
    }
    return taken;
}

/* --- time --- */

static uint32_t fragment_left_ms(struct smp_server *s)
{
    uint32_t limit = s->receiver.framing == SMP_FRAMING_CONSOLE ? SMP_CONSOLE_SILENCE_MS
                                                                : SMP_RAW_SILENCE_MS;
    uint64_t silent = now_ms(s) - s->heard_ms;

    if (!smp_receiver_is_partial(&s->receiver)) {
        return UINT32_MAX;
    }
    if (silent >= limit) {
        smp_receiver_drop(&s->receiver);
        return UINT32_MAX;
    }
    return limit - (uint32_t)silent;
}

uint32_t smp_server_step(struct smp_server *s)
{
    uint32_t left = fragment_left_ms(s);

    if (s->config.trial->is_on) {
        uint32_t trial_left = trial_left_ms(s->config.trial);

        left = trial_left < left ? trial_left : left;
        s->wants_reset |= trial_left == 0;
    }
    if (s->wants_reset && s->answer_len == 0) {
        port_of(s)->ops->reset(port_of(s));
    }
    return left;
}
