#include <string.h>

#include "check.h"
#include "link_uri.h"

static void good_uris_are_read(void)
{
    struct link_uri u;

    CHECK_EQ(
        link_uri_parse(&u, "serial:/dev/ttyUSB0?baud=9600&parity=odd&stop=2&flow=rtscts", NULL),
        GW_OK);
    CHECK(u.scheme == LINK_SERIAL && strcmp(u.target, "/dev/ttyUSB0") == 0 && u.baud == 9600);
    CHECK(u.parity == LINK_PARITY_ODD && u.stop_bits == 2 && u.has_rtscts);
    CHECK_EQ(link_uri_parse(&u, "serial:/dev/ttyS0", NULL), GW_OK);
    CHECK(u.baud == 115200 && u.parity == LINK_PARITY_NONE && u.stop_bits == 1 && !u.has_rtscts);
    CHECK_EQ(link_uri_parse(&u, "tcp://plc.local:4001?baud=19200", NULL), GW_OK);
    CHECK(u.scheme == LINK_TCP && strcmp(u.target, "plc.local") == 0 &&
          strcmp(u.port, "4001") == 0 && u.baud == 19200);
    CHECK_EQ(link_uri_parse(&u, "tcp://[::1]:1", NULL), GW_OK);
    CHECK(strcmp(u.target, "::1") == 0 && strcmp(u.port, "1") == 0 && u.baud == 0);
    CHECK_EQ(link_uri_parse(&u, "unix:/run/sim/a", NULL), GW_OK);
    CHECK(u.scheme == LINK_UNIX && strcmp(u.target, "/run/sim/a") == 0);
}

static void bad_uris_are_refused_and_leave_nothing(void)
{
    static const char *const bad[] = {
        "",
        "serial",
        "serial:",
        "serial:ttyUSB0",
        "usb:/dev/x",
        "SERIAL:/dev/x",
        "tcp:host:1",
        "tcp://host",
        "tcp://host:",
        "tcp://:1",
        "tcp://host:0",
        "tcp://host:65536",
        "tcp://host:01",
        "tcp://host:1x",
        "tcp://::1:1",
        "tcp://[]:1",
        "unix:relative",
        "unix:",
        "serial:/dev/x?",
        "serial:/dev/x?baud",
        "serial:/dev/x?baud=",
        "serial:/dev/x?baud=0",
        "serial:/dev/x?baud=49",
        "serial:/dev/x?baud=20000001",
        "serial:/dev/x?baud=-1",
        "serial:/dev/x?baud=1e5",
        "serial:/dev/x?baud=9600&baud=9600",
        "serial:/dev/x?speed=9600",
        "serial:/dev/x?parity=mark",
        "serial:/dev/x?stop=3",
        "serial:/dev/x?flow=xon",
        "serial:/dev/x?flow=",
        "tcp://h:1?parity=even",
        "unix:/x?flow=rtscts",
        "unix:/x?&baud=9600",
        "unix:/a b",
        "unix:/a\n",
        "serial:/dev/x?baud=99999999999",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct gw_error error = { 0 };
        struct link_uri u, zero = { 0 };

        CHECK_EQ(link_uri_parse(&u, bad[i], &error), GW_LINK_URI);
        CHECK(memcmp(&u, &zero, sizeof u) == 0);
        CHECK(error.err == GW_LINK_URI && error.detail[0] != '\0');
        if (error.err != GW_LINK_URI) {
            printf("accepted: %s\n", bad[i]);
        }
    }
}

static void a_path_that_no_socket_can_have_is_refused(void)
{
    char text[200] = "unix:/";
    struct link_uri u;

    memset(text + 6, 'a', 106);
    CHECK_EQ(link_uri_parse(&u, text, NULL), GW_OK);
    text[6 + 106] = 'a';
    CHECK_EQ(link_uri_parse(&u, text, NULL), GW_LINK_URI);
}

int main(void)
{
    TEST(good_uris_are_read);
    TEST(bad_uris_are_refused_and_leave_nothing);
    TEST(a_path_that_no_socket_can_have_is_refused);
    return checks_failed != 0;
}
