/* Trial: from a staged image to a confirmed one, or back.
 *
 * Activating marks a staged image; the bootloader (boot.h) starts it unconfirmed; the application
 * reports its self-test; then somebody confirms it, or it goes away by itself: a failed self-test
 * rejects it, anything else (revert, deadline, watchdog, power cut) leaves it staged, and the third
 * start without a verdict rejects it. docs/SPEC, How a trial ends.
 */
#ifndef SUBDEVICE_TRIAL_H
#define SUBDEVICE_TRIAL_H

#include "updater.h"

/* Values cross the wire. */
enum trial_test { TRIAL_TEST_RUNNING = 1, TRIAL_TEST_PASSED = 2, TRIAL_TEST_FAILED = 3 };

struct trial {
    struct slotlog *log; /* shared with the updater */
    uint8_t running;     /* bit i: slot i is being executed now */
    bool is_on;          /* the image in `slot` is on trial in this boot */
    uint8_t slot;
    enum trial_test test;
    uint64_t deadline_ms; /* by port.now_ms: when the device restarts to go back */
};

/* After each boot: `running` as the bootloader chose; a trial among them lasts `trial_ms`. */
void trial_init(struct trial *t, struct slotlog *log, uint8_t running, uint32_t trial_ms);

/* Let the next boot try this image. Already marked, on trial or running confirmed: UPDATE_OK and
 * nothing written. An image that failed its trial needs `retry`; UPDATE_REFUSED sets *reason.
 * UPDATE_BUSY while another image is on trial. */
enum update_status trial_activate(struct trial *t, uint8_t component,
                                  const uint8_t identity[SHA256_LEN], bool retry,
                                  enum verify_result *reason);

/* Keep the running image `identity`, and raise its component's floor to what it says. Only after
 * its self-test passed (UPDATE_WRONG_STATE). Confirmed already: UPDATE_OK. */
enum update_status trial_confirm(struct trial *t, const uint8_t identity[SHA256_LEN]);

/* Give up the component's trial, or an activation that has not happened yet; the image is staged
 * again and its starts are forgotten. *needs_reset: it is running now. Neither: UPDATE_OK. */
enum update_status trial_revert(struct trial *t, uint8_t component, bool *needs_reset);

/* The application's self-test has ended. TRIAL_TEST_FAILED rejects the image: the caller resets. */
enum update_status trial_report_test(struct trial *t, enum trial_test test);

/* Milliseconds until the deadline; 0 = it has passed, and the caller resets. */
uint32_t trial_left_ms(const struct trial *t);

#endif
