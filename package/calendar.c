#include "calendar.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void calendar_print(char text[CALENDAR_TEXT_MAX], int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(text, CALENDAR_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        (void)snprintf(text, CALENDAR_TEXT_MAX, "?");
    }
}

static int digits(const char *at, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return -1;
        }
        value = 10 * value + (at[i] - '0');
    }
    return value;
}

bool calendar_parse(int64_t *seconds, const char *text)
{
    char again[CALENDAR_TEXT_MAX];
    struct tm tm = { 0 };

    if (!text || strlen(text) != 20) {
        return false;
    }
    tm.tm_year = digits(text, 4) - 1900;
    tm.tm_mon = digits(text + 5, 2) - 1;
    tm.tm_mday = digits(text + 8, 2);
    tm.tm_hour = digits(text + 11, 2);
    tm.tm_min = digits(text + 14, 2);
    tm.tm_sec = digits(text + 17, 2);
    time_t t = timegm(&tm);

    /* timegm() carries 31 February over; what does not print back as it was written is no date. */
    calendar_print(again, t);
    if (t < 0 || strcmp(again, text) != 0) {
        return false;
    }
    *seconds = t;
    return true;
}

bool calendar_parse_duration(uint32_t *seconds, const char *text)
{
    static const char units[] = "smhd";
    static const uint32_t unit_s[] = { 1, 60, 3600, 86400 };
    size_t len = text ? strlen(text) : 0;

    if (len < 2 || len > 8 || text[0] == '0' || text[len - 1] == '\0') {
        return false;
    }
    const char *unit = strchr(units, text[len - 1]);
    int count = digits(text, (int)len - 1);

    if (!unit || count < 1) {
        return false;
    }
    uint64_t total = (uint64_t)count * unit_s[unit - units];

    if (total > 1000ULL * 86400) {
        return false;
    }
    *seconds = (uint32_t)total;
    return true;
}
