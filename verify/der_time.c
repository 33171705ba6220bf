#include "der.h"

static uint32_t take_digits(struct cursor *c, size_t count)
{
    const uint8_t *p = take_bytes(c, count);
    uint32_t value = 0;

    for (size_t i = 0; p && i < count; i++) {
        if (p[i] < '0' || p[i] > '9') {
            c->ok = false;
            return 0;
        }
        value = value * 10 + (uint32_t)(p[i] - '0');
    }
    return value;
}

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Days from 1970-01-01 in the Gregorian calendar; negative before. */
static int64_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t before = year - 1;
    int64_t days = (int64_t)before * 365 + before / 4 - before / 100 + before / 400 - 719162;

    for (uint32_t m = 1; m < month; m++) {
        days += days_in_month(year, m);
    }
    return days + day - 1;
}

int64_t take_der_time(struct cursor *c)
{
    bool is_utc = der_next_is(c, DER_UTC_TIME);
    struct cursor t = take_der_nested(c, is_utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
    uint32_t year = take_digits(&t, is_utc ? 2 : 4);
    uint32_t month = take_digits(&t, 2), day = take_digits(&t, 2);
    uint32_t hour = take_digits(&t, 2), minute = take_digits(&t, 2), second = take_digits(&t, 2);
    const uint8_t *zone = take_bytes(&t, 1);

    if (is_utc) {
        year += year < 50 ? 2000 : 1900;
    }
    if (!der_done(&t) || *zone != 'Z' || (!is_utc && year < 2050) || month < 1 || month > 12 ||
        day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59) {
        c->ok = false;
        return 0;
    }
    return ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}
