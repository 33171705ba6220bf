#include "port.h"

#include "slot.h"
#include "slotlog.h"

static bool is_power_of_two(uint32_t n)
{
    return n && (n & (n - 1)) == 0;
}

static bool overlap(uint32_t a, uint64_t a_len, uint32_t b, uint64_t b_len)
{
    return a < b + b_len && b < a + a_len;
}

static bool slot_is_sound(const struct port_geometry *g, const struct port_slot *slot)
{
    uint32_t mask = g->sector_size - 1;

    return !(slot->offset & mask) && !(slot->size & mask) &&
           (uint64_t)slot->offset + slot->size <= UINT32_MAX &&
           slot->size > SLOT_HEAD_LEN + (uint64_t)g->cms_max + mask &&
           !overlap(slot->offset, slot->size, g->log_offset, 2ull * g->sector_size);
}

bool port_geometry_is_sound(const struct port_geometry *g)
{
    if (!is_power_of_two(g->sector_size) || g->sector_size < PORT_SECTOR_MIN ||
        !is_power_of_two(g->program_size) || g->program_size > PORT_PROGRAM_MAX ||
        (g->log_offset & (g->sector_size - 1)) || g->cms_max < 4096 || g->cms_max > 65536 ||
        g->slot_count < 1 || g->slot_count > PORT_SLOTS_MAX) {
        return false;
    }
    for (uint8_t i = 0; i < g->slot_count; i++) {
        const struct port_slot *slot = &g->slots[i];

        if (!slot_is_sound(g, slot)) {
            return false;
        }
        for (uint8_t j = 0; j < i; j++) {
            if (overlap(slot->offset, slot->size, g->slots[j].offset, g->slots[j].size)) {
                return false;
            }
        }
    }
    return true;
}
