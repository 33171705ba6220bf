#include "sim_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc_socket.h"

enum { RECEIVE_BUFFER = 2048, CHUNK = 16384, MODE = 0666 };

static enum gw_err listen_tcp(int *fd, const char *address, struct gw_error *error)
{
    static const char host[] = "127.0.0.1:";
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char *end;
    unsigned long port;
    int one = 1;

    if (strncmp(address, host, sizeof host - 1) != 0) {
        return gw_fail(error, GW_LINK_URI, "tcp://%s: only 127.0.0.1 is served", address);
    }
    port = strtoul(address + sizeof host - 1, &end, 10);
    if (*end || port == 0 || port > UINT16_MAX) {
        return gw_fail(error, GW_LINK_URI, "tcp://%s: no port", address);
    }
    at.sin_port = htons((uint16_t)port);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(*fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(*fd, 4) < 0) {
        return gw_fail(error, GW_LINK_OPEN, "tcp://%s: %s", address, strerror(errno));
    }
    return GW_OK;
}

enum gw_err sim_socket_open(struct sim_socket *s, const char *link, struct sim_bus *bus,
                            struct gw_error *error)
{
    int size = RECEIVE_BUFFER;
    enum gw_err err;

    *s = (struct sim_socket){ .listen_fd = -1, .client_fd = -1, .bus = bus };
    if (strncmp(link, "unix:", 5) == 0) {
        err = ipc_listen(&s->listen_fd, link + 5, MODE, error);
    } else if (strncmp(link, "tcp://", 6) == 0) {
        err = listen_tcp(&s->listen_fd, link + 6, error);
    } else {
        err = gw_fail(error, GW_LINK_URI, "%s: must be unix:/path or tcp://127.0.0.1:port", link);
    }
    if (err) {
        sim_socket_close(s);
        return err;
    }
    /* little waits between the writer and the line, so that a writer feels the baud rate */
    (void)setsockopt(s->listen_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return GW_OK;
}

static void drop_client(struct sim_socket *s)
{
    if (s->client_fd >= 0) {
        (void)close(s->client_fd);
    }
    s->client_fd = -1;
    s->out_len = 0;
}

void sim_socket_close(struct sim_socket *s)
{
    drop_client(s);
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    s->listen_fd = -1;
}

void sim_socket_accept(struct sim_socket *s)
{
    int one = 1, fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }
    drop_client(s);
    s->client_fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* no effect on unix: */
}

/* --- moving bytes --- */

static bool is_fatal(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* From the client onto the line, as much as it takes. */
static bool move_in(struct sim_socket *s, uint64_t now_us)
{
    uint8_t bytes[CHUNK];
    size_t room = sim_line_room(s->bus->line, SIM_TO_DEVICE, now_us);
    ssize_t n;

    if (s->client_fd < 0 || room == 0) {
        return false;
    }
    n = recv(s->client_fd, bytes, room < sizeof bytes ? room : sizeof bytes, 0);
    if (is_fatal(n)) {
        drop_client(s);
    }
    if (n <= 0) {
        return false;
    }
    (void)sim_bus_write(s->bus, now_us, bytes, (size_t)n);
    return true;
}

/* From the line to the client; without one it goes into the air. */
static bool move_out(struct sim_socket *s, uint64_t now_us)
{
    size_t got = sim_bus_read(s->bus, now_us, s->out + s->out_len, sizeof s->out - s->out_len);
    ssize_t n;

    s->out_len += got;
    if (s->client_fd < 0) {
        s->out_len = 0;
        return got > 0;
    }
    if (s->out_len == 0) {
        return false;
    }
    n = send(s->client_fd, s->out, s->out_len, MSG_NOSIGNAL);
    if (is_fatal(n)) {
        drop_client(s);
        return false;
    }
    if (n > 0) {
        s->out_len -= (size_t)n;
        memmove(s->out, s->out + n, s->out_len);
    }
    return n > 0;
}

uint64_t sim_socket_serve(struct sim_socket *s, uint64_t now_us)
{
    uint64_t due_us, room_us;
    bool moved;

    do {
        moved = move_in(s, now_us);
        due_us = sim_bus_step(s->bus, now_us);
        moved |= move_out(s, now_us);
    } while (moved);
    room_us = sim_line_room_due_us(s->bus->line, SIM_TO_DEVICE, now_us);
    if (s->client_fd >= 0 && room_us > now_us && room_us < due_us) {
        due_us = room_us;
    }
    return due_us;
}

short sim_socket_events(const struct sim_socket *s, uint64_t now_us)
{
    /* below half of the line's queue: waking up for each byte would gain nothing */
    bool has_room = sim_line_room_due_us(s->bus->line, SIM_TO_DEVICE, now_us) <= now_us;

    return (short)((has_room ? POLLIN : 0) | (s->out_len > 0 ? POLLOUT : 0));
}
