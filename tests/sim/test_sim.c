/* The whole system under faults (simulation.h). Without arguments: all but the seeds.
 *
 *   test_sim --seeds N [--from S]     seeded multi-fault runs S .. S+N-1
 *   test_sim --seed S                 one of them, with a trace of what happens
 *   test_sim --fault KIND AT DEVICE SEED [--bad]   one fault in a group of three, with a trace
 *   test_sim --scenarios | --every-op | --every-flash | --every-disk
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "simulation.h"

static const struct sim_scenario all_good = { .shape = SHAPE_GROUP };
static const struct sim_scenario one_bad = {
    .shape = SHAPE_GROUP,
    .fates = { NODE_PASSES, NODE_FAILS, NODE_PASSES },
};

/* ---- what was said about a run that went wrong ---- */

static void describe(const struct sim_scenario *c)
{
    static const char *const kinds[SIM_FAULT_KINDS] = {
        "none",        "kill core", "kill at disk", "power core",
        "kill router", "cut",       "cut at flash", "break line",
    };

    fprintf(stderr, "  shape %d, fates %d %d %d, baud %u, noise %u\n", (int)c->shape,
            (int)c->fates[0], (int)c->fates[1], (int)c->fates[2], c->baud, c->noise_ppm);
    for (unsigned i = 0; i < c->fault_count; i++) {
        fprintf(stderr, "  fault: %s at %llu, d%u, seed %llu\n", kinds[c->faults[i].kind],
                (unsigned long long)c->faults[i].at, c->faults[i].device,
                (unsigned long long)c->faults[i].seed);
    }
}

static bool is_bad(const struct sim_scenario *c)
{
    return c->fates[0] != NODE_PASSES || c->fates[1] != NODE_PASSES || c->fates[2] != NODE_PASSES;
}

/* A group ends all new when all are good, all old when one is not, whatever happened between. */
static struct sim_result expect(struct simulation *s, const struct sim_scenario *c)
{
    struct sim_result r = simulation_run(s, c);
    bool bad = is_bad(c);

    if (r.violations > 0 || (bad ? !r.all_old : !r.all_new) ||
        r.state != (bad ? JOB_FAILED : JOB_DONE)) {
        fprintf(stderr, "  job %s (GW%d %s), new %d, old %d\n", job_state_word(r.state),
                (int)r.error.err, r.error.detail, r.all_new, r.all_old);
        describe(c);
        CHECK(r.violations == 0 && r.state == (bad ? JOB_FAILED : JOB_DONE) &&
              (bad ? r.all_old : r.all_new));
    }
    return r;
}

/* ---- scenarios ---- */

static void every_shape_of_good_devices_ends_all_new_and_a_repeat_flashes_nothing(
    struct simulation *s)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        struct sim_scenario c = { .shape = (enum sim_shape)shape, .is_repeated = true };
        struct sim_result r = expect(s, &c);

        printf("  shape %d: %llu ms, %llu ops, %llu disk ops, %u calls, flash ops %llu\n", shape,
               (unsigned long long)r.ended_ms, (unsigned long long)r.ops,
               (unsigned long long)r.disk_ops, r.calls, (unsigned long long)r.flash_ops[0]);
    }
}

static void a_group_with_one_bad_device_ends_all_old(struct simulation *s)
{
    for (int fate = NODE_FAILS; fate <= NODE_HANGS; fate++) {
        for (unsigned bad = 0; bad < SIM_DEVICES; bad++) {
            struct sim_scenario c = { .shape = SHAPE_GROUP };

            c.fates[bad] = (enum node_fate)fate;
            struct sim_result r = expect(s, &c);

            CHECK_EQ(r.error.err, fate == NODE_FAILS ? GW_SELF_TEST : GW_TRIAL_LOST);
            CHECK(r.error.detail[1] == (char)('0' + bad));
        }
    }
}

static void devices_alone_do_not_hold_each_other_up(struct simulation *s)
{
    struct sim_scenario c = { .shape = SHAPE_ALONE, .fates = { NODE_PASSES, NODE_FAILS } };
    struct sim_result r = simulation_run(s, &c);

    CHECK_EQ(r.state, JOB_PARTIAL);
    CHECK_EQ(r.violations, 0);
}

static void a_chain_ends_where_it_breaks(struct simulation *s)
{
    struct sim_scenario c = { .shape = SHAPE_CHAIN, .fates = { NODE_PASSES, NODE_FAILS } };
    struct sim_result r = simulation_run(s, &c);

    CHECK_EQ(r.state, JOB_PARTIAL);
    CHECK_EQ(r.error.err, GW_SELF_TEST);
    CHECK_EQ(r.violations, 0);
}

static void a_paced_and_noisy_line_changes_no_result(struct simulation *s)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_scenario c = {
            .shape = SHAPE_GROUP, .baud = 115200, .noise_ppm = 100, .seed = seed
        };

        (void)expect(s, &c);
    }
}

static void worn_flash_never_becomes_an_activated_image(struct simulation *s)
{
    struct sim_scenario c = { .shape = SHAPE_GROUP, .is_worn = true };
    struct sim_result r = simulation_run(s, &c);

    CHECK_EQ(r.violations, 0);
    CHECK(r.all_old);
    CHECK_EQ(r.state, JOB_FAILED);
}

/* I24 */
static void the_same_scenario_gives_the_same_trace(struct simulation *s)
{
    struct sim_scenario c = { .shape = SHAPE_PAIR_AFTER,
                              .faults = { { SIM_KILL_CORE, 50, 0, 0 },
                                          { SIM_CUT, 90, 1, 0 },
                                          { SIM_POWER_CORE, 100, 0, 7 } },
                              .fault_count = 3,
                              .baud = 115200,
                              .noise_ppm = 50,
                              .seed = 9 };
    struct sim_result a = simulation_run(s, &c);
    struct simulation *other = simulation_new();
    struct sim_result b = simulation_run(other, &c);

    CHECK(a.trace == b.trace && a.ops == b.ops);
    c.seed = 10;
    b = simulation_run(other, &c);
    CHECK(a.trace != b.trace);
    simulation_free(other);
}

/* ---- one fault everywhere ---- */

static void at_every_op(struct simulation *s, const struct sim_scenario *base)
{
    static const enum sim_fault_kind kinds[] = { SIM_KILL_CORE, SIM_KILL_ROUTER, SIM_CUT,
                                                 SIM_BREAK_LINE };
    uint64_t ops = simulation_run(s, base).ops;
    unsigned runs = 0;

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (uint64_t op = 0; op < ops; op++) {
            for (unsigned d = 0; d < (kinds[k] == SIM_KILL_CORE ? 1u : SIM_DEVICES); d++) {
                struct sim_scenario c = *base;

                c.faults[c.fault_count++] = (struct sim_fault){ kinds[k], op, d, 0 };
                (void)expect(s, &c);
                runs++;
            }
        }
    }
    printf("  %llu operations, %u runs\n", (unsigned long long)ops, runs);
}

static void a_fault_at_every_operation_changes_no_result(struct simulation *s)
{
    at_every_op(s, &all_good);
    at_every_op(s, &one_bad);
}

static void at_every_flash_op(struct simulation *s, const struct sim_scenario *base)
{
    struct sim_result r = simulation_run(s, base);
    unsigned runs = 0;

    for (unsigned d = 0; d < SIM_DEVICES; d++) {
        for (uint64_t op = 0; op < r.flash_ops[d]; op++) {
            for (uint64_t seed = 0; seed < 3; seed++) {
                struct sim_scenario c = *base;

                c.faults[c.fault_count++] = (struct sim_fault){ SIM_CUT_FLASH, op, d,
                                                                op * 16 + seed };
                (void)expect(s, &c);
                runs++;
            }
        }
    }
    printf("  %u runs\n", runs);
}

static void a_power_cut_at_every_flash_operation_changes_no_result(struct simulation *s)
{
    at_every_flash_op(s, &all_good);
    at_every_flash_op(s, &one_bad);
}

static void at_every_disk_op(struct simulation *s, const struct sim_scenario *base)
{
    uint64_t ops = simulation_run(s, base).disk_ops;
    unsigned runs = 0;

    for (uint64_t op = 0; op < ops; op++) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            struct sim_scenario c = *base;

            c.faults[c.fault_count++] = (struct sim_fault){ seed ? SIM_POWER_CORE : SIM_KILL_DISK,
                                                            op, 0, op * 16 + seed };
            (void)expect(s, &c);
            runs++;
        }
    }
    printf("  %llu disk operations, %u runs\n", (unsigned long long)ops, runs);
}

static void the_gateways_death_at_every_disk_operation_changes_no_result(struct simulation *s)
{
    at_every_disk_op(s, &all_good);
    at_every_disk_op(s, &one_bad);
}

/* ---- many faults, by seed ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct sim_scenario make_scenario(uint64_t seed)
{
    uint64_t r = seed;
    struct sim_scenario c = { .shape = (enum sim_shape)(next_random(&r) % SHAPES), .seed = seed };
    bool is_slow = next_random(&r) % 8 == 0;

    if (next_random(&r) % 3 == 0) {
        c.fates[next_random(&r) % SIM_DEVICES] = next_random(&r) % 3 ? NODE_FAILS : NODE_HANGS;
    }
    c.baud = is_slow ? 115200 : 0;
    c.noise_ppm = is_slow ? (uint32_t)(next_random(&r) % 100) : 0;
    c.fault_count = (unsigned)(next_random(&r) % (SIM_FAULTS + 1));
    c.is_repeated = next_random(&r) % 8 == 0;
    for (unsigned i = 0; i < c.fault_count; i++) {
        c.faults[i] = (struct sim_fault){
            .kind = (enum sim_fault_kind)(1 + next_random(&r) % (SIM_FAULT_KINDS - 1)),
            .at = next_random(&r) % 300,
            .device = (unsigned)(next_random(&r) % SIM_DEVICES),
            .seed = next_random(&r),
        };
    }
    return c;
}

/* Often enough to have no verdict in three trial starts, which is a verdict. */
static bool may_be_rejected(const struct sim_scenario *c)
{
    unsigned cuts[SIM_DEVICES] = { 0 };

    for (unsigned i = 0; i < c->fault_count; i++) {
        cuts[c->faults[i].device] += c->faults[i].kind == SIM_CUT ||
                                     c->faults[i].kind == SIM_CUT_FLASH ||
                                     c->faults[i].kind == SIM_BREAK_LINE;
    }
    return cuts[0] > 2 || cuts[1] > 2 || cuts[2] > 2;
}

/* A message of raw framing has no check sum: after three damaged uploads in a row the device's
 * "this is not signed" is believed (docs/SPEC 5.3). */
static bool gave_up_on_noise(const struct sim_scenario *c, const struct sim_result *r)
{
    return c->noise_ppm > 0 && r->error.err > 2200 && r->error.err < 2300;
}

static bool try_seed(struct simulation *s, uint64_t seed, bool is_traced)
{
    struct sim_scenario c = make_scenario(seed);

    c.is_traced = is_traced;
    struct sim_result r = simulation_run(s, &c);
    bool is_excused = is_bad(&c) || may_be_rejected(&c) || gave_up_on_noise(&c, &r);
    bool ok = r.violations == 0 && (is_excused || r.all_new);

    if (!ok || is_traced) {
        fprintf(stderr, "  seed %llu: job %s (GW%d %s), new %d, old %d, %llu ops, trace %016llx\n",
                (unsigned long long)seed, job_state_word(r.state), (int)r.error.err, r.error.detail,
                r.all_new, r.all_old, (unsigned long long)r.ops, (unsigned long long)r.trace);
        describe(&c);
    }
    return ok;
}

static void try_seeds(struct simulation *s, uint64_t from, uint64_t count)
{
    for (uint64_t seed = from; seed < from + count; seed++) {
        CHECK(try_seed(s, seed, false));
    }
    printf("  seeds %llu to %llu\n", (unsigned long long)from,
           (unsigned long long)(from + count - 1));
}

static void run_scenarios(struct simulation *s)
{
#define SCENARIO(fn) (printf("%s\n", #fn), fn(s))
    SCENARIO(every_shape_of_good_devices_ends_all_new_and_a_repeat_flashes_nothing);
    SCENARIO(a_group_with_one_bad_device_ends_all_old);
    SCENARIO(devices_alone_do_not_hold_each_other_up);
    SCENARIO(a_chain_ends_where_it_breaks);
    SCENARIO(a_paced_and_noisy_line_changes_no_result);
    SCENARIO(worn_flash_never_becomes_an_activated_image);
    SCENARIO(the_same_scenario_gives_the_same_trace);
}

static void try_fault(struct simulation *s, int argc, char **argv)
{
    struct sim_scenario c = argc > 6 ? one_bad : all_good;

    c.is_traced = true;
    c.fault_count = 1;
    c.faults[0] = (struct sim_fault){
        .kind = (enum sim_fault_kind)strtoul(argv[2], NULL, 10),
        .at = strtoull(argv[3], NULL, 10),
        .device = (unsigned)strtoul(argv[4], NULL, 10) % SIM_DEVICES,
        .seed = strtoull(argv[5], NULL, 10),
    };
    (void)expect(s, &c);
}

int main(int argc, char **argv)
{
    struct simulation *s = simulation_new();
    const char *what = argc > 1 ? argv[1] : "";
    uint64_t number = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
    uint64_t from = argc > 4 && strcmp(argv[3], "--from") == 0 ? strtoull(argv[4], NULL, 10) : 1;
    bool is_all = argc == 1;

    if (strcmp(what, "--seed") == 0) {
        CHECK(try_seed(s, number, true));
    }
    if (strcmp(what, "--fault") == 0 && argc > 5) {
        try_fault(s, argc, argv);
    }
    if (strcmp(what, "--seeds") == 0) {
        try_seeds(s, from, number);
    }
    if (is_all || strcmp(what, "--scenarios") == 0) {
        run_scenarios(s);
    }
    if (is_all || strcmp(what, "--every-op") == 0) {
        SCENARIO(a_fault_at_every_operation_changes_no_result);
    }
    if (is_all || strcmp(what, "--every-flash") == 0) {
        SCENARIO(a_power_cut_at_every_flash_operation_changes_no_result);
    }
    if (is_all || strcmp(what, "--every-disk") == 0) {
        SCENARIO(the_gateways_death_at_every_disk_operation_changes_no_result);
    }
    simulation_free(s);
    return checks_failed != 0;
}
