/* Log lines to stderr with journald's priority prefixes: `<4>bus cabinet-1: no answer: 3 tries`.
 *
 * Form: `subject: what: why`, lower case, facts with units, ids first; a refusal cites its code.
 * Never keys, never payload. Firmware does not log. A line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* Where lines go: passed in by main(), so that a test can collect them. */
struct log_sink {
    void (*line)(struct log_sink *sink, enum log_level level, const char *text);
    enum log_level max_level; /* lines above it are dropped */
};

/* The sink that writes to stderr; `prefix` adds "<N>" (use it unless stderr is a terminal). */
struct log_stderr {
    struct log_sink base;
    int prefix; /* boolean */
};
void log_stderr_init(struct log_stderr *sink, enum log_level max_level, int prefix);

/* One line, cut at 1000 bytes; control characters become '?'. `sink` may be NULL: nothing. */
void log_line(struct log_sink *sink, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(sink, ...)   log_line((sink), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(sink, ...) log_line((sink), LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(sink, ...)  log_line((sink), LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(sink, ...)    log_line((sink), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(sink, ...)   log_line((sink), LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
