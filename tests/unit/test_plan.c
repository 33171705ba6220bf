/* Plan as a table: a package, an inventory, and the steps that must come out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "json.h"
#include "match.h"
#include "plan.h"
#include "testpackage.h"
#include "uuid5.h"

enum { DEVICES_MAX = 4, LINK_A = 0x08010000, LINK_B = 0x08080000 };

/* ---- devices ---- */

static void set_ids(struct inventory_device *d, const char *class_name)
{
    d->info.has_ids = true;
    uuid5_vendor(d->info.vendor_id, TESTPACKAGE_VENDOR);
    uuid5_class(d->info.class_id, d->info.vendor_id, class_name);
}

static struct device_slot *add_slot(struct inventory_device *d, uint8_t component,
                                    enum slot_state state, uint32_t sequence)
{
    struct device_slot *slot = &d->info.slots[d->info.slot_count++];

    slot->component = component;
    slot->slot = d->info.slot_count;
    slot->state = state;
    slot->is_active = state == SLOT_CONFIRMED;
    slot->sequence = sequence;
    slot->has_identity = state != SLOT_EMPTY;
    memset(slot->identity, 0xee, sizeof slot->identity);
    (void)snprintf(slot->version, sizeof slot->version, "0.%u", sequence);
    slot->size = 100000;
    return slot;
}

/* One of our own devices: class pm1, sequence 3 confirmed, a spare slot, 115200 baud. */
static void own(struct inventory_device *d, const char *name)
{
    *d = (struct inventory_device){ .is_present = true, .baud = 115200 };
    (void)snprintf(d->info.name, sizeof d->info.name, "%s", name);
    (void)snprintf(d->bus, sizeof d->bus, "bus-%s", name);
    (void)snprintf(d->router, sizeof d->router, "uart");
    d->info.is_own = true;
    set_ids(d, "pm1");
    d->info.has_hardware = true;
    d->info.hardware = 2;
    d->info.serial[0] = 0xab;
    d->info.serial_len = 1;
    d->info.caps = (struct device_caps){ .spare_slot = true,
                                         .can_revert = true,
                                         .reads_back_identity = true,
                                         .max_manifest = 8192,
                                         .max_table = 4096,
                                         .max_block = 1024,
                                         .verify_ms = 500,
                                         .activate_ms = 2000,
                                         .trial_ms = 60000 };
    (void)add_slot(d, 0, SLOT_CONFIRMED, 3);
    (void)add_slot(d, 0, SLOT_EMPTY, 0);
}

/* A stock device that the operator declared: class pm1. */
static void foreign(struct inventory_device *d, const char *name)
{
    own(d, name);
    d->info.is_own = false;
    d->info.has_ids = false;
    d->info.has_hardware = false;
    d->info.serial_len = 0;
    d->is_foreign = true;
    uuid5_vendor(d->declared.vendor_id, TESTPACKAGE_VENDOR);
    uuid5_class(d->declared.class_id, d->declared.vendor_id, "pm1");
}

/* ---- cases ---- */

/* Changes the devices once the package is known. devices[0] and [1] are own(), "d0" and "d1". */
typedef void (*edit_devices)(struct inventory_device *devices, const struct package *p);

static void none_at_all(struct inventory_device *d, const struct package *p)
{
    (void)d;
    (void)p;
}
static void runs_it(struct inventory_device *d, const struct package *p)
{
    memcpy(d[0].info.slots[0].identity, p->manifest.components[0].identity, 32);
}
static void holds_it(struct inventory_device *d, const struct package *p, enum slot_state state)
{
    d[0].info.slots[1].state = state;
    d[0].info.slots[1].has_identity = true;
    d[0].info.slots[1].offset = 2000;
    memcpy(d[0].info.slots[1].identity, p->manifest.components[0].identity, 32);
}
static void has_it_staged(struct inventory_device *d, const struct package *p)
{
    holds_it(d, p, SLOT_STAGED);
}
static void has_part_of_it(struct inventory_device *d, const struct package *p)
{
    holds_it(d, p, SLOT_RECEIVING);
}
static void rejected_it(struct inventory_device *d, const struct package *p)
{
    holds_it(d, p, SLOT_REJECTED);
}
static void is_absent(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].is_present = false;
}
static void ran_it_and_is_absent(struct inventory_device *d, const struct package *p)
{
    runs_it(d, p);
    d[0].is_present = false;
}
static void other_class(struct inventory_device *d, const struct package *p)
{
    (void)p;
    set_ids(&d[0], "pm2");
}
static void no_ids(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.has_ids = false;
}
static void lacks_component_1(struct inventory_device *d, const struct package *p)
{
    (void)p;
    (void)add_slot(&d[1], 1, SLOT_CONFIRMED, 1);
}
static void device_floor_9(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.floors[0].component = 0;
    d[0].info.floors[0].floor = 9;
    d[0].info.floor_count = 1;
}
static void stored_floor_9(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].records[0] = (struct inventory_record){ .floor = 9 };
    d[0].record_count = 1;
}
static void stored_floor_of_another_part(struct inventory_device *d, const struct package *p)
{
    stored_floor_9(d, p);
    d[0].records[0].component = 1;
}
static void stored_equivocation(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].records[0] = (struct inventory_record){ .floor = 1, .sequence = 8 };
    d[0].record_count = 1;
}
static void runs_8(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.slots[0].sequence = 8;
}
static void runs_9(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.slots[0].sequence = 9;
}
static void small_slot(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.slots[1].size = 2999;
}
static void exact_slot(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.slots[1].size = 3000;
}
static void small_table(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.caps.max_table = 95;
}
static void exact_table(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.caps.max_table = 96;
}
static void small_block(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.caps.max_block = 512;
}
static void small_manifest(struct inventory_device *d, const struct package *p)
{
    d[0].info.caps.max_manifest = (uint32_t)p->images[0].cms_len - 1;
}
static void is_foreign(struct inventory_device *d, const struct package *p)
{
    (void)p;
    foreign(&d[0], "d0");
}
static void is_foreign_mcuboot(struct inventory_device *d, const struct package *p)
{
    is_foreign(d, p);
    d[0].info.is_mcuboot = true;
}
static void is_foreign_of_another_class(struct inventory_device *d, const struct package *p)
{
    is_foreign(d, p);
    d[0].declared.class_id[0] ^= 1;
}
static void is_foreign_on_usb(struct inventory_device *d, const struct package *p)
{
    is_foreign_of_another_class(d, p);
    (void)snprintf(d[0].router, sizeof d[0].router, "usb");
    (void)snprintf(d[0].info.bus_id, sizeof d[0].info.bus_id, "usb:1209:0001");
}
static void cannot_revert(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.caps.can_revert = false;
}
static void short_trial(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[1].info.caps.trial_ms = 1999;
}
static void one_bus_and_short_trial(struct inventory_device *d, const struct package *p)
{
    (void)p;
    memcpy(d[1].bus, d[0].bus, sizeof d[1].bus);
    d[1].info.caps.trial_ms = 3999;
}
static void exact_trial(struct inventory_device *d, const struct package *p)
{
    one_bus_and_short_trial(d, p);
    d[1].info.caps.trial_ms = 4000;
}
static void links_a_runs(struct inventory_device *d, const struct package *p)
{
    (void)p;
    d[0].info.slots[0].has_link_address = d[0].info.slots[1].has_link_address = true;
    d[0].info.slots[0].link_address = LINK_A;
    d[0].info.slots[1].link_address = LINK_B;
}
static void links_a_runs_variant_a(struct inventory_device *d, const struct package *p)
{
    links_a_runs(d, p);
    memcpy(d[0].info.slots[0].identity, p->manifest.components[0].identity, 32);
    d[0].info.slots[0].sequence = 8;
}
static void two_parts(struct inventory_device *d, const struct package *p)
{
    (void)p;
    (void)add_slot(&d[0], 1, SLOT_CONFIRMED, 4);
    (void)add_slot(&d[0], 1, SLOT_EMPTY, 0);
}

#define C(...)                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define FW      .name = "fw", .image = { .sequence = 8 }
#define PAYLOAD .name = "fw", .image = { .sequence = 8, .delivery = DELIVERY_PAYLOAD }

static const struct plan_case {
    const char *claim;
    const char *want; /* "COMPONENT@DEVICE:VERDICT ..." and "-DEVICE" for unmatched ones */
    size_t devices;
    edit_devices edit;
    struct testpackage_component components[3];
    struct plan_policy policy;
} cases[] = {
    { .claim = "each device of the class gets it",
      .want = "fw@d0:upgrade fw@d1:upgrade",
      .devices = 2,
      .edit = none_at_all,
      .components = { C(FW) } },
    { .claim = "what runs already is left alone",
      .want = "fw@d0:none fw@d1:upgrade",
      .devices = 2,
      .edit = runs_it,
      .components = { C(FW) } },
    { .claim = "what is staged is activated",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = has_it_staged,
      .components = { C(FW) } },
    { .claim = "a started transfer goes on",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = has_part_of_it,
      .components = { C(FW) } },
    { .claim = "neg_rejected_before",
      .want = "fw@d0:2513",
      .devices = 1,
      .edit = rejected_it,
      .components = { C(FW) } },
    { .claim = "an operator may retry what was rejected",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = rejected_it,
      .components = { C(FW) },
      .policy = { .retry_rejected = true } },
    { .claim = "neg_absent",
      .want = "fw@d0:2507 fw@d1:upgrade",
      .devices = 2,
      .edit = is_absent,
      .components = { C(FW) } },
    { .claim = "neg_absent_whatever_it_ran_when_it_was_last_seen",
      .want = "fw@d0:2507",
      .devices = 1,
      .edit = ran_it_and_is_absent,
      .components = { C(FW) } },
    { .claim = "neg_another_class",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = other_class,
      .components = { C(FW) } },
    { .claim = "an optional component without a device is no refusal",
      .want = "-d0",
      .devices = 1,
      .edit = other_class,
      .components = { C(FW, .is_optional = true) } },
    { .claim = "neg_match_does_not_override_stated_ids",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = other_class,
      .components = { C(FW, .match = "{\"uart\":{}}") } },
    { .claim = "neg_match_that_contradicts_the_bus",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(FW, .match = "{\"usb\":{}}") } },
    { .claim = "an empty match matches by ids",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(FW, .match = "{}") } },
    { .claim = "kinds of bus are alternatives",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(FW, .match = "{\"usb\":{},\"uart\":{}}") } },
    { .claim = "neg_no_ids_and_an_empty_match",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = no_ids,
      .components = { C(FW, .match = "{}") } },
    { .claim = "a component for a part that a device lacks is not for it",
      .want = "radio@d1:upgrade -d0",
      .devices = 2,
      .edit = lacks_component_1,
      .components = { C(.name = "radio", .image = { .sequence = 8, .component = 1 }) } },
    { .claim = "neg_hardware",
      .want = "fw@d0:2502",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(.name = "fw", .image = { .sequence = 8,
                                                 .has_hardware = true,
                                                 .hardware_min = 3,
                                                 .hardware_max = 9 }) } },
    { .claim = "the variant for this hardware is chosen",
      .want = "new@d0:upgrade",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(.name = "old", .image = { .sequence = 8,
                                                  .has_hardware = true,
                                                  .hardware_min = 0,
                                                  .hardware_max = 1 }),
                      C(.name = "new", .image = { .sequence = 8,
                                                  .has_hardware = true,
                                                  .hardware_min = 2,
                                                  .hardware_max = 2 }) } },
    { .claim = "neg_serial_of_the_image",
      .want = "fw@d0:2503",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8,
                                   .serials = { { (const uint8_t *)"\xac", 1 } } }) } },
    { .claim = "neg_serial_of_match",
      .want = "fw@d0:2503",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(FW, .match = "{\"serials\":[\"abab\"]}") } },
    { .claim = "serials of both hold",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8, .serials = { { (const uint8_t *)"\xab", 1 } } },
                        .match = "{\"serials\":[\"00\",\"ab\"]}") } },
    { .claim = "neg_below_the_devices_floor",
      .want = "fw@d0:2504",
      .devices = 1,
      .edit = device_floor_9,
      .components = { C(FW) } },
    { .claim = "neg_below_the_stored_floor",
      .want = "fw@d0:2504",
      .devices = 1,
      .edit = stored_floor_9,
      .components = { C(FW) } },
    { .claim = "the floor of another part does not count",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = stored_floor_of_another_part,
      .components = { C(FW) } },
    { .claim = "neg_equal_sequence_other_identity_on_the_device",
      .want = "fw@d0:2505",
      .devices = 1,
      .edit = runs_8,
      .components = { C(FW) } },
    { .claim = "neg_equal_sequence_other_identity_in_the_store",
      .want = "fw@d0:2505",
      .devices = 1,
      .edit = stored_equivocation,
      .components = { C(FW) } },
    { .claim = "going back is permitted down to the floor",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = runs_9,
      .components = { C(FW) } },
    { .claim = "neg_leap",
      .want = "fw@d0:2010",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(.name = "fw", .image = { .sequence = 4 + (1u << 20) }) } },
    { .claim = "an operator may permit a leap",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(.name = "fw", .image = { .sequence = 4 + (1u << 20) }) },
      .policy = { .allow_leap = true } },
    { .claim = "neg_larger_than_the_slot",
      .want = "fw@d0:2506",
      .devices = 1,
      .edit = small_slot,
      .components = { C(FW) } },
    { .claim = "exactly the slot fits",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = exact_slot,
      .components = { C(FW) } },
    { .claim = "neg_larger_than_the_table",
      .want = "fw@d0:2506",
      .devices = 1,
      .edit = small_table,
      .components = { C(FW) } },
    { .claim = "exactly the table fits",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = exact_table,
      .components = { C(FW) } },
    { .claim = "neg_larger_than_a_block",
      .want = "fw@d0:2506",
      .devices = 1,
      .edit = small_block,
      .components = { C(FW) } },
    { .claim = "neg_larger_than_the_manifest_buffer",
      .want = "fw@d0:2506",
      .devices = 1,
      .edit = small_manifest,
      .components = { C(FW) } },
    { .claim = "neg_ambiguous",
      .want = "fw@d0:2508",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(FW), C(.name = "fw2", .image = { .sequence = 9 }) } },
    { .claim = "match may tell two candidates apart",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(FW), C(.name = "fw2", .image = { .sequence = 9 }, .match = "{\"usb\":{}}",
                               .is_optional = true) } },
    { .claim = "neg_bare_payload_to_our_own_device",
      .want = "fw@d0:2509",
      .devices = 1,
      .edit = none_at_all,
      .components = { C(PAYLOAD) } },
    { .claim = "a declared device gets the bare payload",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = is_foreign,
      .components = { C(PAYLOAD, .match = "{\"uart\":{}}") } },
    { .claim = "neg_declared_device_that_match_does_not_name",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = is_foreign,
      .components = { C(PAYLOAD, .match = "{}") } },
    { .claim = "neg_gwi_to_a_foreign_device",
      .want = "fw@d0:2518",
      .devices = 1,
      .edit = is_foreign_mcuboot,
      .components = { C(FW, .match = "{\"uart\":{}}") } },
    { .claim = "neg_declared_of_another_class",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = is_foreign_of_another_class,
      .components = { C(PAYLOAD, .match = "{\"uart\":{}}") } },
    { .claim = "busIds and match name a device without ids",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = is_foreign_on_usb,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8,
                                   .delivery = DELIVERY_PAYLOAD,
                                   .bus_ids = { "usb:1209:0001" } },
                        .match = "{\"usb\":{\"vid\":\"1209\"}}") } },
    { .claim = "neg_busIds_but_match_says_otherwise",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = is_foreign_on_usb,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8,
                                   .delivery = DELIVERY_PAYLOAD,
                                   .bus_ids = { "usb:1209:0001" } },
                        .match = "{\"usb\":{\"vid\":\"1209\",\"pid\":\"0002\"}}") } },
    { .claim = "neg_match_names_the_bus_but_busIds_do_not",
      .want = "fw@:2515 -d0",
      .devices = 1,
      .edit = is_foreign_on_usb,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8,
                                   .delivery = DELIVERY_PAYLOAD,
                                   .bus_ids = { "usb:1209:0002" } },
                        .match = "{\"usb\":{\"vid\":\"1209\"}}") } },
    { .claim = "neg_linked_for_another_slot",
      .want = "fw@d0:2514",
      .devices = 1,
      .edit = links_a_runs,
      .components = { C(.name = "fw", .image = { .sequence = 8,
                                                 .has_link_address = true,
                                                 .link_address = LINK_A }) } },
    { .claim = "the variant for the free slot is chosen",
      .want = "b@d0:upgrade",
      .devices = 1,
      .edit = links_a_runs,
      .components = { C(.name = "a", .image = { .sequence = 8,
                                                .has_link_address = true,
                                                .link_address = LINK_A }),
                      C(.name = "b", .image = { .sequence = 8,
                                                .has_link_address = true,
                                                .link_address = LINK_B }) } },
    { .claim = "the variant that runs is not replaced by its twin",
      .want = "a@d0:none",
      .devices = 1,
      .edit = links_a_runs_variant_a,
      .components = { C(.name = "a", .image = { .sequence = 8,
                                                .has_link_address = true,
                                                .link_address = LINK_A }),
                      C(.name = "b", .image = { .sequence = 8,
                                                .has_link_address = true,
                                                .link_address = LINK_B }) } },
    { .claim = "neg_requires_a_newer_part",
      .want = "fw@d0:2511",
      .devices = 1,
      .edit = two_parts,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8, .requires = { { true, 1, 5 } } }) } },
    { .claim = "what is required may be there",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = two_parts,
      .components = { C(.name = "fw",
                        .image = { .sequence = 8, .requires = { { true, 1, 4 } } }) } },
    { .claim = "what is required may come first",
      .want = "radio@d0:upgrade fw@d0:upgrade",
      .devices = 1,
      .edit = two_parts,
      .components = { C(.name = "fw", .after = "[\"radio\"]",
                        .image = { .sequence = 8, .requires = { { true, 1, 5 } } }),
                      C(.name = "radio", .image = { .sequence = 5, .component = 1 }) } },
    { .claim = "neg_what_is_required_comes_later",
      .want = "fw@d0:2511 radio@d0:upgrade",
      .devices = 1,
      .edit = two_parts,
      .components = { C(.name = "fw", .image = { .sequence = 8, .requires = { { true, 1, 5 } } }),
                      C(.name = "radio", .image = { .sequence = 5, .component = 1 }) } },
    { .claim = "neg_what_is_required_is_refused",
      .want = "radio@d0:2502 fw@d0:2511",
      .devices = 1,
      .edit = two_parts,
      .components = { C(.name = "radio", .image = { .sequence = 5,
                                                    .component = 1,
                                                    .has_hardware = true,
                                                    .hardware_min = 9,
                                                    .hardware_max = 9 }),
                      C(.name = "fw",
                        .image = { .sequence = 8, .requires = { { true, 1, 5 } } }) } },
    { .claim = "neg_after_something_refused",
      .want = "radio@d0:2502 fw@d0:2517",
      .devices = 1,
      .edit = two_parts,
      .components = { C(.name = "radio", .image = { .sequence = 5,
                                                    .component = 1,
                                                    .has_hardware = true,
                                                    .hardware_min = 9,
                                                    .hardware_max = 9 }),
                      C(FW, .after = "[\"radio\"]") } },
    { .claim = "neg_one_refused_member_refuses_the_group",
      .want = "fw@d0:2507 fw@d1:2516",
      .devices = 2,
      .edit = is_absent,
      .components = { C(FW, .group = "g") } },
    { .claim = "a member that runs it already does not hinder its group",
      .want = "fw@d0:none fw@d1:upgrade",
      .devices = 2,
      .edit = runs_it,
      .components = { C(FW, .group = "g") } },
    { .claim = "neg_two_components_of_one_device_in_a_group",
      .want = "fw@d0:2516 radio@d0:2519",
      .devices = 1,
      .edit = two_parts,
      .components = { C(FW, .group = "g"), C(.name = "radio", .group = "g",
                                             .image = { .sequence = 5, .component = 1 }) } },
    { .claim = "two components of one device one after the other",
      .want = "fw@d0:upgrade radio@d0:upgrade",
      .devices = 1,
      .edit = two_parts,
      .components = { C(FW), C(.name = "radio", .after = "[\"fw\"]",
                               .image = { .sequence = 5, .component = 1 }) } },
    { .claim = "neg_no_way_back_with_other_members",
      .want = "fw@d0:2510 fw@d1:2516",
      .devices = 2,
      .edit = cannot_revert,
      .components = { C(FW, .group = "g") } },
    { .claim = "no way back may be alone",
      .want = "fw@d0:upgrade",
      .devices = 1,
      .edit = cannot_revert,
      .components = { C(FW, .group = "g") } },
    { .claim = "no way back needs no group",
      .want = "fw@d0:upgrade fw@d1:upgrade",
      .devices = 2,
      .edit = cannot_revert,
      .components = { C(FW) } },
    { .claim = "neg_no_way_back_and_something_follows",
      .want = "fw@d0:2510 last@:2515",
      .devices = 1,
      .edit = cannot_revert,
      .components = { C(FW, .group = "g"),
                      C(.name = "last", .class_name = "none", .after = "[\"fw\"]") } },
    { .claim = "neg_trial_shorter_than_the_activation",
      .want = "fw@d0:2516 fw@d1:2512",
      .devices = 2,
      .edit = short_trial,
      .components = { C(FW, .group = "g") } },
    { .claim = "neg_one_bus_activates_in_turn",
      .want = "fw@d0:2516 fw@d1:2512",
      .devices = 2,
      .edit = one_bus_and_short_trial,
      .components = { C(FW, .group = "g") } },
    { .claim = "a trial that just lasts",
      .want = "fw@d0:upgrade fw@d1:upgrade",
      .devices = 2,
      .edit = exact_trial,
      .components = { C(FW, .group = "g") } },
};

static void add_verdict(char *text, size_t cap, const struct plan_step *step,
                        const struct package *p, const struct inventory *inventory)
{
    size_t at = strlen(text);
    char verdict[16];

    (void)snprintf(verdict, sizeof verdict, "%d", (int)step->error.err);
    (void)snprintf(text + at, cap - at, "%s%s@%s:%s", at ? " " : "",
                   p->manifest.components[step->component].name,
                   step->device == PLAN_NO_DEVICE ? "" : inventory->devices[step->device].info.name,
                   step->action == PLAN_NONE      ? "none"
                   : step->action == PLAN_UPGRADE ? "upgrade"
                                                  : verdict);
}

static void describe(char *text, size_t cap, const struct plan *plan, const struct package *p,
                     const struct inventory *inventory)
{
    text[0] = '\0';
    for (size_t i = 0; i < plan->step_count; i++) {
        add_verdict(text, cap, &plan->steps[i], p, inventory);
    }
    for (size_t i = 0; i < plan->unmatched_count; i++) {
        size_t at = strlen(text);

        (void)snprintf(text + at, cap - at, "%s-%s", at ? " " : "",
                       inventory->devices[plan->unmatched[i]].info.name);
    }
}

static struct package *package_of(const struct testpackage_component *components, size_t count,
                                  const char *more_json)
{
    struct testpackage_world w;
    struct testpackage_how how = { .more_json = more_json };
    struct blob gwp = { 0 };
    struct gw_error error = { 0 };
    struct package *p;

    memcpy(how.components, components, count * sizeof *components);
    testpackage_world_make(&w);
    testpackage_make(&gwp, &w, &how);
    if (testpackage_open(&p, &w, blob_span(&gwp), &error) != GW_OK) {
        (void)fprintf(stderr, "%s\n", error.detail);
        abort();
    }
    blob_free(&gwp);
    testpackage_world_free(&w);
    return p;
}

static bool has_refusal(const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].action == PLAN_REFUSE) {
            return true;
        }
    }
    return false;
}

static void run(const struct plan_case *c)
{
    struct package *p = package_of(c->components, 3, NULL);
    struct inventory_device devices[DEVICES_MAX];
    struct inventory inventory = { devices, c->devices };
    struct plan plan;
    char text[512], want[512];

    own(&devices[0], "d0");
    own(&devices[1], "d1");
    c->edit(devices, p);
    plan_make(&plan, p, &inventory, &c->policy);
    describe(text, sizeof text, &plan, p, &inventory);
    (void)snprintf(want, sizeof want, "%s", c->want);
    if (strcmp(text, want) != 0) {
        (void)fprintf(stderr, "%s: %s, want %s\n", c->claim, text, want);
        for (size_t i = 0; i < plan.step_count; i++) {
            (void)fprintf(stderr, "  %s\n", plan.steps[i].error.detail);
        }
    }
    CHECK(strcmp(text, want) == 0);
    CHECK_EQ(plan.is_ok, !has_refusal(&plan));
    plan_free(&plan);
    package_free(p);
}

static void each_case_has_its_steps(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run(&cases[i]);
    }
}

static const struct testpackage_component simple[1] = { C(FW) };

static void only_what_is_missing_is_sent(void)
{
    struct package *p = package_of(simple, 1, NULL);
    struct inventory_device devices[1];
    struct inventory inventory = { devices, 1 };
    struct plan_policy policy = { .mode = PLAN_STREAMED };
    uint64_t size = p->manifest.components[0].size;
    struct plan plan;

    own(&devices[0], "d0");
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].bytes, size);
    CHECK_EQ(plan.download_bytes, size);
    plan_free(&plan);
    has_part_of_it(devices, p);
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].bytes, size - 2000);
    plan_free(&plan);
    has_it_staged(devices, p);
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].bytes, 0);
    CHECK_EQ(plan.steps[0].transfer_ms, 0);
    CHECK_EQ(plan.download_bytes, 0);
    plan_free(&plan);
    foreign(&devices[0], "d0");
    package_free(p);
}

static void estimates_follow_the_line(void)
{
    struct testpackage_component big[1] = { C(FW, .payload_len = 90000) };
    struct package *p = package_of(big, 1, NULL);
    struct inventory_device devices[2];
    struct inventory inventory = { devices, 2 };
    struct plan_policy policy = { 0 };
    uint64_t size = p->manifest.components[0].size;
    struct plan plan;

    own(&devices[0], "d0");
    own(&devices[1], "d1");
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].transfer_ms, size * 1000 / 10944 + 500); /* 95 % of 11520 B/s */
    CHECK_EQ(plan.estimated_ms, plan.steps[0].transfer_ms + 2000);  /* both at once */
    CHECK_EQ(plan.download_bytes, size);                            /* once for both */
    plan_free(&plan);
    memcpy(devices[1].bus, devices[0].bus, sizeof devices[1].bus);
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.estimated_ms, 2 * plan.steps[0].transfer_ms + 4000); /* one after the other */
    plan_free(&plan);
    devices[0].baud = 9600;
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].transfer_ms, size * 1000 / 912 + 500);
    CHECK(!(plan.steps[0].warnings & PLAN_WARN_UNKNOWN_SPEED));
    plan_free(&plan);
    devices[0].baud = 0;
    plan_make(&plan, p, &inventory, &policy);
    CHECK(plan.steps[0].warnings & PLAN_WARN_UNKNOWN_SPEED);
    plan_free(&plan);
    package_free(p);
}

static void mode_auto_streams_what_the_cache_cannot_take(void)
{
    struct testpackage_component two[2] = { C(FW), C(.name = "radio",
                                                     .image = { .sequence = 5, .component = 1 }) };
    struct package *p = package_of(two, 2, NULL);
    struct inventory_device devices[1];
    struct inventory inventory = { devices, 1 };
    uint8_t cached[1][32];
    struct plan_policy policy = { .mode = PLAN_AUTO,
                                  .cache_room_bytes = p->manifest.components[0].size };
    struct plan plan;

    own(&devices[0], "d0");
    two_parts(devices, p);
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].mode, PLAN_CACHED);
    CHECK_EQ(plan.steps[1].mode, PLAN_STREAMED);
    plan_free(&plan);
    memcpy(cached[0], p->manifest.components[0].identity, 32);
    policy.cached = (const uint8_t(*)[32])cached;
    policy.cached_count = 1;
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[1].mode, PLAN_CACHED); /* the first takes no new room */
    CHECK_EQ(plan.download_bytes, p->manifest.components[1].size);
    plan_free(&plan);
    package_free(p);
}

static void warnings_say_what_is_worse_than_usual(void)
{
    struct package *p = package_of(simple, 1,
                                   ",\"canary\":{\"count\":1,\"soak\":\"10m\",\"max_failures\":1}");
    struct testpackage_component payload[1] = { C(PAYLOAD, .match = "{\"uart\":{}}") };
    struct inventory_device devices[1];
    struct inventory inventory = { devices, 1 };
    struct plan_policy policy = { 0 };
    struct plan plan;

    own(&devices[0], "d0");
    runs_9(devices, p);
    cannot_revert(devices, p);
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].warnings,
             PLAN_WARN_CANARY | PLAN_WARN_DOWNGRADE | PLAN_WARN_NO_WAY_BACK);
    CHECK(!plan.steps[0].has_way_back);
    plan_free(&plan);
    package_free(p);

    p = package_of(payload, 1, NULL);
    foreign(&devices[0], "d0");
    devices[0].info.caps.reads_back_identity = false;
    plan_make(&plan, p, &inventory, &policy);
    CHECK_EQ(plan.steps[0].warnings, PLAN_WARN_GATEWAY_ONLY | PLAN_WARN_NO_READ_BACK);
    CHECK_EQ(plan.steps[0].bytes, 3000);
    plan_free(&plan);
    package_free(p);
    for (unsigned bit = 1; bit < PLAN_WARNINGS_END; bit <<= 1) {
        CHECK(plan_warning_text((enum plan_warning)bit)[0] != '?');
    }
}

static void verified_by_is_honest(void)
{
    struct inventory_device d;

    own(&d, "d");
    CHECK(strcmp(inventory_verified_by(&d), "gateway + device") == 0);
    foreign(&d, "d");
    CHECK(strcmp(inventory_verified_by(&d), "gateway only") == 0);
    d.info.is_own = true; /* what it claims does not count for a declared one */
    CHECK(strcmp(inventory_verified_by(&d), "gateway only") == 0);
    d.info.is_mcuboot = true;
    CHECK(strcmp(inventory_verified_by(&d), "gateway + MCUboot") == 0);
}

static void plan_is_the_same_after_a_journey_as_json(void)
{
    struct package *p = package_of(simple, 1, NULL);
    struct inventory_device devices[3];
    struct inventory inventory = { devices, 3 }, again;
    struct plan_policy policy = { 0 };
    struct plan plan;
    struct json *root = json_new_object(), *array = json_new_array(), *parsed, *a, *b;
    char *text, *text_a, *text_b;

    own(&devices[0], "d0");
    has_part_of_it(devices, p);
    device_floor_9(devices, p);
    own(&devices[1], "d1");
    devices[1].is_present = false;
    stored_equivocation(&devices[1], p);
    foreign(&devices[2], "d2");
    devices[2].declared.has_hardware = true;
    devices[2].declared.hardware = 7;
    for (size_t i = 0; i < 3; i++) {
        (void)json_append(array, inventory_device_to_json(&devices[i]));
    }
    (void)json_set(root, "devices", array);
    text = json_print(root);
    CHECK_EQ(json_parse(&parsed, text, strlen(text), JSON_STRICT, NULL), GW_OK);

    struct gw_error error = { 0 };

    CHECK_EQ(inventory_from_json(&again, parsed, &error), GW_OK);
    CHECK_EQ(again.count, 3);
    CHECK_EQ(again.devices[2].declared.hardware, 7);
    CHECK(again.devices[2].declared.has_hardware);
    CHECK_EQ(again.devices[1].records[0].sequence, 8);
    CHECK_EQ(again.devices[0].baud, 115200);
    plan_make(&plan, p, &inventory, &policy);
    a = plan_to_json(&plan, p, &inventory);
    plan_free(&plan);
    plan_make(&plan, p, &again, &policy);
    b = plan_to_json(&plan, p, &again);
    plan_free(&plan);
    text_a = json_print(a);
    text_b = json_print(b);
    CHECK(strcmp(text_a, text_b) == 0);
    CHECK(strstr(text_a, "\"code\":\"GW2504\"") != NULL);
    free(text);
    free(text_a);
    free(text_b);
    json_free(root);
    json_free(parsed);
    json_free(a);
    json_free(b);
    inventory_free(&again);
    package_free(p);
}

static void neg_inventories(void)
{
    static const struct {
        const char *json, *place;
    } bad[] = {
        { "{}", "devices" },
        { "{\"devices\":{}}", "devices" },
        { "{\"devices\":[1]}", "devices[0].name" },
        { "{\"devices\":[{\"name\":\"a\",\"bus\":\"b\"}]}", "devices[0].router" },
        { "{\"devices\":[{\"name\":\"a\",\"bus\":\"b\",\"router\":\"uart\",\"foreign\":true}]}",
          "devices[0].declared.vendor" },
        { "{\"devices\":[{\"name\":\"a\",\"bus\":\"b\",\"router\":\"uart\",\"baud\":-1}]}",
          "devices[0].baud" },
        { "{\"devices\":[{\"name\":\"a\",\"bus\":\"b\",\"router\":\"uart\",\"records\":[{}]}]}",
          "devices[0].records.component" },
        { "{\"devices\":[{\"name\":\"a\",\"bus\":\"b\",\"router\":\"u\",\"identified\":{}}]}",
          "devices[0].identified" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct inventory inventory;
        struct gw_error error = { 0 };
        struct json *json;

        CHECK_EQ(json_parse(&json, bad[i].json, strlen(bad[i].json), JSON_STRICT, NULL), GW_OK);
        CHECK_EQ(inventory_from_json(&inventory, json, &error), GW_BAD_PARAMETER);
        if (strncmp(error.detail, bad[i].place, strlen(bad[i].place)) != 0) {
            (void)fprintf(stderr, "%s: %s\n", bad[i].json, error.detail);
        }
        CHECK(strncmp(error.detail, bad[i].place, strlen(bad[i].place)) == 0);
        CHECK(inventory.devices == NULL);
        json_free(json);
    }
}

/* Bus identities against match, one by one. */
static void match_reads_bus_identities(void)
{
    static const struct {
        const char *bus_id, *match;
        bool want;
    } ids[] = {
        { "usb:1209:0001", "{\"usb\":{}}", true },
        { "usb:1209:0001", "{\"usb\":{\"vid\":\"1209\",\"pid\":\"0001\"}}", true },
        { "usb:1209:0001", "{\"usb\":{\"vid\":\"1208\"}}", false },
        { "usb:1209:0001", "{\"usb\":{\"pid\":\"0002\"}}", false },
        { "usb:1209:0001", "{\"usb\":{\"bcd_device\":\"0100\"}}", false },
        { "usb:1209:0001:0100", "{\"usb\":{\"bcd_device\":\"0100\"}}", true },
        { "usb:1209:0001", "{\"usb\":{\"serial\":\"\xc2\xab\"}}", false },
        { "zigbee:1234/0001", "{\"zigbee\":{\"manufacturer\":\"1234\"}}", true },
        { "zigbee:1234/0001", "{\"zigbee\":{\"image_type\":\"0002\"}}", false },
        { "zigbee:1234/0001", "{\"zigbee\":{\"model\":\"x\"}}", false },
        { "zigbee:1234/0001/x", "{\"zigbee\":{\"model\":\"x\"}}", true },
        { "modbus:ACME/PM1", "{\"modbus\":{\"vendor_name\":\"ACME\",\"product_code\":\"PM1\"}}",
          true },
        { "modbus:ACME/PM1", "{\"modbus\":{\"product_code\":\"PM\"}}", false },
        { "modbus:ACME/PM1/2", "{\"modbus\":{\"product_code\":\"PM1/2\"}}", true },
        { "modbus:ACME/PM1", "{\"modbus\":{\"vendor_name\":\"ACM\"}}", false },
        { "", "{\"modbus\":{}}", false },
        { "", "{\"uart\":{}}", true },
    };

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct testpackage_component one[1] = { C(FW, .match = ids[i].match) };
        struct package *p = package_of(one, 1, NULL);
        struct inventory_device d;

        own(&d, "d");
        (void)snprintf(d.info.bus_id, sizeof d.info.bus_id, "%s", ids[i].bus_id);
        bool is_candidate = match_is_candidate(&p->manifest.components[0], &p->images[0].manifest,
                                               &d);

        if (is_candidate != ids[i].want) {
            (void)fprintf(stderr, "%s %s\n", ids[i].bus_id, ids[i].match);
        }
        CHECK_EQ(is_candidate, ids[i].want);
        package_free(p);
    }
}

int main(void)
{
    TEST(each_case_has_its_steps);
    TEST(only_what_is_missing_is_sent);
    TEST(estimates_follow_the_line);
    TEST(mode_auto_streams_what_the_cache_cannot_take);
    TEST(warnings_say_what_is_worse_than_usual);
    TEST(verified_by_is_honest);
    TEST(plan_is_the_same_after_a_journey_as_json);
    TEST(neg_inventories);
    TEST(match_reads_bus_identities);
    return checks_failed != 0;
}
