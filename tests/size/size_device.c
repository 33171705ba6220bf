/* A whole device over flash that is modelled in RAM: the image comes over a stream in pieces, is
 * installed, activated, picked at boot, confirmed, and picked again. */
#include <mbedtls/memory_buffer_alloc.h>
#include <string.h>

#include "board.h"
#include "boot.h"
#include "trial.h"
#include "updater.h"

enum {
    ARENA_LEN = 8192,
    CMS_CAP = 4096,
    TABLE_CAP = 1024,
    BLOCK_CAP = 1024,
    SECTOR = 1024,
    SLOT_LEN = 16 * SECTOR,
    FLASH_LEN = 2 * SECTOR + 2 * SLOT_LEN,
    SCRATCH_LEN = 256,
    PIECE_LEN = 500, /* what one message of a bus brings */
    TRIAL_MS = 60000,
};

struct ram_port {
    struct port base;
    uint8_t flash[FLASH_LEN];
};

static struct ram_port *self(struct port *p)
{
    return (struct ram_port *)p;
}

static bool ram_read(struct port *p, uint32_t offset, void *bytes, size_t len)
{
    memcpy(bytes, self(p)->flash + offset, len);
    return true;
}

static bool ram_program(struct port *p, uint32_t offset, const void *bytes, size_t len)
{
    memcpy(self(p)->flash + offset, bytes, len);
    return true;
}

static bool ram_erase(struct port *p, uint32_t offset)
{
    memset(self(p)->flash + offset, 0xff, SECTOR);
    return true;
}

static uint64_t ram_now_ms(struct port *p)
{
    (void)p;
    return 0;
}

static void ram_nothing(struct port *p)
{
    (void)p;
}

static const struct port_ops ram_ops = {
    .read = ram_read,
    .program = ram_program,
    .erase = ram_erase,
    .now_ms = ram_now_ms,
    .reset = ram_nothing,
    .kick = ram_nothing,
};

/* What the firmware keeps in RAM, the flash model apart. */
struct device {
    struct slotlog log;
    struct updater updater;
    struct trial trial;
    struct cert anchor;
    struct verify_trust trust;
    struct device_identity who;
    uint8_t cms[CMS_CAP], table[TABLE_CAP], block[BLOCK_CAP], scratch[SCRATCH_LEN];
};

static enum boot_verdict start(struct device *d, struct port *port)
{
    const struct boot_memory memory = { d->cms, CMS_CAP, d->scratch, SCRATCH_LEN };
    enum boot_verdict verdict;
    uint8_t slot = 0;

    if (!slotlog_open(&d->log, port)) {
        return BOOT_NOTHING;
    }
    verdict = boot_select(&d->log, &d->trust, &memory, 0, &slot);

    struct updater_config config = {
        .log = &d->log,
        .trust = &d->trust,
        .identity = &d->who,
        .buffers = { d->cms, CMS_CAP, d->table, TABLE_CAP, d->block, BLOCK_CAP },
        .running = verdict == BOOT_NOTHING ? 0 : (uint8_t)(1u << slot),
    };

    updater_init(&d->updater, &config);
    trial_init(&d->trial, &d->log, config.running, TRIAL_MS);
    return verdict;
}

static bool receive(struct updater *u)
{
    const size_t len = (size_t)(image_gwi_end - image_gwi);

    updater_begin(u, len);
    while (u->phase == UPDATER_RECEIVING) {
        size_t at = (size_t)updater_offset(u), left = len - at;

        if (updater_feed(u, image_gwi + at, left < PIECE_LEN ? left : PIECE_LEN) != UPDATE_OK) {
            return false;
        }
    }
    return u->phase == UPDATER_COMPLETE;
}

static bool live(struct device *d, struct port *port)
{
    uint8_t identity[SHA256_LEN];
    enum verify_result reason;

    if (start(d, port) != BOOT_NOTHING || !receive(&d->updater)) {
        return false;
    }
    memcpy(identity, d->updater.check.object.identity, sizeof identity);
    return trial_activate(&d->trial, 0, identity, false, &reason) == UPDATE_OK &&
           start(d, port) == BOOT_TRIAL &&
           trial_report_test(&d->trial, TRIAL_TEST_PASSED) == UPDATE_OK &&
           trial_confirm(&d->trial, identity) == UPDATE_OK && start(d, port) == BOOT_CONFIRMED;
}

static const struct port_geometry geometry = {
    .sector_size = SECTOR,
    .program_size = 8,
    .cms_max = CMS_CAP,
    .slot_count = 2,
    .slots = { { .offset = 2 * SECTOR, .size = SLOT_LEN },
               { .offset = 2 * SECTOR + SLOT_LEN, .size = SLOT_LEN } },
};

bool board_main(void)
{
    static uint8_t arena[ARENA_LEN];
    static struct device device;
    static struct ram_port port; /* filled in below: it shall not count as flash */

    port.base.ops = &ram_ops;
    port.base.geometry = geometry;
    memset(port.flash, 0xff, sizeof port.flash);
    memset(device.who.vendor_id, 0x11, sizeof device.who.vendor_id);
    memset(device.who.class_id, 0x22, sizeof device.who.class_id);
    mbedtls_memory_buffer_alloc_init(arena, sizeof arena);
    const struct span root = { image_root, (size_t)(image_root_end - image_root) };
    bool is_good = cert_parse(&device.anchor, root) == VERIFY_OK;

    device.trust.anchors = &device.anchor;
    device.trust.anchor_count = 1;
    is_good = is_good && port_geometry_is_sound(&port.base.geometry) && live(&device, &port.base);
    board_say("state", sizeof device);
    return is_good;
}
