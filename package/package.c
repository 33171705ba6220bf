#include "package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ustar.h"

void package_free(struct package *package)
{
    if (!package) {
        return;
    }
    for (uint16_t i = 0; package->images && i < package->manifest.component_count; i++) {
        free(package->images[i].cms);
    }
    free(package->images);
    free(package->cms);
    system_manifest_free(&package->manifest);
    free(package);
}

void package_member_name(char name[MEMBER_NAME_MAX], const struct system_component *component)
{
    (void)snprintf(name, MEMBER_NAME_MAX, "images/%s.gwi", component->name);
}

/* *at += header, `size` bytes and padding. */
static bool pass_member(uint64_t *at, uint64_t size)
{
    uint64_t bytes = USTAR_BLOCK + size + ustar_padding(size);

    if (size > USTAR_SIZE_MAX || bytes > INT64_MAX - *at) {
        return false;
    }
    *at += bytes;
    return true;
}

enum gw_err package_lay_out(struct package *package)
{
    uint64_t at = 0;

    if (!pass_member(&at, package->cms_len)) {
        return GW_PACKAGE_MEMBER;
    }
    for (uint16_t i = 0; i < package->manifest.component_count; i++) {
        package->images[i].header_at = at;
        package->images[i].data_at = at + USTAR_BLOCK;
        if (!pass_member(&at, package->manifest.components[i].size)) {
            return GW_PACKAGE_MEMBER;
        }
    }
    if (at > INT64_MAX - USTAR_END) {
        return GW_PACKAGE_MEMBER;
    }
    package->end_at = at;
    package->size = at + USTAR_END;
    return GW_OK;
}

static enum gw_err mismatch(struct gw_error *error, const struct system_component *component,
                            const char *field)
{
    return gw_fail(error, GW_IMAGE_MISMATCH,
                   "component %s: %s differs between the system manifest and the image's",
                   component->name, field);
}

enum gw_err package_image_check(const struct system_component *component,
                                const struct image_manifest *image,
                                const uint8_t identity[SHA256_LEN], size_t cms_len,
                                struct gw_error *error)
{
    uint64_t size = (uint64_t)cms_len + (uint64_t)SHA256_LEN * image->block_count +
                    (uint64_t)image->payload_size;

    if (memcmp(component->identity, identity, SHA256_LEN) != 0) {
        return mismatch(error, component, "manifest_sha256");
    }
    if (memcmp(component->vendor_id, image->vendor_id, MANIFEST_ID_LEN) != 0) {
        return mismatch(error, component, "vendor");
    }
    if (memcmp(component->class_id, image->class_id, MANIFEST_ID_LEN) != 0) {
        return mismatch(error, component, "class");
    }
    if (component->component != image->component) {
        return mismatch(error, component, "component");
    }
    if (strlen(component->version) != image->version.len ||
        memcmp(component->version, image->version.at, image->version.len) != 0) {
        return mismatch(error, component, "version");
    }
    if (component->sequence != image->sequence) {
        return mismatch(error, component, "sequence");
    }
    return component->size == size ? GW_OK : mismatch(error, component, "size");
}

enum gw_err package_verdict(enum verify_result result)
{
    enum { FIRST_VERDICT = 2200 };

    if (result == VERIFY_OK) {
        return GW_OK;
    }
    return result == VERIFY_NOT_CHECKED ? GW_INTERNAL : (enum gw_err)(FIRST_VERDICT + (int)result);
}
