#include "ipc_client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ipc_client {
    int fd;
    int cancel_fd; /* borrowed; -1 = none */
    struct varlink_input in;
};

enum gw_err ipc_client_from_fd(struct ipc_client **out, int fd)
{
    struct ipc_client *client = calloc(1, sizeof *client);

    *out = NULL;
    if (!client) {
        (void)close(fd);
        return GW_NO_MEMORY;
    }
    client->fd = fd;
    client->cancel_fd = -1;
    *out = client;
    return GW_OK;
}

enum gw_err ipc_client_connect(struct ipc_client **out, const char *path, struct gw_error *error)
{
    int fd;
    enum gw_err err = ipc_connect(&fd, path, error);

    *out = NULL;
    return err == GW_OK ? ipc_client_from_fd(out, fd) : err;
}

void ipc_client_close(struct ipc_client *client)
{
    if (client) {
        (void)close(client->fd);
        varlink_input_free(&client->in);
        free(client);
    }
}

int ipc_client_fd(const struct ipc_client *client)
{
    return client->fd;
}

void ipc_client_set_cancel(struct ipc_client *client, int fd)
{
    client->cancel_fd = fd;
}

/* Milliseconds for poll(), rounded so that it never returns before the deadline. */
static int poll_timeout(uint64_t deadline_ms)
{
    uint64_t now = ipc_now_ms();

    if (deadline_ms <= now) {
        return 0;
    }
    return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

static enum gw_err wait_for(const struct ipc_client *client, short events, uint64_t deadline_ms)
{
    for (;;) {
        struct pollfd fds[2] = { { client->fd, events, 0 }, { client->cancel_fd, POLLIN, 0 } };
        int n = poll(fds, 2, poll_timeout(deadline_ms));

        if (n < 0 && errno != EINTR) {
            return GW_IO;
        }
        if (n > 0 && fds[1].revents) {
            return GW_CANCELLED;
        }
        if (n > 0) {
            return GW_OK;
        }
        if (ipc_now_ms() >= deadline_ms) {
            return GW_TIMEOUT;
        }
    }
}

enum gw_err ipc_client_send(struct ipc_client *client, const char *method, struct json *parameters,
                            unsigned flags, int descriptor, uint64_t deadline_ms)
{
    char *text = varlink_print_call(method, parameters, flags);
    size_t done = 0, len = text ? strlen(text) + 1 : 0, sent;
    enum gw_err err = text ? GW_OK : GW_BAD_MESSAGE;

    while (err == GW_OK && done < len) {
        err = ipc_send(client->fd, text + done, len - done, done ? -1 : descriptor, &sent);
        done += sent;
        if (err == GW_TIMEOUT) {
            err = wait_for(client, POLLOUT, deadline_ms);
        }
    }
    free(text);
    return err;
}

/* Some more bytes into the buffer; GW_LINK_CLOSED at their end. */
static enum gw_err fill(struct ipc_client *client, uint64_t deadline_ms)
{
    char *room;
    size_t len, got;
    enum gw_err err = varlink_input_room(&client->in, &room, &len);

    while (err == GW_OK) {
        err = ipc_receive(client->fd, room, len, &got, NULL, NULL);
        if (err == GW_OK) {
            varlink_input_added(&client->in, got);
            return got > 0 ? GW_OK : GW_LINK_CLOSED;
        }
        if (err == GW_TIMEOUT) {
            err = wait_for(client, POLLIN, deadline_ms);
        }
    }
    return err;
}

enum gw_err ipc_client_receive(struct ipc_client *client, struct varlink_reply *reply,
                               uint64_t deadline_ms)
{
    memset(reply, 0, sizeof *reply);
    for (;;) {
        size_t len;
        const char *text = varlink_input_next(&client->in, &len);

        if (text) {
            return varlink_reply_parse(reply, text, len, NULL);
        }
        enum gw_err err = fill(client, deadline_ms);

        if (err != GW_OK) {
            return err;
        }
    }
}

enum gw_err ipc_client_call(struct ipc_client *client, const char *method, struct json *parameters,
                            struct varlink_reply *reply, uint64_t deadline_ms)
{
    enum gw_err err = ipc_client_send(client, method, parameters, 0, -1, deadline_ms);

    memset(reply, 0, sizeof *reply);
    return err == GW_OK ? ipc_client_receive(client, reply, deadline_ms) : err;
}

enum gw_err ipc_client_read_raw(struct ipc_client *client, void *buf, size_t cap, size_t *got,
                                uint64_t deadline_ms)
{
    *got = varlink_input_take(&client->in, buf, cap);
    while (*got == 0) {
        enum gw_err err = ipc_receive(client->fd, buf, cap, got, NULL, NULL);

        if (err == GW_TIMEOUT) {
            err = wait_for(client, POLLIN, deadline_ms);
        } else if (err == GW_OK && *got == 0) {
            err = GW_LINK_CLOSED;
        }
        if (err != GW_OK) {
            return err;
        }
    }
    return GW_OK;
}
