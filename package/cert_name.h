/* Names of certificates, for people. */
#ifndef PACKAGE_CERT_NAME_H
#define PACKAGE_CERT_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "span.h"

/* "CN=Acme Release 2026, O=Acme": commonName first, then organisation; other attributes are left
 * out, control characters become '?', a long name is cut. "" when there is neither. */
void cert_name_text(char *out, size_t cap, struct span name);

/* Does the name have exactly this organizationName? */
bool cert_name_is_of(struct span name, const char *organization);

#endif
