#include "smp_model.h"

#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

static struct smp_model *self(struct fake_device *d)
{
    return (struct smp_model *)d;
}

static uint32_t table_size(const struct smp_model *m)
{
    uint32_t block = m->config.block_size;
    uint32_t rest = m->config.size - m->config.cms_size;

    /* rest = 32 n + payload, n = ceil(payload / block) */
    return block ? (rest + block + 31) / (block + 32) * 32 : 0;
}

static uint32_t payload_at(const struct smp_model *m)
{
    return m->config.cms_size + table_size(m);
}

void smp_model_reboot(struct smp_model *m, uint64_t now_ns)
{
    m->boots++;
    m->has_session = false;
    m->expected = 0;
    m->block_len = 0;
    m->queued = 0;
    m->busy_until_ns = 0;
    m->reset_at_ns = 0;
    m->up_at_ns = now_ns + m->config.boot_ms * MS;
    smp_receiver_drop(&m->receiver);
    if (m->is_trial) { /* not confirmed: back */
        m->runs_new = m->is_trial = false;
        m->test = 0;
        m->spare = m->spare == SMP_SLOT_REJECTED ? m->spare : SMP_SLOT_STAGED;
    } else if (m->is_pending) {
        m->is_pending = false;
        m->runs_new = m->is_trial = m->self_test != MODEL_NEVER_STARTS;
        m->test = SMP_TEST_RUNNING;
        m->test_at_ns = m->up_at_ns + m->config.self_test_ms * MS;
    }
}

bool smp_model_is_staged(const struct smp_model *m)
{
    return m->spare == SMP_SLOT_STAGED && m->wrong_bytes == 0;
}

/* --- answers --- */

struct exchange {
    struct smp_model *m;
    struct fake_line *line;
    struct smp_header request;
    enum smp_framing framing;
    const uint8_t *body;
    size_t len;
    uint64_t now_ns;
    uint8_t out[1500];
    struct cbor_writer w;
};

static void send_answer(struct exchange *x)
{
    struct smp_header h = smp_answer_header(&x->request);
    size_t len = smp_finish(&x->w, &h), total = 0, n;
    uint8_t frame[4096];
    struct smp_console_encoder e;

    if (len == 0) {
        abort();
    }
    if (x->framing == SMP_FRAMING_RAW) {
        fake_line_send(x->line, x->out, len, x->now_ns);
        return;
    }
    smp_console_begin(&e, x->out, len);
    while ((n = smp_console_next(&e, frame + total)) > 0) {
        total += n;
    }
    fake_line_send(x->line, frame, total, x->now_ns);
}

static void put_no(struct exchange *x, uint32_t rc, uint16_t reason)
{
    smp_put_error(&x->w, x->request.version, x->request.group, rc, reason);
}

/* --- upload --- */

static uint64_t offset_of_block(const struct smp_model *m, uint32_t block)
{
    uint64_t off = payload_at(m) + (uint64_t)block * m->config.block_size;

    return off < m->config.size ? off : m->config.size;
}

/* Where the part begins that `off` lies in: CMS, table or block; and where it ends. */
static uint64_t part_start(const struct smp_model *m, uint64_t off)
{
    uint32_t cms = m->config.cms_size, payload = payload_at(m);

    return off < cms ? 0 : off < payload ? cms : off - (off - payload) % m->config.block_size;
}

static uint64_t part_end(const struct smp_model *m, uint64_t off)
{
    uint32_t cms = m->config.cms_size, payload = payload_at(m);

    return off < cms ? cms
           : off < payload
               ? payload
               : offset_of_block(m, (uint32_t)((off - payload) / m->config.block_size) + 1);
}

/* One part is in m->block: compare it. False: the upload is over, a refusal was put. */
static bool end_part(struct exchange *x, uint64_t start)
{
    struct smp_model *m = x->m;
    bool is_right = memcmp(m->block, m->config.stream + start, m->block_len) == 0;

    m->block_len = 0;
    if (!is_right && start == 0) {
        m->has_session = false;
        m->expected = 0;
        put_no(x, SMP_RC_CORRUPT, 26);
        return false;
    }
    if (!is_right) {
        m->expected = start;
    } else if (start == m->config.cms_size && m->blocks > 0) {
        m->expected = offset_of_block(m, m->blocks); /* resume */
    } else if (start >= payload_at(m)) {
        m->blocks = (uint32_t)((start - payload_at(m)) / m->config.block_size) + 1;
        m->spare = SMP_SLOT_RECEIVING;
    }
    return true;
}

static bool take_own(struct exchange *x, const uint8_t *data, size_t len)
{
    struct smp_model *m = x->m;

    while (len > 0 && m->expected < m->config.size) {
        uint64_t start = part_start(m, m->expected), end = part_end(m, m->expected);
        size_t n = len < end - m->expected ? len : (size_t)(end - m->expected);

        memcpy(m->block + m->block_len, data, n);
        m->block_len += n;
        m->expected += n;
        data += n;
        len -= n;
        if (m->expected == end) {
            if (!end_part(x, start)) {
                return false;
            }
            if (m->expected != end) {
                return true; /* the rest of this piece is not wanted */
            }
        }
    }
    return true;
}

static void take_foreign(struct smp_model *m, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len && m->expected < m->config.size; i++) {
        m->wrong_bytes += data[i] != m->config.stream[m->expected++];
    }
    m->blocks = (uint32_t)m->expected;
    m->spare = SMP_SLOT_RECEIVING;
}

static void begin_upload(struct exchange *x, const struct smp_upload *u)
{
    struct smp_model *m = x->m;
    bool is_same = u->sha.len == 32 && memcmp(m->token, u->sha.at, 32) == 0;

    if (m->has_session && is_same) {
        return;
    }
    m->uploads_begun++;
    m->has_session = true;
    m->block_len = 0;
    m->expected = !m->config.is_own && is_same ? m->blocks : 0;
    memcpy(m->token, u->sha.len == 32 ? u->sha.at : m->token, 32);
    x->m->busy_until_ns = x->now_ns + m->config.erase_ms * MS;
}

static void on_upload(struct exchange *x)
{
    struct smp_model *m = x->m;
    struct smp_upload u;

    if (!smp_get_upload(&u, x->body, x->len)) {
        put_no(x, SMP_RC_INVALID, 0);
        return;
    }
    if (m->refuse_rc) {
        put_no(x, m->refuse_rc, m->refuse_reason);
        return;
    }
    if (u.has_start) {
        begin_upload(x, &u);
    }
    if (m->has_session && u.off == m->expected) {
        size_t len = u.data.len;

        if (m->config.takes_at_most && len > m->config.takes_at_most) {
            len = m->config.takes_at_most;
        }
        if (m->config.is_own && !take_own(x, u.data.at, len)) {
            return;
        }
        if (!m->config.is_own) {
            take_foreign(m, u.data.at, len);
        }
    }
    if (m->has_session && m->expected >= m->config.size) {
        m->spare = SMP_SLOT_STAGED;
        m->busy_until_ns = x->now_ns + m->config.verify_ms * MS;
    }
    smp_put_upload_answer(&x->w, m->lie_off ? m->lie_off : m->expected);
}

/* --- the other requests --- */

static const uint8_t old_identity[32] = { 0x01, 0x0d };
static const uint8_t vendor[16] = { 0xaa }, class_id[16] = { 0xbb };

static void on_identify(struct exchange *x, bool is_report)
{
    struct smp_model *m = x->m;
    struct smp_slot slots[2] = {
        { .slot = 0,
          .state = SMP_SLOT_CONFIRMED,
          .active = !m->runs_new,
          .size = 1 << 24,
          .id = old_identity,
          .sequence = 1,
          .version = { (const uint8_t *)"1.0.0", 5 } },
        { .slot = 1, .state = m->spare, .active = m->runs_new, .size = 1 << 24 },
    };
    struct smp_floor floor = { 0, 1 };
    struct smp_device_facts f = {
        .vendor = vendor,
        .class_id = class_id,
        .has_hardware = true,
        .hardware = 3,
        .slots = slots,
        .slot_count = 2,
        .floors = &floor,
        .floor_count = 1,
        .has_caps = !is_report,
        .caps = { m->config.has_spare, true, true, true, 4096, 65536, 65536, m->config.verify_ms,
                  m->config.boot_ms + m->config.self_test_ms, 60000 },
        .has_trial = m->is_trial && !is_report,
        .trial_test = m->test,
        .trial_left_ms = (uint32_t)(60000 - x->now_ns / MS % 60000),
        .boots = m->boots,
    };

    if (m->spare != SMP_SLOT_EMPTY || m->runs_new) {
        slots[1].id = m->config.identity;
        slots[1].state = m->is_trial ? SMP_SLOT_TRIAL : m->runs_new ? SMP_SLOT_CONFIRMED : m->spare;
        slots[1].sequence = 2;
        slots[1].offset = m->blocks * m->config.block_size;
    }
    if (!is_report) {
        smp_put_identify_answer(&x->w, &f);
    } else if (smp_get_report_request(&f.nonce, x->body, x->len)) {
        smp_put_report_answer(&x->w, &f);
    } else {
        put_no(x, SMP_RC_INVALID, 0);
    }
}

static void on_state(struct exchange *x)
{
    struct smp_model *m = x->m;
    struct smp_image_state s[2] = {
        { .slot = 0,
          .version = { (const uint8_t *)"1.0.0", 5 },
          .hash = { old_identity, 32 },
          .bootable = true,
          .active = true,
          .confirmed = true },
        { .slot = 1,
          .version = { (const uint8_t *)"2.0.0", 5 },
          .hash = { m->config.identity, 32 },
          .bootable = true,
          .pending = m->is_pending },
    };

    if (m->runs_new) { /* swapped */
        s[0].hash.at = m->config.identity;
        s[0].confirmed = !m->is_trial;
        s[1].hash.at = old_identity;
    }
    smp_put_state_answer(&x->w, s, m->spare == SMP_SLOT_STAGED || m->runs_new ? 2 : 1);
}

static bool is_new(const struct smp_model *m, struct cbor_string hash)
{
    return hash.len == 32 && memcmp(hash.at, m->config.identity, 32) == 0;
}

static void on_state_write(struct exchange *x)
{
    struct smp_model *m = x->m;
    struct smp_state_write w;

    if (!smp_get_state_write(&w, x->body, x->len) || !is_new(m, w.hash)) {
        put_no(x, SMP_RC_NOT_FOUND, 0);
    } else if (w.confirm && m->runs_new) {
        m->is_trial = false;
        on_state(x);
    } else if (!w.confirm && m->spare == SMP_SLOT_STAGED) {
        m->is_pending = true;
        on_state(x);
    } else {
        put_no(x, SMP_RC_BAD_STATE, 0);
    }
}

static void on_activate(struct exchange *x)
{
    struct smp_model *m = x->m;
    struct smp_activate a;

    if (!smp_get_activate(&a, x->body, x->len) || memcmp(a.id, m->config.identity, 32) != 0) {
        put_no(x, SMP_RC_NOT_FOUND, 0);
    } else if (m->spare == SMP_SLOT_REJECTED && !a.retry) {
        put_no(x, SMP_RC_CORRUPT, 141);
    } else if (m->spare == SMP_SLOT_STAGED || m->spare == SMP_SLOT_REJECTED) {
        m->spare = SMP_SLOT_STAGED;
        m->is_pending = true;
        smp_put_empty(&x->w);
    } else {
        put_no(x, SMP_RC_BAD_STATE, 0);
    }
}

static void on_revert(struct exchange *x)
{
    x->m->is_pending = false;
    if (x->m->is_trial) {
        x->m->reset_at_ns = x->now_ns + 20 * MS;
    }
    smp_put_empty(&x->w);
}

static void on_reset(struct exchange *x)
{
    x->m->resets++;
    x->m->reset_at_ns = x->m->ignores_reset
                            ? 0
                            : x->now_ns + (x->m->reset_delay_ms ? x->m->reset_delay_ms : 20) * MS;
    smp_put_empty(&x->w);
}

static void on_os(struct exchange *x)
{
    struct smp_model *m = x->m;
    struct cbor_string text;

    if (x->request.command == SMP_OS_PARAMS && m->config.has_params) {
        smp_put_params(&x->w, &(struct smp_params){ m->config.buf_size, m->config.buf_count });
    } else if (x->request.command == SMP_OS_RESET && x->request.op == SMP_WRITE) {
        on_reset(x);
    } else if (x->request.command == SMP_OS_ECHO && m->config.has_echo &&
               smp_get_echo_request(&text, x->body, x->len)) {
        smp_put_echo_answer(&x->w, (const char *)text.at, text.len);
    } else {
        put_no(x, SMP_RC_NOT_SUPPORTED, 0);
    }
}

static void on_gateway(struct exchange *x)
{
    switch (x->request.command) {
    case SMP_GATEWAY_IDENTIFY:
    case SMP_GATEWAY_REPORT:
        on_identify(x, x->request.command == SMP_GATEWAY_REPORT);
        break;
    case SMP_GATEWAY_ACTIVATE:
        on_activate(x);
        break;
    case SMP_GATEWAY_REVERT:
        on_revert(x);
        break;
    default:
        put_no(x, SMP_RC_NOT_SUPPORTED, 0);
        break;
    }
}

static void dispatch(struct exchange *x)
{
    bool is_write = x->request.op == SMP_WRITE;

    x->m->own_group_requests += x->request.group == SMP_GROUP_GATEWAY;

    if (x->request.group == SMP_GROUP_OS) {
        on_os(x);
    } else if (x->request.group == SMP_GROUP_GATEWAY && x->m->config.is_own) {
        on_gateway(x);
    } else if (x->request.group == SMP_GROUP_IMAGE && x->request.command == SMP_IMAGE_UPLOAD &&
               is_write) {
        on_upload(x);
    } else if (x->request.group == SMP_GROUP_IMAGE && x->request.command == SMP_IMAGE_STATE) {
        if (is_write) {
            on_state_write(x);
        } else {
            on_state(x);
        }
    } else {
        put_no(x, SMP_RC_NOT_SUPPORTED, 0);
    }
}

/* --- time --- */

static void send_nonsense(struct smp_model *m, struct fake_line *line, uint64_t now_ns)
{
    uint8_t junk[40];

    for (size_t i = 0; i < sizeof junk; i++) {
        junk[i] = (uint8_t)(m->requests * 37 + i * 101 + 9);
    }
    fake_line_send(line, junk, sizeof junk, now_ns);
}

static void handle(struct smp_model *m, struct fake_line *line, const struct model_message *msg,
                   uint64_t now_ns)
{
    struct exchange x = { .m = m, .line = line, .framing = msg->framing, .now_ns = now_ns };

    m->requests++;
    if (m->speaks_nonsense) {
        send_nonsense(m, line, now_ns);
        return;
    }
    if (!smp_header_parse(&x.request, msg->bytes) || x.request.op == SMP_READ_ANSWER ||
        x.request.op == SMP_WRITE_ANSWER) {
        return;
    }
    x.body = msg->bytes + SMP_HEADER_LEN;
    x.len = msg->len - SMP_HEADER_LEN;
    m->busy_until_ns = 0;
    x.w = smp_begin(x.out, sizeof x.out);
    dispatch(&x);
    if (m->busy_until_ns > now_ns) { /* slow work: the answer comes after it */
        x.now_ns = m->busy_until_ns;
    }
    send_answer(&x);
}

static void model_receive(struct fake_device *d, struct fake_line *line, const uint8_t *bytes,
                          size_t len, uint64_t now_ns)
{
    struct smp_model *m = self(d);
    size_t used;

    (void)line;
    if (m->is_silent || now_ns < m->up_at_ns) {
        return;
    }
    m->heard_ns = now_ns;
    for (; len > 0; bytes += used, len -= used) {
        if (!smp_receive(&m->receiver, bytes, len, &used)) {
            continue;
        }
        if (m->queued == m->config.buf_count) {
            m->overruns++;
            continue;
        }
        struct model_message *msg = &m->queue[m->queued++];

        msg->framing = m->receiver.framing;
        msg->len = m->receiver.len;
        memcpy(msg->bytes, m->receiver.buf, msg->len);
        if (m->queued == 1 && m->busy_until_ns <= now_ns) {
            m->busy_until_ns = now_ns + m->config.service_us * 1000ull;
        }
    }
}

static void drop_fragment(struct smp_model *m, uint64_t now_ns, uint64_t *due)
{
    bool is_raw = m->receiver.framing == SMP_FRAMING_RAW;
    uint64_t at = m->heard_ns + (is_raw ? SMP_RAW_SILENCE_MS : SMP_CONSOLE_SILENCE_MS) * MS;

    if (!smp_receiver_is_partial(&m->receiver)) {
        return;
    }
    if (at <= now_ns) {
        smp_receiver_drop(&m->receiver);
    } else {
        *due = at < *due ? at : *due;
    }
}

static void run_self_test(struct smp_model *m, uint64_t now_ns, uint64_t *due)
{
    if (m->test != SMP_TEST_RUNNING || !m->is_trial || m->self_test == MODEL_HANGS) {
        return;
    }
    if (m->test_at_ns > now_ns) {
        *due = m->test_at_ns < *due ? m->test_at_ns : *due;
    } else if (m->self_test == MODEL_FAILS) {
        m->spare = SMP_SLOT_REJECTED;
        smp_model_reboot(m, now_ns);
    } else {
        m->test = SMP_TEST_PASSED;
    }
}

static void serve_queue(struct smp_model *m, struct fake_line *line, uint64_t now_ns, uint64_t *due)
{
    while (m->queued > 0 && m->busy_until_ns <= now_ns) {
        static struct model_message
            msg; /* too large for the stack; one model is stepped at a time */

        msg = m->queue[0];
        memmove(&m->queue[0], &m->queue[1], (m->queued - 1) * sizeof m->queue[0]);
        m->queued--;
        handle(m, line, &msg, now_ns);
        if (m->reboot_at > 0 && m->expected >= m->reboot_at) {
            m->reboot_at = 0;
            smp_model_reboot(m, now_ns);
        }
        if (m->busy_until_ns <= now_ns && m->queued > 0) {
            m->busy_until_ns = now_ns + m->config.service_us * 1000ull;
        }
    }
    if (m->queued > 0) {
        *due = m->busy_until_ns < *due ? m->busy_until_ns : *due;
    }
}

static void babble(struct smp_model *m, struct fake_line *line, uint64_t now_ns, uint64_t *due)
{
    if (!m->babbles) {
        return;
    }
    if (m->babble_ns <= now_ns) {
        send_nonsense(m, line, now_ns);
        m->babble_ns = now_ns + 3 * MS; /* 40 bytes take 3.5 ms: never silent */
    }
    *due = m->babble_ns < *due ? m->babble_ns : *due;
}

static uint64_t model_step(struct fake_device *d, struct fake_line *line, uint64_t now_ns)
{
    struct smp_model *m = self(d);
    uint64_t due = FAKE_NEVER;

    if (m->reset_at_ns > 0 && m->reset_at_ns <= now_ns) {
        smp_model_reboot(m, now_ns);
    }
    serve_queue(m, line, now_ns, &due);
    drop_fragment(m, now_ns, &due);
    run_self_test(m, now_ns, &due);
    babble(m, line, now_ns, &due);
    if (m->reset_at_ns > 0) {
        due = m->reset_at_ns < due ? m->reset_at_ns : due;
    }
    return due;
}

struct smp_model *smp_model_new(const struct smp_model_config *config)
{
    struct smp_model *m = calloc(1, sizeof *m);

    if (m) {
        m->base = (struct fake_device){ .receive = model_receive, .step = model_step };
        m->config = *config;
        smp_receiver_init(&m->receiver, m->receive, config->buf_size, config->accepts);
    }
    return m;
}
