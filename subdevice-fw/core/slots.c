#include "slots.h"

#include <string.h>

static bool is_of(const struct slotlog *log, uint8_t index, uint8_t component)
{
    return log->port->geometry.slots[index].component == component;
}

bool slots_find_image(const struct slotlog *log, uint8_t component,
                      const uint8_t identity[SHA256_LEN], uint8_t *index)
{
    struct slot_head head;

    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        if (is_of(log, i, component) && log->slots[i].phase != SLOT_PHASE_EMPTY &&
            slot_read_head(log->port, i, &head) &&
            memcmp(head.identity, identity, SHA256_LEN) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool slots_find_spare(const struct slotlog *log, uint8_t running, uint8_t component, uint8_t *index)
{
    bool found = false;

    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        bool is_running = running >> i & 1;

        if (is_of(log, i, component) && !is_running &&
            (!found || log->slots[i].confirmed_at < log->slots[*index].confirmed_at)) {
            *index = i;
            found = true;
        }
    }
    return found;
}

bool slots_find_phase(const struct slotlog *log, uint8_t component, enum slot_phase phase,
                      uint8_t *index)
{
    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        if (is_of(log, i, component) && log->slots[i].phase == phase) {
            *index = i;
            return true;
        }
    }
    return false;
}
