#include "conformance_link.h"

#include <string.h>

#include "check.h"

enum { SHORT_MS = 20, LONG_MS = 5000 };

static enum gw_err test_wait(struct waiter *w, int fd, short events, uint64_t deadline_ms)
{
    struct waiter *real = link_poll_waiter();

    return ((struct test_waiter *)w)->is_cancelled ? GW_CANCELLED
                                                   : real->wait(real, fd, events, deadline_ms);
}

static uint64_t test_now(struct waiter *w)
{
    struct waiter *real = link_poll_waiter();

    (void)w;
    return real->now_ms(real);
}

void test_waiter_init(struct test_waiter *w)
{
    *w = (struct test_waiter){ .base = { .wait = test_wait, .now_ms = test_now } };
}

static uint64_t in(struct link *l, uint64_t ms)
{
    return l->ops->now_ms(l) + ms;
}

static void bytes_arrive_in_order_in_whatever_pieces(struct link_harness *h, struct link *l)
{
    uint8_t sent[3000], got[3000];
    size_t at = 0, n;

    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (uint8_t)(i * 7);
    }
    h->peer_write(h, sent, sizeof sent);
    while (at < sizeof got &&
           l->ops->read(l, got + at, sizeof got - at, &n, in(l, LONG_MS)) == GW_OK) {
        CHECK(n >= 1);
        at += n;
    }
    CHECK_EQ(at, sizeof got);
    CHECK(memcmp(sent, got, sizeof got) == 0);
}

static void a_read_returns_what_is_there_and_does_not_wait_for_more(struct link_harness *h,
                                                                    struct link *l)
{
    uint8_t got[100];
    size_t n;
    uint64_t start = l->ops->now_ms(l);

    h->peer_write(h, "x", 1);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, LONG_MS)), GW_OK);
    CHECK_EQ(n, 1);
    CHECK(l->ops->now_ms(l) - start < LONG_MS / 2);
}

static void a_read_of_nothing_ends_at_its_deadline(struct link_harness *h, struct link *l)
{
    uint8_t got[100];
    size_t n = 7;
    uint64_t start = l->ops->now_ms(l);

    (void)h;
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, start + SHORT_MS), GW_TIMEOUT);
    CHECK_EQ(n, 0);
    CHECK(l->ops->now_ms(l) - start >= SHORT_MS && l->ops->now_ms(l) - start < LONG_MS / 2);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, 0), GW_TIMEOUT); /* long past */
}

static void written_bytes_reach_the_peer(struct link_harness *h, struct link *l)
{
    uint8_t sent[2000], got[2000];
    size_t at = 0, n;

    memset(sent, 0x5a, sizeof sent);
    sent[1999] = 1;
    CHECK_EQ(l->ops->write(l, sent, sizeof sent, in(l, LONG_MS)), GW_OK);
    while (at < sizeof got && (n = h->peer_read(h, got + at, sizeof got - at)) > 0) {
        at += n;
    }
    CHECK_EQ(at, sizeof got);
    CHECK(memcmp(sent, got, sizeof got) == 0);
}

static void every_byte_value_passes_both_ways(struct link_harness *h, struct link *l)
{
    uint8_t all[256], got[256];
    size_t at = 0, n;

    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i; /* XON, XOFF, CR, LF, EOT, interrupt: a line in raw mode */
    }
    CHECK_EQ(l->ops->write(l, all, sizeof all, in(l, LONG_MS)), GW_OK);
    while (at < sizeof got && (n = h->peer_read(h, got + at, sizeof got - at)) > 0) {
        at += n;
    }
    CHECK(at == sizeof all && memcmp(all, got, sizeof all) == 0);
    h->peer_write(h, all, sizeof all);
    for (at = 0; at < sizeof got; at += n) {
        if (l->ops->read(l, got + at, sizeof got - at, &n, in(l, LONG_MS)) != GW_OK) {
            break;
        }
    }
    CHECK(at == sizeof all && memcmp(all, got, sizeof all) == 0);
}

static void a_write_that_nobody_takes_ends_at_its_deadline(struct link_harness *h, struct link *l)
{
    static uint8_t big[4 << 20];
    uint64_t start = l->ops->now_ms(l);

    (void)h;
    CHECK_EQ(l->ops->write(l, big, sizeof big, start + SHORT_MS), GW_TIMEOUT);
    CHECK(l->ops->now_ms(l) - start < LONG_MS / 2);
}

static void drain_drops_what_came_and_ends_when_the_line_is_quiet(struct link_harness *h,
                                                                  struct link *l)
{
    uint8_t got[10];
    size_t n;

    h->peer_write(h, "garbage", 7);
    CHECK_EQ(l->ops->drain(l, SHORT_MS, in(l, LONG_MS)), GW_OK);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, 1)), GW_TIMEOUT);
    h->peer_write(h, "new", 3);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, LONG_MS)), GW_OK);
    CHECK(got[0] == 'n');
    CHECK_EQ(l->ops->drain(l, LONG_MS, in(l, SHORT_MS)), GW_TIMEOUT);
}

static void a_peer_that_goes_away_closes_the_link(struct link_harness *h, struct link *l)
{
    uint8_t got[10];
    size_t n;

    h->peer_write(h, "bye", 3);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, LONG_MS)), GW_OK);
    h->peer_close(h);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, LONG_MS)), GW_LINK_CLOSED);
    CHECK_EQ(n, 0);
}

static void a_cancelled_call_and_all_later_ones_say_so(struct link_harness *h, struct link *l)
{
    uint8_t got[10];
    size_t n;

    h->peer_write(h, "data", 4);
    h->cancel(h);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, LONG_MS)), GW_CANCELLED);
    CHECK_EQ(l->ops->read(l, got, sizeof got, &n, in(l, LONG_MS)), GW_CANCELLED);
    CHECK_EQ(l->ops->write(l, "x", 1, in(l, LONG_MS)), GW_CANCELLED);
    CHECK_EQ(l->ops->drain(l, SHORT_MS, in(l, LONG_MS)), GW_CANCELLED);
}

int conformance_link(struct link_harness *h)
{
#define CLAIM(fn)                                                                                  \
    {                                                                                              \
#fn, fn                                                                                    \
    }
    static const struct {
        const char *name;
        void (*run)(struct link_harness *h, struct link *l);
    } claims[] = {
        CLAIM(bytes_arrive_in_order_in_whatever_pieces),
        CLAIM(a_read_returns_what_is_there_and_does_not_wait_for_more),
        CLAIM(a_read_of_nothing_ends_at_its_deadline),
        CLAIM(written_bytes_reach_the_peer),
        CLAIM(every_byte_value_passes_both_ways),
        CLAIM(a_write_that_nobody_takes_ends_at_its_deadline),
        CLAIM(drain_drops_what_came_and_ends_when_the_line_is_quiet),
        CLAIM(a_peer_that_goes_away_closes_the_link),
        CLAIM(a_cancelled_call_and_all_later_ones_say_so),
    };
#undef CLAIM
    int failed_before = checks_failed;

    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct link *l = h->open(h);

        printf("%s: %s\n", h->name, claims[i].name);
        CHECK(l != NULL);
        if (l) {
            claims[i].run(h, l);
            l->ops->close(l);
        }
        h->close(h);
    }
    return checks_failed - failed_before;
}
