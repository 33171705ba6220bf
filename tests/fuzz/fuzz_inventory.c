/* An inventory that was read is written and read again to the same text. */
#include <stdlib.h>
#include <string.h>

#include "inventory.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static char *print(const struct inventory *inventory)
{
    struct json *root = json_new_object(), *devices = json_new_array();
    char *text;

    for (size_t i = 0; i < inventory->count; i++) {
        (void)json_append(devices, inventory_device_to_json(&inventory->devices[i]));
    }
    (void)json_set(root, "devices", devices);
    text = json_print(root);
    json_free(root);
    return text;
}

/* NULL: it was refused. */
static char *read_and_print(const char *text, size_t len)
{
    struct inventory inventory;
    struct gw_error error;
    struct json *json;
    char *printed = NULL;

    if (json_parse(&json, text, len, JSON_STRICT, NULL) != GW_OK) {
        return NULL;
    }
    if (inventory_from_json(&inventory, json, &error) == GW_OK) {
        printed = print(&inventory);
        inventory_free(&inventory);
    }
    json_free(json);
    return printed;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *once = read_and_print((const char *)bytes, len);

    if (once && strlen(once) <= JSON_BYTES_MAX) {
        char *twice = read_and_print(once, strlen(once));

        if (!twice || strcmp(once, twice) != 0) {
            abort();
        }
        free(twice);
    }
    free(once);
    return 0;
}
