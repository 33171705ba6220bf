#include "cert_name.h"

#include <stdio.h>
#include <string.h>

#include "der.h"

/* RFC 5280 Appendix A: id-at 3 and 10. */
static const uint8_t common_name[] = { 0x55, 0x04, 0x03 };
static const uint8_t organization_name[] = { 0x55, 0x04, 0x0a };

/* The first value of this attribute in a Name: SEQUENCE of SET of SEQUENCE {type, value}. */
static struct span find(struct span name, const uint8_t type[3])
{
    struct cursor names = der_over(name);
    struct cursor c = take_der_nested(&names, DER_SEQUENCE);

    while (c.ok && cursor_left(&c) > 0) {
        struct cursor set = take_der_nested(&c, DER_SET);

        while (set.ok && cursor_left(&set) > 0) {
            struct cursor pair = take_der_nested(&set, DER_SEQUENCE);
            struct span oid = take_der(&pair, DER_OID);
            uint8_t tag;
            struct span value = take_der_any(&pair, &tag);

            if (pair.ok && oid.len == 3 && memcmp(oid.at, type, 3) == 0) {
                return value;
            }
        }
    }
    return (struct span){ 0 };
}

static void append(char *out, size_t cap, const char *label, struct span value)
{
    size_t at = strlen(out);

    if (!value.at || at + 1 >= cap) {
        return;
    }
    (void)snprintf(out + at, cap - at, "%s%s=", at ? ", " : "", label);
    for (at = strlen(out); value.len > 0 && at + 1 < cap; at++, value.at++, value.len--) {
        /* C0, DEL and everything that is not ASCII: a name may be in any of six string types. */
        out[at] = *value.at >= 0x20 && *value.at < 0x7f ? (char)*value.at : '?';
        out[at + 1] = '\0';
    }
}

void cert_name_text(char *out, size_t cap, struct span name)
{
    out[0] = '\0';
    append(out, cap, "CN", find(name, common_name));
    append(out, cap, "O", find(name, organization_name));
}

bool cert_name_is_of(struct span name, const char *organization)
{
    struct span value = find(name, organization_name);

    return value.len == strlen(organization) && memcmp(value.at, organization, value.len) == 0;
}
