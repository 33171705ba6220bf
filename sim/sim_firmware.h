/* Firmware: what runs inside a simulated device. sim_own.c is our subdevice-fw, sim_foreign.c a
 * stock Zephyr over MCUboot.
 *
 * The box around it (sim_device.h) owns power, time and faults; firmware sees bytes. It is told the
 * time and says what its work cost; nothing waits.
 */
#ifndef SIM_FIRMWARE_H
#define SIM_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_VERSION_MAX = 33 }; /* with NUL */

/* What runs now. */
struct sim_running {
    bool has_image; /* false: the bootloader waits for one */
    bool on_trial;
    uint32_t sequence; /* 0 = the image has none */
    char version[SIM_VERSION_MAX];
    uint8_t identity[32]; /* manifest identity; of a foreign image its own hash */
};

struct sim_counters {
    uint64_t bytes_flashed;    /* payload bytes programmed */
    uint64_t erases;           /* sectors */
    uint64_t flash_ops;        /* program and erase calls */
    uint64_t violations;       /* flash rules broken: must stay 0 */
    uint64_t early_ops;        /* slot touched before a manifest was authenticated: must stay 0 */
    uint64_t unverified_bytes; /* payload programmed that is not the signed one: must stay 0 */
    uint64_t boots, requests;
    uint64_t overruns; /* received bytes that had no room */
};

struct sim_firmware;

struct sim_firmware_ops {
    /* Power on or reset: memory is lost, flash is not; choose what runs. The power may fail in it.
     */
    void (*boot)(struct sim_firmware *f, uint64_t now_us);

    /* Take received bytes; fewer than `len` when an answer must leave first. */
    size_t (*receive)(struct sim_firmware *f, uint64_t now_us, const uint8_t *bytes, size_t len);

    /* Bytes to send, at most `cap`. */
    size_t (*take)(struct sim_firmware *f, uint8_t *out, size_t cap);

    /* Time passed and no received bytes are left: microseconds until it wants to be called again,
     * UINT64_MAX = not before bytes come. */
    uint64_t (*step)(struct sim_firmware *f, uint64_t now_us);

    /* What the last boot, receive, step or self_test cost, microseconds. */
    uint64_t (*busy_us)(const struct sim_firmware *f);

    /* The power failed inside the last call. */
    bool (*has_lost_power)(const struct sim_firmware *f);

    /* It wants to restart. */
    bool (*wants_reset)(const struct sim_firmware *f);

    /* The power fails at the `ops`-th flash operation from now (torn, by the seed); 0 = it does
     * not. */
    void (*cut_after)(struct sim_firmware *f, uint64_t ops, uint64_t seed);

    /* The running image's self-test has ended. */
    void (*self_test)(struct sim_firmware *f, uint64_t now_us, bool passed);

    /* Offset in the stream of the upload that runs; 0 = none does. */
    uint64_t (*upload_offset)(const struct sim_firmware *f);

    void (*describe)(const struct sim_firmware *f, struct sim_running *out);
    void (*count)(const struct sim_firmware *f, struct sim_counters *out); /* its own part */
    void (*reset_counters)(struct sim_firmware *f);
    void (*close)(struct sim_firmware *f);
};

/* First member of every concrete firmware. */
struct sim_firmware {
    const struct sim_firmware_ops *ops;
};

#endif
