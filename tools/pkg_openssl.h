/* The openssl program: gatewaypkg holds no private key and computes no signature itself. */
#ifndef TOOLS_PKG_OPENSSL_H
#define TOOLS_PKG_OPENSSL_H

#include "pkg.h"
#include "signed.h"

/* Run `openssl ARGS...` (argv[0] is "openssl", NULL-terminated, no shell) with `input` as its
 * standard input. Its output is appended to nothing: *out (freed by the caller) has it, NUL behind.
 * GW_OK, or GW_SIGNING with what it said. */
MUST_USE enum gw_err pkg_openssl(uint8_t **out, size_t *out_len, const char *const argv[],
                                 struct span input, struct gw_error *error);

/* Sign `content` with every --cert and --key of the command line, and check what came out by our
 * own verifier, all but whom to believe. *cms is the caller's. GW_SIGNING, or GW2200 +
 * verify_result: the key or certificate is of a kind that gateways refuse. */
MUST_USE enum gw_err pkg_openssl_sign(uint8_t **cms, size_t *cms_len, struct span content,
                                      enum signed_type type, const struct pkg_arguments *a,
                                      struct gw_error *error);

#endif
