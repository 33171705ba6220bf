/* gatewaypkg: makes, signs, shows and checks system packages. What its verbs share.
 *
 * A verb returns GW_OK or fills *error; main() prints the failure, as text or as JSON, and ends
 * with the code's exit status. Results go to `out`: text for people, or with --json one object.
 */
#ifndef TOOLS_PKG_H
#define TOOLS_PKG_H

#include "ctl_text.h"
#include "err.h"
#include "json.h"

struct pkg {
    FILE *out;          /* results */
    FILE *notes;        /* stderr: progress and advice, never results */
    bool json;          /* print JSON */
    bool is_terminal;   /* `notes` is one: progress may be drawn */
    struct style style; /* of `out` */
    uint64_t percent;   /* private to pkg_progress() */
    int exit_code;      /* of a verb that did its work and found something (plan) */
};

enum { PKG_SIGNERS_MAX = 4, PKG_VENDORS_MAX = 16 };

/* The command line of one verb. NULL or 0 = not given; all borrowed from argv. */
struct pkg_arguments {
    const char *words[2];
    const char *output;                 /* -o */
    const char *certs[PKG_SIGNERS_MAX]; /* --cert, each with the --key of the same place */
    const char *keys[PKG_SIGNERS_MAX];
    unsigned cert_count, key_count;
    const char *chain; /* --chain: intermediate certificates */
    const char *trust, *system, *inventory;
    const char *vendors[PKG_VENDORS_MAX]; /* --vendor */
    unsigned vendor_count;
    bool json, help;
};

/* The verbs. Each is in a file of its own: pkg_<verb>.c. */
enum gw_err pkg_init(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_pki(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_image(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_build(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_sign(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_info(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_verify(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
enum gw_err pkg_plan(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);

/* Print a result as JSON and free it. */
void pkg_put_json(struct pkg *pkg, struct json *json);

/* "label     text", one line of a result for people. */
void pkg_put_line(struct pkg *pkg, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Draw "what 37 %" over itself on a terminal when the percentage changes; nothing elsewhere. */
void pkg_progress(struct pkg *pkg, const char *what, uint64_t done, uint64_t total);

#endif
