/* The names and texts that docs/SPEC permits in packages, each rule in one place.
 *
 * All arguments are NUL-terminated UTF-8 and may be NULL, which is no name.
 */
#ifndef PACKAGE_NAMES_H
#define PACKAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    MEMBER_NAME_MAX = 100,   /* bytes, with NUL */
    COMPONENT_NAME_MAX = 33, /* bytes, with NUL; groups too */
    SYSTEM_NAME_MAX = 129,   /* bytes, with NUL */
    VENDOR_DOMAIN_MAX = 65,  /* bytes, with NUL */
    CLASS_NAME_MAX = 65,     /* bytes, with NUL */
};

/* Member of a package: [a-z0-9][a-z0-9._/-]{0,98}, no "..". */
bool name_is_member(const char *name);

/* Component or group: [a-z0-9][a-z0-9-]{0,31}. */
bool name_is_component(const char *name);

/* System: [a-z0-9][a-z0-9._/-]{0,127}, no "..". */
bool name_is_system(const char *name);

/* A vendor's domain: lower-case A-labels of letters, digits and inner hyphens, no trailing dot, at
 * most 64 bytes. It is also the name of a folder of anchors. */
bool name_is_domain(const char *name);

/* Text for people: min..max bytes, no control character (they would reach a terminal). */
bool text_is_printable(const char *text, size_t min, size_t max);

#endif
