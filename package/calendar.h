/* Times as text: RFC 3339 in UTC, "2028-01-01T00:00:00Z". */
#ifndef PACKAGE_CALENDAR_H
#define PACKAGE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CALENDAR_TEXT_MAX = 32 };

/* Read exactly "YYYY-MM-DDTHH:MM:SSZ", 1970 to 9999. False: *seconds is not set. */
bool calendar_parse(int64_t *seconds, const char *text);

/* Write it. */
void calendar_print(char text[CALENDAR_TEXT_MAX], int64_t seconds);

/* Read a duration "90s", "10m", "4h", "7d", at least 1 s and at most 1000 days. */
bool calendar_parse_duration(uint32_t *seconds, const char *text);

#endif
