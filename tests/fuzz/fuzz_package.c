/* Intake and full check behind an authority that believes everything: a "CMS object" is a DER
 * SEQUENCE whose contents are the content, and every identity is zero. So the fuzzer reaches what
 * stands behind the signatures. Both must agree on where the file ends. */
#include <stdlib.h>
#include <string.h>

#include "der.h"
#include "intake.h"
#include "package_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static enum gw_err believe(struct signed_object *out, struct span cms)
{
    struct cursor c = der_over(cms);

    *out = (struct signed_object){ .signers = 1 };
    out->content = take_der(&c, DER_SEQUENCE);
    return der_done(&c) ? GW_OK : GW_VERIFY_DER;
}

static enum gw_err open_package(const struct authority *a, struct signed_object *out,
                                struct span cms, bool at_signing_time, struct gw_error *error)
{
    (void)a;
    (void)at_signing_time;
    (void)error;
    return believe(out, cms);
}

static enum gw_err open_image(const struct authority *a, struct signed_object *out, struct span cms,
                              const char *vendor, struct gw_error *error)
{
    (void)a;
    (void)error;
    return name_is_domain(vendor) ? believe(out, cms) : GW_INTERNAL;
}

static bool is_trial(const struct authority *a, const struct cert *anchor)
{
    (void)a;
    (void)anchor;
    return false;
}

static struct package *take_in(const uint8_t *bytes, size_t len, uint64_t file_size)
{
    static const struct authority_ops ops = { open_package, open_image, is_trial };
    const struct authority authority = { &ops };
    const struct intake_policy policy = { .authority = &authority };
    struct intake *intake = intake_open(&policy, file_size);
    struct package *package;
    struct gw_error error;
    enum gw_err err = GW_OK;
    uint64_t offset;
    size_t wanted;

    while (!err && intake_wants(intake, &offset, &wanted)) {
        size_t left = offset < len ? len - (size_t)offset : 0;

        if (wanted == 0 || wanted > INTAKE_READ_MAX) {
            abort();
        }
        err = intake_give(intake, left ? bytes + offset : bytes, wanted < left ? wanted : left,
                          &error);
    }
    package = intake_take(intake);
    if ((package != NULL) != (err == GW_OK)) {
        abort();
    }
    intake_free(intake);
    return package;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct package *package = take_in(bytes, len, len), *blind = take_in(bytes, len, 0);
    struct gw_error error;

    if ((package != NULL) != (blind != NULL) || (package && package->size != len)) {
        abort();
    }
    if (package) {
        struct package_check *check = package_check_open(package);

        if (!check || (package_check_feed(check, bytes, len, &error) == GW_OK &&
                       package_check_finish(check, &error) != GW_OK)) {
            abort();
        }
        package_check_free(check);
    }
    package_free(package);
    package_free(blind);
    return 0;
}
