#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "json.h"

static enum gw_err parse(const char *text, enum json_flags flags, struct json_where *where)
{
    struct json *json;
    enum gw_err err = json_parse(&json, text, strlen(text), flags, where);

    CHECK((json != NULL) == (err == GW_OK));
    json_free(json);
    return err;
}

/* The canonical print of `text`, or "" when it is refused. Valid until the next call. */
static const char *round_trip(const char *text, size_t len)
{
    static char result[4096];
    struct json *json;

    result[0] = '\0';
    if (json_parse(&json, text, len, JSON_STRICT, NULL) == GW_OK) {
        char *print = json_print(json);

        (void)snprintf(result, sizeof result, "%s", print);
        free(print);
        json_free(json);
    }
    return result;
}

static void what_json_permits_is_read_and_printed_back(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "{}", "{}" },
        { " [ 1 , -2,\t0,\r\n-0 ] ", "[1,-2,0,0]" },
        { "\"\\u00e9\\ud83d\\ude00\\/\\n\"", "\"\xc3\xa9\xf0\x9f\x98\x80/\\n\"" },
        { "9007199254740991", "9007199254740991" },
        { "[-9007199254740991,1000000000000000,999999999999999]",
          "[-9007199254740991,1000000000000000,999999999999999]" },
        { "{\"a\":{\"a\":null},\"A\":true,\"\":false}",
          "{\"a\":{\"a\":null},\"A\":true,\"\":false}" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(strcmp(round_trip(cases[i].text, strlen(cases[i].text)), cases[i].want) == 0);
    }
}

static void each_breach_is_refused_with_its_place(void)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *why;
    } cases[] = {
        { "", 1, 1, "a value was expected" },
        { "\n\n  ]", 3, 3, "a value was expected" },
        { "{\"a\":1,\n \"b\":2,\n \"a\":3}", 3, 2, "duplicate key" },
        { "{\"a\":1,\"\\u0061\":2}", 1, 8, "duplicate key" },
        { "{\"\xc3\xa9\":1,\"\\u00e9\":2}", 1, 9, "duplicate key" },
        { "[{\"x\":1},{\"x\":1,\"y\":{\"x\":1},\"x\":2}]", 1, 29, "duplicate key" },
        { "{} {}", 1, 4, "text after the end" },
        { "[1]x", 1, 4, "text after the end" },
        { "{\"a\":1,}", 1, 8, "a string was expected" },
        { "[1,]", 1, 4, "a value was expected" },
        { "[1 2]", 1, 4, "',' or ']' was expected" },
        { "{\"a\" 1}", 1, 6, "':' was expected" },
        { "{\"a\":1 \"b\"}", 1, 8, "',' or '}' was expected" },
        { "[1e3]", 1, 2, "a number that is not written as a whole decimal number" },
        { "{\"size\":1e999}", 1, 9, "a number that is not written as a whole decimal number" },
        { "[1.5]", 1, 2, "a number that is not written as a whole decimal number" },
        { "[01]", 1, 2, "a number begins with 0" },
        { "[-]", 1, 3, "a digit was expected" },
        { "[+1]", 1, 2, "a value was expected" },
        { "9007199254740992", 1, 1, "a number of 2^53 or more" },
        { "[9007199254740993]", 1, 2, "a number of 2^53 or more" },
        { "[-9007199254740992]", 1, 2, "a number of 2^53 or more" },
        { "18446744073709551616", 1, 1, "a number of 2^53 or more" },
        { "NaN", 1, 1, "a value was expected" },
        { "nul", 1, 1, "a value was expected" },
        { "'a'", 1, 1, "a value was expected" },
        { "\"a", 1, 3, "a string does not end" },
        { "\"\\x\"", 1, 3, "unknown escape in a string" },
        { "\"\\u12\"", 1, 4, "\\u needs four hex digits" },
        { "\"\\u0000\"", 1, 4, "\\u0000 in a string" },
        { "\"\\ud800\"", 1, 8, "half of a surrogate pair" },
        { "\"\\ud800\\u0041\"", 1, 8, "half of a surrogate pair" },
        { "\"\\udc00\"", 1, 4, "half of a surrogate pair" },
        { "\"a\tb\"", 1, 3, "control character in a string" },
        { "[\"\xff\"]", 1, 3, "not UTF-8" },
        { "[\"\xc0\x80\"]", 1, 3, "not UTF-8" },
        { "[\"\xed\xa0\x80\"]", 1, 3, "not UTF-8" },
        { "[\"\xf4\x90\x80\x80\"]", 1, 3, "not UTF-8" },
        { "[\"\xe2\x82\"]", 1, 3, "not UTF-8" },
        { "\xef\xbb\xbf{}", 1, 1, "a value was expected" },
        { "// hello\n{}", 1, 1, "a value was expected" },
        { "[1/**/]", 1, 3, "',' or ']' was expected" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_where where;

        CHECK_EQ(parse(cases[i].text, JSON_STRICT, &where), GW_BAD_MESSAGE);
        if (strcmp(where.why, cases[i].why) != 0 || where.line != cases[i].line ||
            where.column != cases[i].column) {
            checks_failed++;
            fprintf(stderr, "%s: %u:%u %s\n", cases[i].text, where.line, where.column, where.why);
        }
    }
}

static void a_nul_byte_is_refused_everywhere(void)
{
    static const char good[] = "{\"ab\": [1, true]}";

    for (size_t at = 0; at < sizeof good; at++) {
        char text[sizeof good];

        memcpy(text, good, sizeof good);
        text[at] = '\0';
        CHECK(strcmp(round_trip(text, sizeof good), "") == 0);
    }
}

static void every_truncation_is_refused(void)
{
    static const char good[] = "{\"ab\":[1,{\"\\u00e9\":true}],\"c\":\"\xc3\xa9\"}";

    CHECK(strcmp(round_trip(good, sizeof good - 1), "") != 0);
    for (size_t len = 0; len < sizeof good - 1; len++) {
        CHECK(strcmp(round_trip(good, len), "") == 0);
    }
}

static void depth_and_size_end_at_their_limits(void)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1];
    struct json_where where;

    for (unsigned depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        CHECK_EQ(parse(text, JSON_STRICT, &where),
                 depth <= JSON_DEPTH_MAX ? GW_OK : GW_BAD_MESSAGE);
    }
    CHECK(strcmp(where.why, "nested too deeply") == 0);

    char *big = malloc(JSON_BYTES_MAX + 2);

    memset(big, ' ', JSON_BYTES_MAX + 1);
    big[0] = '1';
    big[JSON_BYTES_MAX] = '\0';
    CHECK_EQ(parse(big, JSON_STRICT, NULL), GW_OK);
    big[JSON_BYTES_MAX] = ' ';
    big[JSON_BYTES_MAX + 1] = '\0';
    CHECK_EQ(parse(big, JSON_STRICT, &where), GW_BAD_MESSAGE);
    CHECK(strcmp(where.why, "longer than 1048576 bytes") == 0);
    free(big);
}

static void an_object_of_a_hundred_thousand_keys_is_checked_quickly(void)
{
    char *big = malloc(JSON_BYTES_MAX);
    size_t len = 1;

    big[0] = '{';
    for (unsigned i = 0; i < 80000; i++) {
        len += (size_t)sprintf(big + len, "\"%u\":0,", i);
    }
    len += (size_t)sprintf(big + len, "\"79\":0}");
    struct json_where where;

    CHECK_EQ(parse(big, JSON_STRICT, &where), GW_BAD_MESSAGE);
    CHECK(strcmp(where.why, "duplicate key") == 0);
    CHECK_EQ(where.column, len - strlen("\"79\":0}") + 1);
    free(big);
}

static void comments_are_for_those_who_ask(void)
{
    static const char text[] =
        "// head\n{ \"link\": \"tcp://a:1\", // why\n  \"b\": [1] //\n} // end";
    struct json *json;

    CHECK_EQ(parse(text, JSON_STRICT, NULL), GW_BAD_MESSAGE);
    CHECK_EQ(json_parse(&json, text, strlen(text), JSON_COMMENTS, NULL), GW_OK);
    CHECK(strcmp(json_get_string(json, "link"), "tcp://a:1") == 0);
    json_free(json);
    CHECK_EQ(parse("{} /", JSON_COMMENTS, NULL), GW_BAD_MESSAGE);
}

static void a_path_is_found_where_it_stands(void)
{
    static const char text[] = "{ // config\n"
                               "  \"buses\": {\n"
                               "    \"cabinet-1\": { \"link\": 5 },\n"
                               "    \"b.c\": [ {}, { \"x\\u0079\": [7, 8] } ]\n"
                               "  } }";
    static const struct {
        const char *path;
        unsigned line, column;
    } cases[] = {
        { "", 1, 1 },
        { "buses", 2, 3 },
        { "buses.cabinet-1", 3, 5 },
        { "buses.cabinet-1.link", 3, 20 },
        { "buses.b.c[1]", 4, 18 },
        { "buses.b.c[1].xy[1]", 4, 35 },
        { "buses.cabinet", 0, 0 },
        { "link", 0, 0 },
        { "buses.b.c[2]", 0, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_where where = json_locate(text, strlen(text), cases[i].path);

        CHECK_EQ(where.line, cases[i].line);
        CHECK_EQ(where.column, cases[i].column);
    }
}

static void getters_answer_absent_for_other_types(void)
{
    static const char text[] =
        "{\"s\":\"x\",\"i\":7,\"b\":true,\"n\":null,\"h\":\"00ff\",\"H\":\"00FF\"}";
    struct json *json;
    uint8_t bytes[2] = { 1, 1 };
    int64_t value;

    CHECK_EQ(json_parse(&json, text, strlen(text), JSON_STRICT, NULL), GW_OK);
    CHECK(json_get_string(json, "i") == NULL);
    CHECK_EQ(json_get_integer(json, "s", -1), -1);
    CHECK_EQ(json_get_integer(json, "i", -1), 7);
    CHECK(json_get_bool(json, "s", true));
    CHECK(!json_integer(NULL, &value));
    CHECK(json_get(NULL, "a") == NULL);
    CHECK(json_get(json, "S") == NULL);
    CHECK(json_is_null(json_get(json, "n")));
    CHECK(json_get_hex(json, "h", bytes, 2) && bytes[0] == 0 && bytes[1] == 0xff);
    CHECK(!json_get_hex(json, "H", bytes, 2));
    CHECK(!json_get_hex(json, "h", bytes, 1));
    CHECK_EQ(json_count(json), 6);
    json_free(json);
}

static void what_is_built_parses_again(void)
{
    struct json *root = json_new_object();
    struct json *list = json_set(root, "list", json_new_array());

    (void)json_append(list, json_new_integer(9007199254740991));
    (void)json_append(list, json_new_integer(-1234567890123456));
    (void)json_append(list, json_new_null());
    (void)json_append(list, json_new_string("a\"\\\x01 \xff\xc3\xa9 \xe2\x82"));
    json_set_hex(root, "hex", (const uint8_t *)"\x0a\xf0", 2);
    json_set_string(root, "left out", NULL);
    json_set_bool(root, "hex2", true);
    json_set_integer(root, "hex2", 3);

    char *text = json_print(root);

    CHECK(strcmp(text, "{\"list\":[9007199254740991,-1234567890123456,null,"
                       "\"a\\\"\\\\\\u0001 ?\xc3\xa9 ??\"],\"hex\":\"0af0\",\"hex2\":3}") == 0);
    CHECK(strcmp(round_trip(text, strlen(text)), text) == 0);

    struct json *copy = json_copy(root);
    char *again = json_print(copy);

    CHECK(strcmp(text, again) == 0);
    free(again);
    free(text);
    json_free(copy);
    json_free(root);
}

static void the_pretty_form_is_indented_by_two(void)
{
    static const char text[] = "{\"a\":[],\"b\":{},\"c\":[1,{\"d\":\"x\\\"{,\"}]}";
    struct json *json;

    CHECK_EQ(json_parse(&json, text, strlen(text), JSON_STRICT, NULL), GW_OK);
    char *pretty = json_print_pretty(json);

    CHECK(strcmp(pretty, "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n"
                         "      \"d\": \"x\\\"{,\"\n    }\n  ]\n}") == 0);
    free(pretty);
    json_free(json);
}

int main(void)
{
    TEST(what_json_permits_is_read_and_printed_back);
    TEST(each_breach_is_refused_with_its_place);
    TEST(a_nul_byte_is_refused_everywhere);
    TEST(every_truncation_is_refused);
    TEST(depth_and_size_end_at_their_limits);
    TEST(an_object_of_a_hundred_thousand_keys_is_checked_quickly);
    TEST(comments_are_for_those_who_ask);
    TEST(a_path_is_found_where_it_stands);
    TEST(getters_answer_absent_for_other_types);
    TEST(what_is_built_parses_again);
    TEST(the_pretty_form_is_indented_by_two);
    return checks_failed != 0;
}
