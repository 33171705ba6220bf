/* Slot log: the append-only record of what happened to each slot, in two flash sectors.
 *
 * Each record is one line of the device's update log and at the same time the whole state of its
 * slot, so the state after any power cut is the newest good record of each slot. Records have a
 * fixed length and a CRC; a torn one is skipped. When a sector is full, the newest records are
 * copied into the other one, whose header is written last: until then the old sector counts.
 * Bytes: docs/SPEC, Slot log. No globals, no heap; the caller provides struct slotlog.
 */
#ifndef SUBDEVICE_SLOTLOG_H
#define SUBDEVICE_SLOTLOG_H

#include "port.h"

enum {
    SLOTLOG_RECORD_LEN = 32,
    SLOTLOG_TRIALS_MAX = 3, /* starts of one image without a verdict, then it is rejected */
};

/* Where a slot stands. Values cross the wire, except that PENDING shows as staged and BROKEN as
 * rejected. */
enum slot_phase {
    SLOT_PHASE_EMPTY = 0,
    SLOT_PHASE_RECEIVING = 1, /* head written, payload incomplete */
    SLOT_PHASE_STAGED = 2,    /* second round passed */
    SLOT_PHASE_TRIAL = 3,     /* was started, no verdict yet */
    SLOT_PHASE_CONFIRMED = 4,
    SLOT_PHASE_REJECTED = 5, /* failed its trial */
    SLOT_PHASE_PENDING = 6,  /* staged, and the next boot tries it */
    SLOT_PHASE_BROKEN = 7,   /* failed a check: see reason; never runs, only an erase helps */
    SLOT_PHASES
};

/* What happened. Values cross the wire (group 26487, log). */
enum slot_event {
    SLOT_EVENT_ERASED = 1,    /* given up: what lies there counts for nothing */
    SLOT_EVENT_RECEIVING = 2, /* first round passed, head and CMS are in flash */
    SLOT_EVENT_PROGRESS = 3,  /* payload blocks before next_block are in flash */
    SLOT_EVENT_STAGED = 4,    /* second round passed */
    SLOT_EVENT_ACTIVATED = 5, /* the next boot tries it */
    SLOT_EVENT_TRIAL = 6,     /* the bootloader starts it unconfirmed */
    SLOT_EVENT_CONFIRMED = 7,
    SLOT_EVENT_REVERTED = 8, /* its trial or its activation ended without a verdict */
    SLOT_EVENT_REJECTED = 9, /* its trial failed, or a check: see reason */
    SLOT_EVENTS
};

/* State of one slot. */
struct slot_record {
    enum slot_phase phase;
    uint8_t trials;        /* starts without a verdict */
    uint16_t reason;       /* BROKEN: verify_result */
    uint32_t sequence;     /* of the image; 0 = none */
    uint32_t next_block;   /* SLOT_PHASE_RECEIVING: blocks before it are in flash; sector-aligned */
    uint32_t confirmed_at; /* number of the record that confirmed it; 0 = never */
};

/* One line of the update log. */
struct slotlog_entry {
    uint32_t number; /* grows by one with every record, progress included */
    enum slot_event event;
    uint8_t slot;
    uint8_t component;
    uint32_t sequence;
    uint16_t reason;
};

struct slotlog {
    struct port *port;
    struct slot_record slots[PORT_SLOTS_MAX];
    uint32_t floors[PORT_SLOTS_MAX]; /* by slot: the floor of its component */
    uint32_t number;                 /* of the newest record; 0 = none yet */
    uint32_t generation;             /* of the sector in use; 0 = none is */
    uint8_t sector;                  /* 0 or 1 */
    uint32_t used; /* records of that sector that are not blank, header included */
};

/* Read the log. A blank or wholly unreadable log is an empty one: all slots empty, floors 0 (or the
 * hardware counters'). False: the flash failed. */
bool slotlog_open(struct slotlog *log, struct port *port);

/* The phase after `event`, or SLOT_PHASES if it cannot happen in `phase`. */
enum slot_phase slot_phase_step(enum slot_phase phase, enum slot_event event);

/* Note that `event` happened to slot `index`, durable on return; `now` gives the new trials,
 * reason, sequence and next_block, its phase and confirmed_at are worked out here. `floor` raises
 * the component's floor (SLOT_EVENT_CONFIRMED; else 0). False: the event cannot happen in this
 * phase, or the flash failed; then the state is as it was. */
bool slotlog_append(struct slotlog *log, uint8_t index, enum slot_event event,
                    const struct slot_record *now, uint32_t floor);

/* Lowest sequence that is still accepted for the component; 0 = all are. */
uint32_t slotlog_floor(const struct slotlog *log, uint8_t component);

/* The slot of `component` that was confirmed last; false: none is. */
bool slotlog_home(const struct slotlog *log, uint8_t component, uint8_t *index);

/* The oldest entry with a number >= `from`, progress left out; false: none, or the flash failed.
 * Old entries go away when a sector is copied. */
bool slotlog_next_entry(const struct slotlog *log, uint32_t from, struct slotlog_entry *entry);

#endif
