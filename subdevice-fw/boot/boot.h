/* Boot: which slot runs now.
 *
 * An image runs only after its bytes verified in this boot: signature and digest before its first
 * run (a trial start), digest at each later boot. A trial that was not confirmed ends here. When
 * nothing verifies, nothing runs, and the bootloader waits for an image. docs/SPEC, How a trial
 * ends. No globals, no heap; writes only the log.
 */
#ifndef SUBDEVICE_BOOT_H
#define SUBDEVICE_BOOT_H

#include "image_check.h"
#include "slotlog.h"

struct boot_memory {
    uint8_t *cms;       /* holds a CMS */
    size_t cms_cap;     /* bytes, >= cms_max of the geometry */
    uint8_t *scratch;   /* for hashing */
    size_t scratch_len; /* bytes, >= 64 */
};

enum boot_verdict {
    BOOT_NOTHING = 0, /* no image verifies: stay in the bootloader, take a new one */
    BOOT_CONFIRMED,   /* an image that was confirmed before */
    BOOT_TRIAL,       /* a new image, unconfirmed; the watchdog must be on before it starts */
};

/* Decide for one component. `log` is open. BOOT_CONFIRMED and BOOT_TRIAL set *slot. Call it once
 * for each component at each boot, before anything else writes the log. */
enum boot_verdict boot_select(struct slotlog *log, const struct verify_trust *trust,
                              const struct boot_memory *memory, uint8_t component, uint8_t *slot);

#endif
