#include "fetcher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "ipc_socket.h"
#include "log.h"
#include "varlink_uv.h"

enum {
    CONNECT_S = 30,    /* given to gatewayd-fetch */
    SLACK_S = 10,      /* its own limits are this much wider than ours, so that ours decide */
    HEAD_SLACK_S = 30, /* after which time without an answer it is taken as hung */
};

struct process_fetcher {
    struct fetcher base;
    struct fetcher_config config;
    char *socket_path, *tls_ca;
    struct json *sandbox; /* NULL, or {read: [tls_ca]} */
    int listen_fd;
    struct child *child; /* NULL = not running */
    struct fetch_get *gets;
    unsigned generation; /* counts the ends of the process */
    unsigned holds;
    struct vl_client *held; /* an idle connection keeps the process */
};

struct fetch_get {
    struct process_fetcher *fetcher;
    struct fetch_get *next;
    unsigned generation;      /* of the process that it was given to */
    struct vl_client *client; /* NULL: could not be started, `failure` says why */
    const struct fetch_events *events;
    void *ctx;
    uv_timer_t timer;
    uint64_t from, to; /* to 0 = to the end */
    bool has_head, has_expected;
    uint64_t expected, got; /* bytes of the body */
    uint64_t window_from;   /* `got` when the running window of the rate limit began */
    struct gw_error failure;
};

static struct process_fetcher *self(struct fetcher *f)
{
    return (struct process_fetcher *)f;
}

/* --- the process --- */

static enum gw_err start_child(struct process_fetcher *f, struct gw_error *error);

static void hold_open(struct process_fetcher *f)
{
    if (f->holds > 0 && !f->held &&
        vl_client_connect(&f->held, f->config.loop, f->socket_path) != GW_OK) {
        f->held = NULL; /* it may end early, and is started again when it is needed */
    }
}

static void end_get(struct fetch_get *get, const struct gw_error *error);

/* Those that are under way now: what their owners begin meanwhile is for the next process. */
static void end_all(struct process_fetcher *f, const struct gw_error *error)
{
    struct fetch_get *get = f->gets;

    f->generation++;
    while (get) {
        if (get->generation == f->generation) {
            get = get->next;
        } else {
            end_get(get, error);
            get = f->gets;
        }
    }
}

static void on_child_exit(void *ctx, int status)
{
    struct process_fetcher *f = ctx;
    struct gw_error error = { .err = GW_OK };

    f->child = NULL;
    vl_client_close(f->held);
    f->held = NULL;
    if (status == 0 && f->gets) { /* it was idle and did not see us come */
        (void)!start_child(f, &error);
    } else if (f->gets || status != 0) {
        (void)gw_fail(&error, GW_FETCH_DIED, "gatewayd-fetch: %s %d",
                      status < 0 ? "killed by signal" : "exit status",
                      status < 0 ? -status : status);
        log_warning(f->config.log, "fetcher: GW%04d %s: %s", (int)error.err, gw_err_text(error.err),
                    error.detail);
    }
    if (error.err) {
        end_all(f, &error);
    }
}

static enum gw_err start_child(struct process_fetcher *f, struct gw_error *error)
{
    char min_rate[12], min_time[12], idle[12], connect[12];
    const char *const args[] = { "--min-rate", min_rate,      "--min-time", min_time, "--idle-s",
                                 idle,         "--connect-s", connect,      NULL };
    struct child_config config = {
        .loop = f->config.loop,
        .programs = f->config.programs,
        .program = "gatewayd-fetch",
        .profile = "fetch",
        .args = args,
        .sandbox = f->sandbox,
        .listen_fd = f->listen_fd,
        .channel_fd = -1,
        .on_exit = on_child_exit,
        .ctx = f,
    };

    if (f->child) {
        return GW_OK;
    }
    (void)snprintf(min_rate, sizeof min_rate, "%u", f->config.min_rate);
    (void)snprintf(min_time, sizeof min_time, "%u", f->config.min_time_s + SLACK_S);
    (void)snprintf(idle, sizeof idle, "%u", f->config.idle_s);
    (void)snprintf(connect, sizeof connect, "%d", CONNECT_S);
    enum gw_err err = child_start(&f->child, &config, error);

    if (err) {
        f->child = NULL;
        error->err = GW_FETCH_DIED; /* the detail says what is wrong with the program */
        return GW_FETCH_DIED;
    }
    hold_open(f);
    return GW_OK;
}

/* --- one get --- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void forget_get(struct fetch_get *get)
{
    for (struct fetch_get **at = &get->fetcher->gets; *at; at = &(*at)->next) {
        if (*at == get) {
            *at = get->next;
            break;
        }
    }
    vl_client_close(get->client);
    uv_close((uv_handle_t *)&get->timer, on_timer_closed);
}

static void end_get(struct fetch_get *get, const struct gw_error *error)
{
    const struct fetch_events *events = get->events;
    void *ctx = get->ctx;
    struct gw_error copy = *error; /* it may be the get's own */

    forget_get(get);
    events->end(ctx, &copy);
}

static void fail_get(struct fetch_get *get, enum gw_err err, const char *detail)
{
    struct gw_error error;

    (void)gw_fail(&error, err, "%s", detail);
    end_get(get, &error);
}

static void start_window(struct fetch_get *get);

/* Too few bytes in the last window? */
static void on_window_end(uv_timer_t *timer)
{
    struct fetch_get *get = timer->data;
    const struct fetcher_config *config = &get->fetcher->config;
    uint64_t came = get->got - get->window_from;
    char why[80];

    if (came >= (uint64_t)config->min_rate * config->min_time_s) {
        start_window(get);
        return;
    }
    (void)snprintf(why, sizeof why, "%" PRIu64 " bytes in %u s", came, config->min_time_s);
    fail_get(get, GW_SOURCE_SLOW, why);
}

static void start_window(struct fetch_get *get)
{
    get->window_from = get->got;
    (void)uv_timer_start(&get->timer, on_window_end,
                         (uint64_t)get->fetcher->config.min_time_s * 1000, 0);
}

/* No head in all the time that gatewayd-fetch itself would take to give up. */
static void on_head_timeout(uv_timer_t *timer)
{
    struct fetch_get *get = timer->data;

    if (get->fetcher->child) {
        child_kill(get->fetcher->child);
    }
    fail_get(get, GW_FETCH_DIED, "gatewayd-fetch hangs");
}

static void on_failed_start(uv_timer_t *timer)
{
    struct fetch_get *get = timer->data;

    end_get(get, &get->failure);
}

static void on_bytes(void *ctx, const void *bytes, size_t len)
{
    struct fetch_get *get = ctx;

    if (len == 0) {
        bool is_short = get->has_expected && get->got < get->expected;
        char why[80];

        (void)snprintf(why, sizeof why, "%" PRIu64 " of %" PRIu64 " bytes came", get->got,
                       get->expected);
        fail_get(get, is_short ? GW_SOURCE_BROKEN : GW_OK, is_short ? why : "");
        return;
    }
    if (get->has_expected && len > get->expected - get->got) {
        fail_get(get, GW_SOURCE_LENGTH, "gatewayd-fetch sent more than it announced");
        return;
    }
    get->got += len;
    /* The last bytes and the end are two callbacks: the owner may cancel in the first. */
    get->events->data(get->ctx, bytes, len);
}

/* The length of the body, where the head tells it. False: a head that makes no sense. */
static bool judge_head(struct fetch_get *get, const struct fetch_head *head)
{
    uint64_t end = head->size;

    get->has_expected = head->has_size;
    if (head->status == 206) {
        if (!head->has_size || head->size <= get->from) {
            return false;
        }
        end = get->to && get->to < end ? get->to : end;
        get->expected = end - get->from;
        return true;
    }
    get->expected = get->to && get->to < end ? get->to : end;
    return head->status == 200;
}

static void on_failed(struct fetch_get *get, const struct json *p)
{
    const char *detail = json_get_string(p, "detail");
    int64_t code = json_get_integer(p, "code", 0);
    enum gw_err err = GW_FETCH_DIED;

    if (json_get_integer(p, "status", 0) == 416) {
        err = GW_PACKAGE_TRUNCATED; /* the file ends before the range */
    } else if (code > 5000 && code < 5100 && (int64_t)gw_code_of((enum gw_err)code)->err == code) {
        err = (enum gw_err)code;
    }
    fail_get(get, err, detail ? detail : "");
}

static void on_reply(void *ctx, enum gw_err err, const struct varlink_reply *reply)
{
    struct fetch_get *get = ctx;
    struct fetch_head head = { 0 };

    if (err || !reply) {
        fail_get(get, GW_FETCH_DIED, "gatewayd-fetch closed the connection");
        return;
    }
    if (reply->error) {
        on_failed(get, reply->parameters);
        return;
    }
    int64_t size = json_get_integer(reply->parameters, "size", -1);
    int64_t status = json_get_integer(reply->parameters, "status", 0);
    const char *etag = json_get_string(reply->parameters, "etag");

    head.status = status > 0 && status < 1000 ? (unsigned)status : 0;
    head.has_size = size >= 0;
    head.size = size >= 0 ? (uint64_t)size : 0;
    if (etag && strlen(etag) < sizeof head.etag) {
        memcpy(head.etag, etag, strlen(etag));
    }
    if (!judge_head(get, &head)) {
        fail_get(get, GW_SOURCE_LENGTH, "the server's answer makes no sense");
        return;
    }
    get->has_head = true;
    start_window(get);
    vl_client_read_raw(get->client, on_bytes, get);
    get->events->head(get->ctx, &head);
}

static struct json *parameters_of(const struct process_fetcher *f,
                                  const struct fetch_request *request)
{
    struct json *p = json_new_object();

    json_set_string(p, "url", request->url);
    json_set_integer(p, "from", (int64_t)request->from);
    if (request->to) {
        json_set_integer(p, "to", (int64_t)request->to);
    }
    json_set_string(p, "if_range", request->if_range);
    json_set_string(p, "tls_ca", f->tls_ca[0] ? f->tls_ca : NULL);
    json_set_bool(p, "allow_http", f->config.allow_http);
    return p;
}

static struct fetch_get *fetcher_get(struct fetcher *base, const struct fetch_request *request,
                                     const struct fetch_events *events, void *ctx)
{
    struct process_fetcher *f = self(base);
    struct fetch_get *get = calloc(1, sizeof *get);

    if (!get) {
        abort(); /* a few hundred bytes: nothing sensible is left to do */
    }
    get->fetcher = f;
    get->next = f->gets;
    get->generation = f->generation;
    get->events = events;
    get->ctx = ctx;
    get->from = request->from;
    get->to = request->to;
    f->gets = get;
    (void)uv_timer_init(f->config.loop, &get->timer);
    get->timer.data = get;
    enum gw_err err = start_child(f, &get->failure);

    if (!err) {
        err = vl_client_connect(&get->client, f->config.loop, f->socket_path);
        get->failure.err = err ? GW_FETCH_DIED : GW_OK;
    }
    if (err) {
        get->client = NULL;
        (void)uv_timer_start(&get->timer, on_failed_start, 0, 0);
        return get;
    }
    (void)uv_timer_start(
        &get->timer, on_head_timeout,
        (uint64_t)(CONNECT_S + f->config.min_time_s + SLACK_S + HEAD_SLACK_S) * 1000, 0);
    vl_client_call(get->client, "io.gatewayd.Fetch.Get", parameters_of(f, request), VARLINK_UPGRADE,
                   on_reply, get);
    return get;
}

static void fetcher_hold(struct fetcher *base, bool on)
{
    struct process_fetcher *f = self(base);

    f->holds += on ? 1 : 0;
    f->holds -= !on && f->holds > 0 ? 1 : 0;
    if (f->holds == 0) {
        vl_client_close(f->held);
        f->held = NULL;
    } else if (f->child) {
        hold_open(f);
    }
}

static const struct fetcher_ops ops = { .get = fetcher_get,
                                        .cancel = forget_get,
                                        .hold = fetcher_hold };

/* --- open and close --- */

static void free_fetcher(struct process_fetcher *f)
{
    if (f->listen_fd >= 0) {
        (void)close(f->listen_fd);
        (void)unlink(f->socket_path);
    }
    json_free(f->sandbox);
    free(f->socket_path);
    free(f->tls_ca);
    free(f);
}

enum gw_err fetcher_open(struct fetcher **out, const struct fetcher_config *config,
                         struct gw_error *error)
{
    struct process_fetcher *f = calloc(1, sizeof *f);
    enum gw_err err = GW_NO_MEMORY;

    *out = NULL;
    if (!f) {
        return gw_fail(error, err, "fetcher");
    }
    f->base.ops = &ops;
    f->config = *config;
    f->listen_fd = -1;
    f->socket_path = strdup(config->socket_path);
    f->tls_ca = strdup(config->tls_ca);
    if (f->socket_path && f->tls_ca) {
        err = ipc_listen(&f->listen_fd, f->socket_path, 0600, error);
    }
    if (err) {
        f->listen_fd = -1;
        free_fetcher(f);
        return err;
    }
    if (f->tls_ca[0]) {
        f->sandbox = json_new_object();
        (void)json_append(json_set(f->sandbox, "read", json_new_array()),
                          json_new_string(f->tls_ca));
    }
    *out = &f->base;
    return GW_OK;
}

void fetcher_close(struct fetcher *base)
{
    struct process_fetcher *f = base ? self(base) : NULL;

    if (!f) {
        return;
    }
    while (f->gets) {
        forget_get(f->gets);
    }
    vl_client_close(f->held);
    child_abandon(f->child);
    free_fetcher(f);
}
