/* Router: the program that speaks to the devices of one bus, as the runtime sees it.
 *
 * A router fills in one struct router_ops and calls router_main(). Its methods are straight-line
 * blocking code on a struct link and a struct call; Varlink, sockets, fd 4 and cancellation are the
 * runtime's (runtime.c). One method runs at a time. All of them are bounded in time, keep nothing
 * on disk, and after any failure the next call starts from what the device says (identify). The
 * verbs and promises are those of the Varlink interface io.gatewayd.Router (ipc/).
 */
#ifndef ROUTERS_ROUTER_H
#define ROUTERS_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "err.h"
#include "link.h"
#include "outcome.h"

struct json;
struct log_sink;

enum { ROUTER_DEVICES_MAX = 250, IMAGE_READ_MAX = 65536 };

/* What is to be sent, as the core describes it. */
struct image_ref {
    uint64_t handle;      /* names the byte stream in struct call.read_image */
    uint8_t identity[32]; /* manifest identity */
    bool payload_only;    /* delivery payload: the stream is the bare payload */
    uint64_t size;        /* bytes of the stream */
    uint32_t cms_size;    /* bytes of its leading CMS; 0 when payload_only */
    uint32_t payload_size;
    uint32_t block_size;
    uint8_t token[32];   /* names the upload on the wire: SHA-256 of the CMS, or imageDigest */
    bool has_state_hash; /* foreign MCUboot: the hash that its state shows for this image */
    uint8_t state_hash[32];
    uint8_t component;
    uint32_t sequence;
    char version[DEVICE_VERSION_MAX];
    bool retry; /* an operator asked again: also an image that failed its trial on this device */
};

/* The running call, implemented by the runtime (and by tests). */
struct call {
    const struct call_ops {
        /* Bytes of the image the device has safely. May be dropped when the core is busy. */
        void (*progress)(struct call *c, const char *device, uint64_t done, uint64_t total);
        /* One device is finished. Never dropped. */
        void (*result)(struct call *c, const struct device_result *result);
        /* Identify and Scan: one device as it is. Never dropped. */
        void (*device)(struct call *c, const struct device_info *info);
        /* Fill `buf` with `len` <= IMAGE_READ_MAX bytes of the stream at `offset`; the core has
         * checked them against the block table at this moment. GW_OK, GW_CANCELLED, or why the
         * source failed. */
        enum gw_err (*read_image)(struct call *c, uint64_t handle, uint64_t offset, void *buf,
                                  size_t len);
    } * ops;
    struct log_sink *log;
};

struct router;

struct router_config {
    const char *bus;            /* name of the bus */
    const struct json *options; /* the bus's own keys (framing, ...); borrowed during open() */
    size_t device_count;        /* devices of the configuration */
    struct router_device {
        char name[DEVICE_NAME_MAX];
        char address[DEVICE_NAME_MAX]; /* "" on a point-to-point bus */
        bool is_foreign;               /* declared foreign: never probed with our own protocol */
    } devices[];
};

struct bus_test {
    uint32_t sent, answered, repeated; /* reads; repeated = answered only after a retransmission */
    uint32_t turnaround_us_min, turnaround_us_median, turnaround_us_max;
    char advice[200]; /* what to change, "" = nothing */
};

struct router_ops {
    const char *name; /* "uart" */

    /* Take the open link (owned by the runtime, valid until close) and the configuration. No bytes
     * are sent yet. GW_OK or GW_CONFIG with *error. */
    enum gw_err (*open)(struct router **out, struct link *link, const struct router_config *config,
                        struct gw_error *error);

    /* One call->device() per device that answers, call->result() AWAY or FAILED for each named one
     * that does not. No side effect. */
    enum gw_err (*identify)(struct router *r, struct call *c, const char *const *devices, size_t n);

    /* The whole bus: each device found, by call->device(). */
    enum gw_err (*scan)(struct router *r, struct call *c);

    /* Each of these ends with exactly one call->result() per device, and is idempotent. The return
     * value is for the call as a whole: GW_OK even when devices failed; GW_CANCELLED,
     * GW_LINK_CLOSED or GW_IO when the bus itself did, and then devices may be left without a
     * result. */
    enum gw_err (*stage)(struct router *r, struct call *c, const char *const *devices, size_t n,
                         const struct image_ref *image);
    enum gw_err (*activate)(struct router *r, struct call *c, const char *const *devices, size_t n,
                            const struct image_ref *image);
    enum gw_err (*confirm)(struct router *r, struct call *c, const char *const *devices, size_t n,
                           const struct image_ref *image);
    enum gw_err (*revert)(struct router *r, struct call *c, const char *const *devices, size_t n,
                          const struct image_ref *image);

    /* What the device says that it runs: *report is a new JSON object; it echoes `nonce`. */
    enum gw_err (*report)(struct router *r, struct call *c, const char *device,
                          const uint8_t nonce[16], struct json **report, struct gw_error *error);

    /* `count` small reads; no side effect. */
    enum gw_err (*test)(struct router *r, struct call *c, const char *device, uint32_t count,
                        struct bus_test *result, struct gw_error *error);

    void (*close)(struct router *r);
    /* trust, withdraw: NULL = MethodNotFound, and the core does without. */
};

/* First member of every concrete router. */
struct router {
    const struct router_ops *ops;
};

/* The whole program: descriptors 3 (LISTEN_FDS) and 4 (image bytes), Varlink, the loop of calls.
 * Returns the exit status. */
int router_main(const struct router_ops *ops, int argc, char **argv);

#endif
