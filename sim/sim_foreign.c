#include "sim_foreign.h"

#include <stdlib.h>
#include <string.h>

#include "mcuboot_image.h"
#include "smp_frame.h"

enum { ANSWER_CAP = 1024, SLOTS = 2, SECTOR = 4096, TOKEN_LEN = 32 };

/* Error numbers of Zephyr's image group. */
enum image_error {
    IMAGE_BAD_HEADER = 23, /* wrong magic */
    IMAGE_NO_IMAGE = 3,
    IMAGE_TOO_LARGE = 30,
    IMAGE_BUSY = 28, /* the other slot waits to be tried */
};

struct foreign {
    struct sim_firmware base;
    struct sim_foreign_config config;

    /* flash */
    uint8_t *slots[SLOTS];
    size_t lens[SLOTS]; /* bytes of the image; 0 = empty */
    bool is_pending;    /* the next boot swaps */
    bool is_confirmed;  /* the running one is kept at the next boot */

    /* memory */
    bool is_up, wants_reset;
    struct smp_receiver receiver;
    uint8_t *request;
    uint64_t heard_us;
    size_t off, expected_len; /* of the upload */
    bool is_uploading;
    uint8_t token[TOKEN_LEN];
    size_t token_len;
    uint8_t answer[ANSWER_CAP];
    size_t answer_len, answer_at;
    struct smp_console_encoder encoder;
    uint8_t line[SMP_LINE_MAX];
    size_t line_len, line_at;

    struct sim_counters counters;
};

static struct foreign *self(struct sim_firmware *f)
{
    return (struct foreign *)f;
}

static const struct foreign *self_const(const struct sim_firmware *f)
{
    return (const struct foreign *)f;
}

/* --- bootloader --- */

static bool slot_image(const struct foreign *o, unsigned slot, struct mcuboot_image *image)
{
    return o->lens[slot] > 0 && mcuboot_image_check(image, o->slots[slot], o->lens[slot]);
}

static void swap(struct foreign *o)
{
    uint8_t *slot = o->slots[0];
    size_t len = o->lens[0];

    o->slots[0] = o->slots[1];
    o->lens[0] = o->lens[1];
    o->slots[1] = slot;
    o->lens[1] = len;
}

/* MCUboot: a pending image that is right is swapped in, one that was not confirmed is swapped back,
 * a wrong one is erased. */
static void boot(struct sim_firmware *f, uint64_t now_us)
{
    struct foreign *o = self(f);
    struct mcuboot_image image;

    if (o->is_pending && slot_image(o, 1, &image)) {
        swap(o);
        o->is_confirmed = false;
    } else if (o->is_pending) {
        o->lens[1] = 0;
    } else if (!o->is_confirmed && o->lens[1] > 0) {
        swap(o);
        o->is_confirmed = true;
    }
    o->is_pending = false;
    o->is_up = true;
    o->wants_reset = false;
    o->is_uploading = false;
    o->token_len = 0;
    o->off = 0;
    o->answer_len = 0;
    o->heard_us = now_us;
    smp_receiver_init(&o->receiver, o->request, o->config.params.buf_size, SMP_FRAMING_ANY);
}

/* --- image group --- */

static uint32_t put_state(struct foreign *o, struct cbor_writer *w)
{
    struct smp_image_state states[SLOTS];
    struct mcuboot_image images[SLOTS];
    size_t count = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        if (!slot_image(o, i, &images[i])) {
            continue;
        }
        states[count++] = (struct smp_image_state){
            .slot = i,
            .version = { (const uint8_t *)images[i].version, strlen(images[i].version) },
            .hash = { images[i].hash, MCUBOOT_HASH_LEN },
            .bootable = true,
            .pending = i == 1 && o->is_pending,
            .confirmed = i == 0 && o->is_confirmed,
            .active = i == 0,
        };
    }
    smp_put_state_answer(w, states, count);
    return 0;
}

static uint32_t write_state(struct foreign *o, const struct smp_state_write *write,
                            struct cbor_writer *w)
{
    struct mcuboot_image image;
    bool is_running = write->hash.len == 0 ||
                      (slot_image(o, 0, &image) && write->hash.len == MCUBOOT_HASH_LEN &&
                       memcmp(write->hash.at, image.hash, MCUBOOT_HASH_LEN) == 0);

    if (is_running) {
        o->is_confirmed |= write->confirm;
    } else if (write->hash.len == MCUBOOT_HASH_LEN && slot_image(o, 1, &image) &&
               memcmp(write->hash.at, image.hash, MCUBOOT_HASH_LEN) == 0) {
        o->is_pending = true;
    } else {
        return IMAGE_NO_IMAGE;
    }
    return put_state(o, w);
}

static uint32_t start_upload(struct foreign *o, const struct smp_upload *request)
{
    if (o->is_pending || !o->is_confirmed) {
        return IMAGE_BUSY;
    }
    if (request->len > o->config.slot_size) {
        return IMAGE_TOO_LARGE;
    }
    if (!mcuboot_is_header(request->data.at, request->data.len)) {
        return IMAGE_BAD_HEADER;
    }
    o->is_uploading = true;
    o->off = 0;
    o->expected_len = (size_t)request->len;
    o->token_len = request->sha.len == TOKEN_LEN ? TOKEN_LEN : 0;
    memcpy(o->token, request->sha.at, o->token_len);
    o->lens[1] = 0;
    o->counters.erases += (o->expected_len + SECTOR - 1) / SECTOR;
    return 0;
}

/* It is the upload that runs, or that has just ended, sent from its start again. */
static bool is_known(const struct foreign *o, const struct smp_upload *request)
{
    return o->token_len > 0 && request->sha.len == o->token_len &&
           memcmp(request->sha.at, o->token, o->token_len) == 0;
}

static uint32_t upload(struct foreign *o, const struct smp_upload *request, struct cbor_writer *w)
{
    uint32_t rc = 0;

    if (request->off == 0 && !is_known(o, request)) {
        rc = start_upload(o, request);
    }
    if (rc) {
        return rc;
    }
    if (o->is_uploading && request->off == o->off &&
        request->data.len <= o->expected_len - o->off) {
        memcpy(o->slots[1] + o->off, request->data.at, request->data.len);
        o->off += request->data.len;
        o->counters.bytes_flashed += request->data.len;
        o->counters.flash_ops++;
    }
    if (o->is_uploading && o->off == o->expected_len) {
        o->is_uploading = false;
        o->lens[1] = o->expected_len;
    }
    smp_put_upload_answer(w, o->off);
    return 0;
}

/* --- requests --- */

static uint32_t handle(struct foreign *o, const struct smp_header *h, const uint8_t *body,
                       size_t len, struct cbor_writer *w)
{
    struct smp_upload request;
    struct smp_state_write write;
    struct cbor_string text;

    if (h->group == SMP_GROUP_OS && h->command == SMP_OS_PARAMS && h->op == SMP_READ) {
        smp_put_params(w, &o->config.params);
        return 0;
    }
    if (h->group == SMP_GROUP_OS && h->command == SMP_OS_RESET && h->op == SMP_WRITE) {
        smp_put_empty(w);
        o->wants_reset = true;
        return 0;
    }
    if (h->group == SMP_GROUP_OS && h->command == SMP_OS_ECHO) {
        bool is_sound = smp_get_echo_request(&text, body, len);

        smp_put_echo_answer(w, (const char *)text.at, text.len);
        return is_sound ? 0 : SMP_RC_INVALID;
    }
    if (h->group == SMP_GROUP_IMAGE && h->command == SMP_IMAGE_STATE && h->op == SMP_READ) {
        return put_state(o, w);
    }
    if (h->group == SMP_GROUP_IMAGE && h->command == SMP_IMAGE_STATE) {
        return smp_get_state_write(&write, body, len) ? write_state(o, &write, w) : SMP_RC_INVALID;
    }
    if (h->group == SMP_GROUP_IMAGE && h->command == SMP_IMAGE_UPLOAD && h->op == SMP_WRITE) {
        return smp_get_upload(&request, body, len) ? upload(o, &request, w) : SMP_RC_INVALID;
    }
    return SMP_RC_NOT_SUPPORTED;
}

static void answer(struct foreign *o)
{
    struct smp_header h, answer_header;
    struct cbor_writer w = smp_begin(o->answer, sizeof o->answer);
    uint32_t rc;

    if (!smp_header_parse(&h, o->receiver.buf) || (h.op != SMP_READ && h.op != SMP_WRITE)) {
        return;
    }
    o->counters.requests++;
    answer_header = smp_answer_header(&h);
    rc = handle(o, &h, o->receiver.buf + SMP_HEADER_LEN, o->receiver.len - SMP_HEADER_LEN, &w);
    if (rc || !w.ok) {
        w = smp_begin(o->answer, sizeof o->answer);
        smp_put_error(&w, h.version, h.group, rc ? rc : SMP_RC_NO_MEMORY, 0);
    }
    o->answer_len = smp_finish(&w, &answer_header);
    o->answer_at = o->line_len = o->line_at = 0;
    smp_console_begin(&o->encoder, o->answer, o->answer_len);
}

static size_t receive(struct sim_firmware *f, uint64_t now_us, const uint8_t *bytes, size_t len)
{
    struct foreign *o = self(f);
    size_t at = 0, used;

    while (at < len && o->answer_len == 0) {
        if (smp_receive(&o->receiver, bytes + at, len - at, &used)) {
            answer(o);
        }
        at += used;
    }
    o->heard_us = now_us;
    return at;
}

static size_t take(struct sim_firmware *f, uint8_t *out, size_t cap)
{
    struct foreign *o = self(f);
    size_t taken = 0;

    while (o->answer_len > 0 && taken < cap) {
        bool is_console = o->receiver.framing == SMP_FRAMING_CONSOLE;

        if (is_console && o->line_at == o->line_len) {
            o->line_len = smp_console_next(&o->encoder, o->line);
            o->line_at = 0;
        }
        const uint8_t *from = is_console ? o->line + o->line_at : o->answer + o->answer_at;
        size_t left = is_console ? o->line_len - o->line_at : o->answer_len - o->answer_at;
        size_t n = left < cap - taken ? left : cap - taken;

        memcpy(out + taken, from, n);
        taken += n;
        o->line_at += is_console ? n : 0;
        o->answer_at += is_console ? 0 : n;
        if (left == 0 || (!is_console && n == left)) {
            o->answer_len = 0;
        }
    }
    return taken;
}

static uint64_t step(struct sim_firmware *f, uint64_t now_us)
{
    struct foreign *o = self(f);
    uint64_t limit_us = 1000u * (o->receiver.framing == SMP_FRAMING_CONSOLE
                                     ? SMP_CONSOLE_SILENCE_MS
                                     : 3000u); /* Zephyr's raw transport waits 3 s */

    if (!smp_receiver_is_partial(&o->receiver)) {
        return UINT64_MAX;
    }
    if (now_us - o->heard_us >= limit_us) {
        smp_receiver_drop(&o->receiver);
        return UINT64_MAX;
    }
    return limit_us - (now_us - o->heard_us);
}

static uint64_t busy_us(const struct sim_firmware *f)
{
    (void)f;
    return 0;
}

static bool has_lost_power(const struct sim_firmware *f)
{
    (void)f;
    return false;
}

static bool wants_reset(const struct sim_firmware *f)
{
    const struct foreign *o = self_const(f);

    return o->wants_reset && o->answer_len == 0;
}

static void cut_after(struct sim_firmware *f, uint64_t ops, uint64_t seed)
{
    (void)f; /* its flash has no model of torn operations */
    (void)ops;
    (void)seed;
}

static void self_test(struct sim_firmware *f, uint64_t now_us, bool passed)
{
    (void)now_us;
    self(f)->wants_reset |= !passed; /* the application resets, and MCUboot swaps back */
}

static uint64_t upload_offset(const struct sim_firmware *f)
{
    const struct foreign *o = self_const(f);

    return o->is_uploading ? o->off : 0;
}

static void describe(const struct sim_firmware *f, struct sim_running *out)
{
    const struct foreign *o = self_const(f);
    struct mcuboot_image image;

    memset(out, 0, sizeof *out);
    if (!o->is_up || !slot_image(o, 0, &image)) {
        return;
    }
    out->has_image = true;
    out->on_trial = !o->is_confirmed;
    memcpy(out->version, image.version, sizeof out->version);
    memcpy(out->identity, image.hash, sizeof out->identity);
}

static void count(const struct sim_firmware *f, struct sim_counters *out)
{
    const struct sim_counters *c = &self_const(f)->counters;

    out->bytes_flashed = c->bytes_flashed;
    out->erases = c->erases;
    out->flash_ops = c->flash_ops;
    out->requests = c->requests;
}

static void reset_counters(struct sim_firmware *f)
{
    self(f)->counters = (struct sim_counters){ 0 };
}

static void close_foreign(struct sim_firmware *f)
{
    struct foreign *o = self(f);

    free(o->slots[0]);
    free(o->slots[1]);
    free(o->request);
    free(o);
}

static const struct sim_firmware_ops foreign_ops = {
    .boot = boot,
    .receive = receive,
    .take = take,
    .step = step,
    .busy_us = busy_us,
    .has_lost_power = has_lost_power,
    .wants_reset = wants_reset,
    .cut_after = cut_after,
    .self_test = self_test,
    .upload_offset = upload_offset,
    .describe = describe,
    .count = count,
    .reset_counters = reset_counters,
    .close = close_foreign,
};

struct sim_firmware *sim_foreign_open(const struct sim_foreign_config *config)
{
    struct foreign *o = calloc(1, sizeof *o);

    if (!o) {
        return NULL;
    }
    o->base.ops = &foreign_ops;
    o->config = *config;
    o->is_confirmed = true;
    o->slots[0] = calloc(1, config->slot_size);
    o->slots[1] = calloc(1, config->slot_size);
    o->request = malloc(config->params.buf_size);
    if (!o->slots[0] || !o->slots[1] || !o->request) {
        close_foreign(&o->base);
        return NULL;
    }
    return &o->base;
}

bool sim_foreign_install(struct sim_firmware *f, const uint8_t *image, size_t len)
{
    struct foreign *o = self(f);
    struct mcuboot_image parsed;

    if (len > o->config.slot_size || !mcuboot_image_check(&parsed, image, len)) {
        return false;
    }
    memcpy(o->slots[0], image, len);
    o->lens[0] = len;
    return true;
}
