#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "check.h"
#include "cut_vfs.h"

static const char path[] = "store.db";

static struct store *open_on(const char *vfs)
{
    struct store *store = NULL;
    struct gw_error error = { .err = GW_OK };

    CHECK_EQ(store_open(&store, path, vfs, &error), GW_OK);
    if (!store) {
        fprintf(stderr, "%s\n", error.detail);
    }
    return store;
}

static struct job_record *make_job(uint64_t id)
{
    struct job_record *r = job_record_new(2, 1, 2, 3);

    r->job = (struct job_row){ .id = id,
                               .state = JOB_RUNNING,
                               .system = "acme.example/plant-a",
                               .release = "2026.11",
                               .sequence = 42,
                               .floor = 40,
                               .identity = { 1, 2, 3 },
                               .source = "https://example/p.gwp",
                               .mode = JOB_MODE_AUTO,
                               .created_s = 1000 };
    for (uint16_t i = 0; i < 2; i++) {
        r->components[i] = (struct component_row){ .name = "meter-fw",
                                                   .identity = { (uint8_t)(7 + i) },
                                                   .vendor_id = { 9 },
                                                   .class_id = { 8 },
                                                   .component = (uint8_t)i,
                                                   .sequence = 21,
                                                   .floor = 20,
                                                   .version = "2.1.0",
                                                   .size = 183224,
                                                   .is_required = i == 0 };
        r->groups[i] = (struct group_row){ .name = "metering" };
    }
    r->afters[0] = (struct after_row){ .component = 1, .after = 0 };
    for (uint16_t i = 0; i < 3; i++) {
        r->steps[i] = (struct step_row){ .component = i > 0,
                                         .group = i > 0,
                                         .device = "meter-1",
                                         .bus = "cabinet-1",
                                         .state = STEP_STAGING,
                                         .has_ids = true,
                                         .serial = { 0, 0, 5 },
                                         .serial_len = 3,
                                         .from_version = "2.0.0",
                                         .verified_by = "gateway + device" };
        r->steps[i].device[6] = (char)('1' + i);
    }
    return r;
}

static size_t changes_of(struct change *out, const struct job_record *r)
{
    size_t n = 0;
    uint64_t id = r->job.id;

    out[n++] = (struct change){ .kind = CHANGE_JOB, .job = id, .row.job = &r->job };
    for (uint16_t i = 0; i < r->component_count; i++) {
        out[n++] = (struct change){ CHANGE_COMPONENT, id, i, { .component = &r->components[i] } };
    }
    for (uint16_t i = 0; i < r->after_count; i++) {
        out[n++] = (struct change){ CHANGE_AFTER, id, i, { .after = &r->afters[i] } };
    }
    for (uint16_t i = 0; i < r->group_count; i++) {
        out[n++] = (struct change){ CHANGE_GROUP, id, i, { .group = &r->groups[i] } };
    }
    for (uint16_t i = 0; i < r->step_count; i++) {
        out[n++] = (struct change){ CHANGE_STEP, id, i, { .step = &r->steps[i] } };
    }
    return n;
}

static enum gw_err put_job(struct store *store, const struct job_record *r)
{
    struct change changes[32];
    size_t n = changes_of(changes, r);

    return store_commit(store, changes, n, NULL);
}

static bool same_job(const struct job_record *a, const struct job_record *b)
{
    return memcmp(&a->job, &b->job, sizeof a->job) == 0 &&
           a->component_count == b->component_count && a->after_count == b->after_count &&
           a->group_count == b->group_count && a->step_count == b->step_count &&
           memcmp(a->components, b->components, a->component_count * sizeof *a->components) == 0 &&
           memcmp(a->afters, b->afters, a->after_count * sizeof *a->afters) == 0 &&
           memcmp(a->groups, b->groups, a->group_count * sizeof *a->groups) == 0 &&
           memcmp(a->steps, b->steps, a->step_count * sizeof *a->steps) == 0;
}

static void a_job_comes_back_as_it_was(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    struct job_record *put = make_job(1), *got = NULL;
    uint64_t ids[4];
    size_t n;

    CHECK_EQ(store_load_job(store, 1, &got), GW_NOT_FOUND);
    CHECK(got == NULL);
    put->components[1].has_state_hash = true;
    put->components[1].state_hash[31] = 4;
    put->steps[2].error = (struct gw_error){ GW_SELF_TEST, "it said so" };
    CHECK_EQ(put_job(store, put), GW_OK);
    store_close(store);
    store = open_on("cut");
    CHECK_EQ(store_load_job(store, 1, &got), GW_OK);
    CHECK(got && same_job(put, got));
    job_record_free(got);

    put->job.state = JOB_PARTIAL;
    put->job.finished_s = 2000;
    put->groups[1].is_committed = true;
    put->steps[0].state = STEP_DONE;
    CHECK_EQ(put_job(store, put), GW_OK);
    CHECK_EQ(store_load_job(store, 1, &got), GW_OK);
    CHECK(got && same_job(put, got));
    CHECK_EQ(store_job_ids(store, ids, 4, &n), GW_OK);
    CHECK_EQ(n, 1);
    job_record_free(got);
    job_record_free(put);
    store_close(store);
    cut_vfs_free(vfs);
}

static void a_floor_only_rises(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    struct floor_row row = { .vendor_id = { 1 }, .device = "m", .floor = 20, .sequence = 21 };
    struct system_row system = { .system = "a/b", .floor = 40, .sequence = 42 };
    struct change changes[] = { { .kind = CHANGE_FLOOR, .row.floor = &row },
                                { .kind = CHANGE_SYSTEM, .row.system = &system } };

    CHECK_EQ(store_floor(store, &row), GW_NOT_FOUND);
    CHECK_EQ(store_system(store, &system), GW_NOT_FOUND);
    row.floor = 20;
    system = (struct system_row){ .system = "a/b", .floor = 40, .sequence = 42 };
    CHECK_EQ(store_commit(store, changes, 2, NULL), GW_OK);
    row.floor = 15;
    row.sequence = 16;
    system.floor = 30;
    system.sequence = 31;
    CHECK_EQ(store_commit(store, changes, 2, NULL), GW_OK);
    CHECK_EQ(store_floor(store, &row), GW_OK);
    CHECK_EQ(row.floor, 20);
    CHECK_EQ(row.sequence, 16);
    CHECK_EQ(store_system(store, &system), GW_OK);
    CHECK_EQ(system.floor, 40);
    CHECK_EQ(system.sequence, 31);
    store_close(store);
    cut_vfs_free(vfs);
}

static void a_package_comes_back_byte_by_byte(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    static uint8_t manifest[300000], cms[2][4000];
    const struct package_head heads[2] = { { "meter-fw", cms[0], sizeof cms[0] },
                                           { "bridge-fw", cms[1], 17 } };
    struct package_row put = { .identity = { 5 },
                               .sequence = 42,
                               .manifest_cms = manifest,
                               .manifest_cms_len = sizeof manifest,
                               .head_count = 2,
                               .heads = heads };
    struct package_row *got = NULL;
    struct store_package *list = NULL;
    size_t n;

    for (size_t i = 0; i < sizeof manifest; i++) {
        manifest[i] = (uint8_t)(i * 31);
    }
    memset(cms[0], 1, sizeof cms[0]);
    memset(cms[1], 2, sizeof cms[1]);
    CHECK_EQ(store_load_package(store, put.identity, &got), GW_NOT_FOUND);
    for (int again = 0; again < 2; again++) { /* the same package accepted twice */
        struct change change = { .kind = CHANGE_PACKAGE, .row.package = &put };

        CHECK_EQ(store_commit(store, &change, 1, NULL), GW_OK);
    }
    CHECK_EQ(store_load_package(store, put.identity, &got), GW_OK);
    CHECK(got && got->head_count == 2 && got->sequence == 42);
    CHECK(got && got->manifest_cms_len == sizeof manifest &&
          memcmp(got->manifest_cms, manifest, sizeof manifest) == 0);
    CHECK(got && got->heads[1].cms_len == 17 && got->heads[1].cms[16] == 2 &&
          strcmp(got->heads[1].component, "bridge-fw") == 0);
    CHECK_EQ(store_packages(store, &list, &n), GW_OK);
    CHECK(n == 1 && list[0].sequence == 42 && list[0].identity[0] == 5);
    free(list);
    free(got);
    store_close(store);
    cut_vfs_free(vfs);
}

struct lines {
    struct store_audit_line line[8];
    size_t n;
};

static void add_line(void *ctx, const struct store_audit_line *line)
{
    struct lines *lines = ctx;

    if (lines->n < 8) {
        lines->line[lines->n++] = *line;
    }
}

static void a_repeated_refusal_is_one_counted_line_a_minute(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    struct lines lines = { .n = 0 };
    struct audit_row row = { .time_s = 1000,
                             .event = "refused",
                             .object = "aa",
                             .err = GW_OTHER_SYSTEM,
                             .detail = "plant-b" };

    for (int i = 0; i < 60; i++, row.time_s++) {
        CHECK_EQ(store_audit(store, &row), GW_OK);
    }
    CHECK_EQ(store_audit(store, &row), GW_OK); /* a minute after the first: a new line */
    strcpy(row.object, "bb");
    CHECK_EQ(store_audit(store, &row), GW_OK);
    row.err = GW_OK; /* what is no refusal is never swallowed */
    CHECK_EQ(store_audit(store, &row), GW_OK);
    CHECK_EQ(store_audit(store, &row), GW_OK);
    CHECK_EQ(store_audit_lines(store, 8, add_line, &lines), GW_OK);
    CHECK_EQ(lines.n, 5);
    CHECK_EQ(lines.line[4].count, 60);
    CHECK_EQ(lines.line[4].row.time_s, 1000);
    CHECK_EQ(lines.line[4].last_s, 1059);
    CHECK(strcmp(lines.line[4].row.detail, "plant-b") == 0);
    CHECK_EQ(lines.line[3].count, 1);
    CHECK(strcmp(lines.line[2].row.object, "bb") == 0);
    store_close(store);
    cut_vfs_free(vfs);
}

static void old_jobs_and_lines_make_room_but_open_jobs_stay(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    struct job_record *job = make_job(1), *got = NULL;
    uint64_t ids[2 * STORE_JOBS_MAX];
    size_t n;

    CHECK_EQ(put_job(store, job), GW_OK); /* stays open */
    for (uint64_t id = 2; id <= STORE_JOBS_MAX + 10; id++) {
        job->job.id = id;
        job->job.state = JOB_DONE;
        job->job.finished_s = 5;
        CHECK_EQ(put_job(store, job), GW_OK);
    }
    CHECK_EQ(store_job_ids(store, ids, 2 * STORE_JOBS_MAX, &n), GW_OK);
    CHECK_EQ(n, STORE_JOBS_MAX + 1);
    CHECK_EQ(ids[0], STORE_JOBS_MAX + 10);
    CHECK_EQ(ids[n - 1], 1);
    CHECK_EQ(store_load_job(store, 2, &got), GW_NOT_FOUND);
    job_record_free(job);
    store_close(store);
    cut_vfs_free(vfs);
}

static void add_device(void *ctx, const struct store_device *device)
{
    strcat(ctx, device->name);
    strcat(ctx, device->identified);
}

static void devices_and_time_come_back(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    struct store_device device = { .name = "b", .bus = "x", .last_seen_s = 3, .identified = "{}" };
    struct store_time time = { .floor_s = 1, .synchronised_s = 2 }, got;
    char seen[80] = "";

    CHECK_EQ(store_time(store, &got), GW_OK);
    CHECK(got.floor_s == 0 && got.synchronised_s == 0);
    CHECK_EQ(store_put_time(store, &time), GW_OK);
    CHECK_EQ(store_time(store, &got), GW_OK);
    CHECK(got.floor_s == 1 && got.synchronised_s == 2);
    CHECK_EQ(store_put_device(store, &device), GW_OK);
    strcpy(device.name, "a");
    device.identified = "[1]";
    CHECK_EQ(store_put_device(store, &device), GW_OK);
    device.identified = "[2]";
    CHECK_EQ(store_put_device(store, &device), GW_OK);
    CHECK_EQ(store_devices(store, add_device, seen), GW_OK);
    CHECK(strcmp(seen, "a[2]b{}") == 0);
    CHECK_EQ(store_forget_device(store, "a"), GW_OK);
    store_close(store);
    cut_vfs_free(vfs);
}

/* Every commit raises `attempts` of all three steps and the floor by one. */
static enum gw_err put_round(struct store *store, struct job_record *job, uint32_t round)
{
    struct floor_row floor = { .device = "m", .floor = round };
    struct audit_row audit = { .time_s = round, .event = "round" };
    struct change changes[32];
    size_t n;

    for (uint16_t i = 0; i < job->step_count; i++) {
        job->steps[i].attempts = round;
    }
    n = changes_of(changes, job);
    changes[n++] = (struct change){ .kind = CHANGE_FLOOR, .row.floor = &floor };
    changes[n++] = (struct change){ .kind = CHANGE_AUDIT, .row.audit = &audit };
    return store_commit(store, changes, n, NULL);
}

enum { ROUNDS = 12 };

/* Commit until the disk dies; how many commits were acknowledged. */
static uint32_t commit_rounds(struct store *store, struct job_record *job)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        if (put_round(store, job, round) != GW_OK) {
            return round - 1;
        }
    }
    return ROUNDS;
}

/* I7, I8: what was acknowledged is there; what was not is there wholly or not at all. */
static void check_round(struct store *store, uint32_t acknowledged)
{
    struct job_record *got = NULL;
    struct floor_row floor = { .device = "m" };
    enum gw_err err = store_load_job(store, 1, &got);

    CHECK(err == GW_OK || (err == GW_NOT_FOUND && acknowledged == 0));
    if (!got) {
        return;
    }
    uint32_t round = got->steps[0].attempts;

    CHECK(round == acknowledged || round == acknowledged + 1);
    CHECK_EQ(got->step_count, 3);
    CHECK_EQ(got->steps[1].attempts, round);
    CHECK_EQ(got->steps[2].attempts, round);
    CHECK_EQ(store_floor(store, &floor), GW_OK);
    CHECK_EQ(floor.floor, round);
    job_record_free(got);
}

static void cut_at(uint64_t op, uint64_t seed, bool is_power)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = NULL;
    struct job_record *job = make_job(1);
    uint32_t acknowledged = 0;

    cut_vfs_die_at(vfs, op);
    if (store_open(&store, path, "cut", NULL) == GW_OK) {
        acknowledged = commit_rounds(store, job);
        store_close(store);
    }
    if (is_power) {
        cut_vfs_power_cut(vfs, seed);
    } else {
        cut_vfs_kill(vfs);
    }
    store = open_on("cut");
    if (store) {
        check_round(store, acknowledged);
        CHECK_EQ(put_round(store, job, ROUNDS + 1), GW_OK); /* and it goes on */
        store_close(store);
    }
    job_record_free(job);
    cut_vfs_free(vfs);
}

/* Killed when the commit was written and not yet flushed: the next process may act on what it
 * reads, so a power cut after that must not take it back. */
static void what_was_read_after_a_kill_survives_a_power_cut(void)
{
    struct job_record *job = make_job(1), *got = NULL;

    for (uint64_t op = 0; op < 150; op++) {
        struct cut_vfs *vfs = cut_vfs_new("cut");
        struct store *store = NULL;
        uint32_t read = 0;

        cut_vfs_die_at(vfs, op);
        if (store_open(&store, path, "cut", NULL) == GW_OK) {
            (void)commit_rounds(store, job);
            store_close(store);
        }
        cut_vfs_kill(vfs);
        store = open_on("cut");
        if (store_load_job(store, 1, &got) == GW_OK) {
            read = got->steps[0].attempts;
            job_record_free(got);
        }
        cut_vfs_die_at(vfs, 0);
        store_close(store);
        cut_vfs_power_cut(vfs, op);
        store = open_on("cut");
        check_round(store, read);
        store_close(store);
        cut_vfs_free(vfs);
    }
    job_record_free(job);
}

static uint64_t count_ops(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store = open_on("cut");
    struct job_record *job = make_job(1);

    CHECK_EQ(commit_rounds(store, job), ROUNDS);
    store_close(store);
    uint64_t ops = cut_vfs_ops(vfs);

    job_record_free(job);
    cut_vfs_free(vfs);
    return ops;
}

static void an_acknowledged_commit_survives_a_cut_at_every_operation(void)
{
    uint64_t ops = count_ops();

    for (uint64_t op = 0; op <= ops; op++) {
        cut_at(op, 0, false);
        for (uint64_t seed = 1; seed <= 8; seed++) {
            cut_at(op, op * 1000 + seed, true);
        }
    }
    printf("  %llu operations, 9 cuts each\n", (unsigned long long)ops);
}

static void an_io_error_is_final_and_loses_nothing_acknowledged(void)
{
    uint64_t ops = count_ops();

    for (uint64_t op = 0; op < ops; op++) {
        struct cut_vfs *vfs = cut_vfs_new("cut");
        struct store *store = NULL;
        struct job_record *job = make_job(1);
        uint32_t acknowledged = 0;

        cut_vfs_fail_at(vfs, op);
        if (store_open(&store, path, "cut", NULL) == GW_OK) {
            acknowledged = commit_rounds(store, job);
            if (acknowledged < ROUNDS) { /* the next one would succeed, and must not */
                CHECK_EQ(put_round(store, job, acknowledged + 1), GW_STORE);
                CHECK_EQ(put_round(store, job, acknowledged + 2), GW_STORE);
            }
        }
        cut_vfs_die_at(vfs, 0);
        store_close(store);
        cut_vfs_power_cut(vfs, op);
        store = open_on("cut");
        if (store) {
            check_round(store, acknowledged);
        }
        store_close(store);
        job_record_free(job);
        cut_vfs_free(vfs);
    }
}

static void make_other(const char *script)
{
    sqlite3 *db = NULL;

    CHECK_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "cut"),
             SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void a_later_version_is_refused_and_left_as_it_was(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store;
    struct gw_error error;
    size_t before_len, after_len;

    make_other("CREATE TABLE future (x); PRAGMA user_version = 2;");
    uint8_t *before = cut_vfs_read(vfs, path, &before_len);

    CHECK_EQ(store_open(&store, path, "cut", &error), GW_STORE_VERSION);
    CHECK(store == NULL);
    uint8_t *after = cut_vfs_read(vfs, path, &after_len);

    CHECK(before && after && before_len == after_len && memcmp(before, after, after_len) == 0);
    free(before);
    free(after);
    cut_vfs_free(vfs);
}

static void another_programs_database_is_refused(void)
{
    struct cut_vfs *vfs = cut_vfs_new("cut");
    struct store *store;
    struct gw_error error;

    make_other("CREATE TABLE birds (x);");
    CHECK_EQ(store_open(&store, path, "cut", &error), GW_STORE);
    CHECK(strstr(error.detail, "not a store of gatewayd") != NULL);
    cut_vfs_free(vfs);
}

/* Bit rot in any page either has no effect on what is read, or is refused with GW_STORE. */
static void a_damaged_store_never_gives_a_wrong_job(void)
{
    size_t refused = 0, tried = 0;

    for (size_t byte = 0; byte < 60 * 1024; byte += 97, tried++) {
        struct cut_vfs *vfs = cut_vfs_new("cut");
        struct store *store = open_on("cut");
        struct job_record *job = make_job(1), *got = NULL;

        CHECK_EQ(put_job(store, job), GW_OK);
        store_close(store);
        (void)cut_vfs_flip(vfs, path, byte);
        if (store_open(&store, path, "cut", NULL) != GW_OK ||
            store_load_job(store, 1, &got) != GW_OK) {
            refused++;
        } else {
            CHECK_EQ(got->step_count, 3);
        }
        job_record_free(got);
        job_record_free(job);
        store_close(store);
        cut_vfs_free(vfs);
    }
    CHECK(refused > 0 && refused < tried);
}

static void a_real_file_is_private_and_held(void)
{
    char dir[] = "/tmp/gw-store-XXXXXX", file[64];
    struct store *store = NULL, *second = NULL;
    struct gw_error error;
    struct stat st;

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(file, sizeof file, "%s/store.db", dir);
    CHECK_EQ(store_open(&store, file, NULL, &error), GW_OK);
    CHECK(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK_EQ(store_open(&second, file, NULL, &error), GW_STORE);
    struct store_time time = { .floor_s = 7 };

    CHECK_EQ(store_put_time(store, &time), GW_OK);
    store_close(store);
    CHECK_EQ(store_open(&store, file, NULL, &error), GW_OK);
    CHECK_EQ(store_time(store, &time), GW_OK);
    CHECK_EQ(time.floor_s, 7);
    store_close(store);
    CHECK_EQ(store_open(&store, "/nowhere/store.db", NULL, &error), GW_STORE);
    CHECK(unlink(file) == 0 && rmdir(dir) == 0);
}

int main(void)
{
    TEST(a_job_comes_back_as_it_was);
    TEST(a_floor_only_rises);
    TEST(a_package_comes_back_byte_by_byte);
    TEST(a_repeated_refusal_is_one_counted_line_a_minute);
    TEST(old_jobs_and_lines_make_room_but_open_jobs_stay);
    TEST(devices_and_time_come_back);
    TEST(an_acknowledged_commit_survives_a_cut_at_every_operation);
    TEST(what_was_read_after_a_kill_survives_a_power_cut);
    TEST(an_io_error_is_final_and_loses_nothing_acknowledged);
    TEST(a_later_version_is_refused_and_left_as_it_was);
    TEST(another_programs_database_is_refused);
    TEST(a_damaged_store_never_gives_a_wrong_job);
    TEST(a_real_file_is_private_and_held);
    return checks_failed != 0;
}
