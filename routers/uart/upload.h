/* Upload: one image over an SMP session, several requests in flight.
 *
 * The device leads: each answer says which offset it expects next, and the upload goes on from
 * there, back (a damaged block, a lost request, a restarted device) or forward (blocks that it has
 * already). Answers to requests that were sent before the last such turn turn nothing again.
 * Silence repeats from the last offset that the device named, one request at a time until it
 * answers. Bounded: in silence, in turns without progress, and in bytes sent. docs/SPEC 5.2, 5.3.
 */
#ifndef UART_UPLOAD_H
#define UART_UPLOAD_H

#include "router.h"
#include "smp_session.h"

enum {
    UPLOAD_START_MS = 40000,    /* a foreign device may erase its slot before the first answer */
    UPLOAD_START_OWN_MS = 2000, /* ours checks a signature, and repetitions do it no harm */
    UPLOAD_END_MS = 10000,      /* a foreign device may check what it got before the last answer */
    UPLOAD_SILENCE_MS = 20000,  /* silence, with repetitions, before the device is away */
    UPLOAD_TURNS_MAX = 32,      /* turns and refusals that noise can cause, without progress */
    UPLOAD_RESTARTS_MAX = 3,    /* from 0, when the CMS was refused as noise could make it */
    UPLOAD_ALIGN = 32,          /* foreign devices program whole flash words of each request */
};

struct upload {
    const struct image_ref *image;
    const char *device; /* its name, for progress */
    uint32_t verify_ms; /* the second round may take this long; 0 = unknown */
    bool is_own;        /* our device: knows the verifier's reasons */

    /* results, valid whatever the outcome */
    struct device_result *result; /* error, reason, bytes_sent, resumed_at, verify_ms are filled */
};

/* Send the image. GW_OK: the device has answered that it expects nothing more; the caller asks it
 * what it has. GW_REFUSED and other codes with u->result->error filled: it said no, for good.
 * GW_TIMEOUT, GW_PROTOCOL: silence, or no progress. GW_CANCELLED, GW_LINK_CLOSED, GW_IO: the bus.
 * Anything else: why the source of the image failed. */
MUST_USE enum gw_err upload_run(struct upload *u, struct smp_session *s, struct call *c);

#endif
