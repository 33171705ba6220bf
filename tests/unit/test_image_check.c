#include <string.h>

#include "check.h"
#include "image_check.h"
#include "testpki.h"

enum {
    CMS_CAP = 4096,
    TABLE_CAP = 1024,
    BLOCK_CAP = 1024,
    PAYLOAD_LEN = 5 * 1024 + 100,
    BLOCKS = 6
};

/* An image of six blocks, the last one short, and a device's memory. */
struct bench {
    struct testpki pki;
    uint8_t payload[PAYLOAD_LEN];
    struct blob gwi;
    size_t cms_len, table_at, payload_at;
    uint8_t cms[CMS_CAP], table[TABLE_CAP], block[BLOCK_CAP];
    struct image_check_buffers buffers;
    struct image_check check;
};

static void bench_make(struct bench *b, const struct testpki_image_how *how)
{
    struct testpki_image_how image = *how;

    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < sizeof b->payload; i++) {
        b->payload[i] = (uint8_t)(i * 31 + i / 256);
    }
    testpki_make(&b->pki, "maker");
    image.payload = (struct span){ b->payload, sizeof b->payload };
    testpki_image(&b->gwi, &image, &b->pki);
    b->payload_at = b->gwi.len - PAYLOAD_LEN;
    b->table_at = b->cms_len = b->payload_at - BLOCKS * SHA256_LEN;
    b->buffers = (struct image_check_buffers){ b->cms,    CMS_CAP,  b->table,
                                               TABLE_CAP, b->block, BLOCK_CAP };
    image_check_begin(&b->check, &b->buffers, &b->pki.trust);
}

static void bench_free(struct bench *b)
{
    blob_free(&b->gwi);
    testpki_free(&b->pki);
}

/* Feed until an event or the end; `chunk` bytes at a time, starting where the check expects. */
static enum verify_result feed_to_event(struct bench *b, size_t chunk,
                                        enum image_check_event *event)
{
    for (;;) {
        size_t at = (size_t)image_check_offset(&b->check), left = b->gwi.len - at, used;
        enum verify_result result = image_check_feed(&b->check, b->gwi.at + at,
                                                     left < chunk ? left : chunk, &used, event);

        if (result != VERIFY_OK || *event != CHECK_MORE || left == 0) {
            return result;
        }
        CHECK_EQ(image_check_offset(&b->check), at + used);
    }
}

static void expect_event(struct bench *b, size_t chunk, enum image_check_event want)
{
    enum image_check_event event;

    CHECK_EQ(feed_to_event(b, chunk, &event), VERIFY_OK);
    CHECK_EQ(event, want);
}

static void expect_refusal(struct bench *b, size_t chunk, enum verify_result want)
{
    enum image_check_event event;

    CHECK_EQ(feed_to_event(b, chunk, &event), want);
    CHECK_EQ(event, CHECK_MORE);
}

static void a_good_image_passes_in_pieces_of_any_size(void)
{
    static const size_t chunks[] = { 1, 2, 7, 31, 32, 33, 512, 1000, 1024, 4096, 1 << 20 };
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ .sequence = 7 });
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        image_check_begin(&b.check, &b.buffers, &b.pki.trust);
        expect_event(&b, chunks[i], CHECK_MANIFEST);
        CHECK_EQ(image_check_offset(&b.check), b.table_at);
        CHECK_EQ(b.check.manifest.sequence, 7);
        CHECK_EQ(b.check.manifest.block_count, BLOCKS);
        CHECK_EQ(b.check.object.signers, 1);
        expect_event(&b, chunks[i], CHECK_TABLE);
        CHECK_EQ(image_check_offset(&b.check), b.payload_at);
        for (uint32_t k = 0; k < BLOCKS; k++) {
            expect_event(&b, chunks[i], CHECK_BLOCK);
            CHECK_EQ(b.check.block_index, k);
            CHECK_EQ(b.check.block_len, k == BLOCKS - 1 ? 100 : 1024);
            CHECK(memcmp(b.block, b.payload + k * 1024, b.check.block_len) == 0);
        }
        CHECK_EQ(image_check_offset(&b.check), b.gwi.len);
        expect_event(&b, chunks[i], CHECK_COMPLETE);
        expect_event(&b, chunks[i], CHECK_COMPLETE);
    }
    bench_free(&b);
}

static void bytes_after_the_end_are_refused(void)
{
    enum image_check_event event;
    struct bench b;
    size_t used;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    for (int i = 0; i < 2 + BLOCKS; i++) {
        CHECK_EQ(feed_to_event(&b, 4096, &event), VERIFY_OK);
    }
    CHECK_EQ(image_check_feed(&b.check, b.payload, 1, &used, &event), VERIFY_STREAM_LENGTH);
    CHECK_EQ(used, 0);
    bench_free(&b);
}

static void every_truncation_is_never_complete(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    for (size_t len = 0; len < b.gwi.len; len += len < b.payload_at ? 37 : 501) {
        size_t whole = b.gwi.len;
        enum image_check_event event = CHECK_MORE;
        enum verify_result result = VERIFY_OK;

        b.gwi.len = len;
        image_check_begin(&b.check, &b.buffers, &b.pki.trust);
        do {
            result = feed_to_event(&b, 1024, &event);
            CHECK(event != CHECK_COMPLETE);
        } while (result == VERIFY_OK && event != CHECK_MORE);
        CHECK_EQ(result, VERIFY_OK);
        b.gwi.len = whole;
    }
    bench_free(&b);
}

static void nothing_is_handed_out_of_a_forged_manifest(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ .cms = { .flaw = CMS_FLAW_SIGNATURE } });
    expect_refusal(&b, 100, VERIFY_CMS_SIGNATURE);
    expect_refusal(&b, 100, VERIFY_CMS_SIGNATURE); /* and it stays so */
    CHECK_EQ(b.check.manifest.block_count, 0);
    bench_free(&b);
}

static void a_defective_manifest_is_refused_though_it_is_signed(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ .flaw = MANIFEST_FLAW_ENCODING });
    expect_refusal(&b, 100, VERIFY_MANIFEST_CRITICAL_TAG);
    bench_free(&b);
}

static void a_damaged_table_is_refused_and_may_come_again(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    expect_event(&b, 64, CHECK_MANIFEST);
    for (size_t at = b.table_at; at < b.payload_at; at += 5) {
        b.gwi.at[at] ^= 4;
        expect_refusal(&b, 64, VERIFY_TABLE_DIGEST);
        b.gwi.at[at] ^= 4;
        image_check_rewind(&b.check);
        CHECK_EQ(image_check_offset(&b.check), b.table_at);
    }
    expect_event(&b, 64, CHECK_TABLE);
    bench_free(&b);
}

static void a_damaged_block_is_refused_and_may_come_again(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    expect_event(&b, 64, CHECK_MANIFEST);
    expect_event(&b, 64, CHECK_TABLE);
    for (uint32_t k = 0; k < BLOCKS; k++) {
        size_t at = b.payload_at + k * 1024 + 77;

        b.gwi.at[at] ^= 0x80;
        expect_refusal(&b, 300, VERIFY_BLOCK_DIGEST);
        expect_refusal(&b, 300, VERIFY_BLOCK_DIGEST); /* not without the rewind */
        b.gwi.at[at] ^= 0x80;
        image_check_rewind(&b.check);
        CHECK_EQ(image_check_offset(&b.check), b.payload_at + k * 1024);
        expect_event(&b, 300, CHECK_BLOCK);
        CHECK_EQ(b.check.block_index, k);
    }
    expect_event(&b, 300, CHECK_COMPLETE);
    bench_free(&b);
}

static void a_block_in_the_place_of_another_is_refused(void)
{
    enum image_check_event event;
    struct bench b;
    size_t used;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    expect_event(&b, 4096, CHECK_MANIFEST);
    expect_event(&b, 4096, CHECK_TABLE);
    CHECK_EQ(image_check_feed(&b.check, b.payload + 1024, 1024, &used, &event),
             VERIFY_BLOCK_DIGEST);
    bench_free(&b);
}

static void a_block_that_was_handed_out_may_come_again(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    expect_event(&b, 4096, CHECK_MANIFEST);
    expect_event(&b, 4096, CHECK_TABLE);
    expect_event(&b, 4096, CHECK_BLOCK);
    image_check_rewind(&b.check);
    CHECK_EQ(image_check_offset(&b.check), b.payload_at);
    expect_event(&b, 4096, CHECK_BLOCK);
    CHECK_EQ(b.check.block_index, 0);
    bench_free(&b);
}

static void a_transfer_resumes_at_any_block(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    for (uint32_t from = 0; from <= BLOCKS; from++) {
        image_check_begin(&b.check, &b.buffers, &b.pki.trust);
        expect_event(&b, 4096, CHECK_MANIFEST);
        expect_event(&b, 4096, CHECK_TABLE);
        image_check_seek(&b.check, from);
        for (uint32_t k = from; k < BLOCKS; k++) {
            CHECK_EQ(image_check_offset(&b.check), b.payload_at + k * 1024);
            expect_event(&b, 999, CHECK_BLOCK);
            CHECK_EQ(b.check.block_index, k);
        }
        CHECK_EQ(image_check_offset(&b.check), b.gwi.len);
        expect_event(&b, 999, CHECK_COMPLETE);
    }
    bench_free(&b);
}

static void what_does_not_fit_the_buffers_is_refused_before_anything_is_erased(void)
{
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    b.buffers.table_cap = BLOCKS * SHA256_LEN - 1;
    image_check_begin(&b.check, &b.buffers, &b.pki.trust);
    expect_refusal(&b, 4096, VERIFY_TABLE_TOO_LARGE);
    b.buffers.table_cap = BLOCKS * SHA256_LEN;
    b.buffers.block_cap = 1023;
    image_check_begin(&b.check, &b.buffers, &b.pki.trust);
    expect_refusal(&b, 4096, VERIFY_TABLE_TOO_LARGE);
    b.buffers.block_cap = 1024;
    b.buffers.cms_cap = b.cms_len - 1;
    image_check_begin(&b.check, &b.buffers, &b.pki.trust);
    expect_refusal(&b, 4096, VERIFY_TOO_LARGE);
    b.buffers.cms_cap = b.cms_len;
    image_check_begin(&b.check, &b.buffers, &b.pki.trust);
    expect_event(&b, 4096, CHECK_MANIFEST);
    expect_event(&b, 4096, CHECK_TABLE);
    bench_free(&b);
}

static void a_stream_that_is_no_object_is_refused_at_its_first_bytes(void)
{
    static const uint8_t streams[][6] = { { 0x00 },
                                          { 0x31 },
                                          { 0x30, 0x80 },
                                          { 0x30, 0x85, 1 },
                                          { 0x30, 0x84, 0xff, 0xff, 0xff, 0xff } };
    static const enum verify_result want[] = { VERIFY_DER, VERIFY_DER, VERIFY_DER, VERIFY_DER,
                                               VERIFY_TOO_LARGE };
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        enum image_check_event event;
        size_t used;

        image_check_begin(&b.check, &b.buffers, &b.pki.trust);
        CHECK_EQ(image_check_feed(&b.check, streams[i], sizeof streams[i], &used, &event), want[i]);
    }
    bench_free(&b);
}

/* Flash for the second round: the payload, one flipped bit, and an offset where it fails. */
struct flash {
    const uint8_t *bytes;
    uint32_t flip_at, fail_at, next;
};

static bool read_flash(void *context, uint32_t offset, uint8_t *bytes, size_t len)
{
    struct flash *flash = context;

    CHECK_EQ(offset, flash->next);
    CHECK(offset + len <= PAYLOAD_LEN);
    flash->next = offset + (uint32_t)len;
    memcpy(bytes, flash->bytes + offset, len);
    if (flash->flip_at >= offset && flash->flip_at < flash->next) {
        bytes[flash->flip_at - offset] ^= 1;
    }
    return flash->fail_at >= flash->next;
}

static enum verify_result second_round(const struct bench *b, uint32_t flip_at, uint32_t fail_at,
                                       size_t scratch_len)
{
    struct flash flash = { .bytes = b->payload, .flip_at = flip_at, .fail_at = fail_at };
    uint8_t scratch[8192];

    return image_check_finish((struct span){ b->gwi.at, b->cms_len }, &b->pki.trust, read_flash,
                              &flash, scratch, scratch_len);
}

static void the_second_round_accepts_the_signed_bytes_alone(void)
{
    static const size_t scratch[] = { 1, 64, 1000, 1024, 8192 };
    struct bench b;

    bench_make(&b, &(struct testpki_image_how){ 0 });
    for (size_t i = 0; i < sizeof scratch / sizeof scratch[0]; i++) {
        CHECK_EQ(second_round(&b, PAYLOAD_LEN, PAYLOAD_LEN, scratch[i]), VERIFY_OK);
    }
    for (uint32_t at = 0; at < PAYLOAD_LEN; at += 511) {
        CHECK_EQ(second_round(&b, at, PAYLOAD_LEN, 512), VERIFY_IMAGE_DIGEST);
        CHECK_EQ(second_round(&b, PAYLOAD_LEN, at, 512), VERIFY_IMAGE_DIGEST);
    }
    CHECK_EQ(second_round(&b, PAYLOAD_LEN, PAYLOAD_LEN, 0), VERIFY_IMAGE_DIGEST);
    b.gwi.at[b.cms_len - 1] ^= 1;
    CHECK_EQ(second_round(&b, PAYLOAD_LEN, PAYLOAD_LEN, 512), VERIFY_CMS_SIGNATURE);
    bench_free(&b);
}

int main(void)
{
    TEST(a_good_image_passes_in_pieces_of_any_size);
    TEST(bytes_after_the_end_are_refused);
    TEST(every_truncation_is_never_complete);
    TEST(nothing_is_handed_out_of_a_forged_manifest);
    TEST(a_defective_manifest_is_refused_though_it_is_signed);
    TEST(a_damaged_table_is_refused_and_may_come_again);
    TEST(a_damaged_block_is_refused_and_may_come_again);
    TEST(a_block_in_the_place_of_another_is_refused);
    TEST(a_block_that_was_handed_out_may_come_again);
    TEST(a_transfer_resumes_at_any_block);
    TEST(what_does_not_fit_the_buffers_is_refused_before_anything_is_erased);
    TEST(a_stream_that_is_no_object_is_refused_at_its_first_bytes);
    TEST(the_second_round_accepts_the_signed_bytes_alone);
    return checks_failed != 0;
}
