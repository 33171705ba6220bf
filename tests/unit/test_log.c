#include <string.h>

#include "check.h"
#include "log.h"

struct collector {
    struct log_sink base;
    char last[2000];
    int lines;
};

static void collect(struct log_sink *sink, enum log_level level, const char *text)
{
    struct collector *self = (struct collector *)sink;

    (void)snprintf(self->last, sizeof self->last, "<%d>%s", (int)level, text);
    self->lines++;
}

static void lines_above_the_level_are_dropped(void)
{
    struct collector c = { .base = { collect, LOG_LEVEL_NOTICE } };

    log_info(&c.base, "nobody sees this");
    CHECK_EQ(c.lines, 0);
    log_notice(&c.base, "bus %s: open", "cabinet-1");
    CHECK_EQ(c.lines, 1);
    CHECK(strcmp(c.last, "<5>bus cabinet-1: open") == 0);
    log_error(NULL, "no sink, no line");
}

static void a_line_stays_one_line(void)
{
    struct collector c = { .base = { collect, LOG_LEVEL_DEBUG } };

    log_debug(&c.base, "a\nb\x1b[31m\x7f \xc3\xa9");
    CHECK(strcmp(c.last, "<7>a?b?[31m? \xc3\xa9") == 0);
    log_debug(&c.base, "%01500d", 7);
    CHECK_EQ(strlen(c.last), 3 + 1000);
}

int main(void)
{
    TEST(lines_above_the_level_are_dropped);
    TEST(a_line_stays_one_line);
    return checks_failed != 0;
}
