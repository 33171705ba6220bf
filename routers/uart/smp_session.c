#include "smp_session.h"

#include <string.h>

enum {
    PROBE_TRIES = 2,
    /* a raw receiver that took our console probe for a header drops it after 3 s (Zephyr) */
    PROBE_PAUSE_MS = 3200,
    WRITE_MS = 5000,  /* beyond the time that the bytes take: a line that is held (RTS/CTS) */
    STALE_READS = 64, /* a line that never falls silent is not waited for */
};

void smp_session_set_framing(struct smp_session *s, enum smp_framing framing)
{
    s->framing = framing;
    smp_receiver_init(&s->receiver, s->answer, sizeof s->answer, framing);
}

static void assume_params(struct smp_session *s)
{
    s->has_params = false;
    s->params = (struct smp_params){
        .buf_size = s->configured_buffer ? s->configured_buffer : SMP_MESSAGE_MIN_BUFFER,
        .buf_count = 1,
    };
}

void smp_session_reset(struct smp_session *s, struct link *link)
{
    s->link = link;
    s->in_at = s->in_len = 0;
    s->line_free_us = 0;
    s->slowest_ms = 0;
    s->unusable = 0;
    smp_session_set_framing(s, s->framing);
}

void smp_session_init(struct smp_session *s, struct link *link, uint32_t configured_buffer)
{
    s->framing = SMP_FRAMING_ANY;
    s->configured_buffer = configured_buffer;
    s->messages = s->repeated = s->bytes_sent = 0;
    s->next_seq = 0;
    assume_params(s);
    smp_session_reset(s, link);
}

size_t smp_session_message_max(const struct smp_session *s)
{
    size_t size = s->params.buf_size > SMP_MESSAGE_OVERHEAD
                      ? s->params.buf_size - SMP_MESSAGE_OVERHEAD
                      : 0;

    return size < SESSION_MESSAGE_MAX ? size : SESSION_MESSAGE_MAX;
}

unsigned smp_session_window(const struct smp_session *s)
{
    uint32_t count = s->params.buf_count;

    return count <= 2 ? 1 : count >= 4 ? 3 : 2;
}

uint32_t smp_session_line_ms(const struct smp_session *s, size_t bytes)
{
    uint64_t bits = (uint64_t)bytes * 10;

    return s->link->baud ? (uint32_t)((bits * 1000 + s->link->baud - 1) / s->link->baud) : 0;
}

uint64_t smp_session_line_free_ms(const struct smp_session *s)
{
    return (s->line_free_us + 999) / 1000;
}

uint32_t smp_session_answer_ms(const struct smp_session *s, unsigned attempt)
{
    uint32_t seen = s->slowest_ms * 3 + 50;
    uint32_t ms = s->slowest_ms == 0                 ? SESSION_TURNAROUND_MS
                  : seen > SESSION_TURNAROUND_MIN_MS ? seen
                                                     : SESSION_TURNAROUND_MIN_MS;

    ms += smp_session_line_ms(s, SMP_LINE_MAX); /* the answer itself */
    ms <<= attempt < 6 ? attempt : 6;
    return ms < SESSION_RETRY_MAX_MS ? ms : SESSION_RETRY_MAX_MS;
}

void smp_session_learn(struct smp_session *s, uint64_t line_free_ms, uint64_t answered_ms)
{
    uint64_t took = answered_ms > line_free_ms ? answered_ms - line_free_ms : 0;
    uint32_t ms = took < SESSION_RETRY_MAX_MS ? (uint32_t)took : SESSION_RETRY_MAX_MS;
    uint32_t decayed = s->slowest_ms - s->slowest_ms / 16;

    s->slowest_ms = ms > decayed ? ms : decayed;
    s->slowest_ms += s->slowest_ms == 0; /* 0 means "none seen" */
}

struct cbor_writer smp_session_begin(struct smp_session *s)
{
    return smp_begin(s->message, smp_session_message_max(s));
}

/* The bytes of the line for the message of `len` bytes; *bytes points at them. */
static size_t frame(struct smp_session *s, size_t len, const uint8_t **bytes)
{
    struct smp_console_encoder e;
    size_t total = 0, n;

    if (s->framing == SMP_FRAMING_RAW) {
        *bytes = s->message;
        return len;
    }
    smp_console_begin(&e, s->message, len);
    while ((n = smp_console_next(&e, s->line + total)) > 0) {
        total += n;
    }
    *bytes = s->line;
    return total;
}

static enum gw_err write_message(struct smp_session *s, size_t len)
{
    struct link *l = s->link;
    const uint8_t *bytes;
    size_t total = frame(s, len, &bytes);
    uint64_t now = l->ops->now_ms(l);
    uint64_t line_us = l->baud ? (uint64_t)total * 10 * 1000000 / l->baud : 0;

    s->messages++;
    s->bytes_sent += total;
    s->line_free_us = (s->line_free_us > now * 1000 ? s->line_free_us : now * 1000) + line_us;
    return l->ops->write(l, bytes, total, smp_session_line_free_ms(s) + WRITE_MS);
}

enum gw_err smp_session_send(struct smp_session *s, struct cbor_writer *w, enum smp_op op,
                             uint16_t group, uint8_t command, uint8_t *seq)
{
    struct smp_header h = {
        .version = SMP_V2, .op = op, .group = group, .seq = s->next_seq++, .command = command
    };
    size_t len = smp_finish(w, &h);

    if (len == 0) {
        return GW_BAD_PARAMETER;
    }
    if (seq) {
        *seq = h.seq;
    }
    return write_message(s, len);
}

static bool is_answer(const struct smp_session *s, struct smp_answer *answer)
{
    if (!smp_header_parse(&answer->header, s->receiver.buf)) {
        return false;
    }
    answer->body = s->receiver.buf + SMP_HEADER_LEN;
    answer->len = s->receiver.len - SMP_HEADER_LEN;
    answer->at_ms = s->link->ops->now_ms(s->link);
    return answer->header.op == SMP_READ_ANSWER || answer->header.op == SMP_WRITE_ANSWER;
}

enum gw_err smp_session_receive(struct smp_session *s, struct smp_answer *answer,
                                uint64_t deadline_ms)
{
    struct link *l = s->link;

    for (;;) {
        size_t used;

        while (s->in_at < s->in_len) {
            uint32_t dropped = s->receiver.dropped;
            bool is_message = smp_receive(&s->receiver, s->in + s->in_at, s->in_len - s->in_at,
                                          &used);

            s->in_at += used;
            s->unusable += s->receiver.dropped - dropped;
            if (is_message && is_answer(s, answer)) {
                return GW_OK;
            }
            s->unusable += is_message;
        }
        s->in_at = s->in_len = 0;
        if (l->ops->now_ms(l) >= deadline_ms) {
            return GW_TIMEOUT; /* also on a line that never falls silent */
        }
        enum gw_err err = l->ops->read(l, s->in, sizeof s->in, &s->in_len, deadline_ms);

        if (err) {
            return err;
        }
    }
}

void smp_session_give_up_answer(struct smp_session *s)
{
    s->unusable += smp_receiver_is_partial(&s->receiver);
    smp_receiver_drop(&s->receiver);
}

/* Wait for the answer to the request that s->message holds. */
static enum gw_err await(struct smp_session *s, const struct smp_header *request,
                         uint64_t deadline_ms, struct smp_answer *answer)
{
    enum smp_op want = request->op == SMP_READ ? SMP_READ_ANSWER : SMP_WRITE_ANSWER;

    for (;;) {
        enum gw_err err = smp_session_receive(s, answer, deadline_ms);
        const struct smp_header *h = &answer->header;
        struct smp_status status;

        if (err) {
            return err;
        }
        if (h->seq == request->seq && h->group == request->group &&
            h->command == request->command && h->op == want &&
            smp_get_status(&status, answer->body, answer->len)) {
            return GW_OK;
        }
        s->unusable++;
    }
}

/* Throw away what came before the request: boot messages, answers that came too late. */
static enum gw_err drop_stale_input(struct smp_session *s)
{
    enum gw_err err = GW_OK;

    smp_receiver_drop(&s->receiver);
    for (unsigned i = 0; !err && i < STALE_READS; i++) {
        err = s->link->ops->read(s->link, s->in, sizeof s->in, &s->in_len, 0);
    }
    s->in_at = s->in_len = 0;
    return err == GW_TIMEOUT ? GW_OK : err;
}

/* On raw framing a flipped bit of the request can make any error: it is asked once more. */
static bool may_be_noise(const struct smp_session *s, const struct smp_answer *answer)
{
    struct smp_status status;

    return s->framing == SMP_FRAMING_RAW && smp_get_status(&status, answer->body, answer->len) &&
           status.rc != SMP_RC_OK;
}

enum gw_err smp_session_exchange(struct smp_session *s, struct cbor_writer *w, enum smp_op op,
                                 uint16_t group, uint8_t command, unsigned tries,
                                 struct smp_answer *answer)
{
    struct smp_header request;
    enum gw_err err = drop_stale_input(s);

    err = err ? err : smp_session_send(s, w, op, group, command, NULL);
    s->unusable = 0;
    for (unsigned attempt = 0; !err; attempt++) {
        uint64_t sent_ms = smp_session_line_free_ms(s);

        (void)smp_header_parse(&request, s->message);
        err = await(s, &request, sent_ms + smp_session_answer_ms(s, attempt), answer);
        if (!err) {
            smp_session_learn(s, sent_ms, answer->at_ms);
            s->unusable = 0;
        }
        if (!err && (attempt > 0 || !may_be_noise(s, answer))) {
            return GW_OK;
        }
        if (err && err != GW_TIMEOUT) {
            return err;
        }
        smp_session_give_up_answer(s);
        if (attempt + 1 >= tries) {
            return !err ? GW_OK : s->unusable > 0 ? GW_PROTOCOL : GW_TIMEOUT;
        }
        s->repeated++;
        err = write_message(s, w->len);
    }
    return err;
}

enum gw_err smp_session_ask(struct smp_session *s, enum smp_op op, uint16_t group, uint8_t command,
                            unsigned tries, struct smp_answer *answer)
{
    struct cbor_writer w = smp_session_begin(s);

    smp_put_empty(&w);
    return smp_session_exchange(s, &w, op, group, command, tries, answer);
}

/* Ask for params in the framing that is set. An answer that says no is an answer, too: MCUboot
 * without params; *params is then zero. */
static enum gw_err ask_params(struct smp_session *s, struct smp_params *params)
{
    struct smp_answer answer;
    enum gw_err err = smp_session_ask(s, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS, PROBE_TRIES,
                                      &answer);

    *params = (struct smp_params){ 0 };
    if (!err) {
        (void)smp_get_params(params, answer.body, answer.len);
    }
    return err;
}

/* Over raw framing, which has no check sum, what is said counts when it was said twice. */
static enum gw_err ask_params_surely(struct smp_session *s, struct smp_params *params)
{
    enum gw_err err = ask_params(s, params);

    for (unsigned i = 0; !err && s->framing == SMP_FRAMING_RAW && i < SESSION_TRIES; i++) {
        struct smp_params before = *params;

        err = ask_params(s, params);
        if (!err && before.buf_size == params->buf_size && before.buf_count == params->buf_count) {
            break;
        }
    }
    return err;
}

static enum gw_err probe(struct smp_session *s)
{
    struct smp_params params;

    assume_params(s);
    enum gw_err err = ask_params_surely(s, &params);

    if (!err && params.buf_count > 0 && params.buf_size >= SESSION_BUFFER_MIN) {
        s->has_params = true;
        s->params = params;
    }
    return err;
}

static enum gw_err probe_in(struct smp_session *s, enum smp_framing framing)
{
    smp_session_set_framing(s, framing);
    return probe(s);
}

static enum gw_err wait_for(struct smp_session *s, uint32_t ms)
{
    uint64_t until = s->link->ops->now_ms(s->link) + ms;
    struct smp_answer ignored;
    enum gw_err err;

    do {
        err = smp_session_receive(s, &ignored, until);
    } while (!err);
    return err == GW_TIMEOUT ? GW_OK : err;
}

static bool is_silence(enum gw_err err)
{
    return err == GW_TIMEOUT || err == GW_PROTOCOL;
}

/* Both framings, console first; the second time raw after a pause. */
static enum gw_err search(struct smp_session *s)
{
    static const struct {
        enum smp_framing framing;
        uint32_t pause_ms;
    } steps[] = {
        { SMP_FRAMING_CONSOLE, 0 },
        { SMP_FRAMING_RAW, 0 },
        { SMP_FRAMING_CONSOLE, 0 },
        { SMP_FRAMING_RAW, PROBE_PAUSE_MS },
    };
    enum gw_err err = GW_TIMEOUT;
    bool heard = false;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && is_silence(err); i++) {
        heard = heard || err == GW_PROTOCOL;
        enum gw_err paused = steps[i].pause_ms ? wait_for(s, steps[i].pause_ms) : GW_OK;

        err = paused ? paused : probe_in(s, steps[i].framing);
    }
    return is_silence(err) && heard ? GW_PROTOCOL : err;
}

enum gw_err smp_session_find(struct smp_session *s, enum smp_framing only)
{
    enum smp_framing known = s->framing;
    enum gw_err err = GW_TIMEOUT;

    if (only != SMP_FRAMING_ANY) {
        return probe_in(s, only);
    }
    if (known != SMP_FRAMING_ANY) {
        err = probe_in(s, known);
    }
    if (is_silence(err)) {
        err = search(s);
    }
    if (err) {
        smp_session_set_framing(s, known);
    }
    return err;
}
