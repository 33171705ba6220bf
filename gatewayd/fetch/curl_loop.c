#include "curl_loop.h"

#include <stdlib.h>
#include <string.h>

static struct pollfd *find(struct curl_loop *loop, curl_socket_t fd)
{
    for (size_t i = 0; i < loop->count; i++) {
        if (loop->sockets[i].fd == fd) {
            return &loop->sockets[i];
        }
    }
    return NULL;
}

static struct pollfd *add(struct curl_loop *loop, curl_socket_t fd)
{
    if (loop->count == loop->cap) {
        size_t cap = loop->cap ? 2 * loop->cap : 16;
        struct pollfd *grown = realloc(loop->sockets, cap * sizeof *grown);

        if (!grown) {
            return NULL;
        }
        loop->sockets = grown;
        loop->cap = cap;
    }
    struct pollfd *entry = &loop->sockets[loop->count++];

    *entry = (struct pollfd){ .fd = fd };
    return entry;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *socket_data)
{
    struct curl_loop *loop = self;
    struct pollfd *entry = find(loop, fd);

    (void)easy;
    (void)socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (entry) {
            *entry = loop->sockets[--loop->count];
        }
        return 0;
    }
    entry = entry ? entry : add(loop, fd);
    if (!entry) {
        return -1;
    }
    entry->events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
                            (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *self)
{
    struct curl_loop *loop = self;

    (void)multi;
    loop->due_ms = timeout_ms < 0 ? UINT64_MAX : loop->now_ms + (uint64_t)timeout_ms;
    return 0;
}

bool curl_loop_open(struct curl_loop *loop)
{
    memset(loop, 0, sizeof *loop);
    loop->due_ms = UINT64_MAX;
    loop->multi = curl_multi_init();
    return loop->multi &&
           curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop) == CURLM_OK;
}

void curl_loop_close(struct curl_loop *loop)
{
    (void)curl_multi_cleanup(loop->multi);
    free(loop->sockets);
}

static int action_of(short revents)
{
    return (revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
           (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
           (revents & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);
}

void curl_loop_handle(struct curl_loop *loop, const struct pollfd *fds, size_t n, uint64_t now_ms)
{
    int running;

    loop->now_ms = now_ms;
    for (size_t i = 0; i < n; i++) {
        if (fds[i].revents && find(loop, fds[i].fd)) {
            (void)curl_multi_socket_action(loop->multi, fds[i].fd, action_of(fds[i].revents),
                                           &running);
        }
    }
    if (now_ms >= loop->due_ms) {
        loop->due_ms = UINT64_MAX; /* libcurl sets the next one itself */
        (void)curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

CURL *curl_loop_finished(struct curl_loop *loop, CURLcode *result)
{
    int left;
    const CURLMsg *message;

    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}
