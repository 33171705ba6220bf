#include "job_plan.h"

#include <string.h>

#include "check.h"

enum { C_BRIDGE, C_GAP, C_METER, C_VALVE, COMPONENTS };

/* meter comes after gap, gap after bridge; meter and valve are one group; nobody needs gap. */
struct fixture {
    struct system_component components[COMPONENTS];
    uint16_t after_gap[1], after_meter[1];
    struct package_image images[COMPONENTS];
    struct package package;
    struct inventory_device devices[4];
    struct inventory inventory;
    struct plan_step steps[6];
    struct plan plan;
};

static void make(struct fixture *f)
{
    static const char *const names[] = { "bridge", "gap", "meter", "valve" };

    *f = (struct fixture){ .after_gap = { C_BRIDGE }, .after_meter = { C_GAP } };
    for (uint16_t i = 0; i < COMPONENTS; i++) {
        struct system_component *c = &f->components[i];

        c->name = names[i];
        memset(c->identity, i + 1, sizeof c->identity);
        c->vendor = "acme.example";
        c->class_name = "pm1";
        c->version = "2.0.0";
        c->sequence = 20u + i;
        c->size = 1000u + i;
        c->is_required = true;
        f->images[i].manifest.floor = 10u + i;
    }
    f->components[C_GAP].after = f->after_gap;
    f->components[C_GAP].after_count = 1;
    f->components[C_METER].after = f->after_meter;
    f->components[C_METER].after_count = 1;
    f->components[C_METER].group = f->components[C_VALVE].group = "metering";
    f->package.manifest = (struct system_manifest){ .system = "acme.example/plant",
                                                    .release = "2026.11",
                                                    .sequence = 42,
                                                    .floor = 40,
                                                    .components = f->components,
                                                    .component_count = COMPONENTS };
    f->package.images = f->images;
    for (int i = 0; i < 4; i++) {
        struct inventory_device *d = &f->devices[i];

        (void)snprintf(d->bus, sizeof d->bus, "bus-%d", i);
        (void)snprintf(d->info.name, sizeof d->info.name, "device-%d", i);
        d->is_present = true;
        d->info.is_own = true;
        d->info.has_ids = true;
        d->info.serial_len = 1;
        d->info.serial[0] = (uint8_t)i;
        d->info.slot_count = 1;
        d->info.slots[0] = (struct device_slot){ .is_active = true, .version = "1.0.0" };
    }
    f->inventory = (struct inventory){ f->devices, 4 };
    f->steps[0] = (struct plan_step){ .component = C_BRIDGE, .device = 0, .action = PLAN_UPGRADE };
    f->steps[1] = (struct plan_step){ .component = C_METER, .device = 1, .action = PLAN_UPGRADE };
    f->steps[2] = (struct plan_step){ .component = C_METER, .device = 2, .action = PLAN_NONE };
    f->steps[3] = (struct plan_step){ .component = C_VALVE, .device = 3, .action = PLAN_UPGRADE };
    f->plan = (struct plan){ .steps = f->steps, .step_count = 4, .is_ok = true };
}

static struct job_record *job_of(struct fixture *f)
{
    return job_from_plan(&f->plan, &f->package, &f->inventory);
}

static void a_plan_becomes_steps_groups_and_components(void)
{
    struct fixture f;

    make(&f);
    struct job_record *r = job_of(&f);

    CHECK_EQ(r->component_count, 3);
    CHECK_EQ(r->step_count, 4);
    CHECK_EQ(r->group_count, 2);
    CHECK(strcmp(r->groups[r->steps[0].group].name, "") == 0);
    CHECK(strcmp(r->groups[r->steps[1].group].name, "metering") == 0);
    CHECK_EQ(r->steps[1].group, r->steps[3].group);
    CHECK_EQ(r->steps[0].state, STEP_WAITING);
    CHECK_EQ(r->steps[2].state, STEP_SKIPPED);
    CHECK_EQ(r->steps[2].error.err, GW_OK);
    CHECK(strcmp(r->steps[1].from_version, "1.0.0") == 0);
    CHECK(strcmp(r->steps[1].verified_by, "gateway + device") == 0);
    CHECK_EQ(r->steps[3].serial[0], 3);
    const struct component_row *meter = &r->components[r->steps[1].component];

    CHECK(strcmp(meter->name, "meter") == 0);
    CHECK_EQ(meter->sequence, 20 + C_METER);
    CHECK_EQ(meter->floor, 10 + C_METER);
    CHECK_EQ(meter->identity[0], C_METER + 1);
    CHECK_EQ(r->job.sequence, 42);
    CHECK_EQ(r->job.floor, 40);
    job_record_free(r);
}

static void after_goes_through_components_that_no_device_needs(void)
{
    struct fixture f;

    make(&f);
    struct job_record *r = job_of(&f);

    CHECK_EQ(r->after_count, 1);
    CHECK_EQ(r->afters[0].component, r->steps[1].component);
    CHECK_EQ(r->afters[0].after, r->steps[0].component);
    job_record_free(r);
}

static void each_device_of_an_ungrouped_component_is_a_group_of_its_own(void)
{
    struct fixture f;

    make(&f);
    f.steps[1].component = C_BRIDGE;
    f.steps[2].component = C_BRIDGE;
    struct job_record *r = job_of(&f);

    CHECK_EQ(r->group_count, 4);
    CHECK_EQ(r->component_count, 2);
    job_record_free(r);
}

static void an_absent_device_waits_and_another_refusal_of_a_required_component_stops_the_job(void)
{
    struct fixture f;
    struct gw_error error = { .err = GW_OK };

    make(&f);
    f.steps[1].action = PLAN_REFUSE;
    f.steps[1].error = (struct gw_error){ .err = GW_PLAN_ABSENT };
    f.devices[1].is_present = false;
    CHECK_EQ(job_plan_check(&f.plan, &f.package, &error), GW_OK);
    struct job_record *r = job_of(&f);

    CHECK_EQ(r->steps[1].state, STEP_WAITING);
    job_record_free(r);

    f.steps[1].error.err = GW_PLAN_TOO_LARGE;
    CHECK_EQ(job_plan_check(&f.plan, &f.package, &error), GW_PLAN_TOO_LARGE);
    CHECK(strstr(error.detail, "meter"));
    f.components[C_METER].is_required = false;
    CHECK_EQ(job_plan_check(&f.plan, &f.package, &error), GW_OK);
    r = job_of(&f);
    CHECK_EQ(r->steps[1].state, STEP_SKIPPED);
    CHECK_EQ(r->steps[1].error.err, GW_PLAN_TOO_LARGE);
    job_record_free(r);
}

static void a_package_for_no_device_is_no_job(void)
{
    struct fixture f;

    make(&f);
    f.plan.step_count = 1;
    f.steps[0] = (struct plan_step){ .component = C_BRIDGE,
                                     .device = PLAN_NO_DEVICE,
                                     .action = PLAN_REFUSE,
                                     .error = { .err = GW_PLAN_NO_DEVICE } };
    CHECK_EQ(job_plan_check(&f.plan, &f.package, NULL), GW_PLAN_NO_DEVICE);
    f.components[C_BRIDGE].is_required = false;
    CHECK_EQ(job_plan_check(&f.plan, &f.package, NULL), GW_PLAN_NO_DEVICE);
    struct job_record *r = job_of(&f);

    CHECK_EQ(r->step_count, 0);
    job_record_free(r);
}

int main(void)
{
    TEST(a_plan_becomes_steps_groups_and_components);
    TEST(after_goes_through_components_that_no_device_needs);
    TEST(each_device_of_an_ungrouped_component_is_a_group_of_its_own);
    TEST(an_absent_device_waits_and_another_refusal_of_a_required_component_stops_the_job);
    TEST(a_package_for_no_device_is_no_job);
    return checks_failed != 0;
}
