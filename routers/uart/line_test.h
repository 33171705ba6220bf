/* Line test: how well a UART line and its device answer small reads, and what to change.
 */
#ifndef UART_LINE_TEST_H
#define UART_LINE_TEST_H

#include "uart_device.h"

enum {
    LINE_TEST_MAX = 100000,    /* reads of one test */
    LINE_TEST_LOST_MAX = 10,   /* reads lost in a row: the device has gone */
    LINE_TEST_TIME_MS = 40000, /* the caller hears nothing while it runs */
};

/* Up to `count` reads of params, one at a time; each lost one is asked once more. Ends early, with
 * fewer sent, when the device has gone or the time is over. Turnaround: from the
 * last byte of the request on the line to the first complete answer, less the answer's own time on
 * the line; its resolution is one millisecond. GW_BAD_PARAMETER: count not in 1..LINE_TEST_MAX.
 * GW_TIMEOUT, GW_PROTOCOL: no device answers at all. GW_CANCELLED, GW_LINK_CLOSED, GW_IO. */
MUST_USE enum gw_err line_test_run(struct uart_device *d, uint32_t count, struct bus_test *result,
                                   struct gw_error *error);

/* What to advise for these figures; pure. */
void line_test_advise(struct bus_test *result, const struct link *link,
                      const struct smp_params *params);

#endif
