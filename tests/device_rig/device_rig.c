#include "device_rig.h"

#include <stdlib.h>
#include <string.h>

#include "slots.h"

enum { REPEATS_MAX = 20, MONOTONIC_LEN = PORT_SLOTS_MAX * sizeof(uint32_t) };

static void judge(struct rig *r, bool holds, const char *rule)
{
    if (!holds) {
        r->broken++;
        r->why = r->why ? r->why : rule;
    }
}

void rig_init(struct rig *r)
{
    memset(r, 0, sizeof *r);
    r->config.geometry = (struct port_geometry){
        .sector_size = 1024,
        .program_size = 8,
        .log_offset = 0,
        .cms_max = RIG_CMS_MAX,
        .slot_count = 2,
        .slots = { { .offset = 2 * 1024, .size = 13 * 1024 },
                   { .offset = 15 * 1024, .size = 13 * 1024 } },
    };
    r->config.size = 28 * 1024;
    r->trial_ms = 60000;
    memset(r->who.vendor_id, 0x11, sizeof r->who.vendor_id);
    memset(r->who.class_id, 0x22, sizeof r->who.class_id);
    r->who.hardware = 3;
    memcpy(r->who.serial, "S1", 2);
    r->who.serial_len = 2;
}

void rig_open(struct rig *r)
{
    testpki_make(&r->pki, "acme.example");
    if (!host_port_open(&r->port, &r->config)) {
        abort();
    }
}

void rig_close(struct rig *r)
{
    host_port_close(&r->port);
    testpki_free(&r->pki);
}

/* --- images --- */

void rig_image_make(struct rig_image *image, const struct rig *r, size_t len, uint32_t seed,
                    const struct testpki_image_how *how)
{
    struct testpki_image_how h = *how;
    struct blob manifest = { 0 };

    memset(image, 0, sizeof *image);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        blob_add_byte(&image->payload, (uint8_t)(seed >> 24));
    }
    h.payload = blob_span(&image->payload);
    testpki_image(&image->gwi, &h, &r->pki);
    testpki_manifest(&manifest, &h);
    sha256_of(image->identity, manifest.at, manifest.len);
    image->sequence = h.sequence ? h.sequence : 1;
    blob_free(&manifest);
}

void rig_image_free(struct rig_image *image)
{
    blob_free(&image->payload);
    blob_free(&image->gwi);
}

void rig_know(struct rig *r, const struct rig_image *image)
{
    r->images[r->image_count++] = image;
}

/* --- the referee --- */

const struct rig_image *rig_running(const struct rig *r)
{
    const uint8_t *at = r->port.flash + r->config.geometry.slots[r->running].offset;

    for (size_t i = 0; r->verdict != BOOT_NOTHING && i < r->image_count; i++) {
        if (memcmp(at, r->images[i]->payload.at, r->images[i]->payload.len) == 0) {
            return r->images[i];
        }
    }
    return NULL;
}

/* Is all that the log calls safe really in flash? */
static bool progress_is_true(const struct rig *r)
{
    const struct port_geometry *g = &r->config.geometry;
    struct slot_head head;

    for (uint8_t i = 0; i < g->slot_count; i++) {
        if (r->log.slots[i].phase != SLOT_PHASE_RECEIVING) {
            continue;
        }
        if (!slot_read_head(r->log.port, i, &head)) {
            return false;
        }
        for (size_t k = 0; k < r->image_count; k++) {
            if (memcmp(r->images[k]->identity, head.identity, SHA256_LEN) == 0 &&
                memcmp(r->port.flash + g->slots[i].offset, r->images[k]->payload.at,
                       r->log.slots[i].next_block * head.block_size) != 0) {
                return false;
            }
        }
    }
    return true;
}

static void judge_boot(struct rig *r)
{
    const struct rig_image *image = rig_running(r);
    uint32_t floor = slotlog_floor(&r->log, 0);

    judge(r, r->verdict == BOOT_NOTHING || image, "I1: what runs has verified");
    judge(r, r->verdict != BOOT_NOTHING || !r->expects_to_run, "I2: there is always one to run");
    judge(r, !image || image->sequence >= floor, "I3: no version below the floor");
    judge(r, floor >= r->floor, "I3: the floor never falls");
    judge(r, floor <= r->confirmed_sequence, "the floor rises at confirm, not before");
    judge(r, progress_is_true(r), "I7: progress is in flash");
    r->floor = floor;
}

unsigned rig_broken(const struct rig *r)
{
    const struct host_counters *c = &r->port.counters;

    return r->broken + (unsigned)(c->violations + c->early_ops + c->unverified_bytes);
}

/* --- life --- */

enum boot_verdict rig_boot(struct rig *r)
{
    const struct boot_memory memory = {
        .cms = r->cms, .cms_cap = sizeof r->cms, .scratch = r->scratch, .scratch_len = 256
    };
    struct updater_config config = {
        .log = &r->log,
        .trust = &r->pki.trust,
        .identity = &r->who,
        .buffers = { r->cms, sizeof r->cms, r->table, sizeof r->table, r->block, sizeof r->block },
    };
    uint64_t cut_after = r->port.cut_after;

    memset(&r->updater, 0xa5, sizeof r->updater); /* the RAM is gone */
    memset(&r->trial, 0xa5, sizeof r->trial);
    memset(r->table, 0xa5, sizeof r->table);
    host_port_power_on(&r->port);
    r->port.cut_after = cut_after;
    r->verdict = BOOT_NOTHING;
    if (slotlog_open(&r->log, &r->port.base)) {
        r->verdict = boot_select(&r->log, &r->pki.trust, &memory, 0, &r->running);
    }
    if (r->port.is_off) {
        return BOOT_NOTHING;
    }
    judge_boot(r);
    if (r->verdict != BOOT_NOTHING) {
        config.running = (uint8_t)(1u << r->running);
    }
    updater_init(&r->updater, &config);
    trial_init(&r->trial, &r->log, config.running, r->trial_ms);
    host_referee_watch(&r->port.referee, &r->updater.check);
    return r->verdict;
}

enum update_status rig_send(struct rig *r, const struct blob *gwi, size_t piece, size_t *sent)
{
    enum update_status status = UPDATE_OK;
    unsigned repeats = 0;

    updater_begin(&r->updater, gwi->len);
    while (!(status && status != UPDATE_REPEAT) && r->updater.phase == UPDATER_RECEIVING) {
        size_t at = (size_t)updater_offset(&r->updater);
        size_t n = gwi->len - at < piece ? gwi->len - at : piece;

        if (status == UPDATE_REPEAT && ++repeats > REPEATS_MAX) {
            return status;
        }
        status = updater_feed(&r->updater, gwi->at + at, n);
        if (sent) {
            *sent += n;
        }
    }
    return status;
}

bool rig_upgrade(struct rig *r, const struct rig_image *image)
{
    enum verify_result reason;

    if (r->verdict == BOOT_NOTHING || rig_running(r) != image) {
        if (rig_send(r, &image->gwi, 700, NULL) != UPDATE_OK ||
            trial_activate(&r->trial, 0, image->identity, true, &reason) != UPDATE_OK) {
            judge(r, r->port.is_off, "an upgrade fails only when the power does");
            return false;
        }
        if (rig_boot(r) == BOOT_NOTHING || r->port.is_off) {
            return false;
        }
        judge(r, rig_running(r) == image, "an activated image starts");
    }
    if (r->trial.is_on) {
        (void)trial_report_test(&r->trial, TRIAL_TEST_PASSED);
    }
    r->confirmed_sequence = image->sequence > r->confirmed_sequence ? image->sequence
                                                                    : r->confirmed_sequence;
    if (trial_confirm(&r->trial, image->identity) != UPDATE_OK) {
        judge(r, r->port.is_off, "a passed trial can be confirmed");
        return false;
    }
    r->expects_to_run = true;
    return true;
}

void rig_factory(struct rig *r, const struct rig_image *image)
{
    (void)rig_boot(r);
    judge(r, rig_upgrade(r, image), "the factory image installs");
    (void)rig_boot(r);
    r->port.counters = (struct host_counters){ 0 };
}

/* --- states --- */

static size_t touched_len(const struct rig *r)
{
    return r->config.size / r->config.geometry.program_size / 8 + 1;
}

void rig_save(const struct rig *r, struct rig_state *state)
{
    *state = (struct rig_state){
        .flash = malloc(r->config.size + MONOTONIC_LEN),
        .touched = malloc(touched_len(r)),
        .floor = r->floor,
        .confirmed_sequence = r->confirmed_sequence,
        .expects_to_run = r->expects_to_run,
    };
    if (!state->flash || !state->touched) {
        abort();
    }
    memcpy(state->flash, r->port.flash, r->config.size + MONOTONIC_LEN);
    memcpy(state->touched, r->port.touched, touched_len(r));
}

void rig_restore(struct rig *r, const struct rig_state *state)
{
    memcpy(r->port.flash, state->flash, r->config.size + MONOTONIC_LEN);
    memcpy(r->port.touched, state->touched, touched_len(r));
    r->port.counters = (struct host_counters){ 0 };
    r->port.cut_after = 0;
    r->floor = state->floor;
    r->confirmed_sequence = state->confirmed_sequence;
    r->expects_to_run = state->expects_to_run;
}

void rig_state_free(struct rig_state *state)
{
    free(state->flash);
    free(state->touched);
}
