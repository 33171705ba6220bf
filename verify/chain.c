#include "chain.h"

#include <string.h>

#include "algorithm.h"
#include "der.h"

enum {
    FUTURE_ALLOWED_S = 24 * 3600, /* a synchronised clock may be this much behind */
    ROOM_UNLIMITED = INT16_MAX,
    ROOM_NONE = -1, /* not below an anchor by a path that holds */
};

/* Does `issuer` claim to have issued `cert`? Names chain (RFC 5280 6.1.3 a 4), key ids agree where
 * both give one (4.2.1.1). */
static bool names_issuer(const struct cert *issuer, const struct cert *cert)
{
    if (issuer->key_id.at && cert->issuer_key_id.at &&
        !span_equal(issuer->key_id, cert->issuer_key_id)) {
        return false;
    }
    return span_equal(issuer->subject, cert->issuer);
}

/* Is certificate `i` issued by `issuer`: does it say so, and is the signature right? */
static bool is_issued_by(struct chain *chain, uint8_t i, const struct cert *issuer)
{
    const struct cert *cert = &chain->cms->certs[i];
    uint8_t digest[SHA256_LEN];

    if (!names_issuer(issuer, cert)) {
        return false;
    }
    sha256_of(digest, cert->tbs.at, cert->tbs.len);
    if (algorithm_verify(issuer->point, digest, cert->signature) != VERIFY_OK) {
        chain->forged = (uint8_t)(chain->forged | 1u << i);
        return false;
    }
    return true;
}

static const struct cert *find_anchor(struct chain *chain, uint8_t i)
{
    const struct verify_trust *trust = chain->trust;
    struct span der = chain->cms->certs[i].der;

    for (size_t k = 0; k < trust->anchor_count; k++) {
        const struct cert *anchor = &trust->anchors[k];

        if (span_equal(anchor->der, der) || is_issued_by(chain, i, anchor)) {
            return anchor;
        }
    }
    return NULL;
}

void chain_connect(struct chain *out, const struct cms *cms, const struct verify_trust *trust)
{
    uint8_t waiting = 0; /* reached, but what it issued was not looked for yet */

    memset(out, 0, sizeof *out);
    out->cms = cms;
    out->trust = trust;
    for (uint8_t i = 0; i < cms->cert_count; i++) {
        out->anchors[i] = find_anchor(out, i);
        waiting = (uint8_t)(waiting | (out->anchors[i] ? 1u << i : 0));
    }
    out->reached = waiting;
    while (waiting) {
        uint8_t issuer = 0;

        while (!(waiting & 1u << issuer)) {
            issuer++;
        }
        waiting = (uint8_t)(waiting & ~(1u << issuer));
        for (uint8_t i = 0; i < cms->cert_count; i++) {
            if (i == issuer || !is_issued_by(out, i, &cms->certs[issuer])) {
                continue;
            }
            out->issuers[i] = (uint8_t)(out->issuers[i] | 1u << issuer);
            waiting = (uint8_t)(waiting | (out->reached & 1u << i ? 0 : 1u << i));
            out->reached = (uint8_t)(out->reached | 1u << i);
        }
    }
    out->forged = (uint8_t)(out->forged & ~out->reached);
}

static bool is_future(const struct verify_clock *clock, int64_t time_s)
{
    return clock->is_synchronised && time_s > clock->now_s + FUTURE_ALLOWED_S;
}

/* docs/SPEC, Signed object: one certificate of the path of a signature made at `signing_time_s`. */
static enum verify_result judge_time(const struct cert *cert, const struct verify_clock *clock,
                                     const int64_t *signing_time_s)
{
    bool judge_at_signing = clock->expiry_at_signing_time && signing_time_s;

    if (clock->now_s == 0) {
        return VERIFY_OK;
    }
    if (!judge_at_signing && clock->now_s > cert->not_after_s) {
        return VERIFY_CERT_EXPIRED;
    }
    if (is_future(clock, cert->not_before_s)) {
        return VERIFY_CERT_NOT_YET_VALID;
    }
    if (signing_time_s &&
        (*signing_time_s < cert->not_before_s || *signing_time_s > cert->not_after_s)) {
        return VERIFY_CERT_SIGNING_TIME;
    }
    if (signing_time_s && is_future(clock, *signing_time_s)) {
        return VERIFY_CMS_SIGNING_TIME;
    }
    return VERIFY_OK;
}

/* Revocation has its place here. Until then, whoever expects it to be checked is refused. */
static enum verify_result judge_revocation(const struct cert *cert)
{
    return cert->has_crl_point ? VERIFY_CRL_DP_NOT_SUPPORTED : VERIFY_OK;
}

/* RFC 5280 6.1.4 k, n: may this certificate issue others? */
static enum verify_result judge_ca(const struct cert *cert)
{
    if (!cert->is_ca) {
        return VERIFY_CERT_BASIC_CONSTRAINTS;
    }
    return cert->key_usage & KEY_USAGE_CERT_SIGN ? judge_revocation(cert) : VERIFY_CERT_KEY_USAGE;
}

static enum verify_result judge_leaf(const struct cert *cert)
{
    if (!(cert->key_usage & KEY_USAGE_DIGITAL_SIGNATURE)) {
        return VERIFY_CERT_KEY_USAGE;
    }
    return cert->has_code_signing ? judge_revocation(cert) : VERIFY_CERT_EXT_KEY_USAGE;
}

/* One signer's walk over the chain. */
struct judgement {
    const struct chain *chain;
    const int64_t *signing_time_s;
    int16_t room[SIGNED_CERTS_MAX];    /* CAs that may still follow below this CA, or ROOM_NONE */
    uint8_t parents[SIGNED_CERTS_MAX]; /* the issuer that gave it this room; SIGNED_CERTS_MAX: the
                                          anchor */
};

static enum verify_result judge_embedded_ca(const struct judgement *j, uint8_t i)
{
    const struct cert *cert = &j->chain->cms->certs[i];
    enum verify_result result = judge_ca(cert);

    return result == VERIFY_OK ? judge_time(cert, &j->chain->trust->clock, j->signing_time_s)
                               : result;
}

static int16_t room_under_anchor(const struct cert *anchor)
{
    if (!anchor || judge_ca(anchor) != VERIFY_OK) {
        return ROOM_NONE;
    }
    return anchor->path_length < 0 ? ROOM_UNLIMITED : anchor->path_length;
}

/* The most room that an issuer of certificate `i` offers, and which one (SIGNED_CERTS_MAX: the
 * anchor). */
static int16_t best_room_above(const struct judgement *j, uint8_t i, uint8_t *parent)
{
    int16_t best = room_under_anchor(j->chain->anchors[i]);

    *parent = SIGNED_CERTS_MAX;
    for (uint8_t k = 0; k < j->chain->cms->cert_count; k++) {
        if (j->chain->issuers[i] & 1u << k && j->room[k] > best) {
            best = j->room[k];
            *parent = k;
        }
    }
    return best;
}

/* RFC 5280 6.1.4 l, m: a CA that is not self-issued takes one place of the path length above it,
 * and its own path length may leave less. */
static int16_t room_below(const struct cert *cert, int16_t above)
{
    bool is_self_issued = span_equal(cert->subject, cert->issuer);
    int16_t room = above;

    if (room != ROOM_UNLIMITED && room != ROOM_NONE && !is_self_issued) {
        room--;
    }
    return cert->path_length >= 0 && cert->path_length < room ? cert->path_length : room;
}

/* Hand the room down from the anchors until nothing changes: at most one round for each level. */
static void spread_room(struct judgement *j)
{
    const struct cms *cms = j->chain->cms;

    memset(j->parents, 0, sizeof j->parents);
    for (uint8_t i = 0; i < SIGNED_CERTS_MAX; i++) {
        j->room[i] = ROOM_NONE;
    }
    for (uint8_t round = 0; round < cms->cert_count; round++) {
        for (uint8_t i = 0; i < cms->cert_count; i++) {
            uint8_t parent;
            int16_t room = room_below(&cms->certs[i], best_room_above(j, i, &parent));

            if (room > j->room[i] && judge_embedded_ca(j, i) == VERIFY_OK) {
                j->room[i] = room;
                j->parents[i] = parent;
            }
        }
    }
}

/* Why does no path to certificate `i` hold? Goes up along the first issuers. */
static enum verify_result reason(const struct judgement *j, uint8_t i)
{
    const struct chain *chain = j->chain;

    for (uint8_t level = 0; level < SIGNED_CERTS_MAX; level++) {
        uint8_t issuer = 0;

        if (chain->anchors[i]) {
            enum verify_result result = judge_ca(chain->anchors[i]);

            return result == VERIFY_OK ? VERIFY_CERT_PATH_LENGTH : result;
        }
        while (!(chain->issuers[i] & 1u << issuer)) {
            issuer++;
        }
        enum verify_result result = judge_embedded_ca(j, issuer);

        if (result != VERIFY_OK) {
            return result;
        }
        i = issuer;
    }
    return VERIFY_CERT_PATH_LENGTH;
}

static void describe(const struct judgement *j, uint8_t leaf, uint8_t parent,
                     struct chain_path *path)
{
    const struct cert *certs = j->chain->cms->certs;
    uint8_t i = leaf;

    path->not_after_s = certs[leaf].not_after_s;
    for (uint8_t level = 0; parent != SIGNED_CERTS_MAX && level < SIGNED_CERTS_MAX; level++) {
        i = parent;
        parent = j->parents[i];
        if (certs[i].not_after_s < path->not_after_s) {
            path->not_after_s = certs[i].not_after_s;
        }
    }
    path->anchor = j->chain->anchors[i];
}

enum verify_result chain_judge(const struct chain *chain, uint8_t leaf,
                               const int64_t *signing_time_s, struct chain_path *path)
{
    struct judgement j = { .chain = chain, .signing_time_s = signing_time_s };
    const struct cert *cert = &chain->cms->certs[leaf];
    uint8_t parent;

    if (!(chain->reached & 1u << leaf)) {
        return VERIFY_TOO_FEW_SIGNERS;
    }
    enum verify_result result = judge_leaf(cert);

    if (result == VERIFY_OK) {
        result = judge_time(cert, &chain->trust->clock, signing_time_s);
    }
    if (result != VERIFY_OK) {
        return result;
    }
    spread_room(&j);
    if (best_room_above(&j, leaf, &parent) == ROOM_NONE) {
        return reason(&j, leaf);
    }
    describe(&j, leaf, parent, path);
    return VERIFY_OK;
}
