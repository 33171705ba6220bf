/* Whatever parses holds what the header promises: ranges, names, an order that obeys `after`. */
#include <stdlib.h>
#include <string.h>

#include "system_manifest.h"
#include "ustar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static void check_order(const struct system_manifest *m)
{
    bool is_placed[SYSTEM_COMPONENTS_MAX] = { false };
    bool is_closed[SYSTEM_COMPONENTS_MAX] = { false };

    for (uint16_t i = 0; i < m->component_count; i++) {
        const struct system_component *c = &m->components[m->order[i]];

        require(!is_placed[m->order[i]] && !is_closed[c->unit]);
        for (uint16_t k = 0; k < c->after_count; k++) {
            require(is_placed[c->after[k]]);
        }
        is_placed[m->order[i]] = true;
        if (i > 0 && m->components[m->order[i - 1]].unit != c->unit) {
            is_closed[m->components[m->order[i - 1]].unit] = true;
        }
    }
}

static void check_component(const struct system_manifest *m, const struct system_component *c)
{
    require(name_is_component(c->name) && name_is_domain(c->vendor));
    require(system_manifest_find(m, c->name) == c);
    require(text_is_printable(c->version, 1, 32) && text_is_printable(c->class_name, 1, 64));
    require(c->size >= 1 && c->size <= USTAR_SIZE_MAX && c->sequence >= 1);
    for (uint16_t i = 0; i < c->match.serial_count; i++) {
        require(c->match.serials[i].len >= 1 && c->match.serials[i].len <= 32);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct system_manifest m;
    struct gw_error error;

    if (system_manifest_parse(&m, (struct span){ bytes, len }, &error) != GW_OK) {
        return 0;
    }
    require(name_is_system(m.system) && m.sequence >= 1 && m.sequence <= SYSTEM_SEQUENCE_MAX);
    require(m.floor >= 1 && m.floor <= m.sequence && m.component_count >= 1);
    for (uint16_t i = 0; i < m.component_count; i++) {
        check_component(&m, &m.components[i]);
    }
    check_order(&m);
    system_manifest_free(&m);
    return 0;
}
