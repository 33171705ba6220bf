#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "http_head.h"

/* Lines from an exact heap copy, so that ASan sees a read past the end. */
static struct http_head read_lines(const char *const *lines, size_t n)
{
    struct http_head head = { 0 };

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(lines[i]);
        char *copy = malloc(len ? len : 1);

        if (!copy) {
            abort();
        }
        memcpy(copy, lines[i], len);
        http_head_line(&head, copy, len);
        free(copy);
    }
    return head;
}
#define LINES(...)                                                                                 \
    read_lines((const char *const[]){ __VA_ARGS__ },                                               \
               sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void a_partial_answer_is_read(void)
{
    struct http_head h = LINES("HTTP/1.1 206 Partial Content\r\n", "ETag: \"66f-5\"\r\n",
                               "content-length:  100\r\n", "Content-Range: bytes 100-199/1000\r\n",
                               "\r\n");

    CHECK_EQ(h.status, 206);
    CHECK(strcmp(h.etag, "\"66f-5\"") == 0);
    CHECK(h.has_length && h.length == 100);
    CHECK(h.has_range && h.first == 100 && h.last == 199 && h.total == 1000);
    CHECK(!h.has_twice && !h.redirects_to_http);
}

static void only_the_last_answer_counts(void)
{
    struct http_head h = LINES("HTTP/1.1 302 Found", "Location: HTTP://x/", "ETag: \"a\"",
                               "Content-Length: 5", "", "HTTP/2 200", "");

    CHECK_EQ(h.status, 200);
    CHECK(h.etag[0] == '\0' && !h.has_length && !h.redirects_to_http && !h.has_twice);
    h = LINES("HTTP/1.1 302 Found", "location:http://x/");
    CHECK(h.redirects_to_http);
    h = LINES("HTTP/1.1 302 Found", "Location: https://x/");
    CHECK(!h.redirects_to_http);
}

static void a_malformed_range_is_none(void)
{
    static const char *const bad[] = {
        "bytes 0-9",
        "bytes */10",
        "bytes 0-10/10",
        "bytes 9-8/10",
        "bytes 0-9/*",
        "items 0-9/10",
        "bytes -5-9/10",
        "bytes 0-9/10 x",
        "bytes 0 - 9/10",
        "bytes",
        "",
        "bytes 0-9/18446744073709551616",
        "bytes 0-9/10,20-/30",
        "bytes +0-9/10",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[100];

        (void)snprintf(line, sizeof line, "Content-Range: %s", bad[i]);
        CHECK(!LINES("HTTP/1.1 206 x", line).has_range);
    }
}

static void a_number_that_is_too_large_or_signed_is_none(void)
{
    CHECK(LINES("HTTP/1.1 200 x", "Content-Length: 9223372036854775807").has_length);
    CHECK(!LINES("HTTP/1.1 200 x", "Content-Length: 9223372036854775808").has_length);
    CHECK(!LINES("HTTP/1.1 200 x", "Content-Length: -1").has_length);
    CHECK(!LINES("HTTP/1.1 200 x", "Content-Length: 1e3").has_length);
    CHECK(!LINES("HTTP/1.1 200 x", "Content-Length:").has_length);
    CHECK_EQ(LINES("HTTP/1.1 -200").status, 0);
    CHECK_EQ(LINES("HTTP/1.1 20").status, 0);
    CHECK_EQ(LINES("HTTP/1.1").status, 0);
}

static void a_header_that_stands_twice_is_noticed(void)
{
    CHECK(LINES("HTTP/1.1 200 x", "ETag: \"a\"", "ETag: \"b\"").has_twice);
    CHECK(LINES("HTTP/1.1 200 x", "Content-Length: 1", "Content-Length: 2").has_twice);
    CHECK(LINES("HTTP/1.1 206 x", "Content-Range: bytes 0-1/2", "Content-Range: bytes 0-1/2")
              .has_twice);
}

static void an_etag_that_could_not_be_sent_back_is_none(void)
{
    char line[300] = "ETag: \"";

    memset(line + 7, 'a', 200);
    line[207] = '"';
    CHECK(LINES("HTTP/1.1 200 x", line).etag[0] == '\0');
    CHECK(LINES("HTTP/1.1 200 x", "ETag: abc").etag[0] == '\0');
    CHECK(LINES("HTTP/1.1 200 x", "ETag: \"").etag[0] == '\0');
    CHECK(LINES("HTTP/1.1 200 x", "ETag: \"a\rb\"").etag[0] == '\0');
    CHECK(LINES("HTTP/1.1 200 x", "ETag: \"a\" \"b\"").etag[0] == '\0');
    CHECK(strcmp(LINES("HTTP/1.1 200 x", "ETag: W/\"a\"").etag, "W/\"a\"") == 0);
}

int main(void)
{
    TEST(a_partial_answer_is_read);
    TEST(only_the_last_answer_counts);
    TEST(a_malformed_range_is_none);
    TEST(a_number_that_is_too_large_or_signed_is_none);
    TEST(a_header_that_stands_twice_is_noticed);
    TEST(an_etag_that_could_not_be_sent_back_is_none);
    return checks_failed != 0;
}
