#include "sim_own.h"

#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "slots.h"
#include "smp_server.h"

enum { ANSWER_CAP = 2048, SCRATCH_LEN = 4096 };

/* What is lost with the power. */
struct memory {
    struct slotlog log;
    struct updater updater;
    struct trial trial;
    struct smp_server server;
    uint8_t answer[ANSWER_CAP];
    uint8_t scratch[SCRATCH_LEN];
};

struct own {
    struct sim_firmware base;
    struct sim_own_config config;
    struct verify_trust trust;
    struct host_port port;
    uint32_t boots;
    uint64_t requests; /* of earlier boots */
    bool is_up;        /* the memory below is sound */
    enum boot_verdict verdict;
    uint8_t slot; /* that runs */
    struct memory *memory;
    uint8_t *cms, *table, *block, *request;
};

static struct own *self(struct sim_firmware *f)
{
    return (struct own *)f;
}

static const struct own *self_const(const struct sim_firmware *f)
{
    return (const struct own *)f;
}

/* --- boot --- */

static void forget(struct own *o)
{
    o->is_up = false;
    memset(o->memory, 0xa5, sizeof *o->memory);
    memset(o->cms, 0xa5, o->config.port.geometry.cms_max);
    memset(o->table, 0xa5, o->config.max_table);
    memset(o->block, 0xa5, o->config.max_block);
}

static void start_server(struct own *o)
{
    struct memory *m = o->memory;
    const struct smp_server_config server = {
        .updater = &m->updater,
        .trial = &m->trial,
        .identity = &o->config.identity,
        .params = o->config.params,
        .verify_ms = o->config.verify_ms,
        .activate_ms = o->config.activate_ms,
        .trial_ms = o->config.trial_ms,
        .boots = o->boots,
        .request = o->request,
        .answer = m->answer,
        .answer_cap = sizeof m->answer,
    };
    struct updater_config updater = {
        .log = &m->log,
        .trust = &o->trust,
        .identity = &o->config.identity,
        .buffers = { o->cms, o->config.port.geometry.cms_max, o->table, o->config.max_table,
                     o->block, o->config.max_block },
    };

    if (o->verdict != BOOT_NOTHING) {
        updater.running = (uint8_t)(1u << o->slot);
    }
    updater_init(&m->updater, &updater);
    trial_init(&m->trial, &m->log, updater.running, o->config.trial_ms);
    smp_server_init(&m->server, &server);
    host_referee_watch(&o->port.referee, &m->updater.check);
    o->is_up = true;
}

static void boot(struct sim_firmware *f, uint64_t now_us)
{
    struct own *o = self(f);
    uint64_t cut_after = o->port.cut_after;
    const struct boot_memory memory = { o->cms, o->config.port.geometry.cms_max, o->memory->scratch,
                                        SCRATCH_LEN };

    if (o->is_up) {
        o->requests += o->memory->server.requests;
    }
    forget(o);
    host_port_power_on(&o->port);
    o->port.cut_after = cut_after;
    host_port_set_now(&o->port, now_us);
    o->boots++;
    o->verdict = BOOT_NOTHING;
    if (slotlog_open(&o->memory->log, &o->port.base)) {
        o->verdict = boot_select(&o->memory->log, &o->trust, &memory, 0, &o->slot);
    }
    if (!o->port.is_off) {
        start_server(o);
    }
}

/* --- work --- */

static size_t receive(struct sim_firmware *f, uint64_t now_us, const uint8_t *bytes, size_t len)
{
    struct own *o = self(f);

    host_port_set_now(&o->port, now_us);
    return smp_server_receive(&o->memory->server, bytes, len);
}

static size_t take(struct sim_firmware *f, uint8_t *out, size_t cap)
{
    return smp_server_take(&self(f)->memory->server, out, cap);
}

static uint64_t step(struct sim_firmware *f, uint64_t now_us)
{
    struct own *o = self(f);
    uint32_t due_ms;

    host_port_set_now(&o->port, now_us);
    due_ms = smp_server_step(&o->memory->server);
    return due_ms == UINT32_MAX ? UINT64_MAX : (uint64_t)due_ms * 1000;
}

static uint64_t busy_us(const struct sim_firmware *f)
{
    return host_port_busy_us(&self_const(f)->port);
}

static bool has_lost_power(const struct sim_firmware *f)
{
    return self_const(f)->port.is_off;
}

static bool wants_reset(const struct sim_firmware *f)
{
    return self_const(f)->port.wants_reset;
}

static void cut_after(struct sim_firmware *f, uint64_t ops, uint64_t seed)
{
    host_port_cut_after(&self(f)->port, ops, HOST_TEAR_ANY, seed);
}

static void self_test(struct sim_firmware *f, uint64_t now_us, bool passed)
{
    struct own *o = self(f);

    host_port_set_now(&o->port, now_us);
    (void)trial_report_test(&o->memory->trial, passed ? TRIAL_TEST_PASSED : TRIAL_TEST_FAILED);
    o->port.wants_reset |= !passed;
}

static uint64_t upload_offset(const struct sim_firmware *f)
{
    const struct own *o = self_const(f);
    const struct updater *u = &o->memory->updater;

    return o->is_up && u->phase == UPDATER_RECEIVING ? updater_offset(u) : 0;
}

/* --- facts --- */

static void describe(const struct sim_firmware *f, struct sim_running *out)
{
    const struct own *o = self_const(f);
    struct slot_head head;

    memset(out, 0, sizeof *out);
    if (!o->is_up || o->verdict == BOOT_NOTHING ||
        !slot_read_head(o->memory->log.port, o->slot, &head)) {
        return;
    }
    out->has_image = true;
    out->on_trial = o->memory->trial.is_on;
    out->sequence = head.sequence;
    memcpy(out->version, head.version, head.version_len);
    memcpy(out->identity, head.identity, sizeof out->identity);
}

static void count(const struct sim_firmware *f, struct sim_counters *out)
{
    const struct own *o = self_const(f);
    const struct host_counters *c = &o->port.counters;

    out->bytes_flashed = c->bytes_flashed;
    out->erases = c->erases;
    out->flash_ops = c->flash_ops;
    out->violations = c->violations;
    out->early_ops = c->early_ops;
    out->unverified_bytes = c->unverified_bytes;
    out->requests = o->requests + (o->is_up ? o->memory->server.requests : 0);
}

static void reset_counters(struct sim_firmware *f)
{
    struct own *o = self(f);

    o->port.counters = (struct host_counters){ 0 };
    o->requests = 0;
    if (o->is_up) {
        o->memory->server.requests = 0;
    }
}

/* --- life --- */

static void close_own(struct sim_firmware *f)
{
    struct own *o = self(f);

    host_port_close(&o->port);
    free(o->memory);
    free(o->cms);
    free(o->table);
    free(o->block);
    free(o->request);
    free(o);
}

static const struct sim_firmware_ops own_ops = {
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
    .close = close_own,
};

struct sim_firmware *sim_own_open(const struct sim_own_config *config)
{
    struct own *o = calloc(1, sizeof *o);

    if (!o) {
        return NULL;
    }
    o->base.ops = &own_ops;
    o->config = *config;
    o->trust = (struct verify_trust){ .anchors = o->config.anchors,
                                      .anchor_count = o->config.anchor_count };
    o->memory = calloc(1, sizeof *o->memory);
    o->cms = malloc(config->port.geometry.cms_max);
    o->table = malloc(config->max_table);
    o->block = malloc(config->max_block);
    o->request = malloc(config->params.buf_size);
    o->port.fd = -1;
    if (!o->memory || !o->cms || !o->table || !o->block || !o->request ||
        !host_port_open(&o->port, &config->port)) {
        close_own(&o->base);
        return NULL;
    }
    return &o->base;
}

/* The same way that every other image takes, with nobody on the line. */
static bool install(struct own *o, const uint8_t *gwi, size_t len, uint16_t *reason)
{
    struct memory *m = o->memory;
    enum verify_result verdict;
    uint8_t identity[SHA256_LEN];

    updater_begin(&m->updater, len);
    if (updater_feed(&m->updater, gwi, len) != UPDATE_OK) {
        *reason = m->updater.status == UPDATE_REFUSED ? (uint16_t)m->updater.reason : 0;
        return false;
    }
    memcpy(identity, m->updater.check.object.identity, sizeof identity);
    if (trial_activate(&m->trial, m->updater.check.manifest.component, identity, false, &verdict)) {
        *reason = (uint16_t)verdict;
        return false;
    }
    boot(&o->base, 0);
    return trial_report_test(&m->trial, TRIAL_TEST_PASSED) == UPDATE_OK &&
           trial_confirm(&m->trial, identity) == UPDATE_OK;
}

bool sim_own_install(struct sim_firmware *f, const uint8_t *gwi, size_t len, uint16_t *reason)
{
    struct own *o = self(f);
    struct host_delays delays = o->port.delays;
    bool is_done;

    *reason = 0;
    o->port.delays = (struct host_delays){ 0 };
    boot(f, 0);
    is_done = o->verdict != BOOT_NOTHING || install(o, gwi, len, reason);
    o->port.delays = delays;
    o->boots = 0;
    reset_counters(f);
    return is_done;
}
