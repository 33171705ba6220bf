/* json_parse: what it accepts prints to a text that it accepts again and prints alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_flags(const char *text, size_t len, enum json_flags flags)
{
    struct json *first, *second;
    struct json_where where;
    struct device_info device;

    if (json_parse(&first, text, len, flags, &where) != GW_OK) {
        if (where.why[0] == '\0') {
            abort();
        }
        return;
    }
    char *print = json_print(first), *pretty = json_print_pretty(first);

    if (json_parse(&second, pretty, strlen(pretty), JSON_STRICT, NULL) != GW_OK) {
        abort();
    }
    char *again = json_print(second);

    if (strcmp(print, again) != 0) {
        abort();
    }
    if (device_from_json(&device, first) == GW_OK) {
        json_free(device_to_json(&device));
    }
    (void)json_locate(text, len, "a.b[1].c");
    free(print);
    free(pretty);
    free(again);
    json_free(first);
    json_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;

    try_flags(text, len, JSON_STRICT);
    try_flags(text, len, JSON_COMMENTS);
    return 0;
}
