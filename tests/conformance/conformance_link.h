/* The suite that every link passes (transports/link.h), whatever it runs over. */
#ifndef TESTS_CONFORMANCE_LINK_H
#define TESTS_CONFORMANCE_LINK_H

#include <stdbool.h>

#include "link.h"

/* How a test makes one kind of link and plays its peer. */
struct link_harness {
    const char *name;
    /* A fresh link with its peer; the link is closed by the suite. */
    struct link *(*open)(struct link_harness *h);
    void (*peer_write)(struct link_harness *h, const void *bytes, size_t len);
    /* What has come so far, at most `cap` bytes, waiting for at least one. 0 = nothing came. */
    size_t (*peer_read)(struct link_harness *h, void *buf, size_t cap);
    void (*peer_close)(struct link_harness *h);
    void (*cancel)(struct link_harness *h); /* the caller of the running method goes away */
    void (*close)(struct link_harness *h);  /* everything but the link */
};

/* Runs the suite; failures count in the returned number. */
int conformance_link(struct link_harness *h);

/* A waiter that can be told to cancel, over link_poll_waiter(). */
struct test_waiter {
    struct waiter base;
    bool is_cancelled;
};
void test_waiter_init(struct test_waiter *w);

#endif
