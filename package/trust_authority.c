#include "package.h"
#include "trust.h"

static const struct trust_authority *self(const struct authority *a)
{
    return (const struct trust_authority *)a;
}

static enum gw_err open_package(const struct authority *base, struct signed_object *out,
                                struct span cms, bool at_signing_time, struct gw_error *error)
{
    const struct trust_authority *a = self(base);
    struct verify_trust trust = trust_of(a->store, TRUST_PACKAGE, "");

    *out = (struct signed_object){ 0 };
    if (trust.anchor_count == 0) {
        return gw_fail(error, GW_NO_ANCHOR, "trust.d/package holds no certificate");
    }
    trust.clock = a->clock;
    trust.clock.expiry_at_signing_time = at_signing_time;
    trust.signers_required = a->signers_required;
    enum gw_err err = package_verdict(signed_open(out, cms, SIGNED_SYSTEM_MANIFEST, &trust));

    return err ? gw_fail(error, err, "manifest.cms") : GW_OK;
}

static enum gw_err open_image(const struct authority *base, struct signed_object *out,
                              struct span cms, const char *vendor, struct gw_error *error)
{
    const struct trust_authority *a = self(base);
    struct verify_trust trust = trust_of(a->store, TRUST_IMAGE, vendor);

    *out = (struct signed_object){ 0 };
    if (trust.anchor_count == 0) {
        return gw_fail(error, GW_NO_ANCHOR, "trust.d/image/%s holds no certificate", vendor);
    }
    trust.clock = a->clock;
    trust.clock.expiry_at_signing_time = true; /* a package signer who is valid now names it */
    enum gw_err err = package_verdict(signed_open(out, cms, SIGNED_IMAGE_MANIFEST, &trust));

    return err ? gw_fail(error, err, "image of vendor %s", vendor) : GW_OK;
}

static bool is_trial(const struct authority *base, const struct cert *anchor)
{
    const struct trust_store *store = self(base)->store;

    return anchor >= store->certs && anchor < store->certs + store->count &&
           store->anchors[anchor - store->certs].is_trial;
}

void trust_authority_init(struct trust_authority *a, const struct trust_store *store,
                          struct verify_clock clock, uint8_t signers_required)
{
    static const struct authority_ops ops = { open_package, open_image, is_trial };

    *a = (struct trust_authority){
        .base = { &ops },
        .store = store,
        .clock = clock,
        .signers_required = signers_required,
    };
}
