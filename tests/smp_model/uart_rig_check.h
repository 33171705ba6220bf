/* Claims about one verb on the rig, for the test programs. */
#ifndef TESTS_UART_RIG_CHECK_H
#define TESTS_UART_RIG_CHECK_H

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "uart_rig.h"

#define STAGE    (uart_router_ops.stage)
#define ACTIVATE (uart_router_ops.activate)
#define CONFIRM  (uart_router_ops.confirm)
#define REVERT   (uart_router_ops.revert)

static inline void is_done(struct uart_rig *r, uart_rig_verb verb)
{
    CHECK_EQ(uart_rig_do(r, verb), GW_OK);
    CHECK_EQ(r->results, 1);
    CHECK_EQ(r->result.outcome, OUTCOME_DONE);
    if (r->result.outcome != OUTCOME_DONE) {
        printf("GW%d %s\n", r->result.error.err, r->result.error.detail);
    }
}

static inline void is_failed(struct uart_rig *r, uart_rig_verb verb, enum gw_err code)
{
    CHECK_EQ(uart_rig_do(r, verb), GW_OK);
    CHECK_EQ(r->results, 1);
    CHECK_EQ(r->result.outcome, code == GW_TIMEOUT ? OUTCOME_AWAY : OUTCOME_FAILED);
    CHECK_EQ(r->result.error.err, code);
    CHECK(strstr(r->result.error.detail, "meter") != NULL);
}

#endif
