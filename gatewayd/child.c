#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"

#define LAUNCHER "gatewayd-launch"

enum { CHILD_FDS = 5 };

struct child {
    uv_process_t process;
    uv_timer_t kill_timer;
    child_exit_fn on_exit; /* NULL = abandoned */
    void *ctx;
    bool has_ended;
    int open_handles;
};

/* A growing NULL-terminated vector of owned strings; `failed` poisons it. */
struct words {
    char **items;
    size_t count, cap;
    bool failed;
};

static void words_add(struct words *words, const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy) {
        words->failed = true;
        return;
    }
    if (words->count == words->cap) {
        size_t cap = words->cap ? words->cap * 2 : 16;
        char **items = realloc(words->items, cap * sizeof *items);

        if (!items) {
            free(copy);
            words->failed = true;
            return;
        }
        words->items = items;
        words->cap = cap;
    }
    words->items[words->count++] = copy;
}

static void words_free(struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->items[i]);
    }
    free(words->items);
}

/* Owned by root, and nobody else may write it. */
static enum gw_err check_owner(const char *path, struct gw_error *error)
{
    struct stat st;

    if (stat(path, &st)) {
        return gw_fail(error, GW_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        return gw_fail(error, GW_CACHE_UNSAFE,
                       "%s: must belong to root and be writable by no other", path);
    }
    return GW_OK;
}

static bool holds_launcher(const char *dir)
{
    char path[PATH_MAX + sizeof LAUNCHER + 1];

    (void)snprintf(path, sizeof path, "%s/" LAUNCHER, dir);
    return access(path, X_OK) == 0;
}

enum gw_err child_find_programs(struct child_programs *out, struct gw_error *error)
{
    ssize_t len = readlink("/proc/self/exe", out->dir, sizeof out->dir - 1);
    char *slash;

    out->must_be_roots = geteuid() == 0;
    out->dir[len > 0 ? len : 0] = '\0';
    slash = strrchr(out->dir, '/');
    if (slash) {
        *slash = '\0';
    }
    if (!slash || !holds_launcher(out->dir)) {
        (void)snprintf(out->dir, sizeof out->dir, "%s", GW_LIBEXECDIR);
    }
    if (!holds_launcher(out->dir)) {
        return gw_fail(error, GW_NOT_FOUND, "%s/" LAUNCHER ": %s", out->dir, strerror(errno));
    }
    return out->must_be_roots ? check_owner(out->dir, error) : GW_OK;
}

/* Its whole path, checked. */
static enum gw_err find_program(char path[PATH_MAX], const struct child_programs *programs,
                                const char *name, struct gw_error *error)
{
    int len = snprintf(path, PATH_MAX, "%s/%s", programs->dir, name);

    if (len < 0 || len >= PATH_MAX || access(path, X_OK)) {
        return gw_fail(error, GW_NOT_FOUND, "%s/%s: %s", programs->dir, name, strerror(errno));
    }
    return programs->must_be_roots ? check_owner(path, error) : GW_OK;
}

static void add_list(struct words *words, const char *option, const struct json *list)
{
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        words_add(words, option);
        words_add(words, json_string(item) ? json_string(item) : "");
    }
}

static void add_arguments(struct words *words, const struct child_config *config,
                          const char *launcher, const char *program)
{
    words_add(words, launcher);
    words_add(words, config->profile);
    if (config->node) {
        words_add(words, "--write");
        words_add(words, config->node);
    }
    add_list(words, "--read", json_get(config->sandbox, "read"));
    add_list(words, "--write", json_get(config->sandbox, "write"));
    add_list(words, "--socket", json_get(config->sandbox, "sockets"));
    words_add(words, "--");
    words_add(words, program);
    for (const char *const *arg = config->args; arg && *arg; arg++) {
        words_add(words, *arg);
    }
    words_add(words, NULL);
}

/* What belongs to this process alone, by systemd's conventions. */
static bool is_ours(const char *variable)
{
    static const char *const names[] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void add_environment(struct words *words, const struct json *more)
{
    for (char **variable = environ; *variable; variable++) {
        if (!is_ours(*variable)) {
            words_add(words, *variable);
        }
    }
    words_add(words, "LISTEN_FDS=1"); /* the launcher adds LISTEN_PID */
    for (const struct json *item = json_first(more); item; item = json_next(item)) {
        char text[4096];

        (void)snprintf(text, sizeof text, "%s=%s", json_key(item), json_string(item));
        words_add(words, text);
    }
    words_add(words, NULL);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;

    if (--child->open_handles == 0) {
        free(child);
    }
}

static void release(struct child *child)
{
    uv_close((uv_handle_t *)&child->process, on_handle_closed);
    uv_close((uv_handle_t *)&child->kill_timer, on_handle_closed);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
    struct child *child = process->data;

    child->has_ended = true;
    if (child->on_exit) {
        child->on_exit(child->ctx, signal ? -signal : (int)status);
    }
    release(child);
}

static enum gw_err spawn(struct child *child, const struct child_config *config, char **args,
                         char **environment, struct gw_error *error)
{
    uv_stdio_container_t stdio[CHILD_FDS] = {
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = config->listen_fd },
        { .flags = UV_INHERIT_FD, .data.fd = config->channel_fd },
    };
    uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = args[0],
        .args = args,
        .env = environment,
        .cwd = "/",
        .stdio = stdio,
        .stdio_count = config->channel_fd >= 0 ? CHILD_FDS : CHILD_FDS - 1,
    };
    int result;

    (void)uv_timer_init(config->loop, &child->kill_timer);
    child->kill_timer.data = child;
    result = uv_spawn(config->loop, &child->process, &options);
    child->process.data = child;
    child->open_handles = 2;
    if (result) {
        release(child);
        return gw_fail(error, GW_IO, "%s: %s", config->program, uv_strerror(result));
    }
    child->on_exit = config->on_exit;
    child->ctx = config->ctx;
    return GW_OK;
}

enum gw_err child_start(struct child **out, const struct child_config *config,
                        struct gw_error *error)
{
    char launcher[PATH_MAX], program[PATH_MAX];
    struct words args = { 0 }, environment = { 0 };
    struct child *child = NULL;
    enum gw_err err = find_program(launcher, config->programs, LAUNCHER, error);

    *out = NULL;
    if (!err) {
        err = find_program(program, config->programs, config->program, error);
    }
    if (err) {
        return err;
    }
    add_arguments(&args, config, launcher, program);
    add_environment(&environment, config->environment);
    child = calloc(1, sizeof *child);
    if (!child || args.failed || environment.failed) {
        free(child);
        err = gw_fail(error, GW_NO_MEMORY, "%s", config->program);
    } else {
        err = spawn(child, config, args.items, environment.items, error);
    }
    words_free(&args);
    words_free(&environment);
    *out = err ? NULL : child;
    return err;
}

static void on_kill_timer(uv_timer_t *timer)
{
    child_kill(timer->data);
}

void child_stop(struct child *child)
{
    if (!child->has_ended) {
        (void)uv_process_kill(&child->process, SIGTERM);
        (void)uv_timer_start(&child->kill_timer, on_kill_timer, CHILD_STOP_MS, 0);
    }
}

void child_kill(struct child *child)
{
    if (!child->has_ended) {
        (void)uv_process_kill(&child->process, SIGKILL);
    }
}

void child_abandon(struct child *child)
{
    if (child) {
        child->on_exit = NULL;
        child_stop(child);
    }
}

int child_pid(const struct child *child)
{
    return child->process.pid;
}
