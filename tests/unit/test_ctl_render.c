/* What gatewayctl prints, against expected text: at 80 columns as on a terminal, and without limit.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ctl_bars.h"
#include "ctl_failure.h"
#include "ctl_job.h"
#include "ctl_object.h"
#include "ctl_plan.h"
#include "ctl_render.h"
#include "ctl_report.h"
#include "ctl_table.h"

enum { NOW = 1800000000 };

static struct json *parse(const char *text)
{
    struct json *json;
    struct json_where where;

    if (json_parse(&json, text, strlen(text), JSON_STRICT, &where) != GW_OK) {
        fprintf(stderr, "column %u: %s\n%s\n", where.column, where.why, text);
        abort();
    }
    return json;
}

/* Collects what is printed. */
struct page {
    char *text;
    size_t len;
    FILE *out;
};

static struct page page_open(void)
{
    struct page p = { NULL, 0, NULL };

    return p;
}

static void expect(struct page *p, const char *want, int line)
{
    (void)fclose(p->out);
    if (strcmp(p->text, want) != 0) {
        checks_failed++;
        fprintf(stderr, "line %d: got\n%s\nwant\n%s\n", line, p->text, want);
    }
    free(p->text);
    *p = page_open();
}

#define EXPECT(page, want) expect(&(page), (want), __LINE__)

static FILE *begin(struct page *p)
{
    p->out = open_memstream(&p->text, &p->len);
    return p->out;
}

static const struct style at_80 = { .width = 80, .now = NOW };
static const struct style unlimited = { .width = 0, .now = NOW };

#define ERROR_ABSENT                                                                               \
    "{\"code\":\"GW2507\",\"name\":\"GW_PLAN_ABSENT\",\"message\":\"the device does not answer\"," \
    "\"detail\":\"3 tries in 6 s\",\"cause\":\"no power\",\"next\":\"gatewayctl bus test NAME\"}"

static void numbers_are_for_people(void)
{
    CHECK(strcmp(text_bytes(0).text, "0 B") == 0);
    CHECK(strcmp(text_bytes(1023).text, "1023 B") == 0);
    CHECK(strcmp(text_bytes(1024).text, "1.0 KiB") == 0);
    CHECK(strcmp(text_bytes(1048575).text, "1.0 MiB") == 0);
    CHECK(strcmp(text_bytes(64 << 20).text, "64.0 MiB") == 0);
    CHECK(strcmp(text_rate(9318).text, "9.1 KiB/s") == 0);
    CHECK(strcmp(text_clock(31).text, "0:31") == 0);
    CHECK(strcmp(text_clock(725).text, "12:05") == 0);
    CHECK(strcmp(text_clock(11220).text, "3:07:00") == 0);
    CHECK(strcmp(text_clock(-5).text, "0:00") == 0);
    CHECK(strcmp(text_duration(4).text, "4 s") == 0);
    CHECK(strcmp(text_duration(720).text, "12 min") == 0);
    CHECK(strcmp(text_duration(3 * 3600).text, "3 h") == 0);
    CHECK(strcmp(text_duration(12 * 86400).text, "12 d") == 0);
    CHECK(strcmp(text_time(1800000000).text, "2027-01-15 08:00") == 0);
}

static void hostile_text_cannot_move_the_cursor(void)
{
    struct page p = page_open();

    text_put(begin(&p), "a\033[2Jb\tc\x7f\xc2\x9b"
                        "d \xc3\xa9 \xff.");
    EXPECT(p, "a?[2Jb?c???d \xc3\xa9 ?.");
    text_put_cut(begin(&p), "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4);
    EXPECT(p, "\xc3\xa9\xc3\xa9..");
    text_put_cut(begin(&p), "abcd", 4);
    EXPECT(p, "abcd");
    CHECK_EQ(text_columns("\xc3\xa9\x01x"), 3);
}

static void long_text_is_broken_between_words(void)
{
    struct page p = page_open();

    text_wrap(begin(&p), 2, 20, "one two three four five, six");
    EXPECT(p, "  one two three four\n  five, six\n");
    text_wrap(begin(&p), 2, 0, "one two three four five, six");
    EXPECT(p, "  one two three four five, six\n");
}

static void a_table_drops_and_cuts_until_it_fits(void)
{
    static const struct column columns[] = {
        { "NAME", COLUMN_CUT }, { "N", COLUMN_RIGHT }, { "EMPTY", 0 }, { "MORE", COLUMN_OPTIONAL }
    };
    static const struct {
        unsigned width;
        const char *want;
    } cases[] = {
        { 0, "NAME                   N  MORE\nshort                  1  x\n"
             "a very long name it is  22\n" },
        { 26, "NAME                     N\nshort                    1\n"
              "a very long name it is  22\n" },
        { 16, "NAME           N\nshort          1\na very lon..  22\n" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct style style = { .width = cases[i].width };
        struct page p = page_open();
        struct table t;

        table_init(&t, columns, 4);
        table_cell(&t, "short");
        table_cellf(&t, "%d", 1);
        table_cell(&t, NULL);
        table_cell(&t, "x");
        table_cell(&t, "a very long name it is");
        table_cellf(&t, "%d", 22);
        table_cell(&t, "");
        table_cell(&t, "");
        table_finish(&t, begin(&p), &style);
        if (i == 0) {
            EXPECT(p, "NAME                     N  MORE\nshort                    1  x\n"
                      "a very long name it is  22\n");
        } else {
            EXPECT(p, cases[i].want);
        }
    }
}

static void status_is_one_screen(void)
{
    struct json *reply = parse(
        "{\"version\":\"0.1.0\",\"system\":\"acme.example/plant-a\",\"release\":\"2026.10\","
        "\"sequence\":41,\"floor\":40,\"user\":\"gatewayd\",\"uptime_s\":1036800,"
        "\"clock_synchronised\":true,\"sandbox\":\"landlock 7, seccomp\",\"anchors\":[{\"role\":"
        "\"image\",\"vendor\":\"acme.example\",\"file\":\"root.pem\",\"trial\":true}],"
        "\"warnings\":[\"the clock was set back\"],\"buses\":1,\"devices_ok\":7,"
        "\"devices_outdated\":1,\"devices_absent\":0,\"open_job\":17}");
    struct page p = page_open();

    render_status(begin(&p), reply, &at_80);
    EXPECT(p, "gatewayd  0.1.0   running 12 d as gatewayd   clock synchronised\n"
              "System    acme.example/plant-a   release 2026.10   sequence 41   floor 40\n"
              "Devices   7 ok   1 outdated   0 absent   on 1 bus\n"
              "Job       17 is open   follow it: gatewayctl job show 17 -f\n"
              "Sandbox   landlock 7, seccomp\n"
              "Anchor    image/acme.example   root.pem   trial\n"
              "Warning   the clock was set back\n");
    json_free(reply);
}

/* Another version of the daemon: members missing, of other types, or unknown. */
static void what_another_version_leaves_out_is_left_out(void)
{
    static const char *const replies[] = {
        "{}",
        "{\"version\":7,\"anchors\":{},\"warnings\":[3],\"open_job\":null,\"new\":[[]]}",
        ("{\"devices\":[{}],\"buses\":[{}],\"entries\":[{}],\"jobs\":[{}],\"job\":{\"steps\":[{}]},"
         "\"plan\":{\"steps\":[{}]},\"report\":{}}"),
        "{\"devices\":{},\"buses\":\"x\",\"entries\":1,\"jobs\":null,\"plan\":[],\"report\":7}",
    };

    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct json *reply = parse(replies[i]);
        FILE *out = fopen("/dev/null", "w");

        render_status(out, reply, &at_80);
        render_devices(out, reply, &at_80);
        render_buses(out, reply, &at_80);
        render_bus_test(out, reply, &at_80);
        render_cache(out, reply, &at_80);
        render_report(out, reply, &at_80);
        render_jobs(out, reply, &at_80);
        render_job(out, json_get(reply, "job"), &at_80);
        render_job_changes(out, NULL, json_get(reply, "job"));
        CHECK(render_job_bars(out, json_get(reply, "job"), 10, &at_80) >= 1);
        render_plan(out, json_get(reply, "plan"), "x", &at_80);
        render_error(out, json_get(reply, "error"), &at_80);
        (void)fclose(out);
        json_free(reply);
    }
}

static void devices_show_who_verifies(void)
{
    struct json *reply = parse(
        "{\"devices\":[{\"name\":\"boiler\",\"bus\":\"boiler\",\"router\":\"uart\",\"state\":"
        "\"ok\","
        "\"verified_by\":\"gateway + device\",\"version\":\"1.4.0\",\"last_seen\":1799999996},"
        "{\"name\":\"meter-3\",\"bus\":\"rs485\",\"router\":\"modbus\",\"state\":\"absent\","
        "\"verified_by\":\"gateway + MCUboot\",\"error\":" ERROR_ABSENT "}]}");
    struct page p = page_open();

    render_devices(begin(&p), reply, &at_80);
    EXPECT(p, "DEVICE   ROUTER  VERSION  STATE   VERIFIED BY        LAST SEEN  BUS\n"
              "boiler   uart    1.4.0    ok      gateway + device   4 s ago\n"
              "meter-3  modbus  -        absent  gateway + MCUboot  never      rs485\n"
              "\nmeter-3: GW2507 the device does not answer: 3 tries in 6 s\n"
              "  Likely cause: no power\n  Next: gatewayctl bus test NAME\n");
    json_free(reply);
}

static void a_plan_says_who_gets_what_and_who_refuses(void)
{
    static const char *const head =
        "{\"system\":\"acme.example/plant-a\",\"release\":\"2026.11\",\"sequence\":42,"
        "\"signer\":\"Acme Release\",\"trial_anchor\":true,\"estimated_s\":75,"
        "\"download_bytes\":412000,\"unmatched\":[\"fan-1\",\"fan-2\"],\"ok\":%s,\"steps\":["
        "{\"device\":\"boiler\",\"bus\":\"boiler\",\"component\":\"bridge-fw\",\"group\":\"g\","
        "\"action\":\"upgrade\",\"from_version\":\"1.4.0\",\"to_version\":\"1.5.0\","
        "\"bytes\":183224,\"estimated_s\":31,\"mode\":\"cached\","
        "\"verified_by\":\"gateway + device\",\"warnings\":[]},"
        "{\"device\":\"meter-3\",\"bus\":\"rs485\",\"component\":\"meter-fw\",\"group\":\"g\","
        "\"action\":\"%s\",\"to_version\":\"2.1.0\",\"bytes\":98304,\"estimated_s\":22,"
        "\"mode\":\"streamed\",\"verified_by\":\"gateway only\",\"warnings\":[\"no way "
        "back\"]%s}]}";
    static const char *const top = "Package   acme.example/plant-a 2026.11   sequence 42\n"
                                   "Signer    Acme Release: verified\n"
                                   "Warning   a trial PKI signed it: not for production\n";
    char text[2000], want[2000];
    struct page p = page_open();

    (void)snprintf(text, sizeof text, head, "true", "upgrade", "");
    struct json *plan = parse(text);

    render_plan(begin(&p), plan, "plant.gwp", &at_80);
    (void)snprintf(
        want, sizeof want, "%s%s", top,
        "DEVICE   COMPONENT  VERSION         ACTION        SIZE  TIME  VERIFIED BY\n"
        "boiler   bridge-fw  1.4.0 -> 1.5.0  upgrade  178.9 KiB  0:31  gateway + device\n"
        "meter-3  meter-fw   ? -> 2.1.0      upgrade   96.0 KiB  0:22  gateway only\n"
        "Group     g: boiler, meter-3: all or nothing\n"
        "Warning   meter-3: no way back\n"
        "Untouched fan-1, fan-2 (the package has nothing for them)\n"
        "Download 402.3 KiB, about 1:15 in all. Nothing was changed. Install it: "
        "gatewayctl install plant.gwp\n");
    EXPECT(p, want);
    json_free(plan);

    (void)snprintf(text, sizeof text, head, "false", "refuse", ",\"error\":" ERROR_ABSENT);
    plan = parse(text);
    render_plan(begin(&p), plan, "plant.gwp", &unlimited);
    (void)snprintf(
        want, sizeof want, "%s%s", top,
        "DEVICE   COMPONENT  VERSION         ACTION        SIZE  TIME  VERIFIED BY       MODE    "
        "BUS\n"
        "boiler   bridge-fw  1.4.0 -> 1.5.0  upgrade  178.9 KiB  0:31  gateway + device  cached\n"
        "meter-3  meter-fw   ? -> 2.1.0      refuse                    gateway only              "
        "rs485\n"
        "Group     g: boiler, meter-3: all or nothing\n"
        "Warning   meter-3: no way back\n"
        "Refused   meter-3: GW2507 the device does not answer: 3 tries in 6 s\n"
        "          Next: gatewayctl bus test NAME\n"
        "Untouched fan-1, fan-2 (the package has nothing for them)\n"
        "This package cannot be installed as it is. Nothing was changed.\n");
    EXPECT(p, want);
    json_free(plan);
}

#define STEP(device, state, more)                                                                  \
    "{\"device\":\"" device "\",\"bus\":\"b\",\"component\":\"fw\",\"state\":\"" state             \
    "\",\"from_version\":\"1.0.0\",\"to_version\":\"1.1.0\",\"to_sequence\":2,"                    \
    "\"verified_by\":\"gateway + device\",\"total\":100000,\"attempts\":1" more "}"
#define JOB(state, steps, more)                                                                    \
    "{\"id\":17,\"state\":\"" state "\",\"system\":\"acme/plant\",\"release\":\"2026.11\","        \
    "\"sequence\":42,\"source\":\"plant.gwp\",\"mode\":\"auto\",\"created\":1799999000,"           \
    "\"steps\":[" steps "],\"download_done\":0,\"download_total\":0" more "}"

static void bars_show_bytes_rate_and_time_in_80_columns(void)
{
    struct style style = { .width = 79 };
    struct page p = page_open();
    struct json *job = parse(JOB(
        "running",
        STEP("boiler", "staging", ",\"done\":50000,\"rate\":9318,\"eta_s\":5") "," STEP(
            "meter-3", "waiting",
            ",\"done\":0") "," STEP("valve-2", "failed",
                                    ",\"done\":0,\"error\":" ERROR_ABSENT) "," STEP("pump",
                                                                                    "staged",
                                                                                    ",\"done\":"
                                                                                    "100000,"
                                                                                    "\"resumed_"
                                                                                    "at\":40960"),
        ""));

    CHECK_EQ(render_job_bars(begin(&p), job, 20, &style), 5);
    EXPECT(p, "job 17: running: acme/plant 2026.11, sequence 42\n"
              "boiler   fw  1.0.0 -> 1.1.0  [##########----------]  50%     9.1 KiB/s     0:05\n"
              "meter-3  fw  1.0.0 -> 1.1.0  waiting\n"
              "valve-2  fw  1.0.0 -> 1.1.0  failed: GW2507 the device does not answer\n"
              "pump     fw  1.0.0 -> 1.1.0  staged (resumed at 40.0 KiB)\n");
    json_free(job);
}

static unsigned widest_line(const char *text)
{
    unsigned widest = 0;

    while (*text) {
        size_t len = strcspn(text, "\n");

        widest = len > widest ? (unsigned)len : widest;
        text += len + (text[len] == '\n');
    }
    return widest;
}

/* The block is drawn over itself, so no line may wrap and no line may be lost at any size. */
static void bars_never_exceed_the_terminal(void)
{
    struct json *job = parse(JOB(
        "running",
        STEP("a-device-with-a-very-long-name-indeed", "staging", ",\"done\":99999,\"rate\":1048575,\"eta_s\":359999") "," STEP(
            "b", "failed",
            ",\"error\":" ERROR_ABSENT) "," STEP("c", "waiting",
                                                 "") "," STEP("d", "done",
                                                              "") "," STEP("e", "done",
                                                                           "") "," STEP("f", "done",
                                                                                        ""),
        ""));
    for (unsigned width = BARS_WIDTH_MIN; width <= 200; width++) {
        for (unsigned lines = 4; lines <= 12; lines++) {
            struct style style = { .width = width };
            struct page p = page_open();
            unsigned printed = render_job_bars(begin(&p), job, lines, &style), count = 0;

            (void)fflush(p.out);
            for (const char *c = p.text; *c; c++) {
                count += *c == '\n';
            }
            CHECK_EQ(printed, count);
            CHECK(printed <= lines);
            CHECK(widest_line(p.text) <= width);
            (void)fclose(p.out);
            free(p.text);
        }
    }
    json_free(job);
}

static void only_changes_are_lines(void)
{
    struct json *first = parse(JOB("running", STEP("boiler", "waiting", ",\"done\":0"), ""));
    struct json *progress = parse(JOB("running", STEP("boiler", "waiting", ",\"done\":9"), ""));
    struct json *resumed = parse(
        JOB("running", STEP("boiler", "staging", ",\"done\":9,\"resumed_at\":4096"), ""));
    struct json *ended = parse(
        JOB("partial",
            STEP("boiler", "failed", ",\"error\":" ERROR_ABSENT) "," STEP("fan", "skipped", ""),
            ",\"finished\":1799999031"));
    struct page p = page_open();

    render_job_changes(begin(&p), NULL, first);
    EXPECT(p, "job 17: running: acme/plant 2026.11, sequence 42\njob 17: boiler fw: waiting\n");
    render_job_changes(begin(&p), first, progress);
    EXPECT(p, "");
    render_job_changes(begin(&p), progress, resumed);
    EXPECT(p, "job 17: boiler fw: staging, resumed at 4096 of 100000 bytes\n");
    render_job_changes(begin(&p), resumed, ended);
    EXPECT(p, "job 17: boiler fw: failed: GW2507 the device does not answer: 3 tries in 6 s\n"
              "job 17: fan fw: skipped: it has 1.1.0 already\n"
              "job 17: partial after 0:31\n");
    json_free(first);
    json_free(progress);
    json_free(resumed);
    json_free(ended);
}

static void an_ended_job_gives_its_reason_and_exit_code(void)
{
#define ERROR(code) "{\"code\":\"" code "\",\"message\":\"m\"}"
    static const struct {
        const char *job;
        int exit_code; /* 0 = no failure */
        const char *code;
    } cases[] = {
        { JOB("done", "", ""), 0, NULL },
        { JOB("refused", "", ",\"error\":" ERROR("GW2006")), 4, "GW2006" },
        { JOB("refused", "", ",\"error\":" ERROR("GW1004")), 4, "GW1004" },
        { JOB("refused", "", ""), 4, "GW7011" },
        { JOB("failed", STEP("a", "failed", ",\"error\":" ERROR("GW4004")), ""), 1, "GW4004" },
        { JOB("failed", "", ",\"error\":" ERROR("GW5004")), 75, "GW5004" },
        { JOB("partial", STEP("a", "failed", ",\"error\":" ERROR("GW3001")), ""), 5, "GW3001" },
        { JOB("cancelled", "", ""), 1, "GW7001" },
        { JOB("failed", "", ",\"error\":" ERROR("GW8888")), 1, "GW8888" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json *job = parse(cases[i].job), *failure = job_failure(job);

        CHECK(job_has_ended(job));
        CHECK((failure != NULL) == (cases[i].exit_code != 0));
        if (failure) {
            CHECK_EQ(failure_exit_code(failure), cases[i].exit_code);
            CHECK(strcmp(json_get_string(failure, "code"), cases[i].code) == 0);
        }
        json_free(failure);
        json_free(job);
    }
}

static void foreign_errors_become_codes(void)
{
    static const struct {
        const char *reply, *code;
        int exit_code;
    } cases[] = {
        { "{\"error\":\"io.gatewayd.Control.Failed\",\"parameters\":{\"code\":\"GW2006\","
          "\"exit_code\":4}}",
          "GW2006", 4 },
        { "{\"error\":\"io.gatewayd.Control.Failed\",\"parameters\":{\"code\":\"GW7004\"}}",
          "GW7004", 6 },
        { "{\"error\":\"io.gatewayd.Router.Failed\",\"parameters\":{\"code\":3005,"
          "\"detail\":\"held by minicom\"}}",
          "GW3005", 1 },
        { "{\"error\":\"io.gatewayd.Router.Failed\",\"parameters\":{\"code\":-1,\"detail\":\"\"}}",
          "GW7012", 1 },
        { "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"a.B\"}}",
          "GW7007", 1 },
        { "{\"error\":\"org.varlink.service.PermissionDenied\"}", "GW7003", 8 },
        { "{\"error\":\"io.gatewayd.Sim.NotFound\",\"parameters\":{\"name\":\"x\"}}", "GW7005", 3 },
        { "{\"error\":\"com.example.Odd\",\"parameters\":{\"x\":1}}", "GW7012", 1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct varlink_reply reply;

        CHECK_EQ(varlink_reply_parse(&reply, cases[i].reply, strlen(cases[i].reply), NULL), GW_OK);
        struct json *failure = failure_of_reply(&reply);

        CHECK(strcmp(json_get_string(failure, "code"), cases[i].code) == 0);
        CHECK_EQ(failure_exit_code(failure), cases[i].exit_code);
        json_free(failure);
        varlink_reply_free(&reply);
    }
}

static void errors_say_cause_and_next_step(void)
{
    struct json *error = failure_new(GW_UNREACHABLE, "%s: %s", "/run/x", "No such file");
    struct page p = page_open();
    struct style colored = { .color = true };

    render_error(begin(&p), error, &at_80);
    EXPECT(p, "error: GW7002 gatewayd does not answer: /run/x: No such file\n"
              "  Likely cause: it is not running, or --socket names another path\n"
              "  Next: start gatewayd, or give --socket PATH\n");
    render_error(begin(&p), error, &colored);
    CHECK(fflush(p.out) == 0 && strncmp(p.text, "\033[31merror: \033[0mGW7002", 22) == 0);
    (void)fclose(p.out);
    free(p.text);
    json_free(error);
}

static void any_object_can_be_read(void)
{
    struct json *object = parse("{\"job\":17,\"created\":1800000000,\"ok\":true,\"none\":[],"
                                "\"list\":[\"a\",2],\"who\":{\"name\":\"x\"},"
                                "\"rows\":[{\"device\":\"a\",\"n\":1},{\"device\":\"b\"}]}");
    struct page p = page_open();

    render_object(begin(&p), object, 0, &unlimited);
    EXPECT(p, "job: 17\ncreated: 2027-01-15 08:00\nok: yes\nnone: none\nlist:\n  a\n  2\n"
              "who:\n  name: x\nrows:\n  device: a, n: 1\n  device: b\n");
    json_free(object);
}

static void a_report_says_who_signed_who_verified_and_what_devices_say(void)
{
    struct json *reply = parse("{\"report\":{\"made\":1800000000,\"job\":" JOB(
        "done", STEP("boiler", "done", ""),
        ",\"finished\":1799999031") ",\"package\":{\"identity\":\"abcd\",\"signer\":{\"name\":"
                                    "\"Acme Release\",\"signers\":1,\"signed\":1800000000,"
                                    "\"trial\":true},\"images\":[{\"component\":\"fw\","
                                    "\"identity\":\"0123456789abcdef01\",\"signer\":{\"name\":"
                                    "\"Acme Images\",\"signed\":1800000000}}]},\"devices\":[{"
                                    "\"device\":\"boiler\",\"verified_by\":\"gateway + device\","
                                    "\"known\":{\"state\":\"ok\",\"version\":\"1.1.0\"},"
                                    "\"says\":{\"boots\":3,\"slots\":[{\"slot\":0,\"active\":"
                                    "true}]}},{\"device\":\"pump\",\"verified_by\":"
                                    "\"gateway only\",\"error\":" ERROR_ABSENT "}]}}");
    struct page p = page_open();

    render_report(begin(&p), reply, &at_80);
    EXPECT(p, "job 17: done: acme/plant 2026.11, sequence 42\n"
              "started 2027-01-15 07:43 UTC, took 0:31, from plant.gwp\n"
              "DEVICE  COMPONENT  VERSION         STATE  VERIFIED BY\n"
              "boiler  fw         1.0.0 -> 1.1.0  done   gateway + device\n"
              "\nPackage   abcd\nSigner    Acme Release, signed 2027-01-15 08:00 UTC (trial PKI)\n"
              "IMAGE  SIGNED BY    SIGNED (UTC)      IDENTITY\n"
              "fw     Acme Images  2027-01-15 08:00  0123456789abcdef\n"
              "\nDevice    boiler: ok, runs 1.1.0, verified by gateway + device\n  it says:\n"
              "    boots: 3\n    slots:\n      slot: 0, active: yes\n"
              "\nDevice    pump: , verified by gateway only\n"
              "error: GW2507 the device does not answer: 3 tries in 6 s\n"
              "  Likely cause: no power\n  Next: gatewayctl bus test NAME\n"
              "\nmade 2027-01-15 08:00 UTC\n");
    json_free(reply);
}

int main(void)
{
    TEST(numbers_are_for_people);
    TEST(hostile_text_cannot_move_the_cursor);
    TEST(long_text_is_broken_between_words);
    TEST(a_table_drops_and_cuts_until_it_fits);
    TEST(status_is_one_screen);
    TEST(what_another_version_leaves_out_is_left_out);
    TEST(devices_show_who_verifies);
    TEST(a_plan_says_who_gets_what_and_who_refuses);
    TEST(bars_show_bytes_rate_and_time_in_80_columns);
    TEST(bars_never_exceed_the_terminal);
    TEST(only_changes_are_lines);
    TEST(an_ended_job_gives_its_reason_and_exit_code);
    TEST(foreign_errors_become_codes);
    TEST(errors_say_cause_and_next_step);
    TEST(any_object_can_be_read);
    TEST(a_report_says_who_signed_who_verified_and_what_devices_say);
    return checks_failed != 0;
}
