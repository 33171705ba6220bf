#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "interfaces.h"
#include "varlink.h"

static void feed(struct varlink_input *in, const char *bytes, size_t len)
{
    while (len > 0) {
        char *room;
        size_t cap;

        CHECK_EQ(varlink_input_room(in, &room, &cap), GW_OK);
        cap = cap < len ? cap : len;
        memcpy(room, bytes, cap);
        varlink_input_added(in, cap);
        bytes += cap;
        len -= cap;
    }
}

static void messages_come_out_whole_however_they_are_cut(void)
{
    static const char stream[] = "first\0\0third, a longer one\0rest";
    static const char *const want[] = { "first", "", "third, a longer one" };

    for (size_t chunk = 1; chunk <= sizeof stream; chunk++) {
        struct varlink_input in = { 0 };
        size_t count = 0, len;

        for (size_t at = 0; at < sizeof stream - 1; at += chunk) {
            const char *message;

            feed(&in, stream + at, sizeof stream - 1 - at < chunk ? sizeof stream - 1 - at : chunk);
            while ((message = varlink_input_next(&in, &len)) != NULL) {
                CHECK(count < 3 && strcmp(message, want[count]) == 0 && len == strlen(message));
                count++;
            }
        }
        CHECK_EQ(count, 3);
        char rest[8] = "";

        CHECK_EQ(varlink_input_take(&in, rest, 2), 2);
        CHECK_EQ(varlink_input_take(&in, rest + 2, 6), 2);
        CHECK(strcmp(rest, "rest") == 0);
        varlink_input_free(&in);
    }
}

static void a_message_of_the_limit_passes_and_one_more_byte_does_not(void)
{
    struct varlink_input in = { 0 };
    char *room;
    size_t len, cap;

    for (size_t i = 0; i < VARLINK_MESSAGE_MAX; i++) {
        feed(&in, "x", 1);
    }
    CHECK(varlink_input_next(&in, &len) == NULL);
    feed(&in, "", 1);
    CHECK(varlink_input_next(&in, &len) != NULL);
    CHECK_EQ(len, VARLINK_MESSAGE_MAX);
    CHECK(varlink_input_next(&in, &len) == NULL);
    CHECK(in.bytes == NULL); /* a large buffer is given back */

    for (size_t i = 0; i <= VARLINK_MESSAGE_MAX; i++) {
        feed(&in, "x", 1);
    }
    CHECK(varlink_input_next(&in, &len) == NULL);
    CHECK_EQ(varlink_input_room(&in, &room, &cap), GW_BAD_MESSAGE);
    varlink_input_free(&in);
}

static void a_call_survives_print_and_parse(void)
{
    struct json *parameters = json_new_object();
    struct varlink_call call;

    json_set_integer(parameters, "id", 7);
    char *text = varlink_print_call("a.b.C", parameters, VARLINK_MORE | VARLINK_UPGRADE);

    CHECK(strcmp(text, "{\"method\":\"a.b.C\",\"parameters\":{\"id\":7},\"more\":true,"
                       "\"upgrade\":true}") == 0);
    CHECK_EQ(varlink_call_parse(&call, text, strlen(text), NULL), GW_OK);
    CHECK(strcmp(call.method, "a.b.C") == 0 && call.more && call.upgrade && !call.oneway);
    CHECK_EQ(json_get_integer(call.parameters, "id", 0), 7);
    varlink_call_free(&call);
    free(text);
}

static void a_reply_survives_print_and_parse(void)
{
    struct varlink_reply reply;
    char *text = varlink_print_reply(NULL, true);

    CHECK(strcmp(text, "{\"parameters\":{},\"continues\":true}") == 0);
    CHECK_EQ(varlink_reply_parse(&reply, text, strlen(text), NULL), GW_OK);
    CHECK(reply.continues && !reply.error && json_count(reply.parameters) == 0);
    varlink_reply_free(&reply);
    free(text);

    text = varlink_print_error("a.b.Failed", NULL);
    CHECK_EQ(varlink_reply_parse(&reply, text, strlen(text), NULL), GW_OK);
    CHECK(!reply.continues && strcmp(reply.error, "a.b.Failed") == 0);
    varlink_reply_free(&reply);
    free(text);
}

static void faulty_messages_are_refused(void)
{
    static const char *const calls[] = {
        "[]",
        "{}",
        "{\"method\":1}",
        "{\"method\":\"a.B\",\"parameters\":[]}",
        "{\"method\":\"a.B\",\"more\":1}",
        "{\"method\":\"a.B\",\"method\":\"a.C\"}",
    };
    static const char *const replies[] = {
        "7",
        "{\"parameters\":1}",
        "{\"error\":{}}",
        "{\"continues\":\"yes\"}",
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct varlink_call call;
        struct json_where where;

        CHECK_EQ(varlink_call_parse(&call, calls[i], strlen(calls[i]), &where), GW_BAD_MESSAGE);
        CHECK(call.document == NULL && where.why[0] != '\0');
    }
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct varlink_reply reply;

        CHECK_EQ(varlink_reply_parse(&reply, replies[i], strlen(replies[i]), NULL), GW_BAD_MESSAGE);
        CHECK(reply.document == NULL);
    }
}

static void what_does_not_fit_a_message_is_not_printed(void)
{
    char *big = malloc(VARLINK_MESSAGE_MAX + 1);
    struct json *parameters = json_new_object();

    memset(big, 'x', VARLINK_MESSAGE_MAX);
    big[VARLINK_MESSAGE_MAX] = '\0';
    json_set_string(parameters, "big", big);
    CHECK(varlink_print_reply(parameters, false) == NULL);
    free(big);
}

/* What the service answers to a call in text form, as text; "" = the handler's. */
static const char *answer(const char *call_text)
{
    static const struct varlink_interface *const interfaces[] = { &interface_control,
                                                                  &interface_router, NULL };
    static const struct varlink_service service = { "test", "1.2.3", interfaces };
    static char text[8192];
    struct varlink_call call;

    CHECK_EQ(varlink_call_parse(&call, call_text, strlen(call_text), NULL), GW_OK);
    char *reply = varlink_service_reply(&service, &call);

    (void)snprintf(text, sizeof text, "%s", reply ? reply : "");
    free(reply);
    varlink_call_free(&call);
    return text;
}

static void the_service_describes_itself(void)
{
    CHECK(strcmp(
              answer("{\"method\":\"org.varlink.service.GetInfo\"}"),
              "{\"parameters\":{\"vendor\":\"gatewayd\",\"product\":\"test\",\"version\":\"1.2.3\","
              "\"url\":\"https://varlink.org\",\"interfaces\":[\"org.varlink.service\","
              "\"io.gatewayd.Control\",\"io.gatewayd.Router\"]}}") == 0);
    CHECK(strncmp(answer("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                         "\"parameters\":{\"interface\":\"io.gatewayd.Router\"}}"),
                  "{\"parameters\":{\"description\":\"# One bus", 38) == 0);
    CHECK(strcmp(answer("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                        "\"parameters\":{\"interface\":\"io.gatewayd.Fetch\"}}"),
                 "{\"error\":\"org.varlink.service.InterfaceNotFound\","
                 "\"parameters\":{\"interface\":\"io.gatewayd.Fetch\"}}") == 0);
}

#define IMAGE                                                                                      \
    "\"handle\":1,\"identity\":\"00\",\"payload_only\":false,\"size\":1,\"cms_size\":1,"           \
    "\"payload_size\":1,\"block_size\":512,\"token\":\"00\",\"component\":0,\"sequence\":1,"       \
    "\"version\":\"1\""

static void parameters_are_held_to_the_description(void)
{
    static const struct {
        const char *method, *parameters, *error, *value;
    } cases[] = {
        { "io.gatewayd.Control.Status", "null", NULL, NULL },
        { "io.gatewayd.Control.Status", "{}", NULL, NULL },
        { "io.gatewayd.Control.Cancel", "{\"id\":1}", NULL, NULL },
        { "io.gatewayd.Control.Plan", "{\"url\":null}", NULL, NULL },
        { "io.gatewayd.Router.Identify", "{\"devices\":[\"a\",\"b\"]}", NULL, NULL },
        { "io.gatewayd.Router.Stage", "{\"devices\":[],\"image\":{" IMAGE "}}", NULL, NULL },
        { "io.gatewayd.Router.Stage", "{\"devices\":[],\"image\":{" IMAGE ",\"newer\":1}}", NULL,
          NULL },
        { "io.gatewayd.Control.Nothing", "{}", "MethodNotFound", "io.gatewayd.Control.Nothing" },
        { "io.gatewayd.Control.status", "{}", "MethodNotFound", "io.gatewayd.Control.status" },
        { "io.gatewayd.Control.Failed", "{}", "MethodNotFound", "io.gatewayd.Control.Failed" },
        { "io.gatewayd.Control.Job.x", "{}", "InterfaceNotFound", "io.gatewayd.Control.Job" },
        { "org.varlink.service", "{}", "InterfaceNotFound", "org.varlink" },
        { "Status", "{}", "InterfaceNotFound", "Status" },
        { "io.gatewayd.Control.", "{}", "MethodNotFound", "io.gatewayd.Control." },
        { "io.gatewayd.Control.Status", "{\"x\":1}", "InvalidParameter", "x" },
        { "io.gatewayd.Control.Cancel", "{}", "InvalidParameter", "id" },
        { "io.gatewayd.Control.Cancel", "{\"id\":\"1\"}", "InvalidParameter", "id" },
        { "io.gatewayd.Control.Cancel", "{\"id\":null}", "InvalidParameter", "id" },
        { "io.gatewayd.Control.Plan", "{\"url\":7}", "InvalidParameter", "url" },
        { "io.gatewayd.Router.Identify", "{\"devices\":[\"a\",2]}", "InvalidParameter",
          "devices[1]" },
        { "io.gatewayd.Router.Identify", "{\"devices\":{}}", "InvalidParameter", "devices" },
        { "io.gatewayd.Router.Stage", "{\"devices\":[],\"image\":{}}", "InvalidParameter",
          "image.handle" },
        { "io.gatewayd.Router.Stage", "{\"devices\":[],\"image\":{" IMAGE ",\"state_hash\":1}}",
          "InvalidParameter", "image.state_hash" },
        { "io.gatewayd.Router.Open",
          "{\"interface_version\":1,\"bus\":\"b\",\"link\":\"l\",\"options\":[],\"devices\":[]}",
          "InvalidParameter", "options" },
        { "io.gatewayd.Router.Open",
          "{\"interface_version\":1,\"bus\":\"b\",\"link\":\"l\",\"options\":{},"
          "\"devices\":[{\"name\":\"a\"},{\"name\":1}]}",
          "InvalidParameter", "devices[1].name" },
        { "org.varlink.service.GetInterfaceDescription", "{}", "InvalidParameter", "interface" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char call[1024], want[300] = "";
        const char *key = !cases[i].error                                   ? ""
                          : strcmp(cases[i].error, "MethodNotFound") == 0   ? "method"
                          : strcmp(cases[i].error, "InvalidParameter") == 0 ? "parameter"
                                                                            : "interface";

        (void)snprintf(call, sizeof call, "{\"method\":\"%s\",\"parameters\":%s}", cases[i].method,
                       cases[i].parameters);
        if (cases[i].error) {
            (void)snprintf(want, sizeof want,
                           "{\"error\":\"org.varlink.service.%s\",\"parameters\":{\"%s\":\"%s\"}}",
                           cases[i].error, key, cases[i].value);
        }
        const char *got = answer(call);

        if (strcmp(got, want) != 0) {
            checks_failed++;
            fprintf(stderr, "%s\n  got  %s\n  want %s\n", call, got, want);
        }
    }
}

static void inline_types_are_checked_too(void)
{
    static const char description[] =
        "interface a.b\n# comment (with parentheses\n"
        "type E (one, two)\n"
        "method M(e: E, i: (x, y), s: ?(n: int # in (here\n, m: [string]bool), a: []?int) -> ()\n";
    static const struct {
        const char *parameters, *fault;
    } cases[] = {
        { "{\"e\":\"two\",\"i\":\"y\",\"a\":[1,null]}", NULL },
        { "{\"e\":\"one\",\"i\":\"x\",\"a\":[],\"s\":{\"n\":1,\"m\":{\"k\":true}}}", NULL },
        { "{\"e\":\"three\",\"i\":\"y\",\"a\":[]}", "e" },
        { "{\"e\":\"on\",\"i\":\"y\",\"a\":[]}", "e" },
        { "{\"e\":\"two\",\"i\":\"z\",\"a\":[]}", "i" },
        { "{\"e\":\"two\",\"i\":\"y\",\"a\":[1,\"\"]}", "a[1]" },
        { "{\"e\":\"one\",\"i\":\"x\",\"a\":[],\"s\":{\"n\":1}}", "s.m" },
        { "{\"e\":\"one\",\"i\":\"x\",\"a\":[],\"s\":{\"n\":1,\"m\":{\"k\":1}}}", "s.m.k" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json *value;
        char path[100];

        CHECK_EQ(
            json_parse(&value, cases[i].parameters, strlen(cases[i].parameters), JSON_STRICT, NULL),
            GW_OK);
        const char *error = varlink_check_parameters(description, "M", value, path, sizeof path);

        CHECK((error != NULL) == (cases[i].fault != NULL));
        CHECK(strcmp(path, cases[i].fault ? cases[i].fault : "") == 0);
        json_free(value);
    }
}

static void a_long_place_is_cut(void)
{
    struct json *value = json_new_object();
    char name[300], path[20];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    json_set_bool(value, name, true);
    CHECK(varlink_check_parameters(interface_control.description, "Status", value, path,
                                   sizeof path) != NULL);
    CHECK_EQ(strlen(path), sizeof path - 1);
    json_free(value);
}

int main(void)
{
    TEST(messages_come_out_whole_however_they_are_cut);
    TEST(a_message_of_the_limit_passes_and_one_more_byte_does_not);
    TEST(a_call_survives_print_and_parse);
    TEST(a_reply_survives_print_and_parse);
    TEST(faulty_messages_are_refused);
    TEST(what_does_not_fit_a_message_is_not_printed);
    TEST(the_service_describes_itself);
    TEST(parameters_are_held_to_the_description);
    TEST(inline_types_are_checked_too);
    TEST(a_long_place_is_cut);
    return checks_failed != 0;
}
