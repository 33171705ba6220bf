/* Is a text fit to be shown to a person? */
#ifndef VERIFY_UTF8_H
#define VERIFY_UTF8_H

#include <stdbool.h>

#include "span.h"

/* Well-formed UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF) without control
 * characters (C0, DEL, C1), which could steer a terminal. */
bool utf8_is_text(struct span text);

#endif
