#include "sim_device.h"

#include <stdlib.h>
#include <string.h>

enum state { OFF = 0, STARTING, RUNNING };

struct sim_device {
    struct sim_firmware *firmware;
    struct sim_device_config config;
    struct sim_faults faults;
    enum state state;
    uint64_t ready_us;     /* STARTING: when it understands bytes */
    uint64_t busy_us;      /* until then it does nothing else */
    uint64_t self_test_us; /* when the verdict comes; UINT64_MAX = none is awaited */
    uint64_t received;     /* bytes since the faults were set */
    uint64_t random;
    struct sim_counters counters; /* boots, requests, overruns */
    size_t waiting;               /* bytes in `fifo` */
    uint8_t fifo[];               /* receive_cap bytes */
};

bool sim_device_open(struct sim_device **out, struct sim_firmware *firmware,
                     const struct sim_device_config *config)
{
    *out = calloc(1, sizeof **out + config->receive_cap);
    if (!*out) {
        firmware->ops->close(firmware);
        return false;
    }
    (*out)->firmware = firmware;
    (*out)->config = *config;
    return true;
}

void sim_device_close(struct sim_device *d)
{
    if (d) {
        d->firmware->ops->close(d->firmware);
        free(d);
    }
}

/* --- power --- */

static void restart(struct sim_device *d, uint64_t now_us)
{
    d->state = STARTING;
    d->ready_us = now_us + d->config.boot_us;
    d->waiting = 0;
}

void sim_device_power_on(struct sim_device *d, uint64_t now_us)
{
    if (d->state == OFF) {
        restart(d, now_us);
    }
}

void sim_device_power_off(struct sim_device *d)
{
    d->state = OFF;
    d->waiting = 0;
    d->faults.dead_after_bytes = 0;
}

void sim_device_power_off_at(struct sim_device *d, uint64_t ops, uint64_t seed)
{
    d->firmware->ops->cut_after(d->firmware, ops, seed);
}

bool sim_device_is_powered(const struct sim_device *d)
{
    return d->state != OFF;
}

/* --- work --- */

static bool is_dead(const struct sim_device *d)
{
    return d->faults.dead_after_bytes > 0 && d->received >= d->faults.dead_after_bytes;
}

/* After each call into the firmware: what it cost, and whether it came to an end. */
static void settle(struct sim_device *d, uint64_t now_us)
{
    const struct sim_firmware_ops *ops = d->firmware->ops;

    d->busy_us = now_us + ops->busy_us(d->firmware);
    if (ops->has_lost_power(d->firmware)) {
        sim_device_power_off(d);
    } else if (ops->wants_reset(d->firmware)) {
        restart(d, d->busy_us);
    } else if (d->faults.reboot_at_offset > 0 &&
               ops->upload_offset(d->firmware) >= d->faults.reboot_at_offset) {
        d->faults.reboot_at_offset = 0;
        restart(d, d->busy_us);
    }
}

static void boot(struct sim_device *d, uint64_t now_us)
{
    struct sim_running running;

    d->state = RUNNING;
    d->counters.boots++;
    d->firmware->ops->boot(d->firmware, now_us);
    d->firmware->ops->describe(d->firmware, &running);
    d->self_test_us = running.on_trial ? now_us + d->config.self_test_us : UINT64_MAX;
    settle(d, now_us);
}

static void end_self_test(struct sim_device *d, uint64_t now_us)
{
    struct sim_running running;
    const struct sim_faults *f = &d->faults;
    enum sim_self_test verdict;

    d->self_test_us = UINT64_MAX;
    d->firmware->ops->describe(d->firmware, &running);
    verdict = f->self_test_sequence == 0 || f->self_test_sequence == running.sequence
                  ? f->self_test
                  : SIM_TEST_PASS;
    if (verdict != SIM_TEST_HANG) {
        d->firmware->ops->self_test(d->firmware, now_us, verdict == SIM_TEST_PASS);
        settle(d, now_us);
    }
}

static void feed(struct sim_device *d, uint64_t now_us)
{
    size_t used = d->firmware->ops->receive(d->firmware, now_us, d->fifo, d->waiting);

    memmove(d->fifo, d->fifo + used, d->waiting - used);
    d->waiting -= used;
    settle(d, now_us);
}

size_t sim_device_room(const struct sim_device *d)
{
    return d->state == RUNNING && !is_dead(d) ? d->config.receive_cap - d->waiting
                                              : d->config.receive_cap;
}

void sim_device_receive(struct sim_device *d, uint64_t now_us, const uint8_t *bytes, size_t len)
{
    size_t room = d->config.receive_cap - d->waiting;

    (void)now_us;
    d->received += len;
    if (d->state != RUNNING || is_dead(d)) {
        return;
    }
    if (len > room) {
        d->counters.overruns += len - room;
        len = room;
    }
    memcpy(d->fifo + d->waiting, bytes, len);
    d->waiting += len;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t sim_device_step(struct sim_device *d, uint64_t now_us)
{
    uint64_t due_us;

    if (d->state == STARTING && now_us >= d->ready_us) {
        boot(d, now_us);
    }
    if (d->state == STARTING) {
        return d->ready_us;
    }
    if (d->state == OFF || is_dead(d)) {
        return UINT64_MAX;
    }
    if (now_us < d->busy_us) {
        return d->busy_us;
    }
    if (now_us >= d->self_test_us) {
        end_self_test(d, now_us);
    } else if (d->waiting > 0) {
        feed(d, now_us);
    }
    if (d->state != RUNNING || d->busy_us > now_us) {
        return d->state == OFF ? UINT64_MAX : d->state == STARTING ? d->ready_us : d->busy_us;
    }
    due_us = d->firmware->ops->step(d->firmware, now_us);
    settle(d, now_us);
    if (d->state != RUNNING) {
        return d->state == OFF ? UINT64_MAX : d->ready_us;
    }
    due_us = due_us < UINT64_MAX - now_us ? now_us + due_us : UINT64_MAX;
    return earlier(due_us, d->self_test_us);
}

/* --- the line --- */

static void make_nonsense(struct sim_device *d, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        d->random = d->random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(d->random >> 56);
    }
}

size_t sim_device_transmit(struct sim_device *d, uint64_t now_us, uint8_t *out, size_t cap)
{
    size_t len;

    if (d->state != RUNNING || now_us < d->busy_us || is_dead(d)) {
        return 0;
    }
    len = d->firmware->ops->take(d->firmware, out, cap);
    if (d->faults.is_silent) {
        return 0;
    }
    if (d->faults.talks_nonsense) {
        make_nonsense(d, out, len);
    }
    return len;
}

/* --- settings and facts --- */

void sim_device_set_faults(struct sim_device *d, const struct sim_faults *faults)
{
    d->faults = *faults;
    d->received = 0;
}

const struct sim_faults *sim_device_faults(const struct sim_device *d)
{
    return &d->faults;
}

bool sim_device_running(const struct sim_device *d, struct sim_running *out)
{
    if (d->state != RUNNING) {
        memset(out, 0, sizeof *out);
        return false;
    }
    d->firmware->ops->describe(d->firmware, out);
    return true;
}

void sim_device_count(const struct sim_device *d, struct sim_counters *out)
{
    *out = d->counters;
    d->firmware->ops->count(d->firmware, out);
}

void sim_device_reset_counters(struct sim_device *d)
{
    d->counters = (struct sim_counters){ 0 };
    d->firmware->ops->reset_counters(d->firmware);
}
