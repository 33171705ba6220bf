/* The strict scanner behind json_parse() and json_locate(). Private to base/. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "json.h"

/* Check `len` bytes at `text` against json.h's rules. Comments, where permitted, are overwritten
 * with spaces. With `path` (NULL = none), *where becomes its place, {0, 0} when it is not there.
 * GW_OK; GW_BAD_MESSAGE: *where says where and why; GW_NO_MEMORY. */
MUST_USE enum gw_err json_scan(char *text, size_t len, enum json_flags flags, const char *path,
                               struct json_where *where);

/* Bytes of the UTF-8 sequence at `p` (RFC 3629: shortest form, no surrogates); 0 = not one. */
size_t json_utf8_length(const char *p, size_t left);

#endif
