#include "component_order.h"

#include <string.h>

/* A run of the sort: which components have their place in `order`. */
struct sort {
    const struct system_component *components;
    uint16_t count;
    bool is_placed[SYSTEM_COMPONENTS_MAX];
    uint16_t *order;
    uint16_t placed;
};

static void set_units(struct system_component *components, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        uint16_t first = 0;

        while (first < i && (!components[i].group || !components[first].group ||
                             strcmp(components[i].group, components[first].group) != 0)) {
            first++;
        }
        components[i].unit = first;
    }
}

/* Are all components that this one comes after placed? `inside` asks about those of its own unit,
 * otherwise about those of other units. */
static bool is_ready(const struct sort *s, uint16_t index, bool inside)
{
    const struct system_component *c = &s->components[index];

    for (uint16_t i = 0; i < c->after_count; i++) {
        bool is_inside = s->components[c->after[i]].unit == c->unit;

        if (is_inside == inside && !s->is_placed[c->after[i]]) {
            return false;
        }
    }
    return true;
}

static bool unit_is_ready(const struct sort *s, uint16_t unit)
{
    for (uint16_t i = unit; i < s->count; i++) {
        if (s->components[i].unit == unit && !is_ready(s, i, false)) {
            return false;
        }
    }
    return true;
}

/* Place the members of one unit; false when one waits for another in a circle. */
static bool place_unit(struct sort *s, uint16_t unit)
{
    uint16_t i = unit;
    bool is_left = false;

    while (i < s->count) {
        bool is_open = s->components[i].unit == unit && !s->is_placed[i];

        if (is_open && is_ready(s, i, true)) {
            s->is_placed[i] = true;
            s->order[s->placed++] = i;
            i = unit; /* it may have freed an earlier one */
            is_left = false;
            continue;
        }
        is_left = is_left || is_open;
        i++;
    }
    return !is_left;
}

bool component_order(struct system_component *components, uint16_t count, uint16_t *order,
                     uint16_t *stuck)
{
    struct sort s = { .components = components, .count = count, .order = order };
    uint16_t unit = 0;

    set_units(components, count);
    *stuck = 0;
    while (unit < count) {
        bool is_open = components[unit].unit == unit && !s.is_placed[unit];

        if (is_open && unit_is_ready(&s, unit)) {
            if (!place_unit(&s, unit)) {
                *stuck = unit;
                return false;
            }
            unit = 0;
            continue;
        }
        *stuck = is_open ? unit : *stuck;
        unit++;
    }
    return s.placed == count;
}
