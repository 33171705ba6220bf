/* The UART router on a fake line with a modelled device: everything in virtual time. */
#ifndef TESTS_UART_RIG_H
#define TESTS_UART_RIG_H

#include "router.h"
#include "smp_model.h"
#include "uart.h"

struct uart_rig {
    /* set before uart_rig_open(); uart_rig_init() gives the usual values */
    struct smp_model_config device;
    struct fake_line_config line_config;
    struct router_config *config; /* one device "meter"; options NULL */
    uint32_t payload_size;
    bool payload_only;
    struct fake_device *other_device; /* instead of the model; then the next two are set, too */
    struct image_ref image;
    uint8_t *stream; /* freed by uart_rig_close() */

    struct smp_model *model; /* NULL with another device */
    struct fake_world world;
    struct fake_line *line;
    struct link *link;
    struct router *router;

    /* what the router said */
    struct call call;
    struct device_result result; /* the last; outcome 0 = none */
    unsigned results;
    struct device_info info; /* the last */
    unsigned infos;
    uint64_t progress; /* highest */
    unsigned progress_steps;
    bool went_back; /* a progress that was lower than one before */
    uint64_t first_read_ms, last_progress_ms;
    enum gw_err read_fails; /* what read_image answers; GW_OK = the bytes */
    uint64_t bytes_read;
};

/* Ours, 115200 baud, 1 ms latency, 4 buffers of 2048 bytes, 32 KiB payload. */
void uart_rig_init(struct uart_rig *r);
/* The same device as a foreign one that gets the bare payload. */
void uart_rig_init_foreign(struct uart_rig *r);
void uart_rig_open(struct uart_rig *r);
void uart_rig_close(struct uart_rig *r);

typedef enum gw_err (*uart_rig_verb)(struct router *r, struct call *c, const char *const *devices,
                                     size_t n, const struct image_ref *image);
/* One verb on "meter"; clears what was said before. */
enum gw_err uart_rig_do(struct uart_rig *r, uart_rig_verb verb);
enum gw_err uart_rig_identify(struct uart_rig *r);

uint64_t uart_rig_now_ms(const struct uart_rig *r);

#endif
