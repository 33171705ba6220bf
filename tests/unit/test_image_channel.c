#include "image_channel.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "link.h"

enum { STREAM = 5 * CHANNEL_CHUNK + 1234 };

/* The core's end, played by the waiter: when the reader waits, the core answers. */
struct core {
    struct waiter waiter;
    int fd;
    struct core_request {
        uint32_t id, length;
        uint64_t handle, offset;
    } queue[8];
    unsigned queued, asked, answered;
    enum gw_err status; /* what it answers, GW_OK = bytes */
    bool newest_first, is_cancelled, cuts_short, stale_first;
};

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 251);
}

static void take_requests(struct core *core)
{
    while (core->queued < 8 && recv(core->fd, &core->queue[core->queued], 24, MSG_DONTWAIT) == 24) {
        CHECK(core->queue[core->queued].offset + core->queue[core->queued].length <= STREAM);
        core->queued++;
        core->asked++;
    }
}

static void send_answer(struct core *core, const struct core_request *request)
{
    static uint8_t message[8 + CHANNEL_CHUNK];
    uint32_t head[2] = { request->id, core->status };
    size_t len = core->status ? 0 : request->length;

    memcpy(message, head, sizeof head);
    for (size_t i = 0; i < len; i++) {
        message[8 + i] = byte_at(request->offset + i);
    }
    if (core->cuts_short) {
        len /= 2;
    }
    CHECK(send(core->fd, message, 8 + len, 0) == (ssize_t)(8 + len));
    core->answered++;
}

static void answer_one(struct core *core)
{
    unsigned pick = core->newest_first ? core->queued - 1 : 0;

    if (core->stale_first) {
        struct core_request stale = { .id = 77777, .length = 16 };

        core->stale_first = false;
        send_answer(core, &stale);
    }
    send_answer(core, &core->queue[pick]);
    memmove(&core->queue[pick], &core->queue[pick + 1],
            (core->queued - pick - 1) * sizeof core->queue[0]);
    core->queued--;
}

static enum gw_err core_wait(struct waiter *waiter, int fd, short events, uint64_t deadline_ms)
{
    struct core *core = (struct core *)waiter;

    (void)deadline_ms;
    if (core->is_cancelled) {
        return GW_CANCELLED;
    }
    take_requests(core);
    if (core->queued > 0) {
        answer_one(core);
    }
    struct pollfd p = { fd, events, 0 };

    return poll(&p, 1, 1000) == 1 ? GW_OK : GW_TIMEOUT;
}

static uint64_t core_now_ms(struct waiter *waiter)
{
    (void)waiter;
    return 0;
}

static struct image_reader *start(struct core *core)
{
    int pair[2];
    struct image_reader *reader = malloc(sizeof *reader);

    CHECK(reader && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    *core = (struct core){ .waiter = { core_wait, core_now_ms }, .fd = pair[0] };
    channel_init(reader, pair[1]);
    channel_begin(reader, 9, STREAM);
    return reader;
}

static void stop(struct core *core, struct image_reader *reader)
{
    CHECK(close(core->fd) == 0 && close(reader->fd) == 0);
    free(reader);
}

static bool is_right(const uint8_t *bytes, uint64_t offset, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != byte_at(offset + i)) {
            return false;
        }
    }
    return true;
}

static void every_range_comes_back_right_in_any_order_of_answers(void)
{
    static uint8_t buf[2 * CHANNEL_CHUNK];

    for (int newest_first = 0; newest_first < 2; newest_first++) {
        struct core core;
        struct image_reader *reader = start(&core);

        core.newest_first = newest_first != 0;
        core.stale_first = true;
        for (uint64_t offset = 0; offset < STREAM; offset += 997) {
            size_t len = STREAM - offset < 1021 ? (size_t)(STREAM - offset) : 1021;

            CHECK_EQ(channel_read(reader, &core.waiter, offset, buf, len), GW_OK);
            CHECK(is_right(buf, offset, len));
        }
        CHECK_EQ(channel_read(reader, &core.waiter, 100, buf, sizeof buf), GW_OK);
        CHECK(is_right(buf, 100, sizeof buf));
        stop(&core, reader);
    }
}

static void a_straight_read_asks_for_each_chunk_once(void)
{
    static uint8_t buf[2048];
    struct core core;
    struct image_reader *reader = start(&core);

    for (uint64_t offset = 0; offset + sizeof buf <= STREAM; offset += sizeof buf) {
        CHECK_EQ(channel_read(reader, &core.waiter, offset, buf, sizeof buf), GW_OK);
    }
    take_requests(&core);
    CHECK_EQ(core.asked, 6);
    stop(&core, reader);
}

static void a_failed_chunk_is_asked_for_again(void)
{
    uint8_t buf[16];
    struct core core;
    struct image_reader *reader = start(&core);

    core.status = GW_SOURCE_BROKEN;
    CHECK_EQ(channel_read(reader, &core.waiter, 0, buf, sizeof buf), GW_SOURCE_BROKEN);
    CHECK_EQ(channel_read(reader, &core.waiter, 0, buf, sizeof buf), GW_SOURCE_BROKEN);
    core.status = GW_OK;
    CHECK_EQ(channel_read(reader, &core.waiter, CHANNEL_CHUNK, buf, sizeof buf), GW_OK);
    CHECK(is_right(buf, CHANNEL_CHUNK, sizeof buf));
    stop(&core, reader);
}

static void a_range_outside_the_stream_is_never_asked_for(void)
{
    uint8_t buf[16];
    struct core core;
    struct image_reader *reader = start(&core);

    CHECK_EQ(channel_read(reader, &core.waiter, STREAM - 8, buf, 16), GW_PROTOCOL);
    CHECK_EQ(channel_read(reader, &core.waiter, UINT64_MAX, buf, 16), GW_PROTOCOL);
    take_requests(&core);
    CHECK_EQ(core.asked, 0);
    stop(&core, reader);
}

static void a_short_answer_is_refused(void)
{
    uint8_t buf[16];
    struct core core;
    struct image_reader *reader = start(&core);

    core.cuts_short = true;
    CHECK_EQ(channel_read(reader, &core.waiter, 0, buf, sizeof buf), GW_PROTOCOL);
    stop(&core, reader);
}

static void answers_to_an_earlier_stream_are_dropped(void)
{
    uint8_t buf[16];
    struct core core;
    struct image_reader *reader = start(&core);

    core.is_cancelled = true;
    CHECK_EQ(channel_read(reader, &core.waiter, 0, buf, sizeof buf), GW_CANCELLED);
    core.is_cancelled = false;
    channel_begin(reader, 10, STREAM);
    CHECK_EQ(channel_read(reader, &core.waiter, 0, buf, sizeof buf), GW_OK);
    CHECK(is_right(buf, 0, sizeof buf));
    CHECK(core.answered >= 4);
    stop(&core, reader);
}

int main(void)
{
    TEST(every_range_comes_back_right_in_any_order_of_answers);
    TEST(a_straight_read_asks_for_each_chunk_once);
    TEST(a_failed_chunk_is_asked_for_again);
    TEST(a_range_outside_the_stream_is_never_asked_for);
    TEST(a_short_answer_is_refused);
    TEST(answers_to_an_earlier_stream_are_dropped);
    return checks_failed != 0;
}
