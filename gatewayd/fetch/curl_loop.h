/* The sockets and the timer of a libcurl multi handle, for a poll loop. */
#ifndef FETCH_CURL_LOOP_H
#define FETCH_CURL_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

struct curl_loop {
    CURLM *multi;
    struct pollfd *sockets; /* what libcurl wants polled */
    size_t count, cap;
    uint64_t due_ms; /* when libcurl wants to be called; UINT64_MAX = never */
    uint64_t now_ms; /* of the running turn */
};

/* False: no memory. */
bool curl_loop_open(struct curl_loop *loop);
void curl_loop_close(struct curl_loop *loop);

/* Tell libcurl what became ready in `fds` (a copy of loop->sockets with revents), and the time. */
void curl_loop_handle(struct curl_loop *loop, const struct pollfd *fds, size_t n, uint64_t now_ms);

/* One finished handle and its result; NULL when there is none. */
CURL *curl_loop_finished(struct curl_loop *loop, CURLcode *result);

#endif
