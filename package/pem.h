/* PEM (RFC 7468), strictly: a file that holds exactly one certificate. */
#ifndef PACKAGE_PEM_H
#define PACKAGE_PEM_H

#include <stdint.h>

#include "err.h"

/* The DER of the one certificate in `text`. Text outside the armour is skipped. GW_OK: *der (at
 * most `len` bytes, freed by the caller) and *der_len. GW_ANCHOR_BAD: nothing or more than one
 * thing in armour, another label (a private key, ...), or bad base64; *why says which. */
MUST_USE enum gw_err pem_certificate(uint8_t **der, size_t *der_len, const char *text, size_t len,
                                     const char **why);

#endif
