/* Plan: what a package would do to the devices of this gateway, before a byte is sent.
 *
 * A pure function of authenticated manifests, inventory and policy; the same in the daemon and in
 * `gatewaypkg plan`. Each step is one component on one device: upgrade it, leave it, or refuse it
 * with a code. docs/SPEC 3.1 has the rules.
 */
#ifndef PACKAGE_PLAN_H
#define PACKAGE_PLAN_H

#include "inventory.h"
#include "package.h"

enum plan_mode { PLAN_AUTO, PLAN_CACHED, PLAN_STREAMED };

enum plan_action {
    PLAN_NONE,    /* it runs this image already */
    PLAN_UPGRADE, /* send, activate, confirm; what is there already is not sent again */
    PLAN_REFUSE,  /* `error` says why */
};

/* Bits of plan_step.warnings; plan_warning_text() gives the words. */
enum plan_warning {
    PLAN_WARN_NO_WAY_BACK = 1u << 0,   /* no spare slot, or it cannot revert */
    PLAN_WARN_DOWNGRADE = 1u << 1,     /* to a lower sequence; the floors permit it */
    PLAN_WARN_GATEWAY_ONLY = 1u << 2,  /* the device verifies nothing by itself */
    PLAN_WARN_NO_READ_BACK = 1u << 3,  /* it cannot say afterwards what it runs */
    PLAN_WARN_CANARY = 1u << 4,        /* canary is not carried out by this version */
    PLAN_WARN_UNKNOWN_SPEED = 1u << 5, /* the estimate assumes a speed */
    PLAN_WARNINGS_END = 1u << 6,       /* first bit that is not used */
};

#define PLAN_NO_DEVICE ((size_t)-1)

struct plan_policy {
    enum plan_mode mode;
    uint64_t cache_room_bytes;   /* what the cache can take for this job */
    const uint8_t (*cached)[32]; /* identities of images that are complete in the cache */
    size_t cached_count;
    bool allow_leap;     /* an operator permits a step above SEQUENCE_LEAP_MAX */
    bool retry_rejected; /* an operator permits an image that failed its trial */
};

struct plan_step {
    uint16_t component; /* index in the manifest */
    size_t device;      /* index in the inventory; PLAN_NO_DEVICE: a required one matches none */
    enum plan_action action;
    struct gw_error error; /* PLAN_REFUSE */
    enum plan_mode mode;   /* PLAN_CACHED or PLAN_STREAMED */
    uint64_t bytes;        /* of the image stream that still go to the device */
    uint32_t transfer_ms;  /* estimates: sending and the device's second round */
    uint32_t activate_ms;  /* switching, restart, self-test */
    unsigned warnings;     /* enum plan_warning */
    bool has_way_back;
};

struct plan {
    struct plan_step *steps; /* in order of activation, then of the inventory */
    size_t step_count;
    size_t *unmatched; /* devices that no component is for, indices */
    size_t unmatched_count;
    uint64_t download_bytes; /* of components that some step needs and the cache has not */
    uint64_t estimated_ms;   /* buses stage at the same time; groups are activated in turn */
    bool is_ok;              /* no step of a required component is refused */
    struct pool pool;        /* private */
};

/* Never fails: refusals are steps. Free with plan_free(). */
void plan_make(struct plan *out, const struct package *package, const struct inventory *inventory,
               const struct plan_policy *policy);
void plan_free(struct plan *plan);

/* "no way back: ..." */
const char *plan_warning_text(enum plan_warning warning);

/* A new object of type PlanInfo (io.gatewayd.Control). */
struct json *plan_to_json(const struct plan *plan, const struct package *package,
                          const struct inventory *inventory);

#endif
