#include "upload.h"

#include <string.h>

#include "uart_device.h"

enum { WINDOW_MAX = 3 };

/* A request whose answer is awaited. */
struct request {
    uint8_t seq;
    bool is_old; /* sent before the last turn: its answer frees the place and turns nothing */
    uint64_t off, end;
    uint64_t sent_ms;     /* when it will have left the line */
    uint64_t deadline_ms; /* for its answer */
};

/* The state of one upload. */
struct run {
    struct upload *u;
    struct smp_session *s;
    struct call *c;
    struct request in_flight[WINDOW_MAX]; /* oldest first */
    unsigned count;
    unsigned attempt;   /* repetitions on silence since the last answer */
    uint64_t next;      /* offset to send next */
    uint64_t expected;  /* what the device said last */
    uint64_t best;      /* highest of these */
    uint64_t sent_to;   /* highest end that was sent */
    uint64_t silent_ms; /* waited in vain since the last answer */
    unsigned turns;     /* without progress */
    unsigned restarts;
};

static uint64_t now_ms(const struct run *r)
{
    return r->s->link->ops->now_ms(r->s->link);
}

static uint64_t bytes_limit(const struct run *r)
{
    return 4 * r->u->image->size + (1u << 18);
}

/* How long the answer to the bytes [off, end) may take. */
static uint32_t answer_ms(const struct run *r, uint64_t off, uint64_t end)
{
    uint32_t ms = smp_session_answer_ms(r->s, r->attempt);

    if (off == 0) {
        return r->u->is_own ? ms + UPLOAD_START_OWN_MS : UPLOAD_START_MS;
    }
    if (end < r->u->image->size) {
        return ms;
    }
    return ms + (r->u->is_own ? 2 * r->u->verify_ms : UPLOAD_END_MS);
}

/* Bytes of the image that fit into a request with these other members. */
static size_t data_room(const struct run *r, const struct smp_upload *m)
{
    size_t room = smp_upload_room(m, smp_session_message_max(r->s));
    uint64_t left = m->len - m->off;

    room = room < IMAGE_READ_MAX ? room : IMAGE_READ_MAX;
    if (!r->u->is_own && room > UPLOAD_ALIGN) {
        room -= room % UPLOAD_ALIGN;
    }
    return left < room ? (size_t)left : room;
}

/* Write one request of the bytes at r->next. */
static enum gw_err send_next(struct run *r)
{
    const struct image_ref *image = r->u->image;
    struct smp_upload m = { .off = r->next,
                            .has_start = r->next == 0,
                            .image = image->component,
                            .len = image->size,
                            .sha = { image->token, sizeof image->token } };

    m.data.len = data_room(r, &m);
    if (m.data.len == 0) {
        return GW_DEVICE_FULL;
    }
    struct cbor_writer w = smp_session_begin(r->s);
    uint8_t *data = smp_put_upload(&w, &m);

    if (!data) {
        return GW_INTERNAL;
    }
    enum gw_err err = r->c->ops->read_image(r->c, image->handle, r->next, data, m.data.len);
    struct request *q = &r->in_flight[r->count];

    if (err) {
        return err;
    }
    *q = (struct request){ .off = r->next, .end = r->next + m.data.len };
    err = smp_session_send(r->s, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_UPLOAD, &q->seq);
    q->sent_ms = smp_session_line_free_ms(r->s);
    q->deadline_ms = q->sent_ms + answer_ms(r, q->off, q->end);
    r->count++;
    r->next = q->end;
    r->sent_to = r->next > r->sent_to ? r->next : r->sent_to;
    return err;
}

/* Requests that may be in flight now: one at the start, whose answer may name another offset, and
 * one while the device is silent. */
static unsigned window(const struct run *r)
{
    bool is_start = r->count > 0 && r->in_flight[r->count - 1].off == 0;

    return is_start || r->attempt > 0 ? 1 : smp_session_window(r->s);
}

static enum gw_err fill_window(struct run *r)
{
    enum gw_err err = GW_OK;

    while (!err && r->count < window(r) && r->next < r->u->image->size) {
        err = send_next(r);
    }
    return err;
}

/* Go on from `off`; what is in flight is of the past. */
static void turn_to(struct run *r, uint64_t off)
{
    r->next = off;
    for (unsigned i = 0; i < r->count; i++) {
        r->in_flight[i].is_old = true;
    }
}

static void forget_first(struct run *r, unsigned n)
{
    memmove(r->in_flight, r->in_flight + n, (r->count - n) * sizeof r->in_flight[0]);
    r->count -= n;
}

static void note_progress(struct run *r, uint64_t off)
{
    r->expected = off;
    if (off <= r->best) {
        return;
    }
    if (off > r->sent_to && r->u->result->resumed_at == 0) {
        r->u->result->resumed_at = off;
    }
    r->best = off;
    r->turns = 0;
    r->c->ops->progress(r->c, r->u->device, off, r->u->image->size);
}

/* The device answered `off` to the request `q`. */
static void on_offset(struct run *r, const struct request *q, uint64_t off)
{
    if (q->is_old && off != q->end) {
        return;
    }
    if (off > r->u->image->size) { /* noise, or a liar */
        r->turns++;
        turn_to(r, r->expected);
        return;
    }
    if (off != q->end) {
        r->turns++;
        turn_to(r, off);
    } else if (off > r->next) {
        turn_to(r, off); /* an old request did arrive after all */
    }
    note_progress(r, off);
}

/* A refusal that a flipped bit of a raw message can cause; console framing has a check sum. */
static bool may_be_noise(const struct run *r, const struct smp_status *status)
{
    if (r->s->framing != SMP_FRAMING_RAW) {
        return false;
    }
    /* until the CMS has authenticated; 113: the length that the request announced */
    return status->reason == 0 ? status->rc != SMP_RC_BUSY
                               : status->reason < 100 || status->reason == 113;
}

static enum gw_err wait_before_retry(struct run *r)
{
    uint64_t until = now_ms(r) + SESSION_TURNAROUND_MS;
    struct smp_answer ignored;
    enum gw_err err;

    do {
        err = smp_session_receive(r->s, &ignored, until);
    } while (!err);
    r->count = 0;
    return err == GW_TIMEOUT ? GW_OK : err;
}

static enum gw_err fail_refused(struct run *r, const struct smp_status *status)
{
    struct device_result *result = r->u->result;
    enum gw_err err = uart_err_of_status(status, r->u->is_own);

    if (r->u->is_own && status->reason != 0) {
        result->reason = status->reason;
        return gw_fail(&result->error, err, "%s: the device refused the image: %s", r->u->device,
                       gw_err_text(err));
    }
    return gw_fail(&result->error, err, "%s: upload refused at offset %llu: group %u, code %u",
                   r->u->device, (unsigned long long)r->expected, status->group, status->rc);
}

/* The device said no. GW_OK: try again. */
static enum gw_err on_refusal(struct run *r, const struct smp_status *status)
{
    /* of ours it means that a trial is under way, which does not end by waiting here */
    bool is_busy = !r->u->is_own && status->rc == SMP_RC_BUSY;
    bool is_noise = may_be_noise(r, status);

    if ((!is_busy && !is_noise) || ++r->turns >= UPLOAD_TURNS_MAX) {
        return fail_refused(r, status);
    }
    if (status->reason != 0) { /* the device has ended the upload */
        if (++r->restarts > UPLOAD_RESTARTS_MAX) {
            return fail_refused(r, status);
        }
        turn_to(r, 0);
        return wait_before_retry(r);
    }
    turn_to(r, r->expected);
    return is_busy ? wait_before_retry(r) : GW_OK;
}

/* The place of the request that `h` answers; r->count when none waits for it. */
static unsigned find_request(const struct run *r, const struct smp_header *h)
{
    unsigned i = 0;

    if (h->group != SMP_GROUP_IMAGE || h->command != SMP_IMAGE_UPLOAD ||
        h->op != SMP_WRITE_ANSWER) {
        return r->count;
    }
    while (i < r->count && r->in_flight[i].seq != h->seq) {
        i++;
    }
    return i;
}

static enum gw_err on_answer(struct run *r, const struct smp_answer *answer)
{
    unsigned i = find_request(r, &answer->header);
    struct smp_status status;
    uint64_t off;

    if (i == r->count || !smp_get_status(&status, answer->body, answer->len)) {
        r->s->unusable++;
        return GW_OK;
    }
    struct request q = r->in_flight[i];

    forget_first(r, i + 1); /* answers come in order: earlier ones are lost */
    r->attempt = 0;
    r->silent_ms = 0;
    if (status.rc != SMP_RC_OK) {
        return q.is_old ? GW_OK : on_refusal(r, &status);
    }
    if (!smp_get_upload_answer(&off, answer->body, answer->len)) {
        r->s->unusable++;
        turn_to(r, r->expected);
        r->turns++;
        return GW_OK;
    }
    if (q.off > 0 && q.end < r->u->image->size) {
        smp_session_learn(r->s, q.sent_ms, answer->at_ms);
    } else if (off == r->u->image->size) {
        uint64_t took = answer->at_ms > q.sent_ms ? answer->at_ms - q.sent_ms : 0;

        r->u->result->verify_ms = (uint32_t)took;
    }
    on_offset(r, &q, off);
    return GW_OK;
}

/* Nothing came in time: none of the requests will be answered. */
static enum gw_err on_silence(struct run *r)
{
    const struct request *last = &r->in_flight[r->count - 1];

    smp_session_give_up_answer(r->s);
    r->silent_ms += last->deadline_ms - last->sent_ms;
    if (r->silent_ms >= (r->in_flight[0].off == 0 ? UPLOAD_START_MS : UPLOAD_SILENCE_MS)) {
        return r->s->unusable > 0 ? GW_PROTOCOL : GW_TIMEOUT;
    }
    r->s->repeated += r->count;
    r->count = 0;
    r->attempt++;
    r->next = r->expected;
    return GW_OK;
}

static enum gw_err step(struct run *r)
{
    struct smp_answer answer;

    if (r->count == 0 && r->next >= r->u->image->size) {
        r->next = r->expected; /* everything was sent, and the device still wants some of it */
        r->turns++;
    }
    enum gw_err err = fill_window(r);

    if (err) {
        return err;
    }
    err = smp_session_receive(r->s, &answer, r->in_flight[r->count - 1].deadline_ms);
    if (err == GW_TIMEOUT) {
        return on_silence(r);
    }
    return err ? err : on_answer(r, &answer);
}

enum gw_err upload_run(struct upload *u, struct smp_session *s, struct call *c)
{
    struct run r = { .u = u, .s = s, .c = c };
    uint64_t before = s->bytes_sent;
    enum gw_err err = GW_OK;

    while (!err && r.expected < u->image->size) {
        bool is_endless = s->bytes_sent - before > bytes_limit(&r) || r.turns > UPLOAD_TURNS_MAX;

        err = is_endless ? GW_PROTOCOL : step(&r);
    }
    u->result->bytes_sent += s->bytes_sent - before;
    return err;
}
