/* Node: one simulated sub-device: the real firmware (boot, updater, trial, SMP server) on the
 * device rig, at the end of a fake line, with a plug.
 *
 * Time is the line's nanoseconds. The rig judges each boot and each flash operation; what a referee
 * wants to know beyond that is asked with the functions below, which look at the flash itself.
 */
#ifndef TESTS_NODE_H
#define TESTS_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake.h"

enum {
    NODE_TRIAL_MS = 20000,   /* how long a trial lasts */
    NODE_ACTIVATE_MS = 1000, /* as the maker states it */
    NODE_OLD_SEQUENCE = 5,
    NODE_NEW_SEQUENCE = 6,
};

/* What the self-test of the new image says. HANG: nothing, until the trial's deadline. */
enum node_fate { NODE_PASSES, NODE_FAILS, NODE_HANGS };

/* The two images of the simulation, made once and shared. */
struct node_images;
struct node_images *node_images_make(size_t payload_bytes);
void node_images_free(struct node_images *images);
/* The new image as a .gwi, its parts and its identity. */
struct node_image {
    const uint8_t *gwi;
    size_t len, cms_len, payload_len;
    uint32_t block_size;
    uint8_t identity[32], token[32]; /* token: SHA-256 of the CMS */
    uint8_t vendor_id[16], class_id[16];
};
struct node_image node_images_new(const struct node_images *images);

struct node;

struct node_events {
    /* A request has arrived, and is about to be handled; the power may be taken here. */
    void (*request)(void *ctx, struct node *node);
    /* After each of: boot, request handled, self-test ended. */
    void (*changed)(void *ctx, struct node *node);
    /* The power has failed at a flash operation. */
    void (*failed)(void *ctx, struct node *node);
};

/* A device with the old image confirmed in slot 0. `serial` tells it from others. */
struct node *node_new(const struct node_images *images, uint8_t serial,
                      const struct node_events *events, void *ctx);
void node_free(struct node *node);
/* The model for fake_line_config. */
struct fake_device *node_device(struct node *node);

/* As it left the factory; powered and booting. */
void node_reset(struct node *node, enum node_fate fate, uint64_t now_ns);
void node_power(struct node *node, uint64_t now_ns, bool on);
bool node_is_powered(const struct node *node);
/* The power fails at the `after`-th flash operation from now, torn anyhow. */
void node_cut_at_flash(struct node *node, uint64_t after, uint64_t seed);
/* One byte of flash comes out with a wrong bit from now on. */
void node_wear(struct node *node);

/* Work; when it is due again. */
uint64_t node_step(struct node *node, struct fake_line *line, uint64_t now_ns);

bool node_is_up(const struct node *node); /* booted */
bool node_runs_new(const struct node *node);
bool node_is_on_trial(const struct node *node);
bool node_has_passed(const struct node *node); /* its self-test, in this boot */
/* The new image was confirmed; and its self-test had passed in that boot. */
bool node_has_confirmed(const struct node *node);
bool node_passed_first(const struct node *node);
/* The new image is complete in a slot, whatever its trials came to. */
bool node_holds_new(const struct node *node);
/* Every slot that the firmware calls complete holds, byte by byte, what was signed. */
bool node_is_true(const struct node *node);
uint32_t node_floor(const struct node *node);
unsigned node_trials(const struct node *node);    /* since the reset */
uint64_t node_flash_ops(const struct node *node); /* since the reset: program and erase */
uint64_t node_requests(const struct node *node);  /* since the reset */
/* Rules that the rig found broken since the reset, and the first of them (NULL = none). */
unsigned node_broken(const struct node *node, const char **why);

#endif
