#include "host_port.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MONOTONIC_LEN = PORT_SLOTS_MAX * sizeof(uint32_t) };

static struct host_port *self(struct port *p)
{
    return (struct host_port *)p;
}

static uint32_t random_u32(struct host_port *h)
{
    h->seed = h->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(h->seed >> 32);
}

/* --- NOR rules --- */

static bool in_flash(const struct host_port *h, uint32_t offset, size_t len)
{
    return offset <= h->size && len <= h->size - offset;
}

static bool is_touched(const struct host_port *h, uint32_t offset)
{
    uint32_t granule = offset / h->base.geometry.program_size;

    return h->touched[granule / 8] >> granule % 8 & 1;
}

static void set_touched(struct host_port *h, uint32_t offset, size_t len, bool touched)
{
    uint32_t step = h->base.geometry.program_size;

    for (size_t at = 0; at < len; at += step) {
        uint32_t granule = (offset + (uint32_t)at) / step;
        uint8_t bit = (uint8_t)(1u << granule % 8);

        h->touched[granule / 8] = (uint8_t)(touched ? h->touched[granule / 8] | bit
                                                    : h->touched[granule / 8] & ~bit);
    }
}

static bool may_program(const struct host_port *h, uint32_t offset, size_t len)
{
    uint32_t mask = h->base.geometry.program_size - 1;

    if (!in_flash(h, offset, len) || (offset & mask) || (len & mask) || len == 0) {
        return false;
    }
    for (size_t at = 0; at < len; at += mask + 1) {
        if (is_touched(h, offset + (uint32_t)at)) {
            return false;
        }
    }
    return true;
}

/* --- counting --- */

static const struct port_slot *slot_at(const struct host_port *h, uint32_t offset)
{
    const struct port_geometry *g = &h->base.geometry;

    for (uint8_t i = 0; i < g->slot_count; i++) {
        if (offset >= g->slots[i].offset && offset - g->slots[i].offset < g->slots[i].size) {
            return &g->slots[i];
        }
    }
    return NULL;
}

static bool is_payload(const struct host_port *h, const struct port_slot *slot, uint32_t offset)
{
    uint32_t trailer = 128 + h->base.geometry.cms_max; /* docs/SPEC 6: head and CMS */
    uint32_t sectors = (trailer + h->base.geometry.sector_size - 1) / h->base.geometry.sector_size;

    return offset - slot->offset < slot->size - sectors * h->base.geometry.sector_size;
}

static void count_program(struct host_port *h, uint32_t offset, const uint8_t *bytes, size_t len)
{
    const struct port_slot *slot = slot_at(h, offset);

    if (!slot) {
        return;
    }
    h->counters.early_ops += !host_referee_permits_slot(&h->referee);
    if (is_payload(h, slot, offset)) {
        h->counters.bytes_flashed += len;
        if (!host_referee_permits_payload(&h->referee, offset - slot->offset, bytes, len)) {
            h->counters.unverified_bytes += len;
        }
    }
}

/* --- power --- */

/* Counts the operation; true when the power fails in it. */
static bool is_cut(struct host_port *h)
{
    h->counters.flash_ops++;
    return h->cut_after > 0 && --h->cut_after == 0;
}

/* `fresh` is what the range would have become. */
static void tear(struct host_port *h, uint32_t offset, const uint8_t *fresh, size_t len)
{
    enum host_tear how = h->tear == HOST_TEAR_ANY ? random_u32(h) % HOST_TEARS : h->tear;
    size_t part = random_u32(h) % len;

    h->is_off = true;
    switch (how) {
    case HOST_TEAR_NOTHING:
    case HOST_TEARS:
        return;
    case HOST_TEAR_PREFIX:
        break;
    case HOST_TEAR_MIX:
        for (size_t i = 0; i < len; i++) {
            uint8_t pick = (uint8_t)random_u32(h);

            h->flash[offset + i] = (uint8_t)((h->flash[offset + i] & pick) | (fresh[i] & ~pick));
        }
        set_touched(h, offset, len, true);
        return;
    case HOST_TEAR_DONE:
        part = len;
        break;
    }
    memcpy(h->flash + offset, fresh, part);
    set_touched(h, offset, part, true);
}

static void spend(struct host_port *h, uint64_t us)
{
    h->busy_us += us;
}

/* --- port_ops --- */

static bool flash_read(struct port *p, uint32_t offset, void *bytes, size_t len)
{
    struct host_port *h = self(p);

    if (h->is_off || !in_flash(h, offset, len)) {
        return false;
    }
    memcpy(bytes, h->flash + offset, len);
    spend(h, len * h->delays.read_us_per_kib / 1024);
    return true;
}

static bool flash_program(struct port *p, uint32_t offset, const void *bytes, size_t len)
{
    struct host_port *h = self(p);

    if (h->is_off) {
        return false;
    }
    if (!may_program(h, offset, len)) {
        h->counters.violations++;
        return false;
    }
    count_program(h, offset, bytes, len);
    if (is_cut(h)) {
        tear(h, offset, bytes, len);
        return false;
    }
    memcpy(h->flash + offset, bytes, len);
    set_touched(h, offset, len, true);
    if (h->worn_at >= offset && h->worn_at - offset < len) {
        h->flash[h->worn_at] ^= 1;
    }
    spend(h, (len * h->delays.program_us_per_kib + 1023) / 1024);
    return true;
}

static bool flash_erase(struct port *p, uint32_t offset)
{
    struct host_port *h = self(p);
    uint32_t len = h->base.geometry.sector_size;

    if (h->is_off) {
        return false;
    }
    if (!in_flash(h, offset, len) || offset % len != 0) {
        h->counters.violations++;
        return false;
    }
    h->counters.erases++;
    h->counters.early_ops += slot_at(h, offset) && !host_referee_permits_slot(&h->referee);
    if (is_cut(h)) {
        uint8_t *blank = malloc(len);

        if (blank) {
            memset(blank, 0xff, len);
            tear(h, offset, blank, len);
        }
        h->is_off = true;
        free(blank);
        return false;
    }
    memset(h->flash + offset, 0xff, len);
    set_touched(h, offset, len, false);
    spend(h, h->delays.erase_us);
    return true;
}

static uint64_t clock_now_ms(struct port *p)
{
    return (self(p)->now_us + self(p)->busy_us) / 1000;
}

static void request_reset(struct port *p)
{
    self(p)->wants_reset = true;
}

static void kick(struct port *p)
{
    (void)p; /* a hanging program is a fault of the simulation's own, and shows as one */
}

static uint32_t counter_read(struct port *p, uint8_t component)
{
    struct host_port *h = self(p);
    uint32_t value = 0;

    if (component < PORT_SLOTS_MAX) {
        memcpy(&value, h->flash + h->size + component * sizeof value, sizeof value);
    }
    return value;
}

static bool counter_raise(struct port *p, uint8_t component, uint32_t value)
{
    struct host_port *h = self(p);

    if (h->is_off || component >= PORT_SLOTS_MAX) {
        return false;
    }
    if (value > counter_read(p, component)) {
        memcpy(h->flash + h->size + component * sizeof value, &value, sizeof value);
    }
    return true;
}

#define COMMON_OPS                                                                                 \
    .read = flash_read, .program = flash_program, .erase = flash_erase, .now_ms = clock_now_ms,    \
    .reset = request_reset, .kick = kick

static const struct port_ops plain_ops = { COMMON_OPS };
static const struct port_ops counter_ops = { COMMON_OPS, .counter_read = counter_read,
                                             .counter_raise = counter_raise };

/* --- life --- */

void host_port_find_touched(struct host_port *h)
{
    for (uint32_t at = 0; at < h->size; at++) {
        if (h->flash[at] != 0xff) {
            set_touched(h, at, 1, true);
        }
    }
}

static bool map_flash(struct host_port *h, const char *path)
{
    size_t len = (size_t)h->size + MONOTONIC_LEN;
    struct stat st = { 0 };
    void *at;

    if (path) {
        h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (h->fd < 0 || fstat(h->fd, &st) < 0 || ftruncate(h->fd, (off_t)len) < 0) {
            return false;
        }
    }
    at = mmap(NULL, len, PROT_READ | PROT_WRITE, path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
              h->fd, 0);
    if (at == MAP_FAILED) {
        return false;
    }
    h->flash = at;
    if ((uint64_t)st.st_size != len) { /* new, or of another size: blank */
        memset(h->flash, 0xff, h->size);
        memset(h->flash + h->size, 0, MONOTONIC_LEN);
    }
    return true;
}

bool host_port_open(struct host_port *h, const struct host_port_config *config)
{
    memset(h, 0, sizeof *h);
    h->base.ops = config->has_counters ? &counter_ops : &plain_ops;
    h->base.geometry = config->geometry;
    h->delays = config->delays;
    h->size = config->size;
    h->worn_at = UINT32_MAX;
    h->fd = -1;
    if (!port_geometry_is_sound(&h->base.geometry)) {
        return false;
    }
    h->touched = calloc(h->size / h->base.geometry.program_size / 8 + 1, 1);
    if (!h->touched || !map_flash(h, config->path)) {
        host_port_close(h);
        return false;
    }
    host_port_find_touched(h);
    return true;
}

void host_port_close(struct host_port *h)
{
    if (h->flash) {
        (void)munmap(h->flash, (size_t)h->size + MONOTONIC_LEN);
    }
    if (h->fd >= 0) {
        (void)close(h->fd);
    }
    free(h->touched);
    h->flash = NULL;
    h->touched = NULL;
    h->fd = -1;
}

void host_port_cut_after(struct host_port *h, uint64_t after, enum host_tear how, uint64_t seed)
{
    h->cut_after = after;
    h->tear = how;
    h->seed = seed;
}

void host_port_power_off(struct host_port *h)
{
    h->is_off = true;
}

void host_port_power_on(struct host_port *h)
{
    h->is_off = false;
    h->wants_reset = false;
    h->cut_after = 0;
    h->busy_us = 0;
    host_referee_watch(&h->referee, NULL);
}

void host_port_set_now(struct host_port *h, uint64_t now_us)
{
    h->now_us = now_us;
    h->busy_us = 0;
}

uint64_t host_port_busy_us(const struct host_port *h)
{
    return h->busy_us;
}
