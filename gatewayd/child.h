/* Child: a router or the fetcher, started through gatewayd-launch and watched.
 *
 * The program is confined by a profile (base/launch); descriptor 3 is a listening socket, 4 the
 * image channel where there is one, 0 is /dev/null, 1 and 2 are the core's stderr. It dies with the
 * core (PR_SET_PDEATHSIG).
 */
#ifndef GATEWAYD_CHILD_H
#define GATEWAYD_CHILD_H

#include <limits.h>
#include <stdbool.h>

#include <uv.h>

#include "err.h"

struct json;
struct child;

enum { CHILD_STOP_MS = 5000 }; /* from SIGTERM to SIGKILL */

/* Where the programs of this build or installation are. */
struct child_programs {
    char dir[PATH_MAX];
    bool must_be_roots; /* each program is checked again when it is started */
};

/* The folder of the running executable if gatewayd-launch lies in it, else the installed libexec
 * folder. Run as root, folder and programs must be root's and not writable by others. GW_OK, or
 * GW_CACHE_UNSAFE or GW_NOT_FOUND with *error. */
MUST_USE enum gw_err child_find_programs(struct child_programs *out, struct gw_error *error);

/* How it ended: exit status (>= 0), or the signal negated. */
typedef void (*child_exit_fn)(void *ctx, int status);

struct child_config {
    uv_loop_t *loop;
    const struct child_programs *programs;
    const char *program;            /* "gatewayd-router-uart" */
    const char *profile;            /* "serial" "tcp" "unix" "usb" "fetch" */
    const char *node;               /* serial: the device node, may be NULL */
    const char *const *args;        /* of the program, NULL-terminated; NULL = none */
    const struct json *environment; /* object of strings, or NULL */
    const struct json *sandbox;     /* {read: [], write: [], sockets: []}, or NULL */
    int listen_fd;                  /* becomes 3; stays the caller's */
    int channel_fd;                 /* becomes 4; stays the caller's; -1 = none */
    child_exit_fn on_exit;          /* once, from the loop; the child frees itself after it */
    void *ctx;
};

/* GW_OK: *out lives until on_exit() has returned, or child_abandon(). GW_NOT_FOUND, GW_IO. */
MUST_USE enum gw_err child_start(struct child **out, const struct child_config *config,
                                 struct gw_error *error);

/* SIGTERM now, SIGKILL after CHILD_STOP_MS; on_exit() follows. */
void child_stop(struct child *child);

/* SIGKILL; on_exit() follows. */
void child_kill(struct child *child);

/* Stop it and never call back. NULL is fine. */
void child_abandon(struct child *child);

int child_pid(const struct child *child);

#endif
