/* A device on the bench: the firmware's core and bootloader over the host port, driven without a
 * bus, and a referee that checks at each boot what must always hold.
 *
 * The rig counts what is wrong in `broken` instead of stopping, so that a test can also show that a
 * mutant is found. Flash is small: 1 KiB sectors, 8-byte granules, two slots of 8 KiB payload,
 * unless the caller changes `geometry` before rig_open().
 */
#ifndef DEVICE_RIG_H
#define DEVICE_RIG_H

#include "boot.h"
#include "host_port.h"
#include "testpki.h"
#include "trial.h"
#include "updater.h"

enum { RIG_CMS_MAX = 4096, RIG_TABLE_MAX = 8192, RIG_BLOCK_MAX = 4096, RIG_IMAGES_MAX = 8 };

/* A signed image and its payload. */
struct rig_image {
    struct blob payload;
    struct blob gwi;
    uint8_t identity[SHA256_LEN];
    uint32_t sequence;
};

struct rig {
    struct testpki pki;
    struct host_port_config config;
    struct host_port port;
    struct device_identity who; /* vendor 11.., class 22.., hardware 3, serial "S1" */
    uint32_t trial_ms;

    /* gone at each boot */
    struct slotlog log;
    struct updater updater;
    struct trial trial;
    enum boot_verdict verdict;
    uint8_t running; /* slot, when something runs */

    /* what the referee remembers */
    const struct rig_image *images[RIG_IMAGES_MAX]; /* that may run */
    size_t image_count;
    bool expects_to_run; /* a confirmed image exists: each boot must find one */
    uint32_t floor;      /* highest that was seen */
    uint32_t confirmed_sequence;
    unsigned broken; /* rules found broken */
    const char *why; /* the first of them */

    uint8_t cms[RIG_CMS_MAX], table[RIG_TABLE_MAX], block[RIG_BLOCK_MAX], scratch[256];
};

/* Fills in the defaults; change what is to differ; then rig_open(). */
void rig_init(struct rig *r);
void rig_open(struct rig *r);
void rig_close(struct rig *r);

/* `how->payload` is ignored: the payload is `len` bytes made from `seed`. */
void rig_image_make(struct rig_image *image, const struct rig *r, size_t len, uint32_t seed,
                    const struct testpki_image_how *how);
void rig_image_free(struct rig_image *image);

/* An image that may run from now on. */
void rig_know(struct rig *r, const struct rig_image *image);

/* Power on (again) and boot; judges what was chosen. */
enum boot_verdict rig_boot(struct rig *r);

/* Send a stream from offset 0 in pieces of `piece` bytes, going on from the offset that the updater
 * wants, until it is complete or ends; a piece that is wanted over and over is an end too
 * (UPDATE_REPEAT). *sent (may be NULL) counts the bytes handed over. */
enum update_status rig_send(struct rig *r, const struct blob *gwi, size_t piece, size_t *sent);

/* Everything that a gateway does to bring the device to `image`, whatever state it is in: send,
 * activate, restart, self-test, confirm. True: it runs, confirmed. False: the power failed. */
bool rig_upgrade(struct rig *r, const struct rig_image *image);

/* A device as it leaves the factory: `image` confirmed in slot 0, counters zeroed. */
void rig_factory(struct rig *r, const struct rig_image *image);

/* The image that runs; NULL = none, or an unknown one. */
const struct rig_image *rig_running(const struct rig *r);

/* Copy of flash and counters, to start many runs from one state. Free with rig_state_free(). */
struct rig_state {
    uint8_t *flash, *touched;
    uint32_t floor, confirmed_sequence;
    bool expects_to_run;
};
void rig_save(const struct rig *r, struct rig_state *state);
void rig_restore(struct rig *r, const struct rig_state *state);
void rig_state_free(struct rig_state *state);

/* Rules broken so far, those that the port counted included. */
unsigned rig_broken(const struct rig *r);

#endif
