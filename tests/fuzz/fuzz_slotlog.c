/* A log in which anything may stand: reading it is safe, what is read makes sense, and a log that
 * was written to afterwards reads back as it was left.
 *
 * Input: up to two sectors of flash, then pairs {slot and event, value} of appends. */
#include <stdlib.h>
#include <string.h>

#include "host_port.h"
#include "slotlog.h"

enum { SECTOR = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_sense(const struct slotlog *log)
{
    struct slotlog_entry entry;
    uint32_t from = 0, last = 0;
    uint8_t home;

    for (uint8_t i = 0; i < 2; i++) {
        check(log->slots[i].phase < SLOT_PHASES);
        check(slotlog_floor(log, 0) >= log->floors[i]);
    }
    if (slotlog_home(log, 0, &home)) {
        check(home < 2 && log->slots[home].phase == SLOT_PHASE_CONFIRMED);
    }
    for (unsigned i = 0; i < 64 && slotlog_next_entry(log, from, &entry); i++) {
        check(entry.number >= from && entry.slot < 2 && entry.event < SLOT_EVENTS);
        last = entry.number;
        if (last == UINT32_MAX) {
            break;
        }
        from = last + 1;
    }
}

static bool same_record(const struct slot_record *a, const struct slot_record *b)
{
    return a->phase == b->phase && a->trials == b->trials && a->reason == b->reason &&
           a->sequence == b->sequence && a->next_block == b->next_block &&
           a->confirmed_at == b->confirmed_at;
}

static void append(struct slotlog *log, struct host_port *h, const uint8_t *pair)
{
    struct slotlog again;
    struct slot_record now = { .sequence = pair[1], .next_block = pair[1] };
    enum slot_event event = (enum slot_event)(pair[0] & 15);
    uint32_t number = log->number;

    if (slotlog_append(log, pair[0] >> 7, event, &now,
                       event == SLOT_EVENT_CONFIRMED ? pair[1] : 0)) {
        check(log->number == number + 1);
        check(slotlog_open(&again, &h->base));
        check(same_record(&again.slots[0], &log->slots[0]));
        check(same_record(&again.slots[1], &log->slots[1]));
        check(slotlog_floor(&again, 0) == slotlog_floor(log, 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct host_port_config config = {
        .geometry = { .sector_size = SECTOR,
                      .program_size = 4,
                      .cms_max = 4096,
                      .slot_count = 2,
                      .slots = { { .offset = 2 * SECTOR, .size = 6 * SECTOR },
                                 { .offset = 8 * SECTOR, .size = 6 * SECTOR } } },
        .size = 14 * SECTOR,
    };
    size_t in_flash = len < 2 * SECTOR ? len : 2 * SECTOR;
    struct host_port h;
    struct slotlog log;

    check(host_port_open(&h, &config));
    if (in_flash > 0) {
        memcpy(h.flash, bytes, in_flash);
    }
    host_port_find_touched(&h);
    check(slotlog_open(&log, &h.base));
    check_sense(&log);
    for (size_t at = in_flash; at + 2 <= len && log.number < UINT32_MAX; at += 2) {
        append(&log, &h, bytes + at);
    }
    check_sense(&log);
    check(h.counters.violations == 0);
    host_port_close(&h);
    return 0;
}
