/* A package whose bytes were changed after it was signed: whatever the change, it is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "package_check.h"
#include "testpackage.h"
#include "ustar.h"

enum { FLIPS = 1000, SEED = 20261120 };

static struct testpackage_component components[TESTPACKAGE_COMPONENTS_MAX] = {
    { .name = "meter-fw", .payload_len = 20000 },
    { .name = "bridge-fw", .class_name = "br", .payload_len = 5000 },
};

/* A world that remembers what it accepted, and a good package in it. */
struct bench {
    struct testpackage_world w;
    struct testpackage_memo memo;
    struct blob gwp;
};

static void bench_make(struct bench *b)
{
    struct testpackage_how how = { 0 };

    *b = (struct bench){ 0 };
    memcpy(how.components, components, sizeof how.components);
    testpackage_world_make(&b->w);
    testpackage_memo_init(&b->memo, &b->w.authority.base);
    b->w.policy.authority = &b->memo.base;
    testpackage_make(&b->gwp, &b->w, &how);
}

static void bench_free(struct bench *b)
{
    blob_free(&b->gwp);
    testpackage_memo_free(&b->memo);
    testpackage_world_free(&b->w);
}

/* xorshift64* (Vigna 2016): the same offsets on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ULL;
}

static void neg_every_truncation_in_the_first_8_kib(void)
{
    struct bench b;

    bench_make(&b);
    CHECK(b.gwp.len > 8192);
    for (size_t len = 0; len < 8192; len++) {
        uint8_t *exact = malloc(len ? len : 1);

        if (!exact) {
            abort();
        }
        memcpy(exact, b.gwp.at, len);
        CHECK_EQ(testpackage_verify(&b.w, (struct span){ exact, len }, NULL), GW_PACKAGE_TRUNCATED);
        free(exact);
    }
    bench_free(&b);
}

static void neg_truncation_anywhere_after(void)
{
    struct bench b;
    uint64_t random = SEED;

    bench_make(&b);
    for (int i = 0; i < 200; i++) {
        size_t len = 8192 + (size_t)(next_random(&random) % (b.gwp.len - 8192));

        CHECK_EQ(testpackage_verify(&b.w, (struct span){ b.gwp.at, len }, NULL),
                 GW_PACKAGE_TRUNCATED);
    }
    CHECK_EQ(testpackage_verify(&b.w, (struct span){ b.gwp.at, b.gwp.len - 1 }, NULL),
             GW_PACKAGE_TRUNCATED);
    bench_free(&b);
}

static void neg_one_flipped_bit_at_1000_offsets(void)
{
    struct bench b;
    uint64_t random = SEED;

    bench_make(&b);
    CHECK_EQ(testpackage_verify(&b.w, blob_span(&b.gwp), NULL), GW_OK);
    for (int i = 0; i < FLIPS; i++) {
        uint64_t bit = next_random(&random) % (8 * b.gwp.len);
        uint8_t mask = (uint8_t)(1u << bit % 8);
        enum gw_err err;

        b.gwp.at[bit / 8] ^= mask;
        err = testpackage_verify(&b.w, blob_span(&b.gwp), NULL);
        if (err == GW_OK) {
            (void)fprintf(stderr, "bit %llu of byte %llu\n", (unsigned long long)(bit % 8),
                          (unsigned long long)(bit / 8));
        }
        CHECK(err != GW_OK);
        CHECK_EQ(gw_code_of(err)->exit_code, EXIT_REFUSED);
        b.gwp.at[bit / 8] ^= mask;
    }
    bench_free(&b);
}

/* All bits of everything that is not payload: headers, manifests, tables, padding, end. */
static void neg_every_byte_outside_the_payload(void)
{
    struct bench b;

    bench_make(&b);
    struct package *p;

    CHECK_EQ(testpackage_open(&p, &b.w, blob_span(&b.gwp), NULL), GW_OK);
    for (size_t at = 0; at < b.gwp.len; at++) {
        for (uint16_t i = 0; i < p->manifest.component_count; i++) {
            const struct package_image *image = &p->images[i];
            size_t payload = (size_t)image->data_at + image->cms_len +
                             (size_t)image->manifest.block_count * SHA256_LEN;

            if (at == payload) {
                at += image->manifest.payload_size;
            }
        }
        b.gwp.at[at] ^= (uint8_t)(1u << at % 8);
        CHECK(testpackage_verify(&b.w, blob_span(&b.gwp), NULL) != GW_OK);
        b.gwp.at[at] ^= (uint8_t)(1u << at % 8);
    }
    package_free(p);
    bench_free(&b);
}

/* A file put together from parts of good packages. */
static void neg_member(const char *claim, enum gw_err want,
                       void (*build)(struct blob *out, const struct package *p, struct span gwp))
{
    struct bench b;
    struct blob edited = { 0 };
    struct gw_error error = { 0 };
    struct package *p;

    bench_make(&b);
    CHECK_EQ(testpackage_open(&p, &b.w, blob_span(&b.gwp), NULL), GW_OK);
    build(&edited, p, blob_span(&b.gwp));
    enum gw_err err = testpackage_verify(&b.w, blob_span(&edited), &error);

    if (err != want) {
        (void)fprintf(stderr, "%s: %s\n", claim, error.detail);
    }
    CHECK_EQ(err, want);
    package_free(p);
    blob_free(&edited);
    bench_free(&b);
}

static void add_manifest(struct blob *out, const struct package *p)
{
    testpackage_member(out, PACKAGE_MANIFEST_NAME, (struct span){ p->cms, p->cms_len });
}

static struct span data_of(const struct package *p, struct span gwp, uint16_t i)
{
    return (struct span){ gwp.at + p->images[i].data_at, (size_t)p->manifest.components[i].size };
}

static void add_end(struct blob *out)
{
    static const uint8_t end[USTAR_END];

    blob_add(out, end, sizeof end);
}

static void member_missing(struct blob *out, const struct package *p, struct span gwp)
{
    add_manifest(out, p);
    testpackage_member(out, "images/meter-fw.gwi", data_of(p, gwp, 0));
    add_end(out);
}
static void member_extra(struct blob *out, const struct package *p, struct span gwp)
{
    blob_add(out, gwp.at, gwp.len - USTAR_END);
    testpackage_member(out, "images/other.gwi", data_of(p, gwp, 0));
    add_end(out);
}
static void member_extra_in_front(struct blob *out, const struct package *p, struct span gwp)
{
    testpackage_member(out, "images/other.gwi", data_of(p, gwp, 0));
    blob_add(out, gwp.at, gwp.len);
}
static void member_twice(struct blob *out, const struct package *p, struct span gwp)
{
    add_manifest(out, p);
    testpackage_member(out, "images/meter-fw.gwi", data_of(p, gwp, 0));
    testpackage_member(out, "images/meter-fw.gwi", data_of(p, gwp, 0));
    testpackage_member(out, "images/bridge-fw.gwi", data_of(p, gwp, 1));
    add_end(out);
}
static void members_out_of_order(struct blob *out, const struct package *p, struct span gwp)
{
    add_manifest(out, p);
    testpackage_member(out, "images/bridge-fw.gwi", data_of(p, gwp, 1));
    testpackage_member(out, "images/meter-fw.gwi", data_of(p, gwp, 0));
    add_end(out);
}
static void member_with_a_path(struct blob *out, const struct package *p, struct span gwp)
{
    add_manifest(out, p);
    testpackage_member(out, "../meter-fw.gwi", data_of(p, gwp, 0));
    testpackage_member(out, "images/bridge-fw.gwi", data_of(p, gwp, 1));
    add_end(out);
}
static void manifest_with_a_path(struct blob *out, const struct package *p, struct span gwp)
{
    testpackage_member(out, "/manifest.cms", (struct span){ p->cms, p->cms_len });
    blob_add(out, gwp.at + p->images[0].header_at, gwp.len - (size_t)p->images[0].header_at);
}
static void members_swapped_under_their_names(struct blob *out, const struct package *p,
                                              struct span gwp)
{
    add_manifest(out, p);
    testpackage_member(out, "images/meter-fw.gwi", data_of(p, gwp, 1));
    testpackage_member(out, "images/bridge-fw.gwi", data_of(p, gwp, 0));
    add_end(out);
}

/* The manifest's header says another size. */
static void lie_about_size(struct blob *out, struct span gwp, uint64_t size)
{
    uint8_t header[USTAR_BLOCK];

    ustar_header(header, PACKAGE_MANIFEST_NAME, size);
    blob_add(out, header, sizeof header);
    blob_add(out, gwp.at + USTAR_BLOCK, gwp.len - USTAR_BLOCK);
}
static void size_one_less(struct blob *out, const struct package *p, struct span gwp)
{
    lie_about_size(out, gwp, p->cms_len - 1);
}
static void size_one_more(struct blob *out, const struct package *p, struct span gwp)
{
    lie_about_size(out, gwp, p->cms_len + 1);
}
static void size_zero(struct blob *out, const struct package *p, struct span gwp)
{
    (void)p;
    lie_about_size(out, gwp, 0);
}
static void size_8_gib(struct blob *out, const struct package *p, struct span gwp)
{
    (void)p;
    lie_about_size(out, gwp, USTAR_SIZE_MAX);
}
static void image_size_one_more(struct blob *out, const struct package *p, struct span gwp)
{
    size_t at = (size_t)p->images[0].header_at;

    blob_add(out, gwp.at, gwp.len);
    ustar_header(out->at + at, "images/meter-fw.gwi", p->manifest.components[0].size + 1);
}
static void link_in_place_of_a_file(struct blob *out, const struct package *p, struct span gwp)
{
    size_t at = (size_t)p->images[0].header_at;
    unsigned sum = 0;

    blob_add(out, gwp.at, gwp.len);
    out->at[at + 156] = '2';
    memset(out->at + at + 148, ' ', 8);
    for (size_t i = 0; i < USTAR_BLOCK; i++) {
        sum += out->at[at + i];
    }
    (void)snprintf((char *)out->at + at + 148, 7, "%06o", sum);
}

static void neg_members(void)
{
    neg_member("neg_member_missing", GW_PACKAGE_TRUNCATED, member_missing);
    neg_member("neg_member_extra", GW_PACKAGE_MEMBER, member_extra);
    neg_member("neg_member_extra_in_front", GW_PACKAGE_FORMAT, member_extra_in_front);
    neg_member("neg_member_twice", GW_PACKAGE_MEMBER, member_twice);
    neg_member("neg_members_out_of_order", GW_PACKAGE_MEMBER, members_out_of_order);
    neg_member("neg_member_with_a_path", GW_PACKAGE_MEMBER, member_with_a_path);
    neg_member("neg_manifest_with_a_path", GW_PACKAGE_FORMAT, manifest_with_a_path);
    neg_member("neg_members_swapped", GW_PACKAGE_MEMBER, members_swapped_under_their_names);
    neg_member("neg_manifest_size_one_less", GW_VERIFY_DER, size_one_less);
    neg_member("neg_manifest_size_one_more", GW_VERIFY_TRAILING_BYTES, size_one_more);
    neg_member("neg_manifest_size_zero", GW_PACKAGE_FORMAT, size_zero);
    neg_member("neg_manifest_size_8_gib", GW_PACKAGE_FORMAT, size_8_gib);
    neg_member("neg_image_size_one_more", GW_PACKAGE_MEMBER, image_size_one_more);
    neg_member("neg_link", GW_PACKAGE_MEMBER, link_in_place_of_a_file);
}

/* The signed sizes themselves lie: the image is another length than its manifest makes. */
static void neg_signed_sizes_that_lie(void)
{
    static const char *const sizes[] = { "1",          "511",        "8192",
                                         "4294967295", "4294967296", "8589934591" };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct testpackage_world w;
        struct testpackage_how how = { 0 };
        struct blob gwp = { 0 };
        char to[64];

        (void)snprintf(to, sizeof to, "\"size\":%s,\"x-was\":", sizes[i]);
        how.replace[0].from = "\"size\":";
        how.replace[0].to = to;
        testpackage_world_make(&w);
        testpackage_make(&gwp, &w, &how);
        enum gw_err err = testpackage_verify(&w, blob_span(&gwp), NULL);

        CHECK(err == GW_PACKAGE_TRUNCATED || err == GW_PACKAGE_MEMBER);
        /* and with a file whose members have those sizes, but other contents */
        blob_free(&gwp);
        testpackage_world_free(&w);
    }
}

/* The system manifest, the header and the file agree on a size that the image's manifest does not
 * make: found before a table is read. */
static void neg_size_that_only_the_image_manifest_contradicts(void)
{
    struct testpackage_world w;
    struct testpackage_how how = { 0 };
    struct blob gwp = { 0 }, edited = { 0 };
    struct gw_error error = { 0 };
    struct package *p;
    char from[64], to[64];

    testpackage_world_make(&w);
    testpackage_make(&gwp, &w, &how);
    CHECK_EQ(testpackage_open(&p, &w, blob_span(&gwp), NULL), GW_OK);
    (void)snprintf(from, sizeof from, "\"size\":%llu",
                   (unsigned long long)p->manifest.components[0].size);
    (void)snprintf(to, sizeof to, "\"size\":%llu",
                   (unsigned long long)p->manifest.components[0].size + 512);
    how.replace[0].from = from;
    how.replace[0].to = to;
    testpackage_make(&edited, &w, &how);

    /* Put 512 more bytes behind the payload, and the right header in front. */
    struct blob longer = { 0 };
    struct span data = data_of(p, blob_span(&gwp), 0);
    uint8_t zero[USTAR_BLOCK] = { 0 };
    size_t head = (size_t)p->images[0].header_at;

    blob_add(&longer, edited.at, head);
    struct blob payload = { 0 };

    blob_add_span(&payload, data);
    blob_add(&payload, zero, sizeof zero);
    testpackage_member(&longer, "images/meter-fw.gwi", blob_span(&payload));
    add_end(&longer);
    CHECK_EQ(testpackage_verify(&w, blob_span(&longer), &error), GW_IMAGE_MISMATCH);
    CHECK(strstr(error.detail, "size") != NULL);
    package_free(p);
    blob_free(&payload);
    blob_free(&longer);
    blob_free(&edited);
    blob_free(&gwp);
    testpackage_world_free(&w);
}

/* Intake alone accounts for every byte but tables and payload: a gateway never runs the full check.
 */
static void neg_every_byte_that_intake_answers_for(void)
{
    struct bench b;
    struct package *p;

    bench_make(&b);
    CHECK_EQ(testpackage_open(&p, &b.w, blob_span(&b.gwp), NULL), GW_OK);
    for (size_t at = 0; at < b.gwp.len; at++) {
        struct package *opened;

        for (uint16_t i = 0; i < p->manifest.component_count; i++) {
            if (at == p->images[i].data_at + p->images[i].cms_len) {
                at = (size_t)(p->images[i].data_at + p->manifest.components[i].size);
            }
        }
        b.gwp.at[at] ^= (uint8_t)(1u << at % 8);
        CHECK(testpackage_open(&opened, &b.w, blob_span(&b.gwp), NULL) != GW_OK);
        CHECK(opened == NULL);
        b.gwp.at[at] ^= (uint8_t)(1u << at % 8);
    }
    for (int extra = 0; extra < 2; extra++) {
        static const uint8_t record[USTAR_BLOCK];
        struct package *opened;

        blob_add(&b.gwp, record, extra ? sizeof record : 1);
        CHECK_EQ(testpackage_open(&opened, &b.w, blob_span(&b.gwp), NULL), GW_PACKAGE_MEMBER);
    }
    package_free(p);
    bench_free(&b);
}

/* The full check alone: what it says of a table, and of a file that stops. */
static void full_check_names_the_part_that_is_damaged(void)
{
    struct gw_error error = { 0 };
    struct package_check *check;
    struct package *p;
    struct bench b;

    bench_make(&b);
    CHECK_EQ(testpackage_open(&p, &b.w, blob_span(&b.gwp), NULL), GW_OK);
    size_t table = (size_t)p->images[1].data_at + p->images[1].cms_len;

    b.gwp.at[table] ^= 1;
    check = package_check_open(p);
    CHECK_EQ(package_check_feed(check, b.gwp.at, b.gwp.len, &error), GW_CONTENT_DAMAGED);
    CHECK(strstr(error.detail, "images/bridge-fw.gwi: the block table at offset") != NULL);
    CHECK_EQ(package_check_finish(check, NULL), GW_CONTENT_DAMAGED);
    package_check_free(check);
    b.gwp.at[table] ^= 1;

    p->images[0].manifest.image_digest[0] ^= 1; /* the maker signed another digest */
    check = package_check_open(p);
    CHECK_EQ(package_check_feed(check, b.gwp.at, b.gwp.len, &error), GW_CONTENT_DAMAGED);
    CHECK(strstr(error.detail, "images/meter-fw.gwi: the whole payload at offset") != NULL);
    package_check_free(check);
    p->images[0].manifest.image_digest[0] ^= 1;

    check = package_check_open(p);
    CHECK_EQ(package_check_feed(check, b.gwp.at, b.gwp.len - 1, &error), GW_OK);
    CHECK_EQ(package_check_finish(check, &error), GW_PACKAGE_TRUNCATED);
    package_check_free(check);
    package_free(p);
    bench_free(&b);
}

/* However the bytes arrive, the verdict is the same. */
static void pieces_do_not_change_the_verdict(void)
{
    struct bench b;
    struct package *p;

    bench_make(&b);
    CHECK_EQ(testpackage_open(&p, &b.w, blob_span(&b.gwp), NULL), GW_OK);
    for (size_t piece = 1; piece < 3000; piece = piece * 2 + 1) {
        struct package_check *check = package_check_open(p);
        enum gw_err err = GW_OK;

        for (size_t at = 0; at < b.gwp.len && !err; at += piece) {
            size_t left = b.gwp.len - at;

            err = package_check_feed(check, b.gwp.at + at, piece < left ? piece : left, NULL);
        }
        CHECK_EQ(err, GW_OK);
        CHECK_EQ(package_check_finish(check, NULL), GW_OK);
        CHECK_EQ(package_check_feed(check, b.gwp.at, 1, NULL), GW_PACKAGE_MEMBER);
        package_check_free(check);
    }
    package_free(p);
    bench_free(&b);
}

int main(void)
{
    TEST(neg_every_truncation_in_the_first_8_kib);
    TEST(neg_truncation_anywhere_after);
    TEST(neg_one_flipped_bit_at_1000_offsets);
    TEST(neg_every_byte_outside_the_payload);
    TEST(neg_members);
    TEST(neg_signed_sizes_that_lie);
    TEST(neg_size_that_only_the_image_manifest_contradicts);
    TEST(neg_every_byte_that_intake_answers_for);
    TEST(full_check_names_the_part_that_is_damaged);
    TEST(pieces_do_not_change_the_verdict);
    return checks_failed != 0;
}
