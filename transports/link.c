#include "link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

#include "link_driver.h"

static uint64_t poll_now_ms(struct waiter *w)
{
    struct timespec t;

    (void)w;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static enum gw_err poll_wait(struct waiter *w, int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        struct pollfd p = { .fd = fd, .events = events };
        uint64_t now = poll_now_ms(w);
        uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
        int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);

        if (n > 0) {
            return GW_OK; /* an error or hang-up shows in the call that follows */
        }
        if (n == 0 && poll_now_ms(w) >= deadline_ms) {
            return GW_TIMEOUT;
        }
        if (n < 0 && errno != EINTR) {
            return GW_IO;
        }
    }
}

struct waiter *link_poll_waiter(void)
{
    static const struct waiter waiter = { .wait = poll_wait, .now_ms = poll_now_ms };

    return (struct waiter *)&waiter; /* never written: it has no state */
}

enum gw_err link_drain_by_reading(struct link *l, uint32_t quiet_ms, uint64_t deadline_ms)
{
    uint8_t sink[256];
    size_t got;

    for (;;) {
        uint64_t now = l->ops->now_ms(l);
        uint64_t until = now + quiet_ms;

        if (now >= deadline_ms) {
            return GW_TIMEOUT;
        }
        enum gw_err err = l->ops->read(l, sink, sizeof sink, &got,
                                       until < deadline_ms ? until : deadline_ms);

        if (err == GW_TIMEOUT && until <= deadline_ms) {
            return GW_OK;
        }
        if (err) {
            return err;
        }
    }
}

enum gw_err link_err_of(int error_number)
{
    switch (error_number) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EIO: /* a serial adapter that was pulled out */
    case ENXIO:
    case ENODEV:
        return GW_LINK_CLOSED;
    default:
        return GW_IO;
    }
}

enum gw_err link_open(struct link **out, const char *uri, struct waiter *waiter,
                      uint64_t deadline_ms, struct gw_error *error)
{
    static const link_driver_open drivers[] = {
        [LINK_SERIAL] = link_open_serial,
        [LINK_TCP] = link_open_tcp,
        [LINK_UNIX] = link_open_unix,
    };
    struct link_uri parsed;

    *out = NULL;
    enum gw_err err = link_uri_parse(&parsed, uri, error);

    return err ? err : drivers[parsed.scheme](out, &parsed, waiter, deadline_ms, error);
}
