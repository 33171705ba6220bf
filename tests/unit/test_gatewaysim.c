/* gatewaysim as a program: its lines over sockets, its control over Varlink, its flash in a file.
 * Usage: test_gatewaysim PATH-OF-GATEWAYSIM. */
#include <fcntl.h>
#include <mbedtls/base64.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "ipc_client.h"
#include "sim_bench.h"
#include "sim_id.h"

enum { PATH_LEN = 256, ANSWER_MS = 1500 };

struct scene {
    struct smp_wire wire; /* first: the transport finds the scene behind it */
    const char *program;
    char folder[PATH_LEN];
    pid_t pid;
    int out;    /* the program's stdout */
    int err;    /* its stderr */
    int socket; /* bus a */
    struct ipc_client *control;
    struct rig rig; /* only its PKI is used */
    struct rig_image old, new;
    char text[4096]; /* what stderr said */
};

static void path_of(const struct scene *s, char path[PATH_LEN], const char *name)
{
    (void)snprintf(path, PATH_LEN, "%.200s/%.50s", s->folder, name);
}

static void write_file(const struct scene *s, const char *name, const void *bytes, size_t len)
{
    char path[PATH_LEN];
    FILE *file;

    path_of(s, path, name);
    file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, len, file) == len);
    CHECK(file && fclose(file) == 0);
}

static void write_anchor(const struct scene *s)
{
    const struct blob *der = &s->rig.pki.root.cert;
    uint8_t base64[4096];
    char pem[4300];
    size_t len;

    CHECK(mbedtls_base64_encode(base64, sizeof base64, &len, der->at, der->len) == 0);
    int n = snprintf(pem, sizeof pem,
                     "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", base64);
    write_file(s, "root.pem", pem, (size_t)n);
}

static void make_images(struct scene *s)
{
    struct testpki_image_how how = { .sequence = 5 };

    sim_vendor_id(how.vendor_id, "acme.example");
    sim_class_id(how.class_id, how.vendor_id, "pm1");
    testpki_make(&s->rig.pki, "acme.example");
    rig_image_make(&s->old, &s->rig, 5000, 1, &how);
    how.sequence = 6;
    rig_image_make(&s->new, &s->rig, 20000, 2, &how);
    write_file(s, "old.gwi", s->old.gwi.at, s->old.gwi.len);
    write_anchor(s);
}

static void write_field(const struct scene *s, const char *baud)
{
    char text[2048];
    int n = snprintf(text, sizeof text,
                     "{ \"buses\": [ // two lines\n"
                     "  { \"name\": \"a\", \"link\": \"unix:%s/a.sock\", \"baud\": %s,\n"
                     "    \"device\": { \"name\": \"pump\", \"vendor\": \"acme.example\",\n"
                     "      \"class\": \"pm1\", \"serial\": \"A-1\", \"hardware\": 3,\n"
                     "      \"anchors\": [ \"root.pem\" ], \"factory\": \"old.gwi\",\n"
                     "      \"flash\": { \"file\": \"pump.flash\", \"slot_size\": 65536 } } },\n"
                     "  { \"name\": \"b\", \"link\": \"unix:%s/b.sock\", \"baud\": 0,\n"
                     "    \"device\": { \"vendor\": \"acme.example\", \"class\": \"pm1\" } } ] }\n",
                     s->folder, baud, s->folder);

    write_file(s, "field.json", text, (size_t)n);
}

/* --- the program --- */

static void spawn(struct scene *s)
{
    char field[PATH_LEN], control[PATH_LEN];
    int out[2], err[2];

    path_of(s, field, "field.json");
    path_of(s, control, "control");
    CHECK(pipe(out) == 0 && pipe(err) == 0);
    s->pid = fork();
    if (s->pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(err[1], STDERR_FILENO);
        (void)close(out[0]);
        (void)close(err[0]);
        (void)execl(s->program, s->program, field, "--socket", control, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    (void)close(err[1]);
    s->out = out[0];
    s->err = err[0];
}

static bool is_ready(const struct scene *s)
{
    char line[16] = "";
    struct pollfd fd = { .fd = s->out, .events = POLLIN };

    return poll(&fd, 1, 10000) == 1 && read(s->out, line, sizeof line - 1) > 0 &&
           strcmp(line, "ready\n") == 0;
}

static int connect_to(const struct scene *s, const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char path[PATH_LEN];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    path_of(s, path, name);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%.100s", path);
    CHECK(connect(fd, (const struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

/* Exit status of the program; what it wrote to stderr is in s->text. */
static int reap(struct scene *s)
{
    int status = 0;
    size_t len = 0;
    ssize_t n;

    do {
        n = read(s->err, s->text + len, sizeof s->text - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    s->text[len] = '\0';
    CHECK_EQ(waitpid(s->pid, &status, 0), s->pid);
    (void)close(s->out);
    (void)close(s->err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int stop(struct scene *s)
{
    (void)close(s->socket);
    ipc_client_close(s->control);
    (void)kill(s->pid, SIGTERM);
    return reap(s);
}

/* --- the line --- */

static void send_bytes(struct smp_wire *w, const uint8_t *bytes, size_t len)
{
    CHECK(send(((struct scene *)w)->socket, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static size_t receive_bytes(struct smp_wire *w, uint8_t *out, size_t cap)
{
    struct pollfd fd = { .fd = ((struct scene *)w)->socket, .events = POLLIN };
    ssize_t n = poll(&fd, 1, ANSWER_MS) == 1 ? recv(fd.fd, out, cap, 0) : 0;

    return n > 0 ? (size_t)n : 0;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- the control --- */

/* Calls a method with text parameters; true when it succeeds. The reply is *out if not NULL. */
static bool call(struct scene *s, const char *method, const char *parameters,
                 struct varlink_reply *out)
{
    struct varlink_reply reply;
    struct json *json = NULL;
    char full[64];
    bool ok;

    (void)snprintf(full, sizeof full, "io.gatewayd.Sim.%s", method);
    CHECK_EQ(json_parse(&json, parameters, strlen(parameters), JSON_STRICT, NULL), GW_OK);
    if (ipc_client_call(s->control, full, json, &reply, ipc_now_ms() + ANSWER_MS) != GW_OK) {
        return false;
    }
    ok = reply.error == NULL;
    if (out) {
        *out = reply;
    } else {
        varlink_reply_free(&reply);
    }
    return ok;
}

/* A fact of the device pump: a member, or one of its counters. */
static int64_t fact(struct scene *s, const char *key)
{
    struct varlink_reply reply;
    int64_t value = -1;

    if (call(s, "Devices", "{}", &reply)) {
        const struct json *pump = json_first(json_get(reply.parameters, "devices"));

        value = json_get_integer(pump, key, -1);
        value = json_get_integer(json_get(pump, "counters"), key, value);
        if (value < 0) {
            value = json_get_bool(pump, key, false);
        }
        varlink_reply_free(&reply);
    }
    return value;
}

static bool wait_for(struct scene *s, const char *key, int64_t want)
{
    for (double until_s = now_s() + 5; now_s() < until_s;) {
        if (fact(s, key) == want) {
            return true;
        }
        (void)usleep(10000);
    }
    return false;
}

static void start(struct scene *s)
{
    char control[PATH_LEN];

    spawn(s);
    CHECK(is_ready(s));
    path_of(s, control, "control");
    CHECK_EQ(ipc_client_connect(&s->control, control, NULL), GW_OK);
    s->socket = connect_to(s, "a.sock");
    CHECK(wait_for(s, "powered", 1));
    CHECK(wait_for(s, "boots", 1));
}

static void open_scene(struct scene *s, const char *program, const char *baud)
{
    memset(s, 0, sizeof *s);
    s->program = program;
    s->wire.send = send_bytes;
    s->wire.receive = receive_bytes;
    s->wire.framing = SMP_FRAMING_RAW;
    s->wire.message_max = 2044;
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/test_gatewaysim.XXXXXX");
    CHECK(mkdtemp(s->folder) != NULL);
    make_images(s);
    write_field(s, baud);
}

static void close_scene(struct scene *s)
{
    static const char *const names[] = { "field.json", "old.gwi", "root.pem", "pump.flash",
                                         "a.sock",     "b.sock",  "control" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_LEN];

        path_of(s, path, names[i]);
        (void)unlink(path);
    }
    CHECK(rmdir(s->folder) == 0);
    rig_image_free(&s->old);
    rig_image_free(&s->new);
    testpki_free(&s->rig.pki);
}

/* --- tests --- */

static void an_upgrade_runs_over_a_paced_socket_and_stays_in_the_flash_file(const char *program)
{
    struct scene s;
    struct smp_wire_facts f;

    open_scene(&s, program, "115200");
    start(&s);
    CHECK_EQ(fact(&s, "running_sequence"), 5);
    CHECK_EQ(fact(&s, "bytes_flashed"), 0);
    CHECK(smp_wire_identify(&s.wire, &f));
    CHECK_EQ(f.facts.serial.len, 3);
    CHECK_EQ(f.slots[0].sequence, 5);
    double began_s = now_s();

    CHECK(smp_wire_send_image(&s.wire, &s.new.gwi, 1));
    double ratio = (now_s() - began_s) / ((double)s.new.gwi.len / 11520);

    printf("  one request at a time: %.3f of the line's time\n", ratio);
    CHECK(ratio > 1.0 && ratio < 1.3);
    CHECK_EQ(fact(&s, "bytes_flashed"), 20000);
    CHECK_EQ(fact(&s, "unverified_bytes"), 0);
    CHECK(smp_wire_activate(&s.wire, s.new.identity, false));
    CHECK(smp_wire_reset(&s.wire));
    CHECK(wait_for(&s, "running_sequence", 6));
    CHECK_EQ(fact(&s, "on_trial"), 1);
    (void)usleep(200000); /* the self-test's time is the simulator's own */
    CHECK(smp_wire_confirm(&s.wire, s.new.identity));
    CHECK_EQ(fact(&s, "on_trial"), 0);
    CHECK_EQ(stop(&s), 0);

    start(&s);
    CHECK(wait_for(&s, "running_sequence", 6));
    CHECK_EQ(stop(&s), 0);
    close_scene(&s);
}

/* Bytes a second, once everything that buffers is full. */
static double measure_rate(struct scene *s)
{
    enum { CHUNK = 576, FILL = 20 * CHUNK, MEASURED = 40 * CHUNK }; /* 2 seconds */
    static uint8_t bytes[CHUNK];
    double began_s = 0;

    memset(bytes, 'x', sizeof bytes);
    for (size_t at = 0; at < FILL + MEASURED; at += CHUNK) {
        began_s = at == FILL ? now_s() : began_s;
        send_bytes(&s->wire, bytes, CHUNK);
    }
    return MEASURED / (now_s() - began_s);
}

static void the_line_keeps_its_rate_within_one_percent(const char *program)
{
    struct scene s;
    int small = 2048;
    double rate = 0;

    open_scene(&s, program, "115200");
    start(&s);
    CHECK(setsockopt(s.socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    for (int i = 0; i < 3 && rate < 11520 * 0.99; i++) { /* a busy machine can only slow it */
        rate = measure_rate(&s);
    }
    printf("  %.1f bytes a second of 11520\n", rate);
    CHECK(rate > 11520 * 0.99 && rate < 11520 * 1.01);
    CHECK_EQ(stop(&s), 0);
    close_scene(&s);
}

static void power_line_and_faults_follow_the_control(const char *program)
{
    struct scene s;

    open_scene(&s, program, "0");
    start(&s);
    CHECK(call(&s, "PowerCut", "{\"device\":\"pump\"}", NULL));
    CHECK_EQ(fact(&s, "powered"), 0);
    CHECK(call(&s, "PowerOn", "{\"device\":\"pump\"}", NULL));
    CHECK(wait_for(&s, "running_sequence", 5));
    CHECK_EQ(fact(&s, "boots"), 2);

    CHECK(call(&s, "PowerCutAt", "{\"device\":\"pump\",\"after_flash_ops\":9}", NULL));
    CHECK(!smp_wire_send_image(&s.wire, &s.new.gwi, 1));
    CHECK_EQ(fact(&s, "powered"), 0);
    CHECK(call(&s, "PowerOn", "{\"device\":\"pump\"}", NULL));
    CHECK(wait_for(&s, "running_sequence", 5));

    CHECK(call(&s, "BreakLine", "{\"bus\":\"a\"}", NULL));
    CHECK(!smp_wire_ask_empty(&s.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    CHECK(call(&s, "MendLine", "{\"bus\":\"a\"}", NULL));
    CHECK(smp_wire_ask_empty(&s.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));

    CHECK(call(&s, "SetFaults", "{\"device\":\"pump\",\"faults\":{\"self_test\":\"fail\"}}", NULL));
    CHECK(smp_wire_send_image(&s.wire, &s.new.gwi, 1));
    CHECK(smp_wire_activate(&s.wire, s.new.identity, false));
    CHECK(call(&s, "ResetCounters", "{}", NULL));
    CHECK(smp_wire_reset(&s.wire));
    CHECK(wait_for(&s, "boots", 2)); /* the trial, and back */
    CHECK(wait_for(&s, "running_sequence", 5));
    CHECK(call(&s, "SetNoise",
               "{\"bus\":\"a\",\"loss_ppm\":1000000,\"corruption_ppm\":0,\"duplicate_ppm\":0,"
               "\"seed\":1}",
               NULL));
    CHECK(!smp_wire_ask_empty(&s.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    CHECK_EQ(stop(&s), 0);
    close_scene(&s);
}

static void wrong_calls_are_refused_by_name(const char *program)
{
    static const struct {
        const char *method, *parameters, *error;
    } cases[] = {
        { "PowerCut", "{\"device\":\"nobody\"}", "io.gatewayd.Sim.NotFound" },
        { "BreakLine", "{\"bus\":\"nowhere\"}", "io.gatewayd.Sim.NotFound" },
        { "PowerCutAt", "{\"device\":\"pump\",\"after_flash_ops\":0}", "io.gatewayd.Sim.Invalid" },
        { "SetFaults", "{\"device\":\"pump\",\"faults\":{\"selftest\":\"fail\"}}",
          "io.gatewayd.Sim.Invalid" },
        { "SetFaults", "{\"device\":\"pump\",\"faults\":{\"self_test\":\"maybe\"}}",
          "io.gatewayd.Sim.Invalid" },
        { "SetNoise",
          "{\"bus\":\"a\",\"loss_ppm\":1000001,\"corruption_ppm\":0,\"duplicate_ppm\":0,\"seed\":"
          "1}",
          "io.gatewayd.Sim.Invalid" },
        { "Explode", "{}", "org.varlink.service.MethodNotFound" },
        { "PowerCut", "{}", "org.varlink.service.InvalidParameter" },
    };
    struct scene s;

    open_scene(&s, program, "0");
    start(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct varlink_reply reply = { 0 };

        CHECK(!call(&s, cases[i].method, cases[i].parameters, &reply));
        CHECK(reply.error && strcmp(reply.error, cases[i].error) == 0);
        varlink_reply_free(&reply);
    }
    CHECK_EQ(stop(&s), 0);
    close_scene(&s);
}

static void a_new_client_takes_the_line_over(const char *program)
{
    struct scene s;
    uint8_t byte;
    int first;

    open_scene(&s, program, "0");
    start(&s);
    CHECK(smp_wire_ask_empty(&s.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    first = s.socket;
    s.socket = connect_to(&s, "a.sock");
    CHECK(smp_wire_ask_empty(&s.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    CHECK_EQ(recv(first, &byte, 1, 0), 0);
    (void)close(first);
    CHECK_EQ(stop(&s), 0);
    close_scene(&s);
}

static void a_wrong_description_is_refused_with_its_place(const char *program)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "{", "field.json:1" },
        { "{}", "field.json:1:1: buses: must name at least one bus" },
        { "{\"bus\":1,\"buses\":[]}", "field.json:1:2: bus: unknown key" },
        { "{\"buses\":[\n {\"name\":\"a\",\"link\":\"unix:x\",\n  \"boud\":1,\"device\":{}}]}",
          "field.json:3:3: buses[0].boud: unknown key" },
        { "{\"buses\":[\n {\"name\":\"a\",\"link\":\"unix:x\",\"baud\":\"fast\",\"device\":{}}]}",
          "buses[0].baud: must be a number" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"unix:x\"}]}", "buses[0].device: is missing" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"unix:x\",\"device\":{\"class\":\"c\"}}]}",
          "buses[0].device.vendor: is missing" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"unix:x\",\"device\":{\"kind\":\"odd\"}}]}",
          "buses[0].device.kind: must be" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"unix:x\",\"device\":{\"vendor\":\"v\","
          "\"class\":\"c\",\"flash\":{\"sector\":3000}}}]}",
          "buses[0].device.flash: sector and granule must be powers of two" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"unix:x\",\"device\":{\"vendor\":\"v\","
          "\"class\":\"c\",\"factory\":\"old.gwi\"}}]}",
          "buses[0].device.factory: the device refuses this image: GW2227" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"unix:x\",\"device\":{\"vendor\":\"v\","
          "\"class\":\"c\",\"anchors\":[\"old.gwi\"]}}]}",
          "old.gwi: not one certificate in PEM" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"serial:x\",\"device\":{\"kind\":\"foreign\"}}]}",
          "serial:x: must be unix:/path or tcp://127.0.0.1:port" },
        { "{\"buses\":[{\"name\":\"a\",\"link\":\"tcp://10.0.0.1:99\",\"device\":{\"kind\":"
          "\"foreign\"}}]}",
          "only 127.0.0.1 is served" },
    };
    struct scene s;

    open_scene(&s, program, "0");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(&s, "field.json", cases[i].text, strlen(cases[i].text));
        spawn(&s);
        CHECK_EQ(reap(&s), 2);
        CHECK(strstr(s.text, cases[i].why) != NULL);
        if (!strstr(s.text, cases[i].why)) {
            fprintf(stderr, "  %s  want: %s\n", s.text, cases[i].why);
        }
    }
    close_scene(&s);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s GATEWAYSIM\n", argv[0]);
        return 2;
    }
#define RUN(test) (printf("%s\n", #test), test(argv[1]))
    RUN(an_upgrade_runs_over_a_paced_socket_and_stays_in_the_flash_file);
    RUN(the_line_keeps_its_rate_within_one_percent);
    RUN(power_line_and_faults_follow_the_control);
    RUN(wrong_calls_are_refused_by_name);
    RUN(a_new_client_takes_the_line_over);
    RUN(a_wrong_description_is_refused_with_its_place);
#undef RUN
    return checks_failed != 0;
}
