/* gatewaypkg's own parts: DER that our reader accepts, manifests from descriptions, the command
 * line. Argument: the man page's source. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "der.h"
#include "manifest.h"
#include "pkg_der.h"
#include "pkg_manifest.h"
#include "pkg_verbs.h"

static void every_number_reads_back(void)
{
    for (unsigned shift = 0; shift < 32; shift++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint32_t value = (uint32_t)((1LL << shift) + delta);
            struct pkg_der der = { 0 };

            pkg_der_uint(&der, DER_INTEGER, value);
            struct cursor c = der_over((struct span){ der.at, der.len });

            CHECK(take_der_uint(&c, DER_INTEGER, UINT32_MAX) == value);
            CHECK(der_done(&c));
            pkg_der_free(&der);
        }
    }
}

static void every_length_reads_back(void)
{
    static uint8_t bytes[70000];

    for (size_t len = 0; len < sizeof bytes; len = len < 300 ? len + 1 : len * 3 / 2) {
        struct pkg_der der = { 0 };

        pkg_der_tlv(&der, DER_OCTET_STRING, bytes, len);
        pkg_der_wrap(&der, DER_SEQUENCE, 0);
        struct cursor c = der_over((struct span){ der.at, der.len });
        struct cursor inner = take_der_nested(&c, DER_SEQUENCE);

        CHECK_EQ(take_der(&inner, DER_OCTET_STRING).len, len);
        CHECK(der_done(&inner) && der_done(&c));
        pkg_der_free(&der);
    }
}

/* Write the manifest that a description gives; "" = GW_OK, else the failure's detail. */
static enum gw_err write_manifest(struct pkg_der *der, const char *json, struct gw_error *error)
{
    char path[] = "/tmp/test_pkg.XXXXXX";
    int fd = mkstemp(path);
    uint8_t table[3 * SHA256_LEN] = { 0 };
    struct pkg_payload payload = { .size = 3000, .table = table, .table_len = sizeof table };
    struct pkg_description d;
    enum gw_err err;

    if (fd < 0 || write(fd, json, strlen(json)) != (ssize_t)strlen(json) || close(fd) != 0) {
        abort();
    }
    err = pkg_description_load(&d, path, error);
    (void)unlink(path);
    if (err) {
        return err;
    }
    err = pkg_manifest_block_size(&payload.block_size, &d, error);
    if (!err) {
        err = pkg_manifest_write(der, &d, &payload, error);
    }
    pkg_description_free(&d);
    return err;
}

#define HEAD "{\"vendor\":\"acme.example\",\"class\":\"pm1\",\"version\":\"1.2.3\",\"sequence\":7"

static void every_field_reaches_the_manifest(void)
{
    struct pkg_der der = { 0 };
    struct gw_error error = { 0 };
    struct image_manifest m;
    struct span serial, bus_id;
    uint8_t component;
    uint32_t min;

    CHECK_EQ(write_manifest(&der,
                            HEAD ",\"component\":3,\"floor\":5,\"block_size\":1024,"
                                 "\"hardware\":{\"min\":1,\"max\":65535},"
                                 "\"serials\":[\"00\",\"0a0b\"],"
                                 "\"requires\":[{\"component\":1,\"min_sequence\":9}],"
                                 "\"delivery\":\"payload\",\"bus_ids\":[\"usb:1209:0001\"],"
                                 "\"link_address\":134283264} // the end",
                            &error),
             GW_OK);
    CHECK_EQ(image_manifest_parse(&m, (struct span){ der.at, der.len }), VERIFY_OK);
    CHECK_EQ(m.component, 3);
    CHECK_EQ(m.sequence, 7);
    CHECK_EQ(m.floor, 5);
    CHECK_EQ(m.version.len, 5);
    CHECK_EQ(m.payload_size, 3000);
    CHECK_EQ(m.block_count, 3);
    CHECK(m.has_hardware && m.hardware_min == 1 && m.hardware_max == 65535);
    CHECK(manifest_next_serial(&m.serials, &serial) && serial.len == 1);
    CHECK(manifest_next_serial(&m.serials, &serial) && serial.len == 2 && serial.at[1] == 0x0b);
    CHECK(!manifest_next_serial(&m.serials, &serial));
    CHECK(manifest_next_requirement(&m.requires, &component, &min) && component == 1 && min == 9);
    CHECK_EQ(m.delivery, DELIVERY_PAYLOAD);
    CHECK(manifest_next_bus_id(&m.bus_ids, &bus_id) && bus_id.len == 13);
    CHECK(m.has_link_address && m.link_address == 134283264);
    pkg_der_free(&der);

    CHECK_EQ(write_manifest(&der, HEAD ",\"delivery\":\"gwi\",\"floor\":7}", &error), GW_OK);
    CHECK_EQ(image_manifest_parse(&m, (struct span){ der.at, der.len }), VERIFY_OK);
    CHECK_EQ(m.component, 0);
    CHECK_EQ(m.floor, 7);
    CHECK_EQ(m.block_size, 1024);
    CHECK_EQ(m.delivery, DELIVERY_GWI);
    CHECK(!m.has_hardware && m.serials.len == 0 && !m.has_link_address);
    pkg_der_free(&der);
}

static void each_broken_description_is_refused_with_its_place(void)
{
    static const struct {
        const char *json, *detail;
    } bad[] = {
        { "[]", ":1:1: must be an object" },
        { "{", ":1:2: " },
        { "{\"vendor\":\"acme.example\"}", ":1:1: class: must be printable text" },
        { HEAD ",\n  \"clas\":1}", ":2:3: clas: unknown key" },
        { HEAD ",\n\n \"component\":256}", ":3:2: component: " },
        { HEAD ",\"floor\":8}", "floor: must be an integer from 0 to 7" },
        { HEAD ",\"block_size\":1000}", "block_size: must be a power of two" },
        { HEAD ",\"block_size\":256}", "block_size: " },
        { HEAD ",\"hardware\":{\"min\":2,\"max\":1}}", "hardware.max: " },
        { HEAD ",\"hardware\":[1,2]}", "hardware: must be an object" },
        { HEAD ",\"serials\":[]}", "serials: must not be empty" },
        { HEAD ",\"serials\":[\"0G\"]}", "serials: each must be" },
        { HEAD ",\"requires\":[{\"component\":1}]}", "requires[0].min_sequence: " },
        { HEAD ",\"delivery\":\"bare\"}", "delivery: must be" },
        { HEAD ",\"bus_ids\":[\"\"]}", "bus_ids: each must be" },
        { HEAD ",\"bus_ids\":[1]}", "bus_ids: each must be" },
        { HEAD ",\"link_address\":4294967296}", "link_address: " },
        { HEAD ",\"sequence\":8}", ": " },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pkg_der der = { 0 };
        struct gw_error error = { 0 };
        enum gw_err err = write_manifest(&der, bad[i].json, &error);

        if (err != GW_DESCRIPTION || !strstr(error.detail, bad[i].detail)) {
            (void)fprintf(stderr, "%s: %s\n", bad[i].json, error.detail);
        }
        CHECK_EQ(err, GW_DESCRIPTION);
        CHECK(strstr(error.detail, bad[i].detail) != NULL);
        pkg_der_free(&der);
    }
}

/* Parse a line, cut at spaces. */
static enum gw_err parse(char *line, const struct pkg_verb **verb, struct pkg_arguments *out)
{
    char *argv[16] = { line };
    int argc = 0;

    for (char *word = strtok(line, " "); word && argc < 16; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return pkg_verbs_parse(verb, out, argc, argv, NULL);
}

static void command_lines_are_read(void)
{
    static const struct {
        const char *line;
        enum gw_err want;
    } cases[] = {
        { "gatewaypkg", GW_USAGE },
        { "gatewaypkg --help", GW_OK },
        { "gatewaypkg -h", GW_OK },
        { "gatewaypkg sign --help", GW_OK },
        { "gatewaypkg sig x", GW_USAGE },
        { "gatewaypkg sign", GW_USAGE },
        { "gatewaypkg info a b", GW_USAGE },
        { "gatewaypkg info a", GW_OK },
        { "gatewaypkg --json info a", GW_OK },
        { "gatewaypkg info -- -a", GW_OK },
        { "gatewaypkg info -a", GW_USAGE },
        { "gatewaypkg info --trust x a", GW_USAGE },
        { "gatewaypkg --trust x verify a", GW_USAGE },
        { "gatewaypkg verify --trust=x a", GW_OK },
        { "gatewaypkg verify --trust= a", GW_USAGE },
        { "gatewaypkg verify a --trust", GW_USAGE },
        { "gatewaypkg verify a --trust x --trust y", GW_USAGE },
        { "gatewaypkg verify a --json=yes", GW_USAGE },
        { "gatewaypkg sign a --cert c", GW_USAGE },
        { "gatewaypkg sign a --cert c --key k --cert d --key l -o o", GW_OK },
        { "gatewaypkg plan a --inventory -", GW_OK },
        { "gatewaypkg image a b --c c", GW_USAGE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pkg_arguments arguments;
        const struct pkg_verb *verb;
        char line[200];

        (void)snprintf(line, sizeof line, "%s", cases[i].line);
        enum gw_err err = parse(line, &verb, &arguments);

        if (err != cases[i].want) {
            (void)fprintf(stderr, "%s\n", cases[i].line);
        }
        CHECK_EQ(err, cases[i].want);
    }
}

static void man_page_knows_every_verb(const char *path)
{
    static char page[32768];
    FILE *file = fopen(path, "r");

    CHECK(file != NULL);
    if (!file) {
        return;
    }
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    (void)fclose(file);
    for (size_t i = 0; pkg_verb_at(i); i++) {
        char heading[32], option[32], words[64];

        (void)snprintf(heading, sizeof heading, "\n*%s*", pkg_verb_at(i)->name);
        CHECK(strstr(page, heading) != NULL);
        (void)snprintf(words, sizeof words, "%s", pkg_verb_at(i)->options);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
            (void)snprintf(option, sizeof option, "*--%s*", word);
            CHECK(strstr(page, option) != NULL);
        }
    }
}

int main(int argc, char **argv)
{
    TEST(every_number_reads_back);
    TEST(every_length_reads_back);
    TEST(every_field_reaches_the_manifest);
    TEST(each_broken_description_is_refused_with_its_place);
    TEST(command_lines_are_read);
    CHECK_EQ(argc, 2);
    printf("man_page_knows_every_verb\n");
    man_page_knows_every_verb(argv[1]);
    return checks_failed != 0;
}
