#include "ctl_follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl_bars.h"
#include "ctl_failure.h"
#include "ctl_fields.h"
#include "ctl_job.h"

struct follow {
    struct ctl *ctl;
    int64_t id;       /* 0 = not known yet */
    int signal_fd;    /* readable: the user wants to leave */
    struct json *job; /* as it was last shown; NULL at first */
    unsigned lines;   /* of the block of bars that stands on the terminal */
    bool is_lost;     /* the daemon is being waited for */
    uint64_t lost_until_ms;
};

/* How one connection ended. */
enum ending { ENDING_JOB, ENDING_LOST, ENDING_DETACHED, ENDING_FAILED };

/* --- showing --- */

/* Rows and columns as they are now; the window may have been resized. */
static void measure(const struct ctl *ctl, struct style *style, unsigned *rows)
{
    struct winsize size;

    *style = ctl->style;
    *rows = 24;
    if (ioctl(fileno(ctl->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        style->width = size.ws_col;
        *rows = size.ws_row;
    }
    /* Not the last column: some terminals wrap there. */
    style->width = style->width > BARS_WIDTH_MIN ? style->width - 1 : BARS_WIDTH_MIN;
}

/* `text` over the block that stands on the terminal. */
static void redraw(struct follow *f, const char *text, unsigned lines)
{
    FILE *out = f->ctl->out;

    if (f->lines > 0) {
        (void)fprintf(out, "\033[%uA\r", f->lines);
    }
    for (; *text; text++) {
        (void)fputs(*text == '\n' ? "\033[K\n" : (char[]){ *text, '\0' }, out);
    }
    (void)fputs("\033[J", out);
    (void)fflush(out);
    f->lines = lines;
}

static void show_bars(struct follow *f)
{
    struct style style;
    unsigned rows, lines = 0;
    char *text = NULL;
    size_t len;
    FILE *block = open_memstream(&text, &len);

    if (!block) {
        return;
    }
    measure(f->ctl, &style, &rows);
    if (f->job) {
        lines = render_job_bars(block, f->job, rows > 6 ? rows - 2 : 4, &style);
    }
    if (f->is_lost) {
        text_begin(block, &style, TONE_WARN);
        (void)fputs("gatewayd went away; trying to reach it again", block);
        text_end(block, &style, TONE_WARN);
        (void)fputc('\n', block);
        lines++;
    }
    if (fclose(block) == 0) {
        redraw(f, text, lines);
    }
    free(text);
}

/* Takes `reply` parameters {job: JobInfo}. */
static void show(struct follow *f, const struct json *parameters)
{
    const struct json *job = json_get(parameters, "job");

    if (f->ctl->json) {
        ctl_print_json(f->ctl, parameters);
    } else if (!f->ctl->is_terminal) {
        render_job_changes(f->ctl->out, f->job, job);
        (void)fflush(f->ctl->out);
    }
    json_free(f->job);
    f->job = json_copy(job);
    f->id = number_of(job, "id");
    f->is_lost = false;
    if (!f->ctl->json && f->ctl->is_terminal) {
        show_bars(f);
    }
}

static void show_lost(struct follow *f)
{
    if (f->ctl->json) {
        return;
    }
    if (f->ctl->is_terminal) {
        show_bars(f);
    } else {
        (void)fprintf(f->ctl->err, "gatewayd went away; trying to reach it again for %d s\n",
                      FOLLOW_RECONNECT_S);
    }
}

/* --- talking --- */

/* Read replies until the job ends or the connection does. */
static enum ending read_replies(struct follow *f, struct ipc_client *client, struct json **failure)
{
    for (;;) {
        struct varlink_reply reply;
        enum gw_err err = ipc_client_receive(client, &reply, UINT64_MAX);

        if (err != GW_OK) {
            return err == GW_CANCELLED ? ENDING_DETACHED : ENDING_LOST;
        }
        bool is_last = !reply.continues, is_job = json_is_object(json_get(reply.parameters, "job"));

        if (reply.error || !is_job) {
            *failure = reply.error ? failure_of_reply(&reply)
                                   : failure_new(GW_BAD_MESSAGE, "a reply without a job");
        } else {
            show(f, reply.parameters);
        }
        varlink_reply_free(&reply);
        if (*failure) {
            bool is_stopping = gw_code_parse(text_of(*failure, "code")) ==
                               gw_code_of(GW_SHUTTING_DOWN);

            return is_stopping ? ENDING_LOST : ENDING_FAILED;
        }
        if (is_last) {
            return job_has_ended(f->job) ? ENDING_JOB : ENDING_LOST;
        }
    }
}

/* One connection, from its beginning to its end. */
static enum ending follow_once(struct follow *f, struct json **failure)
{
    struct ipc_client *client;
    struct json *parameters = json_new_object();

    *failure = ctl_connect(f->ctl, &client);
    if (*failure) {
        json_free(parameters);
        return ENDING_LOST;
    }
    ipc_client_set_cancel(client, f->signal_fd);
    if (f->id > 0) {
        json_set_integer(parameters, "id", f->id);
    }
    enum gw_err err = ipc_client_send(client, CTL_INTERFACE "Job", parameters, VARLINK_MORE, -1,
                                      ipc_now_ms() + CTL_QUICK_S * 1000);
    enum ending ending = err == GW_OK          ? read_replies(f, client, failure)
                         : err == GW_CANCELLED ? ENDING_DETACHED
                                               : ENDING_LOST;

    ipc_client_close(client);
    return ending;
}

/* Wait a little before the next try; true = the user wants to leave. */
static bool pause_before_retry(const struct follow *f)
{
    struct pollfd fd = { f->signal_fd, POLLIN, 0 };

    return poll(&fd, 1, FOLLOW_RETRY_MS) > 0;
}

static int detach(const struct follow *f)
{
    if (!f->ctl->json && f->id > 0) {
        (void)fprintf(f->ctl->err,
                      "%sjob %lld keeps running; follow it again: gatewayctl job show %lld -f\n",
                      f->ctl->is_terminal ? "\n" : "", (long long)f->id, (long long)f->id);
    }
    return EXIT_DETACHED;
}

static int conclude(const struct follow *f)
{
    struct json *failure = job_failure(f->job);

    return failure ? ctl_fail(f->ctl, failure) : EXIT_DONE;
}

/* The daemon went away. May we try again? Nothing was shown yet: it was never there. */
static bool may_retry(struct follow *f)
{
    if (!f->job && !f->is_lost) {
        return false;
    }
    if (!f->is_lost) {
        f->is_lost = true;
        f->lost_until_ms = ipc_now_ms() + FOLLOW_RECONNECT_S * 1000;
        show_lost(f);
    }
    return ipc_now_ms() < f->lost_until_ms;
}

static int run(struct follow *f)
{
    for (;;) {
        struct json *failure = NULL;
        enum ending ending = follow_once(f, &failure);

        if (ending == ENDING_LOST && may_retry(f)) {
            json_free(failure);
            if (pause_before_retry(f)) {
                return detach(f);
            }
            continue;
        }
        switch (ending) {
        case ENDING_JOB:
            return conclude(f);
        case ENDING_DETACHED:
            return detach(f);
        case ENDING_LOST:
        case ENDING_FAILED:
            break;
        }
        return ctl_fail(f->ctl,
                        failure ? failure : ctl_transport_failure(f->ctl, GW_LINK_CLOSED, 0));
    }
}

int follow_job(struct ctl *ctl, int64_t id)
{
    struct follow f = { .ctl = ctl, .id = id };
    sigset_t leave, before;

    (void)sigemptyset(&leave);
    (void)sigaddset(&leave, SIGINT);
    (void)sigaddset(&leave, SIGTERM);
    (void)sigaddset(&leave, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &leave, &before);
    f.signal_fd = signalfd(-1, &leave, SFD_CLOEXEC | SFD_NONBLOCK);

    int exit_code = f.signal_fd >= 0
                        ? run(&f)
                        : ctl_fail(ctl, failure_new(GW_IO, "signalfd: %s", strerror(errno)));

    /* The signals that were taken as "leave" stay pending otherwise and would end us on the way. */
    struct signalfd_siginfo taken;

    while (f.signal_fd >= 0 && read(f.signal_fd, &taken, sizeof taken) > 0) {
    }
    if (f.signal_fd >= 0) {
        (void)close(f.signal_fd);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    json_free(f.job);
    return exit_code;
}
