#include "slotlog.h"

#include <string.h>

#include "cursor.h"
#include "flash_record.h"

enum {
    LOG_VERSION = 1,
    ENTRIES_KEPT_MAX = 24, /* update log entries that a copy keeps, room permitting */
};

static const uint8_t log_magic[4] = { 'G', 'W', 'S', 'L' };

/* One record, unpacked. */
struct record {
    enum slot_event event;
    uint8_t slot;
    uint8_t component;
    uint32_t number;
    uint32_t floor;
    struct slot_record state;
};

/* The whole life of a slot on one screen; an empty cell (SLOT_PHASE_EMPTY, which only ERASED leads
 * to) is a forbidden step. */
static const uint8_t next_phase[SLOT_PHASES][SLOT_EVENTS] = {
    [SLOT_PHASE_EMPTY] = {
        [SLOT_EVENT_RECEIVING] = SLOT_PHASE_RECEIVING,
    },
    [SLOT_PHASE_RECEIVING] = {
        [SLOT_EVENT_PROGRESS] = SLOT_PHASE_RECEIVING,
        [SLOT_EVENT_STAGED] = SLOT_PHASE_STAGED,
        [SLOT_EVENT_REJECTED] = SLOT_PHASE_BROKEN, /* the second round failed */
    },
    [SLOT_PHASE_STAGED] = {
        [SLOT_EVENT_ACTIVATED] = SLOT_PHASE_PENDING,
    },
    [SLOT_PHASE_PENDING] = {
        [SLOT_EVENT_TRIAL] = SLOT_PHASE_TRIAL,
        [SLOT_EVENT_REVERTED] = SLOT_PHASE_STAGED,   /* activation withdrawn */
        [SLOT_EVENT_REJECTED] = SLOT_PHASE_BROKEN, /* the bootloader's check failed */
    },
    [SLOT_PHASE_TRIAL] = {
        [SLOT_EVENT_CONFIRMED] = SLOT_PHASE_CONFIRMED,
        [SLOT_EVENT_REVERTED] = SLOT_PHASE_STAGED,
        [SLOT_EVENT_REJECTED] = SLOT_PHASE_REJECTED,
    },
    [SLOT_PHASE_CONFIRMED] = {
        [SLOT_EVENT_ACTIVATED] = SLOT_PHASE_PENDING, /* an earlier image, again */
        [SLOT_EVENT_REJECTED] = SLOT_PHASE_BROKEN, /* its bytes have rotted */
    },
    [SLOT_PHASE_REJECTED] = {
        [SLOT_EVENT_ACTIVATED] = SLOT_PHASE_PENDING, /* somebody wants it again */
    },
};

enum slot_phase slot_phase_step(enum slot_phase phase, enum slot_event event)
{
    if (phase >= SLOT_PHASES || event >= SLOT_EVENTS) {
        return SLOT_PHASES;
    }
    if (event == SLOT_EVENT_ERASED) {
        return SLOT_PHASE_EMPTY;
    }
    return next_phase[phase][event] ? (enum slot_phase)next_phase[phase][event] : SLOT_PHASES;
}

/* --- records and their places --- */

static uint32_t stride(const struct port_geometry *g)
{
    return g->program_size > SLOTLOG_RECORD_LEN ? g->program_size : SLOTLOG_RECORD_LEN;
}

/* Places of one sector, the header's included. */
static uint32_t places(const struct port_geometry *g)
{
    return g->sector_size / stride(g);
}

static uint32_t sector_offset(const struct port_geometry *g, uint8_t sector)
{
    return g->log_offset + sector * g->sector_size;
}

static uint32_t place_offset(const struct port_geometry *g, uint8_t sector, uint32_t place)
{
    return sector_offset(g, sector) + place * stride(g);
}

static void pack(uint8_t bytes[SLOTLOG_RECORD_LEN], const struct record *r)
{
    bytes[0] = (uint8_t)r->event;
    bytes[1] = r->slot;
    bytes[2] = r->component;
    bytes[3] = (uint8_t)r->state.phase;
    bytes[4] = r->state.trials;
    bytes[5] = 0;
    put_u16(bytes + 6, r->state.reason);
    put_u32(bytes + 8, r->number);
    put_u32(bytes + 12, r->state.sequence);
    put_u32(bytes + 16, r->floor);
    put_u32(bytes + 20, r->state.next_block);
    put_u32(bytes + 24, r->state.confirmed_at);
    flash_record_seal(bytes, SLOTLOG_RECORD_LEN);
}

static bool unpack(struct record *r, const uint8_t bytes[SLOTLOG_RECORD_LEN],
                   const struct port_geometry *g)
{
    struct cursor c = cursor_over(bytes + 6, SLOTLOG_RECORD_LEN - 6);

    *r = (struct record){
        .event = (enum slot_event)bytes[0],
        .slot = bytes[1],
        .component = bytes[2],
        .state = { .phase = (enum slot_phase)bytes[3], .trials = bytes[4] },
    };
    r->state.reason = take_u16(&c);
    r->number = take_u32(&c);
    r->state.sequence = take_u32(&c);
    r->floor = take_u32(&c);
    r->state.next_block = take_u32(&c);
    r->state.confirmed_at = take_u32(&c);
    return flash_record_is_whole(bytes, SLOTLOG_RECORD_LEN) && bytes[0] >= SLOT_EVENT_ERASED &&
           bytes[0] < SLOT_EVENTS && bytes[3] < SLOT_PHASES && r->slot < g->slot_count &&
           r->component == g->slots[r->slot].component && r->number > 0;
}

static bool program_record(struct port *p, uint8_t sector, uint32_t place,
                           const uint8_t bytes[SLOTLOG_RECORD_LEN])
{
    uint8_t padded[PORT_PROGRAM_MAX], back[SLOTLOG_RECORD_LEN];
    uint32_t offset = place_offset(&p->geometry, sector, place);

    memset(padded, 0xff, sizeof padded);
    memcpy(padded, bytes, SLOTLOG_RECORD_LEN);
    return p->ops->program(p, offset, padded, stride(&p->geometry)) &&
           p->ops->read(p, offset, back, sizeof back) && memcmp(back, bytes, sizeof back) == 0;
}

/* What stands at one place: PLACE_TORN also when it is whole but makes no sense. */
enum place { PLACE_FAILED, PLACE_BLANK, PLACE_TORN, PLACE_RECORD };

static enum place read_place(const struct slotlog *log, uint8_t sector, uint32_t place,
                             struct record *r)
{
    uint8_t bytes[PORT_PROGRAM_MAX];
    const struct port_geometry *g = &log->port->geometry;

    if (!log->port->ops->read(log->port, place_offset(g, sector, place), bytes, stride(g))) {
        return PLACE_FAILED;
    }
    if (unpack(r, bytes, g)) {
        return PLACE_RECORD;
    }
    return flash_is_blank(bytes, stride(g)) ? PLACE_BLANK : PLACE_TORN;
}

/* --- open --- */

static void pack_header(uint8_t bytes[SLOTLOG_RECORD_LEN], uint32_t generation)
{
    memset(bytes, 0, SLOTLOG_RECORD_LEN);
    memcpy(bytes, log_magic, sizeof log_magic);
    bytes[4] = LOG_VERSION;
    put_u32(bytes + 8, generation);
    flash_record_seal(bytes, SLOTLOG_RECORD_LEN);
}

/* Generation of a sector, 0 when its header is not whole. False: the flash failed. */
static bool read_generation(struct port *p, uint8_t sector, uint32_t *generation)
{
    uint8_t bytes[SLOTLOG_RECORD_LEN];

    *generation = 0;
    if (!p->ops->read(p, sector_offset(&p->geometry, sector), bytes, sizeof bytes)) {
        return false;
    }
    if (flash_record_is_whole(bytes, sizeof bytes) &&
        memcmp(bytes, log_magic, sizeof log_magic) == 0 && bytes[4] == LOG_VERSION) {
        struct cursor c = cursor_over(bytes + 8, 4);

        *generation = take_u32(&c);
    }
    return true;
}

/* The newest record of a slot is its state; floors and numbers only grow. */
static void apply(struct slotlog *log, const struct record *r)
{
    log->slots[r->slot] = r->state;
    if (r->floor > log->floors[r->slot]) {
        log->floors[r->slot] = r->floor;
    }
    if (r->number > log->number) {
        log->number = r->number;
    }
}

static bool replay(struct slotlog *log)
{
    for (uint32_t place = 1; place < places(&log->port->geometry); place++) {
        struct record r;

        switch (read_place(log, log->sector, place, &r)) {
        case PLACE_FAILED:
            return false;
        case PLACE_BLANK:
            break;
        case PLACE_RECORD:
            apply(log, &r);
            log->used = place + 1;
            break;
        case PLACE_TORN:
            log->used = place + 1;
            break;
        }
    }
    return true;
}

bool slotlog_open(struct slotlog *log, struct port *port)
{
    uint32_t first, second;

    memset(log, 0, sizeof *log);
    log->port = port;
    if (!read_generation(port, 0, &first) || !read_generation(port, 1, &second)) {
        return false;
    }
    log->sector = second > first;
    log->generation = log->sector ? second : first;
    log->used = log->generation ? 1 : places(&port->geometry);
    return !log->generation || replay(log);
}

/* --- append --- */

/* Update log entries that a copy keeps, so that it leaves at least half of the sector free. */
static uint32_t entries_kept(const struct port_geometry *g)
{
    uint32_t quarter = places(g) / 4;

    return quarter < ENTRIES_KEPT_MAX ? quarter : ENTRIES_KEPT_MAX;
}

/* What a copy takes along: the newest record of each slot, and the newest entries. */
struct keep {
    uint32_t newest[PORT_SLOTS_MAX]; /* place; 0 = none */
    uint32_t entries;                /* in the sector */
};

static bool find_keep(const struct slotlog *log, struct keep *keep)
{
    memset(keep, 0, sizeof *keep);
    for (uint32_t place = 1; log->generation && place < log->used; place++) {
        struct record r;
        enum place what = read_place(log, log->sector, place, &r);

        if (what == PLACE_FAILED) {
            return false;
        }
        if (what == PLACE_RECORD) {
            keep->newest[r.slot] = place;
            keep->entries += r.event != SLOT_EVENT_PROGRESS;
        }
    }
    return true;
}

static bool copy_records(const struct slotlog *log, uint8_t target, const struct keep *keep,
                         uint32_t *used)
{
    uint32_t skip = entries_kept(&log->port->geometry);
    uint32_t left = keep->entries;

    *used = 1;
    for (uint32_t place = 1; log->generation && place < log->used; place++) {
        struct record r;
        uint8_t bytes[SLOTLOG_RECORD_LEN];

        enum place what = read_place(log, log->sector, place, &r);

        if (what == PLACE_FAILED) {
            return false; /* what cannot be read now must not be left behind */
        }
        if (what != PLACE_RECORD) {
            continue;
        }
        bool is_entry = r.event != SLOT_EVENT_PROGRESS;
        bool is_wanted = keep->newest[r.slot] == place || (is_entry && left <= skip);

        left -= is_entry;
        if (!is_wanted) {
            continue;
        }
        if (r.floor < log->floors[r.slot]) {
            r.floor = log->floors[r.slot]; /* a copy never forgets a floor */
        }
        pack(bytes, &r);
        if (!program_record(log->port, target, (*used)++, bytes)) {
            return false;
        }
    }
    return true;
}

/* Move to the other sector. Its header, written last, is the moment when it counts. */
static bool compact(struct slotlog *log)
{
    struct port *p = log->port;
    uint8_t target = !log->sector, header[SLOTLOG_RECORD_LEN];
    struct keep keep;
    uint32_t used;

    pack_header(header, log->generation + 1);
    p->ops->kick(p);
    if (!find_keep(log, &keep) || !p->ops->erase(p, sector_offset(&p->geometry, target)) ||
        !copy_records(log, target, &keep, &used) || !program_record(p, target, 0, header)) {
        return false;
    }
    log->sector = target;
    log->generation++;
    log->used = used;
    return true;
}

bool slotlog_append(struct slotlog *log, uint8_t index, enum slot_event event,
                    const struct slot_record *now, uint32_t floor)
{
    const struct port_geometry *g = &log->port->geometry;
    enum slot_phase phase = slot_phase_step(log->slots[index].phase, event);
    struct record r = {
        .event = event,
        .slot = index,
        .component = g->slots[index].component,
        .number = log->number + 1,
        .floor = floor > log->floors[index] ? floor : log->floors[index],
        .state = *now,
    };
    uint8_t bytes[SLOTLOG_RECORD_LEN];

    if (phase == SLOT_PHASES) {
        return false;
    }
    r.state.phase = phase;
    r.state.confirmed_at = event == SLOT_EVENT_CONFIRMED ? r.number
                                                         : log->slots[index].confirmed_at;
    if (phase == SLOT_PHASE_EMPTY) {
        r.state = (struct slot_record){ .phase = SLOT_PHASE_EMPTY };
    }
    if (log->used >= places(g) && !compact(log)) {
        return false;
    }
    pack(bytes, &r);
    if (!program_record(log->port, log->sector, log->used++, bytes)) {
        return false;
    }
    apply(log, &r);
    return true;
}

/* --- questions --- */

uint32_t slotlog_floor(const struct slotlog *log, uint8_t component)
{
    const struct port_ops *ops = log->port->ops;
    uint32_t floor = ops->counter_read ? ops->counter_read(log->port, component) : 0;

    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        if (log->port->geometry.slots[i].component == component && log->floors[i] > floor) {
            floor = log->floors[i];
        }
    }
    return floor;
}

bool slotlog_home(const struct slotlog *log, uint8_t component, uint8_t *index)
{
    uint32_t newest = 0;

    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        const struct slot_record *slot = &log->slots[i];

        if (log->port->geometry.slots[i].component == component &&
            slot->phase == SLOT_PHASE_CONFIRMED && slot->confirmed_at > newest) {
            newest = slot->confirmed_at;
            *index = i;
        }
    }
    return newest > 0;
}

bool slotlog_next_entry(const struct slotlog *log, uint32_t from, struct slotlog_entry *entry)
{
    for (uint32_t place = 1; log->generation && place < log->used; place++) {
        struct record r;

        if (read_place(log, log->sector, place, &r) == PLACE_RECORD && r.number >= from &&
            r.event != SLOT_EVENT_PROGRESS) {
            *entry = (struct slotlog_entry){
                .number = r.number,
                .event = r.event,
                .slot = r.slot,
                .component = r.component,
                .sequence = r.state.sequence,
                .reason = r.state.reason,
            };
            return true;
        }
    }
    return false;
}
