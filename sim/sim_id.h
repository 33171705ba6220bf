/* Names and certificates of a simulated device, from the texts of a field description. */
#ifndef SIM_ID_H
#define SIM_ID_H

#include "err.h"
#include "manifest.h"

/* RFC 9124 ids: vendor = UUIDv5(DNS namespace, domain), class = UUIDv5(vendor, name) (RFC
 * 4122 4.3).
 */
void sim_vendor_id(uint8_t id[MANIFEST_ID_LEN], const char *domain);
void sim_class_id(uint8_t id[MANIFEST_ID_LEN], const uint8_t vendor[MANIFEST_ID_LEN],
                  const char *name);

/* The DER of the one certificate in a PEM text (RFC 7468), in memory that the caller frees. GW_OK,
 * GW_ANCHOR_BAD, GW_NO_MEMORY. */
MUST_USE enum gw_err sim_read_pem(uint8_t **der, size_t *len, const char *text);

/* A whole file, NUL-terminated, in memory that the caller frees. GW_IO with *error, GW_NO_MEMORY.
 */
MUST_USE enum gw_err sim_read_file(uint8_t **bytes, size_t *len, const char *path,
                                   struct gw_error *error);

#endif
