#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host_port.h"
#include "slotlog.h"

static const struct host_port_config small = {
    .geometry = { .sector_size = 1024,
                  .program_size = 8,
                  .cms_max = 4096,
                  .slot_count = 2,
                  .slots = { { .offset = 2048, .size = 8192 },
                             { .offset = 10240, .size = 8192 } } },
    .size = 18432,
};

static bool same_state(const struct slotlog *a, const struct slotlog *b)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct slot_record *x = &a->slots[i], *y = &b->slots[i];

        if (x->phase != y->phase || x->trials != y->trials || x->reason != y->reason ||
            x->sequence != y->sequence || x->next_block != y->next_block ||
            x->confirmed_at != y->confirmed_at || a->floors[i] != b->floors[i]) {
            return false;
        }
    }
    return true;
}

/* --- the table of phases --- */

static void only_an_erase_empties_a_slot(void)
{
    for (unsigned phase = 0; phase < SLOT_PHASES; phase++) {
        for (unsigned event = SLOT_EVENT_ERASED; event < SLOT_EVENTS; event++) {
            enum slot_phase next = slot_phase_step((enum slot_phase)phase, (enum slot_event)event);

            CHECK((next == SLOT_PHASE_EMPTY) == (event == SLOT_EVENT_ERASED));
        }
    }
    CHECK_EQ(slot_phase_step(SLOT_PHASES, SLOT_EVENT_ERASED), SLOT_PHASES);
    CHECK_EQ(slot_phase_step(SLOT_PHASE_EMPTY, SLOT_EVENTS), SLOT_PHASES);
    CHECK_EQ(slot_phase_step(SLOT_PHASE_EMPTY, (enum slot_event)0), SLOT_PHASES);
}

/* What can be reached from `phase` without the event `without`? */
static void reach(bool seen[SLOT_PHASES], enum slot_phase phase, enum slot_event without)
{
    memset(seen, 0, SLOT_PHASES * sizeof *seen);
    seen[phase] = true;
    for (unsigned round = 0; round < SLOT_PHASES; round++) {
        for (unsigned p = 0; p < SLOT_PHASES; p++) {
            for (unsigned e = SLOT_EVENT_ERASED; seen[p] && e < SLOT_EVENTS; e++) {
                enum slot_phase next = slot_phase_step((enum slot_phase)p, (enum slot_event)e);

                if (e != without && next != SLOT_PHASES) {
                    seen[next] = true;
                }
            }
        }
    }
}

static void no_way_to_confirmed_leads_around_second_round_activation_and_trial(void)
{
    static const enum slot_event gates[] = { SLOT_EVENT_RECEIVING, SLOT_EVENT_STAGED,
                                             SLOT_EVENT_ACTIVATED, SLOT_EVENT_TRIAL,
                                             SLOT_EVENT_CONFIRMED };
    bool seen[SLOT_PHASES];

    reach(seen, SLOT_PHASE_EMPTY, (enum slot_event)0);
    for (unsigned p = 0; p < SLOT_PHASES; p++) {
        CHECK(seen[p]);
    }
    for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        reach(seen, SLOT_PHASE_EMPTY, gates[i]);
        CHECK(!seen[SLOT_PHASE_CONFIRMED]);
    }
    reach(seen, SLOT_PHASE_EMPTY, SLOT_EVENT_STAGED);
    CHECK(!seen[SLOT_PHASE_TRIAL]);
}

/* --- durability --- */

/* One event that may happen to a random slot. */
static bool random_event(struct slotlog *log, uint32_t *seed, uint8_t *slot, enum slot_event *event,
                         struct slot_record *now)
{
    *seed = *seed * 1664525u + 1013904223u;
    *slot = *seed >> 30 & 1;
    *event = (enum slot_event)(1 + (*seed >> 16) % (SLOT_EVENTS - 1));
    *now = (struct slot_record){
        .trials = *seed >> 8 & 3,
        .reason = (uint16_t)(*seed >> 4),
        .sequence = *seed >> 12 & 0xff,
        .next_block = *seed >> 3 & 0xffff,
    };
    return slot_phase_step(log->slots[*slot].phase, *event) != SLOT_PHASES;
}

static void the_log_read_again_is_the_log_that_was_written(void)
{
    static const uint32_t granules[] = { 1, 4, 8, 16, 32, 64 };

    for (size_t g = 0; g < sizeof granules / sizeof granules[0]; g++) {
        struct host_port_config config = small;
        struct host_port h;
        struct slotlog log, again;
        uint32_t seed = (uint32_t)g, number = 0;

        config.geometry.program_size = granules[g];
        CHECK(host_port_open(&h, &config));
        CHECK(slotlog_open(&log, &h.base));
        for (int i = 0; i < 2000; i++) {
            enum slot_event event;
            struct slot_record now;
            uint8_t slot;
            bool possible = random_event(&log, &seed, &slot, &event, &now);

            CHECK_EQ(slotlog_append(&log, slot, event, &now, seed >> 24 & 31), possible);
            CHECK_EQ(log.number, number += possible);
            CHECK(slotlog_open(&again, &h.base));
            CHECK(same_state(&log, &again));
            CHECK_EQ(again.number, log.number);
            CHECK_EQ(again.used, log.used);
        }
        CHECK_EQ(h.counters.violations, 0);
        CHECK(h.counters.erases > 10);
        host_port_close(&h);
    }
}

static void a_forbidden_event_writes_nothing(void)
{
    struct host_port h;
    struct slotlog log, before;

    CHECK(host_port_open(&h, &small));
    CHECK(slotlog_open(&log, &h.base));
    before = log;
    CHECK(!slotlog_append(&log, 0, SLOT_EVENT_CONFIRMED, &(struct slot_record){ 0 }, 9));
    CHECK(same_state(&log, &before));
    CHECK_EQ(h.counters.flash_ops, 0);
    host_port_close(&h);
}

/* A cut at any operation, torn in any way, leaves the state before or the state after. */
static void a_torn_append_is_all_or_nothing(void)
{
    struct host_port h;
    struct slotlog log, before, after;
    uint32_t seed = 7;

    CHECK(host_port_open(&h, &small));
    CHECK(slotlog_open(&log, &h.base));
    for (unsigned i = 0; i < 4000; i++) {
        enum slot_event event;
        struct slot_record now;
        uint8_t slot;

        if (!random_event(&log, &seed, &slot, &event, &now)) {
            continue;
        }
        before = log;
        host_port_cut_after(&h, 1 + i % 40, (enum host_tear)(i % HOST_TEARS), i);
        bool done = slotlog_append(&log, slot, event, &now, i % 100);

        CHECK_EQ(done, !h.is_off);
        CHECK(done || same_state(&log, &before));
        host_port_power_on(&h);
        CHECK(slotlog_open(&after, &h.base));
        CHECK(done ? same_state(&after, &log)
                   : same_state(&after, &before) || after.number == before.number + 1);
        CHECK(after.number >= before.number);
        log = after;
    }
    CHECK_EQ(h.counters.violations, 0);
    host_port_close(&h);
}

static void a_flipped_bit_costs_the_record_and_nothing_else(void)
{
    struct host_port h;
    struct slotlog log, one, again;

    CHECK(host_port_open(&h, &small));
    CHECK(slotlog_open(&log, &h.base));
    CHECK(slotlog_append(&log, 0, SLOT_EVENT_RECEIVING, &(struct slot_record){ .sequence = 5 }, 0));
    one = log;
    CHECK(slotlog_append(&log, 0, SLOT_EVENT_STAGED, &(struct slot_record){ .sequence = 5 }, 0));
    uint8_t *record = h.flash + log.sector * 1024 + (log.used - 1) * SLOTLOG_RECORD_LEN;

    for (unsigned bit = 0; bit < SLOTLOG_RECORD_LEN * 8; bit++) {
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(slotlog_open(&again, &h.base));
        CHECK(same_state(&again, &one));
        CHECK_EQ(again.used, log.used); /* its place is not used again */
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    host_port_close(&h);
}

static void a_failing_flash_is_reported_and_changes_nothing(void)
{
    struct host_port h;
    struct slotlog log, before;

    CHECK(host_port_open(&h, &small));
    CHECK(slotlog_open(&log, &h.base));
    CHECK(slotlog_append(&log, 0, SLOT_EVENT_RECEIVING, &(struct slot_record){ 0 }, 0));
    before = log;
    h.worn_at = log.sector * 1024u + log.used * SLOTLOG_RECORD_LEN + 9;
    CHECK(!slotlog_append(&log, 0, SLOT_EVENT_STAGED, &(struct slot_record){ 0 }, 0));
    CHECK(same_state(&log, &before));
    CHECK(slotlog_append(&log, 0, SLOT_EVENT_STAGED, &(struct slot_record){ 0 }, 0));
    CHECK_EQ(log.slots[0].phase, SLOT_PHASE_STAGED);
    host_port_power_off(&h);
    CHECK(!slotlog_open(&before, &h.base));
    host_port_close(&h);
}

/* A flash whose n-th read from now fails, once. */
struct flaky {
    struct host_port host; /* first */
    struct port_ops ops;
    const struct port_ops *sound;
    unsigned fails_at; /* 0 = never */
};

static bool flaky_read(struct port *p, uint32_t offset, void *bytes, size_t len)
{
    struct flaky *f = (struct flaky *)p;

    return !(f->fails_at > 0 && --f->fails_at == 0) && f->sound->read(p, offset, bytes, len);
}

/* Fills the sector, so that the next record makes a copy. Slot 1 is confirmed with floor 7. */
static void fill_sector(struct flaky *f, struct slotlog *log)
{
    static const enum slot_event life[] = { SLOT_EVENT_RECEIVING, SLOT_EVENT_STAGED,
                                            SLOT_EVENT_ACTIVATED, SLOT_EVENT_TRIAL,
                                            SLOT_EVENT_CONFIRMED };
    const struct slot_record now = { .sequence = 7 };

    CHECK(host_port_open(&f->host, &small));
    f->sound = f->host.base.ops;
    f->ops = *f->sound;
    f->ops.read = flaky_read;
    f->host.base.ops = &f->ops;
    CHECK(slotlog_open(log, &f->host.base));
    for (size_t i = 0; i < sizeof life / sizeof life[0]; i++) {
        CHECK(slotlog_append(log, 1, life[i], &now, life[i] == SLOT_EVENT_CONFIRMED ? 7 : 0));
    }
    while (log->used < 1024 / SLOTLOG_RECORD_LEN) {
        CHECK(slotlog_append(log, 0, SLOT_EVENT_ERASED, &now, 0));
    }
}

static void a_read_that_fails_while_the_log_is_copied_forgets_nothing(void)
{
    bool was_hit = true;

    for (unsigned n = 1; was_hit; n++) {
        struct flaky f = { 0 };
        struct slotlog log, again;
        uint32_t generation;

        fill_sector(&f, &log);
        generation = log.generation;
        f.fails_at = n;
        bool done = slotlog_append(&log, 0, SLOT_EVENT_ERASED, &(struct slot_record){ 0 }, 0);

        was_hit = f.fails_at == 0;
        CHECK(done == !was_hit);
        f.fails_at = 0;
        CHECK(slotlog_open(&again, &f.host.base));
        CHECK_EQ(slotlog_floor(&again, 0), 7);
        CHECK_EQ(again.slots[1].phase, SLOT_PHASE_CONFIRMED);
        CHECK(slotlog_append(&log, 0, SLOT_EVENT_ERASED, &(struct slot_record){ 0 }, 0));
        CHECK(log.generation > generation);
        CHECK_EQ(slotlog_floor(&log, 0), 7);
        host_port_close(&f.host);
    }
}

/* --- questions --- */

static void the_floor_only_grows_and_survives_every_copy(void)
{
    struct host_port h;
    struct slotlog log;

    CHECK(host_port_open(&h, &small));
    CHECK(slotlog_open(&log, &h.base));
    for (uint32_t i = 1; i < 200; i++) {
        uint8_t slot = i & 1;
        struct slot_record now = { .sequence = i };
        uint32_t floor = i % 7 == 0 ? 1 : i; /* a lower one does not lower it */
        uint32_t was = slotlog_floor(&log, 0);

        CHECK(slotlog_append(&log, slot, SLOT_EVENT_ERASED, &now, 0));
        CHECK(slotlog_append(&log, slot, SLOT_EVENT_RECEIVING, &now, 0));
        CHECK(slotlog_append(&log, slot, SLOT_EVENT_STAGED, &now, 0));
        CHECK(slotlog_append(&log, slot, SLOT_EVENT_ACTIVATED, &now, 0));
        CHECK(slotlog_append(&log, slot, SLOT_EVENT_TRIAL, &now, 0));
        CHECK_EQ(slotlog_floor(&log, 0), was);
        CHECK(slotlog_append(&log, slot, SLOT_EVENT_CONFIRMED, &now, floor));
        CHECK_EQ(slotlog_floor(&log, 0), floor > was ? floor : was);
        CHECK(slotlog_open(&log, &h.base));
        CHECK_EQ(slotlog_floor(&log, 0), floor > was ? floor : was);
        CHECK_EQ(slotlog_floor(&log, 1), 0);

        uint8_t home = 9;
        CHECK(slotlog_home(&log, 0, &home));
        CHECK_EQ(home, slot);
        CHECK(!slotlog_home(&log, 1, &home));
    }
    host_port_close(&h);
}

static void the_update_log_keeps_its_newest_lines_in_order(void)
{
    struct host_port h;
    struct slotlog log;

    CHECK(host_port_open(&h, &small));
    CHECK(slotlog_open(&log, &h.base));
    CHECK(slotlog_append(&log, 1, SLOT_EVENT_RECEIVING, &(struct slot_record){ 0 }, 0));
    for (uint32_t i = 0; i < 500; i++) {
        bool is_progress = i % 3 != 0;
        struct slotlog_entry entry = { 0 };
        uint32_t from = 0, count = 0, last = 0;

        if (is_progress) {
            CHECK(slotlog_append(&log, 1, SLOT_EVENT_PROGRESS,
                                 &(struct slot_record){ .next_block = i }, 0));
        } else {
            CHECK(slotlog_append(&log, 0, SLOT_EVENT_ERASED, &(struct slot_record){ 0 }, 0));
        }
        while (slotlog_next_entry(&log, from, &entry)) {
            CHECK(entry.event != SLOT_EVENT_PROGRESS);
            CHECK(entry.number >= from);
            last = entry.number;
            from = entry.number + 1;
            count++;
        }
        CHECK(is_progress || last == log.number);
        CHECK(count >= (i / 3 < 7 ? i / 3 : 7)); /* a quarter of 31 places */
    }
    host_port_close(&h);
}

static void a_geometry_that_cannot_work_is_refused(void)
{
    const struct port_geometry good = small.geometry;
    struct port_geometry g;

    CHECK(port_geometry_is_sound(&good));
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        g = good;                                                                                  \
        change;                                                                                    \
        CHECK(!port_geometry_is_sound(&g));                                                        \
    } while (0)
    REFUSED(g.sector_size = 512);
    REFUSED(g.sector_size = 1536);
    REFUSED(g.sector_size = 0);
    REFUSED(g.program_size = 0);
    REFUSED(g.program_size = 24);
    REFUSED(g.program_size = 128);
    REFUSED(g.log_offset = 100);
    REFUSED(g.cms_max = 4095);
    REFUSED(g.cms_max = 1u << 20);
    REFUSED(g.slot_count = 0);
    REFUSED(g.slot_count = PORT_SLOTS_MAX + 1);
    REFUSED(g.slots[0].offset = 1024); /* in the log */
    REFUSED(g.slots[0].offset = 2050);
    REFUSED(g.slots[1].offset = 9216); /* in slot 0 */
    REFUSED(g.slots[1].size = 5 * 1024);
    REFUSED(g.slots[1].size = 8000);
    REFUSED(g.slots[1].offset = 0xfffffc00u);
#undef REFUSED
}

int main(void)
{
    TEST(only_an_erase_empties_a_slot);
    TEST(no_way_to_confirmed_leads_around_second_round_activation_and_trial);
    TEST(the_log_read_again_is_the_log_that_was_written);
    TEST(a_forbidden_event_writes_nothing);
    TEST(a_torn_append_is_all_or_nothing);
    TEST(a_flipped_bit_costs_the_record_and_nothing_else);
    TEST(a_failing_flash_is_reported_and_changes_nothing);
    TEST(a_read_that_fails_while_the_log_is_copied_forgets_nothing);
    TEST(the_floor_only_grows_and_survives_every_copy);
    TEST(the_update_log_keeps_its_newest_lines_in_order);
    TEST(a_geometry_that_cannot_work_is_refused);
    return checks_failed != 0;
}
