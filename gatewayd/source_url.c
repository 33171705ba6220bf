#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "fd_reads.h"
#include "fetcher.h"
#include "log.h"
#include "source.h"

enum { BACKOFF_MAX = 30 }; /* times the first pause */

/* One range on its way: a read's, or the whole file into the spool. */
struct download {
    struct url_source *source;
    struct fetch_get *get;
    uv_timer_t timer;      /* the pause before the next try */
    uint64_t at, end;      /* next byte; end 0 = to the end of the file */
    uint64_t delay_ms;     /* the next pause */
    uint64_t good_ms;      /* when bytes came at a fair rate for the last time */
    uint64_t try_bytes;    /* that this try brought */
    uint64_t skip;         /* bytes of this try that are there already */
    struct url_read *read; /* NULL: the spool's */
};

/* What a caller has of a read: over the network, or out of the spool. */
struct url_read {
    struct url_source *source;
    struct url_read *next;
    struct download *download; /* NULL: from the spool */
    struct fd_read *spooled;
    uint64_t offset, len;
    const struct source_events *events;
    void *ctx;
};

struct url_source {
    struct source base;
    struct source_url_config config;
    char *url;
    char etag[FETCH_ETAG_MAX]; /* of the first answer; "" = none */
    bool has_size;
    uint64_t size;
    struct url_read *reads;
    /* When the server ignores Range: */
    struct cache_spool *spool;
    struct fd_reads *spooled;
    struct download *whole;
};

static struct url_source *self(struct source *s)
{
    return (struct url_source *)s;
}

/* --- a download: try, fail, pause, try again --- */

static void on_head(void *ctx, const struct fetch_head *head);
static void on_data(void *ctx, const uint8_t *bytes, size_t len);
static void on_end(void *ctx, const struct gw_error *error);

static const struct fetch_events fetch_events = { on_head, on_data, on_end };

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop_download(struct download *d)
{
    if (d) {
        if (d->get) {
            d->source->config.fetcher->ops->cancel(d->get);
        }
        uv_close((uv_handle_t *)&d->timer, on_timer_closed);
    }
}

static void try_now(struct download *d)
{
    const struct url_source *s = d->source;
    bool is_strong = s->etag[0] == '"';
    struct fetch_request request = {
        .url = s->url, .from = d->at, .to = d->end, .if_range = is_strong ? s->etag : NULL
    };

    if (!d->read) { /* it ignores Range: from the start each time, what is there already is skipped
                     */
        request.from = 0;
        request.if_range = NULL;
        d->skip = d->at;
    }
    d->try_bytes = 0;
    d->get = s->config.fetcher->ops->get(s->config.fetcher, &request, &fetch_events, d);
}

static void on_timer(uv_timer_t *timer)
{
    try_now(timer->data);
}

static struct download *start_download(struct url_source *s, struct url_read *read, uint64_t at,
                                       uint64_t end)
{
    struct download *d = calloc(1, sizeof *d);

    if (!d) {
        abort(); /* a few hundred bytes: nothing sensible is left to do */
    }
    *d = (struct download){
        .source = s,
        .read = read,
        .at = at,
        .end = end,
        .delay_ms = s->config.backoff_ms,
        .good_ms = uv_now(s->config.loop),
    };
    (void)uv_timer_init(s->config.loop, &d->timer);
    d->timer.data = d;
    try_now(d);
    return d;
}

static bool may_pass(enum gw_err err)
{
    return err == GW_SOURCE_BUSY || err == GW_SOURCE_CONNECT || err == GW_SOURCE_SLOW ||
           err == GW_SOURCE_BROKEN || err == GW_FETCH_DIED;
}

/* True: the next try is under way in a while. */
static bool retry(struct download *d, const struct gw_error *error)
{
    const struct source_url_config *config = &d->source->config;
    uint64_t now_ms = uv_now(config->loop);

    if (d->try_bytes > 0 && error->err != GW_SOURCE_SLOW) {
        d->good_ms = now_ms;
        d->delay_ms = config->backoff_ms;
    }
    if (!may_pass(error->err) || now_ms - d->good_ms >= config->retry_ms) {
        return false;
    }
    log_notice(config->log, "download: GW%04d %s: %s: again in %" PRIu64 " ms, at byte %" PRIu64,
               (int)error->err, gw_err_text(error->err), error->detail, d->delay_ms, d->at);
    (void)uv_timer_start(&d->timer, on_timer, d->delay_ms, 0);
    d->delay_ms = 2 * d->delay_ms < BACKOFF_MAX * config->backoff_ms
                      ? 2 * d->delay_ms
                      : BACKOFF_MAX * config->backoff_ms;
    return true;
}

/* --- reads --- */

static void forget_read(struct url_read *read)
{
    for (struct url_read **at = &read->source->reads; *at; at = &(*at)->next) {
        if (*at == read) {
            *at = read->next;
            break;
        }
    }
    drop_download(read->download);
    free(read);
}

static void end_read(struct url_read *read, const struct gw_error *error)
{
    const struct source_events *events = read->events;
    void *ctx = read->ctx;

    forget_read(read);
    events->done(ctx, error);
}

/* Out of the spool: the same callbacks, one level further in. */
static void on_spooled_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct url_read *read = ctx;

    read->events->data(read->ctx, bytes, len);
}

static void on_spooled_done(void *ctx, const struct gw_error *error)
{
    struct url_read *read = ctx;

    read->spooled = NULL;
    end_read(read, error);
}

static void read_from_spool(struct url_read *read)
{
    static const struct source_events events = { on_spooled_data, on_spooled_done };

    read->spooled = fd_reads_start(read->source->spooled, read->offset, read->len, &events, read);
}

/* --- the spool --- */

static void end_spool(struct url_source *s, const struct gw_error *error)
{
    drop_download(s->whole);
    s->whole = NULL;
    fd_reads_end(s->spooled, error);
}

static void spool_data(struct url_source *s, const uint8_t *bytes, size_t len)
{
    struct gw_error error;
    enum gw_err err = cache_spool_append(s->spool, bytes, len);

    if (err) {
        (void)gw_fail(&error, err == GW_CACHE_FULL ? GW_SOURCE_NO_RANGE : err,
                      "%" PRIu64 " bytes are kept, more do not fit", cache_spool_size(s->spool));
        end_spool(s, &error);
        return;
    }
    s->whole->at += len;
    fd_reads_grow(s->spooled, s->whole->at);
}

/* Keep the whole file: all reads go on from there, with what they have not handed out yet. */
static enum gw_err begin_spool(struct url_source *s, struct gw_error *error)
{
    enum gw_err err = s->config.cache ? cache_spool_open(s->config.cache, &s->spool)
                                      : GW_SOURCE_NO_RANGE;

    if (!err) {
        err = fd_reads_open(&s->spooled, s->config.loop, cache_spool_fd(s->spool));
    }
    if (err) {
        cache_spool_close(s->spool);
        s->spool = NULL;
        return gw_fail(error, err == GW_CACHE_FULL ? GW_SOURCE_NO_RANGE : err,
                       "the file cannot be kept");
    }
    log_notice(s->config.log,
               "download: the server ignores Range: the whole file is kept meanwhile");
    for (struct url_read *read = s->reads; read; read = read->next) {
        read->len -= read->download->at - read->offset;
        read->offset = read->download->at;
        drop_download(read->download);
        read->download = NULL;
        read_from_spool(read);
    }
    s->whole = start_download(s, NULL, 0, 0);
    return GW_OK;
}

/* --- what the fetcher says --- */

static void fail_download(struct download *d, const struct gw_error *error)
{
    if (d->read) {
        end_read(d->read, error);
    } else {
        end_spool(d->source, error);
    }
}

/* Is it still the file that the first answer was about? */
static enum gw_err check_same(struct url_source *s, const struct fetch_head *head,
                              struct gw_error *error)
{
    if (s->etag[0] && head->etag[0] && strcmp(s->etag, head->etag) != 0) {
        return gw_fail(error, GW_SOURCE_CHANGED, "ETag %s was %s before", head->etag, s->etag);
    }
    if (s->has_size && head->has_size && s->size != head->size) {
        return gw_fail(error, GW_SOURCE_CHANGED, "%" PRIu64 " bytes, were %" PRIu64 " before",
                       head->size, s->size);
    }
    if (!s->etag[0]) {
        memcpy(s->etag, head->etag, sizeof s->etag);
    }
    if (head->has_size) {
        s->has_size = true;
        s->size = head->size;
    }
    return GW_OK;
}

static void on_head(void *ctx, const struct fetch_head *head)
{
    struct download *d = ctx;
    struct url_source *s = d->source;
    struct gw_error error;
    enum gw_err err = check_same(s, head, &error);

    if (!err && head->status == 200 && d->read) {
        err = begin_spool(s, &error); /* `d` and its get are gone */
        if (!err) {
            return;
        }
    }
    if (err) {
        fail_download(d, &error);
    }
}

static void on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct download *d = ctx;
    size_t skipped = len < d->skip ? len : (size_t)d->skip;

    d->skip -= skipped;
    bytes += skipped;
    len -= skipped;
    if (d->end && len > d->end - d->at) {
        len = (size_t)(d->end - d->at); /* no more than was asked for, whatever comes */
    }
    if (len == 0) {
        return;
    }
    d->try_bytes += len;
    if (d->read) {
        d->at += len;
        d->read->events->data(d->read->ctx, bytes, len);
    } else {
        spool_data(d->source, bytes, len);
    }
}

static void on_end(void *ctx, const struct gw_error *error)
{
    struct download *d = ctx;
    struct gw_error result = *error;

    d->get = NULL;
    if (!result.err && d->read && d->at < d->end) {
        (void)gw_fail(&result, GW_PACKAGE_TRUNCATED, "it ends at byte %" PRIu64, d->at);
    }
    if (!result.err && !d->read && d->source->has_size && d->at < d->source->size) {
        (void)gw_fail(&result, GW_SOURCE_BROKEN, "%" PRIu64 " of %" PRIu64 " bytes", d->at,
                      d->source->size);
    }
    if (result.err && retry(d, &result)) {
        return;
    }
    if (!result.err && !d->read) {
        d->source->has_size = true;
        d->source->size = d->at;
    }
    fail_download(d, &result); /* also the good end */
}

/* --- source_ops --- */

static struct source_read *url_read(struct source *source, uint64_t offset, uint64_t len,
                                    const struct source_events *events, void *ctx)
{
    struct url_source *s = self(source);
    struct url_read *read = calloc(1, sizeof *read);

    if (!read) {
        abort(); /* as above */
    }
    *read = (struct url_read){
        .source = s, .next = s->reads, .offset = offset, .len = len, .events = events, .ctx = ctx
    };
    s->reads = read;
    if (s->spool) {
        read_from_spool(read);
    } else {
        read->download = start_download(s, read, offset, offset + len);
    }
    return (struct source_read *)read;
}

static void url_cancel(struct source_read *base)
{
    struct url_read *read = (struct url_read *)base;

    if (read->spooled) {
        fd_reads_cancel(read->spooled);
    }
    forget_read(read);
}

static void url_hold(struct source *source, bool on)
{
    struct fetcher *fetcher = self(source)->config.fetcher;

    if (fetcher->ops->hold) {
        fetcher->ops->hold(fetcher, on);
    }
}

static uint64_t url_size(const struct source *source)
{
    const struct url_source *s = (const struct url_source *)source;

    return s->has_size ? s->size : 0;
}

static void url_close(struct source *source)
{
    struct url_source *s = self(source);

    drop_download(s->whole);
    fd_reads_close(s->spooled);
    cache_spool_close(s->spool);
    free(s->url);
    free(s);
}

static const struct source_ops url_ops = {
    .name = "url",
    .read = url_read,
    .cancel = url_cancel,
    .hold = url_hold,
    .size = url_size,
    .close = url_close,
};

enum gw_err source_open_url(struct source **out, const struct source_url_config *config)
{
    struct url_source *s = calloc(1, sizeof *s);

    *out = NULL;
    if (!s) {
        return GW_NO_MEMORY;
    }
    s->base.ops = &url_ops;
    s->config = *config;
    s->url = strdup(config->url);
    if (!s->url) {
        free(s);
        return GW_NO_MEMORY;
    }
    *out = &s->base;
    return GW_OK;
}

void source_url_set_retry(struct source *source, uint64_t retry_ms)
{
    if (source->ops == &url_ops) {
        self(source)->config.retry_ms = retry_ms;
    }
}
