#include "line_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOW_US = 12000,  /* a USB adapter's default latency timer is 16 ms */
    LOSS_PERCENT = 1, /* of the reads */
    US_A_MS = 1000,
};

void line_test_advise(struct bus_test *t, const struct link *link, const struct smp_params *params)
{
    uint32_t bad = t->sent - t->answered + t->repeated;
    char *out = t->advice;
    size_t cap = sizeof t->advice;

    if (t->answered == 0) {
        (void)snprintf(out, cap, "no answer: check power, cable and baud rate");
    } else if (bad * 100 > t->sent * LOSS_PERCENT) {
        (void)snprintf(out, cap,
                       "%u of %u reads were lost: check cable, ground, shield and baud rate", bad,
                       t->sent);
    } else if (link->advice[0] != '\0') {
        (void)snprintf(out, cap, "%s", link->advice);
    } else if (t->turnaround_us_median >= SLOW_US) {
        (void)snprintf(out, cap,
                       "answers take %u ms: a USB adapter or serial server that holds "
                       "bytes back (latency timer 16 ms)?",
                       t->turnaround_us_median / US_A_MS);
    } else if (params->buf_count < 3) {
        (void)snprintf(out, cap,
                       "the device has %u receive buffer%s: with 4, transfers need not "
                       "wait for answers",
                       params->buf_count, params->buf_count == 1 ? "" : "s");
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void summarise(struct bus_test *t, uint32_t *turnaround_us)
{
    qsort(turnaround_us, t->answered, sizeof *turnaround_us, by_value);
    if (t->answered > 0) {
        t->turnaround_us_min = turnaround_us[0];
        t->turnaround_us_median = turnaround_us[t->answered / 2];
        t->turnaround_us_max = turnaround_us[t->answered - 1];
    }
}

static uint32_t turnaround_us(const struct smp_session *s, const struct smp_answer *answer)
{
    size_t len = smp_frame_len(s->framing, SMP_HEADER_LEN + answer->len);
    uint64_t begun = smp_session_line_free_ms(s) + smp_session_line_ms(s, len);

    return answer->at_ms > begun ? (uint32_t)(answer->at_ms - begun) * US_A_MS : 0;
}

/* One read. GW_TIMEOUT: lost, twice. */
static enum gw_err read_params(struct smp_session *s, struct bus_test *t, uint32_t *us)
{
    struct smp_answer answer;
    enum gw_err err = GW_TIMEOUT;
    unsigned attempt = 0;

    t->sent++;
    for (; attempt < 2 && (err == GW_TIMEOUT || err == GW_PROTOCOL); attempt++) {
        err = smp_session_ask(s, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS, 1, &answer);
    }
    if (!err) {
        t->repeated += attempt > 1;
        *us = turnaround_us(s, &answer);
    }
    return err == GW_PROTOCOL ? GW_TIMEOUT : err;
}

static enum gw_err run(struct uart_device *d, uint32_t count, struct bus_test *t, uint32_t *us)
{
    struct link *l = d->session.link;
    uint64_t until = l->ops->now_ms(l) + LINE_TEST_TIME_MS;
    enum gw_err err = uart_device_greet(d);
    unsigned lost = 0;

    while (!err && t->sent < count && lost < LINE_TEST_LOST_MAX && l->ops->now_ms(l) < until) {
        err = read_params(&d->session, t, &us[t->answered]);
        t->answered += err == GW_OK;
        lost = err == GW_TIMEOUT ? lost + 1 : 0;
        err = err == GW_TIMEOUT ? GW_OK : err;
    }
    return err;
}

enum gw_err line_test_run(struct uart_device *d, uint32_t count, struct bus_test *result,
                          struct gw_error *error)
{
    *result = (struct bus_test){ 0 };
    if (count == 0 || count > LINE_TEST_MAX) {
        return gw_fail(error, GW_BAD_PARAMETER, "count: 1..%d expected", LINE_TEST_MAX);
    }
    uint32_t *us = calloc(count, sizeof *us);

    if (!us) {
        return GW_NO_MEMORY;
    }
    enum gw_err err = run(d, count, result, us);

    summarise(result, us);
    line_test_advise(result, d->session.link, &d->session.params);
    free(us);
    return err ? gw_fail(error, err, "%s: %s", d->name, gw_err_text(err)) : GW_OK;
}
