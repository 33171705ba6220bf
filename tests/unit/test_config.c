#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "json.h"

static char folder[] = "/tmp/test_config.XXXXXX";
static char file[64], drop_in_folder[64];

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    CHECK(chmod(path, mode) == 0);
}

/* Load one file with this text; the detail of the refusal goes to `error`. */
static enum gw_err load(const char *text, struct config *c, struct gw_error *error)
{
    write_file(file, text, 0644);
    return config_load(c, file, error);
}

static void an_empty_object_gives_the_defaults(void)
{
    struct config c;
    struct gw_error error = { 0 };

    CHECK_EQ(load("{}", &c, &error), GW_OK);
    CHECK(strcmp(c.state_dir, "/var/lib/gatewayd") == 0);
    CHECK(strcmp(c.run_dir, "/run/gatewayd") == 0);
    CHECK_EQ(c.mode, MODE_AUTO);
    CHECK_EQ(c.cache_quota_bytes, 512u << 20);
    CHECK_EQ(c.signers_required, 1);
    CHECK(c.system[0] == '\0' && !c.allow_http);
    config_free(&c);
}

static void every_key_is_taken_over(void)
{
    struct config c;
    struct gw_error error = { 0 };

    CHECK_EQ(
        load("// the plant\n{ \"system\": \"acme.example/a\", \"mode\": \"streamed\","
             "\"cache_quota\": \"2G\", \"allow_http\": true, \"signers_required\": 2,"
             "\"buses\": { \"cab-1\": { \"router\": \"uart\", \"link\": \"unix:/x\","
             "\"framing\": \"raw\", \"environment\": {\"A\": \"b\"}, \"devices\": { \"boiler\":"
             "{ \"foreign\": {\"vendor\": \"acme.example\", \"class\": \"bc2\","
             "\"hardware\": 3}}}}}}",
             &c, &error),
        GW_OK);
    CHECK_EQ(c.mode, MODE_STREAMED);
    CHECK_EQ(c.cache_quota_bytes, 2ll << 30);
    const struct config_bus *bus = config_find_bus(&c, "cab-1");

    CHECK(bus && bus->device_count == 1);
    CHECK(bus && strcmp(json_get_string(bus->options, "framing"), "raw") == 0);
    CHECK(bus && bus->devices[0].is_foreign && bus->devices[0].hardware == 3);
    CHECK(config_find_bus(&c, "cab-2") == NULL);
    config_free(&c);
}

static void each_defect_names_its_place_and_a_way_out(void)
{
    static const struct {
        const char *text, *place, *says;
    } cases[] = {
        { "{\n  \"sistem\": \"a\" }", ":2:3:", "did you mean \"system\"?" },
        { "{\"qqqqqqqqqq\": 1}", ":1:2:", "unknown key" },
        { "{\n\"buses\": {\"a\": {\n\"lnk\": \"x\"}}}", ":3:1:", "did you mean \"link\"?" },
        { "{\"mode\": \"fast\"}", ":1:2:", "\"cached\"" },
        { "{\"mode\": 7}", ":1:2:", "\"cached\"" },
        { "{\"signers_required\": 0}", ":1:2:", "1 to 4" },
        { "{\"signers_required\": \"1\"}", ":1:2:", "integer" },
        { "{\"state_dir\": \"var\"}", ":1:2:", "absolute" },
        { "{\"cache_quota\": \"12T\"}", ":1:2:", "512M" },
        { "{\"allow_http\": 1}", ":1:2:", "true or false" },
        { "{\"system\": \"\"}", ":1:2:", "1 to 128" },
        { "{\"buses\": []}", ":1:2:", "object" },
        { "{\"buses\": {\"A b\": {}}}", ":1:12:", "a name is" },
        { "{\"buses\": {\"a\": 3}}", ":1:12:", "object" },
        { "{\"buses\": {\"a\": {\"environment\": {\"X\": 1}}}}", ":1:18:", "strings only" },
        { "{\"system\": \"a\", \"system\": \"b\"}", ":1:17:", "" },
        { "{\"system\": \"a\"} x", ":1:17:", "" },
        { "{\"system\": \"a\"", ":1:", "" },
        { "[]", "", "must be an object" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c;
        struct gw_error error = { 0 };

        CHECK_EQ(load(cases[i].text, &c, &error), GW_CONFIG);
        if (!strstr(error.detail, cases[i].place) || !strstr(error.detail, cases[i].says)) {
            (void)fprintf(stderr, "case %zu: %s\n", i, error.detail);
            CHECK(false);
        }
        CHECK(c.buses == NULL && c.bus_count == 0);
    }
}

static void a_bus_needs_router_and_link_and_a_uart_bus_has_one_device(void)
{
    struct config c;
    struct gw_error error = { 0 };

    CHECK_EQ(load("{\"buses\": {\"a\": {\"router\": \"uart\"}}}", &c, &error), GW_CONFIG);
    CHECK(strstr(error.detail, "\"link\"") != NULL);
    CHECK_EQ(load("{\"buses\": {\"a\": {\"router\": \"uart\", \"link\": \"unix:/x\", \"devices\":"
                  "{\"b\": {}, \"c\": {}}}}}",
                  &c, &error),
             GW_CONFIG);
    CHECK_EQ(load("{\"buses\": {\"a\": {\"router\": \"uart\", \"link\": \"unix:/x\", \"devices\":"
                  "{\"b\": {\"foreign\": {\"vendor\": \"acme.example\"}}}}}}",
                  &c, &error),
             GW_CONFIG);
}

static void drop_ins_add_buses_and_may_not_repeat_a_key(void)
{
    struct config c;
    struct gw_error error = { 0 };
    char first[80], second[80];

    (void)snprintf(first, sizeof first, "%s/10-a.json", drop_in_folder);
    (void)snprintf(second, sizeof second, "%s/20-b.json", drop_in_folder);
    CHECK(mkdir(drop_in_folder, 0755) == 0);
    write_file(first, "{\"buses\": {\"b\": {\"router\": \"uart\", \"link\": \"unix:/b\"}}}", 0644);
    CHECK_EQ(load("{\"system\": \"s\", \"buses\": {\"a\": {\"router\": \"uart\","
                  "\"link\": \"unix:/a\"}}}",
                  &c, &error),
             GW_OK);
    CHECK_EQ(c.bus_count, 2);
    config_free(&c);
    write_file(second, "{\n \"system\": \"t\"}", 0644);
    CHECK_EQ(config_load(&c, file, &error), GW_CONFIG);
    CHECK(strstr(error.detail, "20-b.json:2:2: system: stands in another file") != NULL);
    CHECK(unlink(first) == 0 && unlink(second) == 0 && rmdir(drop_in_folder) == 0);
}

static void a_file_that_others_may_write_is_refused(void)
{
    struct config c;
    struct gw_error error = { 0 };

    write_file(file, "{}", 0666);
    CHECK_EQ(config_load(&c, file, &error), GW_CONFIG_FILE);
    CHECK(strstr(error.detail, "chmod go-w") != NULL);
    CHECK(chmod(file, 0600) == 0);
    CHECK_EQ(config_load(&c, file, &error), GW_OK);
    config_free(&c);
    CHECK_EQ(config_load(&c, folder, &error), GW_CONFIG_FILE);
    CHECK_EQ(config_load(&c, "/nowhere/gatewayd.json", &error), GW_CONFIG_FILE);
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof file, "%s/gatewayd.json", folder);
    (void)snprintf(drop_in_folder, sizeof drop_in_folder, "%s/gatewayd.json.d", folder);
    TEST(an_empty_object_gives_the_defaults);
    TEST(every_key_is_taken_over);
    TEST(each_defect_names_its_place_and_a_way_out);
    TEST(a_bus_needs_router_and_link_and_a_uart_bus_has_one_device);
    TEST(drop_ins_add_buses_and_may_not_repeat_a_key);
    TEST(a_file_that_others_may_write_is_refused);
    CHECK(unlink(file) == 0 && rmdir(folder) == 0);
    return checks_failed != 0;
}
