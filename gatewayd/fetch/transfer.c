#include "transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_head.h"

#define FAILED "io.gatewayd.Fetch.Failed"

enum {
    QUEUE_BYTES = 256 << 10, /* waiting for the peer: above it libcurl is paused */
    REDIRECTS_MAX = 5,
};

struct transfer {
    CURLM *multi;
    CURL *easy;
    struct ipc_connection *connection; /* NULL once the answer has ended */
    struct curl_slist *headers;
    struct transfer_limits limits;
    uint64_t from, to; /* asked range; to 0 = to the end */
    bool allow_http;
    struct http_head head;
    bool has_answered; /* the head has been sent, bytes follow */
    bool is_paused;
    uint64_t left; /* body bytes that may still be handed on */
    uint64_t window_end_ms, window_bytes;
    char why[CURL_ERROR_SIZE];
};

struct transfer *transfer_of(CURL *easy)
{
    char *self = NULL;

    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
    return (struct transfer *)(void *)self;
}

struct ipc_connection *transfer_connection(const struct transfer *t)
{
    return t->connection;
}

/* --- the answer --- */

static void fail_call(struct ipc_connection *connection, enum gw_err err, const char *detail,
                      unsigned status)
{
    struct json *parameters = json_new_object();

    json_set_integer(parameters, "code", (int64_t)err);
    json_set_string(parameters, "detail", detail);
    if (status) {
        json_set_integer(parameters, "status", status);
    }
    ipc_reply_error(connection, FAILED, parameters);
}

/* The end of the answer: an error before the head, else nothing but the end of the bytes. */
static void end_answer(struct transfer *t, enum gw_err err, const char *detail)
{
    struct ipc_connection *connection = t->connection;

    t->connection = NULL;
    if (!connection) {
        return;
    }
    ipc_set_user(connection, NULL);
    if (!t->has_answered) {
        fail_call(connection, err, detail, t->head.status);
    }
    ipc_finish(connection);
}

static void send_head(struct transfer *t)
{
    struct json *parameters = json_new_object();
    const struct http_head *h = &t->head;

    json_set_integer(parameters, "status", h->status);
    if (h->etag[0]) {
        json_set_string(parameters, "etag", h->etag);
    }
    if (h->status == 206) {
        json_set_integer(parameters, "size", (int64_t)h->total);
        t->left = h->last - h->first + 1;
    } else {
        t->left = t->to ? t->to : UINT64_MAX;
        if (h->has_length) {
            json_set_integer(parameters, "size", (int64_t)h->length);
            t->left = h->length < t->left ? h->length : t->left;
        }
    }
    t->has_answered = true;
    ipc_upgrade(t->connection, parameters);
}

static enum gw_err status_err(unsigned status)
{
    if (status == 416) {
        return GW_SOURCE_LENGTH;
    }
    if (status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505)) {
        return GW_SOURCE_BUSY;
    }
    return GW_SOURCE_STATUS;
}

/* The last header has come: is it an answer to what was asked? */
static enum gw_err judge_head(const struct transfer *t, struct gw_error *error)
{
    const struct http_head *h = &t->head;

    if (h->status != 200 && h->status != 206) {
        return gw_fail(error, status_err(h->status), "HTTP status %u", h->status);
    }
    if (h->has_twice) {
        return gw_fail(error, GW_SOURCE_LENGTH, "a header of the answer stands twice");
    }
    if (h->status == 200) {
        return GW_OK;
    }
    if (!h->has_range || h->first != t->from || (t->to && h->last >= t->to)) {
        return gw_fail(
            error, GW_SOURCE_LENGTH,
            "asked for bytes from %" PRIu64 ", the answer's Content-Range says otherwise", t->from);
    }
    return GW_OK;
}

/* --- libcurl's callbacks --- */

static size_t on_header(char *line, size_t size, size_t count, void *self)
{
    struct transfer *t = self;

    http_head_line(&t->head, line, size * count);
    return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *self)
{
    struct transfer *t = self;
    size_t len = size * count;

    if (t->connection && !t->has_answered) {
        struct gw_error error;

        if (judge_head(t, &error)) {
            end_answer(t, error.err, error.detail);
        } else {
            send_head(t);
        }
    }
    if (!t->connection) {
        return CURL_WRITEFUNC_ERROR;
    }
    if (ipc_queued(t->connection) > QUEUE_BYTES) {
        t->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    size_t n = len < t->left ? len : (size_t)t->left;

    ipc_send_raw(t->connection, bytes, n);
    t->left -= n;
    t->window_bytes += n;
    if (t->left == 0) { /* all that was announced or asked for: more is not wanted */
        end_answer(t, GW_OK, NULL);
    }
    return n == len ? len : CURL_WRITEFUNC_ERROR;
}

/* --- end --- */

static enum gw_err curl_err(const struct transfer *t, CURLcode result)
{
    switch ((int)result) {
    case CURLE_URL_MALFORMAT:
        return GW_SOURCE_URL;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of a redirect: the URL itself was checked before */
        return t->head.redirects_to_http ? GW_SOURCE_PLAIN_HTTP : GW_SOURCE_STATUS;
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return GW_SOURCE_STATUS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return GW_SOURCE_TLS;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR: /* broken in the handshake, not refused by us */
        return GW_SOURCE_CONNECT;
    default:
        return GW_SOURCE_BROKEN;
    }
}

void transfer_finish(struct transfer *t, CURLcode result)
{
    struct gw_error error = { .err = GW_OK };

    if (!t->connection) {
        return;
    }
    if (result != CURLE_OK) {
        (void)gw_fail(&error, curl_err(t, result), "%s",
                      t->why[0] ? t->why : curl_easy_strerror(result));
    } else if (!t->has_answered && judge_head(t, &error) == GW_OK) {
        send_head(t); /* an empty body */
    }
    end_answer(t, error.err, error.detail);
}

void transfer_resume(struct transfer *t)
{
    if (t->is_paused) {
        t->is_paused = false;
        (void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
}

uint64_t transfer_due_ms(const struct transfer *t)
{
    return t->window_end_ms;
}

static void open_window(struct transfer *t, uint64_t now_ms)
{
    t->window_bytes = 0;
    t->window_end_ms = now_ms + (uint64_t)t->limits.min_time_s * 1000;
}

void transfer_check_rate(struct transfer *t, uint64_t now_ms)
{
    uint64_t wanted = (uint64_t)t->limits.min_rate * t->limits.min_time_s;

    if (now_ms < t->window_end_ms) {
        return;
    }
    if (t->connection && t->limits.min_rate > 0 && t->window_bytes < wanted && !t->is_paused) {
        char why[80];

        (void)snprintf(why, sizeof why, "%" PRIu64 " bytes in %u s", t->window_bytes,
                       t->limits.min_time_s);
        end_answer(t, GW_SOURCE_SLOW, why);
    }
    open_window(t, now_ms);
}

void transfer_free(struct transfer *t)
{
    if (t->easy) {
        (void)curl_multi_remove_handle(t->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    free(t);
}

/* --- start --- */

struct request {
    const char *url, *if_range, *tls_ca;
    int64_t from, to; /* to 0 = absent */
    bool allow_http;
};

/* https, or http where it is permitted, and a host. */
static enum gw_err check_url(const char *text, bool allow_http, struct gw_error *error)
{
    CURLU *url = curl_url();
    char *scheme = NULL;
    enum gw_err err = GW_OK;

    if (!url || curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        err = gw_fail(error, GW_SOURCE_URL, "not a URL, or one with a user name");
    } else if (strcmp(scheme, "http") == 0) {
        err = allow_http ? GW_OK : gw_fail(error, GW_SOURCE_PLAIN_HTTP, "%s", "the URL says http");
    } else if (strcmp(scheme, "https") != 0) {
        err = gw_fail(error, GW_SOURCE_URL, "scheme %.20s", scheme);
    }
    curl_free(scheme);
    curl_url_cleanup(url);
    return err;
}

static bool has_line_break(const char *text)
{
    return text && text[strcspn(text, "\r\n")] != '\0';
}

static enum gw_err read_request(struct request *r, const struct varlink_call *call,
                                struct gw_error *error)
{
    const struct json *p = call->parameters;

    *r = (struct request){
        .url = json_get_string(p, "url"),
        .if_range = json_get_string(p, "if_range"),
        .tls_ca = json_get_string(p, "tls_ca"),
        .from = json_get_integer(p, "from", 0),
        .to = json_get_integer(p, "to", 0),
        .allow_http = json_get_bool(p, "allow_http", false),
    };
    if (!call->upgrade) {
        return gw_fail(error, GW_BAD_PARAMETER, "the call must ask for an upgrade");
    }
    if (!r->url || r->from < 0 || r->to < 0 || (r->to > 0 && r->to <= r->from)) {
        return gw_fail(error, GW_BAD_PARAMETER, "from and to are no range");
    }
    if (has_line_break(r->if_range) || has_line_break(r->url)) {
        return gw_fail(error, GW_BAD_PARAMETER, "a line break");
    }
    return check_url(r->url, r->allow_http, error);
}

/* Range, and the condition that it is still the same file. */
static bool set_range(struct transfer *t, const struct request *r)
{
    char range[64], condition[HTTP_ETAG_MAX + 16];

    if (r->to) {
        (void)snprintf(range, sizeof range, "%" PRId64 "-%" PRId64, r->from, r->to - 1);
    } else {
        (void)snprintf(range, sizeof range, "%" PRId64 "-", r->from);
    }
    if (curl_easy_setopt(t->easy, CURLOPT_RANGE, range) != CURLE_OK) {
        return false;
    }
    if (!r->if_range) {
        return true;
    }
    (void)snprintf(condition, sizeof condition, "If-Range: %s", r->if_range);
    t->headers = curl_slist_append(NULL, condition);
    return t->headers && curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

static bool set_security(struct transfer *t, const struct request *r)
{
    const char *protocols = r->allow_http ? "http,https" : "https";
    bool ok = curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
              curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, protocols) == CURLE_OK &&
              curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
                  CURLE_OK;

    if (ok && r->tls_ca) {
        ok = curl_easy_setopt(t->easy, CURLOPT_CAINFO, r->tls_ca) == CURLE_OK &&
             curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    return ok;
}

static bool set_callbacks(struct transfer *t)
{
    return curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->why) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

/* HTTP/1.1: one paused body must not hold up the others that share a connection. */
static bool set_up(struct transfer *t, const struct request *r)
{
    CURL *e = t->easy;

    return e && set_callbacks(t) && set_security(t, r) && set_range(t, r) &&
           curl_easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)t->limits.connect_s) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "gatewayd-fetch/" GW_VERSION) == CURLE_OK &&
           curl_multi_add_handle(t->multi, e) == CURLM_OK;
}

enum gw_err transfer_start(struct transfer **out, CURLM *multi, struct ipc_connection *connection,
                           const struct varlink_call *call, const struct transfer_limits *limits,
                           uint64_t now_ms)
{
    struct request request;
    struct gw_error error;
    enum gw_err err = read_request(&request, call, &error);
    struct transfer *t = err ? NULL : calloc(1, sizeof *t);

    *out = NULL;
    if (!t) {
        fail_call(connection, err ? err : GW_NO_MEMORY, err ? error.detail : "", 0);
        return err ? err : GW_NO_MEMORY;
    }
    t->multi = multi;
    t->easy = curl_easy_init();
    t->limits = *limits;
    t->from = (uint64_t)request.from;
    t->to = (uint64_t)request.to;
    if (!set_up(t, &request)) {
        fail_call(connection, GW_INTERNAL, "libcurl refuses an option", 0);
        transfer_free(t);
        return GW_INTERNAL;
    }
    t->connection = connection;
    ipc_set_user(connection, t);
    open_window(t, now_ms);
    *out = t;
    return GW_OK;
}
