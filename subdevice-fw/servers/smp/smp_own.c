#include <string.h>

#include "slots.h"
#include "smp_handlers.h"

enum { LOG_ENTRIES_MAX = 16 }; /* of one answer */

/* What an answer borrows from. */
struct facts_memory {
    struct slot_head heads[PORT_SLOTS_MAX];
    struct smp_slot slots[PORT_SLOTS_MAX];
    struct smp_floor floors[PORT_SLOTS_MAX];
};

static const struct slotlog *log_of(const struct smp_server *s)
{
    return s->config.trial->log;
}

static enum smp_slot_state shown_state(enum slot_phase phase)
{
    switch (phase) {
    case SLOT_PHASE_RECEIVING:
        return SMP_SLOT_RECEIVING;
    case SLOT_PHASE_STAGED:
    case SLOT_PHASE_PENDING:
        return SMP_SLOT_STAGED;
    case SLOT_PHASE_TRIAL:
        return SMP_SLOT_TRIAL;
    case SLOT_PHASE_CONFIRMED:
        return SMP_SLOT_CONFIRMED;
    case SLOT_PHASE_REJECTED:
    case SLOT_PHASE_BROKEN:
        return SMP_SLOT_REJECTED;
    case SLOT_PHASE_EMPTY:
    case SLOT_PHASES:
        break;
    }
    return SMP_SLOT_EMPTY;
}

static struct smp_slot slot_facts(const struct smp_server *s, uint8_t index, struct slot_head *head)
{
    const struct slotlog *log = log_of(s);
    const struct port_slot *place = &log->port->geometry.slots[index];
    const struct slot_record *record = &log->slots[index];
    struct smp_slot out = {
        .image = place->component,
        .slot = index,
        .state = shown_state(record->phase),
        .active = s->config.trial->running >> index & 1,
        .size = slot_capacity(&log->port->geometry, index),
        .reason = record->reason,
        .has_address = place->has_link_address,
        .address = place->link_address,
    };

    if (out.state != SMP_SLOT_EMPTY && slot_read_head(log->port, index, head)) {
        out.id = head->identity;
        out.sequence = head->sequence;
        out.version = (struct cbor_string){ head->version, head->version_len };
        out.offset = record->next_block * head->block_size;
    }
    return out;
}

/* One floor for each component, where its first slot stands. */
static void put_floors(const struct smp_server *s, struct smp_device_facts *facts)
{
    const struct port_geometry *g = &log_of(s)->port->geometry;

    for (uint8_t i = 0; i < g->slot_count; i++) {
        uint8_t component = g->slots[i].component;
        bool is_first = true;

        for (uint8_t j = 0; j < i; j++) {
            is_first = is_first && g->slots[j].component != component;
        }
        if (is_first) {
            facts->floors[facts->floor_count++] = (struct smp_floor){
                .image = component, .floor = slotlog_floor(log_of(s), component)
            };
        }
    }
}

static struct smp_device_facts gather(const struct smp_server *s, struct facts_memory *memory)
{
    const struct device_identity *who = s->config.identity;
    struct smp_device_facts facts = {
        .vendor = who->vendor_id,
        .class_id = who->class_id,
        .has_hardware = true,
        .hardware = who->hardware,
        .serial = { who->serial, who->serial_len },
        .slots = memory->slots,
        .slot_cap = PORT_SLOTS_MAX,
        .floors = memory->floors,
        .floor_cap = PORT_SLOTS_MAX,
    };

    for (uint8_t i = 0; i < log_of(s)->port->geometry.slot_count; i++) {
        memory->slots[facts.slot_count++] = slot_facts(s, i, &memory->heads[i]);
    }
    put_floors(s, &facts);
    return facts;
}

/* Can a component be received while it runs, and gone back from? Two slots take turns. */
static bool has_two_slots(const struct port_geometry *g)
{
    for (uint8_t i = 1; i < g->slot_count; i++) {
        for (uint8_t j = 0; j < i; j++) {
            if (g->slots[i].component == g->slots[j].component) {
                return true;
            }
        }
    }
    return false;
}

static struct smp_caps caps(const struct smp_server *s)
{
    const struct image_check_buffers *b = &s->config.updater->config.buffers;
    bool two = has_two_slots(&log_of(s)->port->geometry);

    return (struct smp_caps){
        .spare = two,
        .revert = two,
        .wait = true,
        .readback = true,
        .manifest = (uint32_t)b->cms_cap,
        .table = (uint32_t)b->table_cap,
        .block = (uint32_t)b->block_cap,
        .verify = s->config.verify_ms,
        .activate = s->config.activate_ms,
        .trial = s->config.trial_ms,
    };
}

enum smp_rc smp_handle_identify(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                uint16_t *reason)
{
    const struct trial *t = s->config.trial;
    struct facts_memory memory;
    struct smp_device_facts facts = gather(s, &memory);

    (void)body;
    (void)reason;
    facts.has_caps = true;
    facts.caps = caps(s);
    if (t->is_on) {
        facts.has_trial = true;
        facts.trial_image = log_of(s)->port->geometry.slots[t->slot].component;
        facts.trial_test = (enum smp_self_test)t->test;
        facts.trial_left_ms = trial_left_ms(t);
    }
    smp_put_identify_answer(w, &facts);
    return SMP_RC_OK;
}

enum smp_rc smp_handle_report(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                              uint16_t *reason)
{
    struct facts_memory memory;
    struct smp_device_facts facts;
    const uint8_t *nonce;

    (void)reason;
    if (!smp_get_report_request(&nonce, body.at, body.len)) {
        return SMP_RC_INVALID;
    }
    facts = gather(s, &memory);
    facts.nonce = nonce;
    facts.boots = s->config.boots;
    smp_put_report_answer(w, &facts);
    return SMP_RC_OK;
}

enum smp_rc smp_handle_revert(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                              uint16_t *reason)
{
    enum update_status status;
    bool needs_reset;
    uint32_t image;

    if (!smp_get_revert(&image, body.at, body.len)) {
        return SMP_RC_INVALID;
    }
    if (image > UINT8_MAX) {
        return SMP_RC_NOT_FOUND;
    }
    status = trial_revert(s->config.trial, (uint8_t)image, &needs_reset);
    s->wants_reset |= needs_reset;
    smp_put_empty(w);
    return smp_rc_of(status, VERIFY_NOT_CHECKED, reason);
}

enum smp_rc smp_handle_activate(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                                uint16_t *reason)
{
    enum verify_result verdict;
    enum update_status status;
    struct smp_activate request;

    if (!smp_get_activate(&request, body.at, body.len)) {
        return SMP_RC_INVALID;
    }
    if (request.image > UINT8_MAX) {
        return SMP_RC_NOT_FOUND;
    }
    status = trial_activate(s->config.trial, (uint8_t)request.image, request.id, request.retry,
                            &verdict);
    smp_put_empty(w);
    return smp_rc_of(status, verdict, reason);
}

enum smp_rc smp_handle_log(struct smp_server *s, struct smp_body body, struct cbor_writer *w,
                           uint16_t *reason)
{
    struct smp_log_entry entries[LOG_ENTRIES_MAX];
    struct slotlog_entry entry;
    size_t count = 0;
    uint32_t next;

    (void)reason;
    if (!smp_get_log_request(&next, body.at, body.len)) {
        return SMP_RC_INVALID;
    }
    while (count < LOG_ENTRIES_MAX && slotlog_next_entry(log_of(s), next, &entry)) {
        entries[count++] = (struct smp_log_entry){
            .number = entry.number,
            .event = entry.event,
            .image = entry.component,
            .sequence = entry.sequence,
            .reason = entry.reason,
        };
        next = entry.number + 1;
    }
    smp_put_log_answer(w, next, entries, count);
    return SMP_RC_OK;
}
