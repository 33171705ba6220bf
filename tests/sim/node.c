#include "node.h"

#include <stdlib.h>
#include <string.h>

#include "device_rig.h"
#include "slots.h"
#include "smp_server.h"

enum {
    BUF = 1024,
    BUF_COUNT = 4,
    MS = 1000000, /* ns */
    BOOT_MS = 20,
    SELF_TEST_MS = 200,
};

struct node_images {
    struct testpki pki;
    struct rig_image old, new;
    struct node_image shown;
};

struct node {
    struct fake_device base;
    const struct node_images *images;
    const struct node_events *events;
    void *ctx;
    struct rig rig;
    struct rig_state factory;
    struct smp_server server;
    enum node_fate fate;
    bool is_powered, is_up, has_passed, has_confirmed;
    bool was_confirming; /* the power failed when it might have been confirming */
    bool passed_first;   /* when it confirmed, its self-test had passed in that boot */
    uint64_t boots, requests;
    uint64_t boot_at, test_at; /* ns; FAKE_NEVER */
    unsigned trials, broken;   /* broken: what the rig cannot see by itself */
    const char *why;
    uint8_t request[BUF], answer[SMP_SERVER_ANSWER_MIN];
};

/* ---- images ---- */

struct node_images *node_images_make(size_t payload_bytes)
{
    struct node_images *images = calloc(1, sizeof *images);
    struct rig *rig = calloc(1, sizeof *rig);

    if (!images || !rig) {
        abort();
    }
    rig_init(rig);
    testpki_make(&rig->pki, "acme.example");
    rig_image_make(&images->old, rig, 3000, 1,
                   &(struct testpki_image_how){ .sequence = NODE_OLD_SEQUENCE });
    rig_image_make(&images->new, rig, payload_bytes, 2,
                   &(struct testpki_image_how){ .sequence = NODE_NEW_SEQUENCE });
    testpki_free(&rig->pki);
    free(rig);
    struct node_image *shown = &images->shown;
    size_t blocks = (payload_bytes + 1023) / 1024;

    *shown = (struct node_image){ .gwi = images->new.gwi.at,
                                  .len = images->new.gwi.len,
                                  .payload_len = payload_bytes,
                                  .block_size = 1024 };
    shown->cms_len = shown->len - payload_bytes - blocks * SHA256_LEN;
    memcpy(shown->identity, images->new.identity, sizeof shown->identity);
    sha256_of(shown->token, shown->gwi, shown->cms_len);
    memset(shown->vendor_id, 0x11, sizeof shown->vendor_id);
    memset(shown->class_id, 0x22, sizeof shown->class_id);
    return images;
}

void node_images_free(struct node_images *images)
{
    rig_image_free(&images->old);
    rig_image_free(&images->new);
    free(images);
}

struct node_image node_images_new(const struct node_images *images)
{
    return images->shown;
}

/* ---- what lies in flash ---- */

static bool is_complete(enum slot_phase phase)
{
    return phase == SLOT_PHASE_STAGED || phase == SLOT_PHASE_PENDING || phase == SLOT_PHASE_TRIAL ||
           phase == SLOT_PHASE_CONFIRMED || phase == SLOT_PHASE_REJECTED;
}

static bool slot_holds(const struct node *n, uint8_t slot, const struct rig_image *image)
{
    const uint8_t *at = n->rig.port.flash + n->rig.config.geometry.slots[slot].offset;

    return memcmp(at, image->payload.at, image->payload.len) == 0;
}

static bool is_confirmed(const struct node *n)
{
    for (uint8_t i = 0; i < n->rig.config.geometry.slot_count; i++) {
        if (n->rig.log.slots[i].phase == SLOT_PHASE_CONFIRMED &&
            slot_holds(n, i, &n->images->new)) {
            return true;
        }
    }
    return false;
}

/* ---- life ---- */

static struct node *self(struct fake_device *d)
{
    return (struct node *)(void *)d;
}

static void judge(struct node *n, bool holds, const char *rule)
{
    if (!holds) {
        n->broken++;
        n->why = n->why ? n->why : rule;
    }
}

static void start_server(struct node *n)
{
    const struct smp_server_config config = {
        .updater = &n->rig.updater,
        .trial = &n->rig.trial,
        .identity = &n->rig.who,
        .params = { .buf_size = BUF, .buf_count = BUF_COUNT },
        .verify_ms = 10,
        .activate_ms = NODE_ACTIVATE_MS,
        .trial_ms = NODE_TRIAL_MS,
        .boots = (uint32_t)n->boots,
        .request = n->request,
        .answer = n->answer,
        .answer_cap = sizeof n->answer,
    };

    smp_server_init(&n->server, &config);
}

/* I4: without a trial, what runs is an image that this device confirmed before. */
static void judge_boot(struct node *n)
{
    const struct rig_image *running = rig_running(&n->rig);
    bool is_new = running == &n->images->new;

    judge(n, n->rig.verdict != BOOT_CONFIRMED || !is_new || n->has_confirmed,
          "I4: the fallback was confirmed before");
}

static void go_dark(struct node *n)
{
    n->is_powered = n->is_up = n->has_passed = false;
    n->boot_at = n->test_at = FAKE_NEVER;
}

/* The port has noticed a power failure in the middle of something. */
static bool has_failed(struct node *n)
{
    if (!n->is_powered || !n->rig.port.is_off) {
        return false;
    }
    n->was_confirming = n->has_passed;
    go_dark(n);
    n->events->failed(n->ctx, n);
    return true;
}

static void boot(struct node *n, uint64_t now)
{
    n->boots++;
    n->boot_at = n->test_at = FAKE_NEVER;
    n->has_passed = false;
    n->rig.port.wants_reset = false;
    (void)rig_boot(&n->rig);
    if (has_failed(n)) {
        return;
    }
    n->is_up = true;
    if (n->was_confirming && is_confirmed(n)) {
        n->has_confirmed = n->passed_first = true; /* the record was written, unheard */
    }
    n->was_confirming = false;
    judge_boot(n);
    start_server(n);
    if (n->rig.trial.is_on) {
        n->trials++;
        n->test_at = n->fate == NODE_HANGS ? FAKE_NEVER : now + (uint64_t)SELF_TEST_MS * MS;
    }
    n->events->changed(n->ctx, n);
}

static void restart(struct node *n, uint64_t now)
{
    n->is_up = n->has_passed = false;
    n->test_at = FAKE_NEVER;
    n->boot_at = now + (uint64_t)BOOT_MS * MS;
}

static void end_self_test(struct node *n, uint64_t now)
{
    bool passes = n->fate == NODE_PASSES;

    n->test_at = FAKE_NEVER;
    (void)trial_report_test(&n->rig.trial, passes ? TRIAL_TEST_PASSED : TRIAL_TEST_FAILED);
    if (has_failed(n)) {
        return;
    }
    n->has_passed = passes;
    n->events->changed(n->ctx, n);
    if (!passes) {
        restart(n, now);
    }
}

uint64_t node_step(struct node *n, struct fake_line *line, uint64_t now)
{
    uint32_t left_ms = UINT32_MAX;
    uint64_t due;

    (void)line;
    if (n->is_powered) {
        host_port_set_now(&n->rig.port, now / 1000);
    }
    if (n->boot_at <= now) {
        boot(n, now);
    }
    if (n->is_up && n->test_at <= now) {
        end_self_test(n, now);
    }
    if (n->is_up) {
        left_ms = smp_server_step(&n->server);
        if (!has_failed(n) && n->rig.port.wants_reset) {
            restart(n, now);
            left_ms = UINT32_MAX;
        }
    }
    due = n->boot_at < n->test_at ? n->boot_at : n->test_at;
    if (n->is_up && left_ms != UINT32_MAX && now + (uint64_t)left_ms * MS < due) {
        due = now + (uint64_t)left_ms * MS;
    }
    return due;
}

static void answer(struct node *n, struct fake_line *line, uint64_t now)
{
    uint8_t out[256];
    size_t len;

    while ((len = smp_server_take(&n->server, out, sizeof out)) > 0) {
        fake_line_send(line, out, len, now);
    }
}

/* A whole request is in: a number for a fault, before it takes effect. The server handles it within
 * receive(), so it is announced with the byte that completes it; any byte may be that one. */
static void receive(struct fake_device *d, struct fake_line *line, const uint8_t *bytes, size_t len,
                    uint64_t now)
{
    struct node *n = self(d);

    while (len > 0 && n->is_up) {
        uint32_t before = n->server.requests;
        size_t used;

        host_port_set_now(&n->rig.port, now / 1000);
        used = smp_server_receive(&n->server, bytes, len);
        bytes += used;
        len -= used;
        if (has_failed(n)) {
            return;
        }
        if (n->server.requests != before) {
            n->requests += n->server.requests - before;
            if (!n->has_confirmed && is_confirmed(n)) {
                n->has_confirmed = true;
                n->passed_first = n->has_passed;
            }
            n->events->changed(n->ctx, n);
            n->events->request(n->ctx, n); /* the power may go before the answer is out */
        }
        if (n->is_up) {
            answer(n, line, now);
        }
    }
}

/* The owner steps the node itself: its plug is not the line's business. */
static uint64_t step_nothing(struct fake_device *d, struct fake_line *line, uint64_t now)
{
    (void)d;
    (void)line;
    (void)now;
    return FAKE_NEVER;
}

struct node *node_new(const struct node_images *images, uint8_t serial,
                      const struct node_events *events, void *ctx)
{
    struct node *n = calloc(1, sizeof *n);

    if (!n) {
        abort();
    }
    n->base = (struct fake_device){ receive, step_nothing };
    n->images = images;
    n->events = events;
    n->ctx = ctx;
    rig_init(&n->rig);
    n->rig.trial_ms = NODE_TRIAL_MS;
    n->rig.who.serial[0] = serial;
    n->rig.who.serial_len = 1;
    rig_open(&n->rig);
    rig_know(&n->rig, &images->old);
    rig_know(&n->rig, &images->new);
    rig_factory(&n->rig, &images->old);
    rig_save(&n->rig, &n->factory);
    return n;
}

void node_free(struct node *n)
{
    rig_state_free(&n->factory);
    rig_close(&n->rig);
    free(n);
}

struct fake_device *node_device(struct node *n)
{
    return &n->base;
}

void node_reset(struct node *n, enum node_fate fate, uint64_t now)
{
    rig_restore(&n->rig, &n->factory);
    n->rig.broken = 0;
    n->rig.why = NULL;
    n->rig.port.worn_at = UINT32_MAX;
    n->rig.confirmed_sequence = NODE_NEW_SEQUENCE; /* whether it may confirm, others judge */
    n->fate = fate;
    n->has_confirmed = n->was_confirming = n->passed_first = false;
    n->boots = n->requests = 0;
    n->trials = n->broken = 0;
    n->why = NULL;
    go_dark(n);
    node_power(n, now, true);
}

void node_power(struct node *n, uint64_t now, bool on)
{
    if (!on) {
        host_port_power_off(&n->rig.port);
        go_dark(n);
    } else if (!n->is_powered) {
        host_port_power_on(&n->rig.port);
        n->is_powered = true;
        n->boot_at = now + (uint64_t)BOOT_MS * MS;
    }
}

bool node_is_powered(const struct node *n)
{
    return n->is_powered;
}

void node_cut_at_flash(struct node *n, uint64_t after, uint64_t seed)
{
    host_port_cut_after(&n->rig.port, after, HOST_TEAR_ANY, seed);
}

void node_wear(struct node *n)
{
    n->rig.port.worn_at = n->rig.config.geometry.slots[1].offset + 2000;
}

/* ---- questions ---- */

bool node_is_up(const struct node *n)
{
    return n->is_up;
}

bool node_runs_new(const struct node *n)
{
    return n->is_up && rig_running(&n->rig) == &n->images->new;
}

bool node_is_on_trial(const struct node *n)
{
    return n->is_up && n->rig.trial.is_on;
}

bool node_has_passed(const struct node *n)
{
    return n->has_passed;
}

bool node_has_confirmed(const struct node *n)
{
    return n->has_confirmed;
}

bool node_passed_first(const struct node *n)
{
    return n->passed_first;
}

bool node_holds_new(const struct node *n)
{
    for (uint8_t i = 0; i < n->rig.config.geometry.slot_count; i++) {
        if (is_complete(n->rig.log.slots[i].phase) && slot_holds(n, i, &n->images->new)) {
            return true;
        }
    }
    return false;
}

bool node_is_true(const struct node *n)
{
    for (uint8_t i = 0; i < n->rig.config.geometry.slot_count; i++) {
        if (is_complete(n->rig.log.slots[i].phase) && !slot_holds(n, i, &n->images->new) &&
            !slot_holds(n, i, &n->images->old)) {
            return false;
        }
    }
    return true;
}

uint32_t node_floor(const struct node *n)
{
    return slotlog_floor(&n->rig.log, 0);
}

unsigned node_trials(const struct node *n)
{
    return n->trials;
}

uint64_t node_flash_ops(const struct node *n)
{
    return n->rig.port.counters.flash_ops;
}

uint64_t node_requests(const struct node *n)
{
    return n->requests;
}

unsigned node_broken(const struct node *n, const char **why)
{
    const struct host_counters *c = &n->rig.port.counters;

    *why = n->rig.why            ? n->rig.why
           : n->why              ? n->why
           : c->early_ops        ? "I5: flash touched before the first round"
           : c->violations       ? "I25: a byte programmed twice"
           : c->unverified_bytes ? "I5: unverified payload in flash"
                                 : NULL;
    return rig_broken(&n->rig) + n->broken;
}
