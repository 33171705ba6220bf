#include "image_json.h"

#include "json.h"

struct json *image_to_json(const struct component_row *row, const struct package_image *image,
                           const struct image_facts *facts)
{
    const struct image_manifest *manifest = image ? &image->manifest : NULL;
    bool payload_only = manifest && manifest->delivery == DELIVERY_PAYLOAD;
    const uint8_t *token = !image         ? row->identity
                           : payload_only ? manifest->image_digest
                                          : image->cms_digest;
    struct json *json = json_new_object();

    json_set_integer(json, "handle", facts ? (int64_t)facts->handle : 0);
    json_set_hex(json, "identity", row->identity, sizeof row->identity);
    json_set_bool(json, "payload_only", payload_only);
    json_set_integer(json, "size", (int64_t)(payload_only ? manifest->payload_size : row->size));
    json_set_integer(json, "cms_size", image && !payload_only ? (int64_t)image->cms_len : 0);
    json_set_integer(json, "payload_size", manifest ? manifest->payload_size : 0);
    json_set_integer(json, "block_size", manifest ? manifest->block_size : 0);
    json_set_hex(json, "token", token, SHA256_LEN);
    if (facts && facts->has_state_hash) {
        json_set_hex(json, "state_hash", facts->state_hash, sizeof facts->state_hash);
    } else if (row->has_state_hash) {
        json_set_hex(json, "state_hash", row->state_hash, sizeof row->state_hash);
    }
    json_set_integer(json, "component", row->component);
    json_set_integer(json, "sequence", row->sequence);
    json_set_string(json, "version", row->version);
    return json;
}
