#include <string.h>

#include "check.h"
#include "device_rig.h"
#include "slots.h"

/* A device with image 5 confirmed; floor 5. */
struct bench {
    struct rig rig;
    struct rig_image old;
};

static void open_bench(struct bench *b)
{
    rig_init(&b->rig);
    rig_open(&b->rig);
    rig_image_make(&b->old, &b->rig, 3000, 1, &(struct testpki_image_how){ .sequence = 5 });
    rig_know(&b->rig, &b->old);
    rig_factory(&b->rig, &b->old);
    CHECK(rig_running(&b->rig) == &b->old);
}

static void close_bench(struct bench *b)
{
    CHECK_EQ(rig_broken(&b->rig), 0);
    rig_image_free(&b->old);
    rig_close(&b->rig);
}

static size_t head_len(const struct rig_image *image)
{
    return image->gwi.len - image->payload.len;
}

/* --- the straight way --- */

static void the_size_of_the_pieces_does_not_matter(void)
{
    static const size_t pieces[] = { 1, 7, 512, 1000, 1024, 4096, 100000 };

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct bench b = { 0 };
        struct rig_image new;
        size_t sent = 0;

        open_bench(&b);
        rig_image_make(&new, &b.rig, 5000, 2, &(struct testpki_image_how){ .sequence = 6 });
        CHECK_EQ(rig_send(&b.rig, &new.gwi, pieces[i], &sent), UPDATE_OK);
        CHECK_EQ(b.rig.updater.phase, UPDATER_COMPLETE);
        CHECK_EQ(updater_offset(&b.rig.updater), new.gwi.len);
        CHECK_EQ(sent, new.gwi.len);
        CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
        CHECK_EQ(b.rig.port.counters.bytes_flashed, 5000); /* a multiple of the granule */
        CHECK(memcmp(b.rig.port.flash + b.rig.config.geometry.slots[1].offset, new.payload.at,
                     new.payload.len) == 0);
        rig_image_free(&new);
        close_bench(&b);
    }
}

static void nothing_is_touched_before_the_last_byte_of_the_cms(void)
{
    struct bench b = { 0 };
    struct rig_image new;
    size_t cms_len;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 2048, 2, &(struct testpki_image_how){ .sequence = 6 });
    cms_len = head_len(&new) - 2 * SHA256_LEN;
    updater_begin(&b.rig.updater, new.gwi.len);
    for (size_t at = 0; at < cms_len; at++) {
        CHECK_EQ(b.rig.port.counters.flash_ops, 0);
        CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at + at, 1), UPDATE_OK);
    }
    CHECK(b.rig.port.counters.flash_ops > 0);
    CHECK_EQ(b.rig.port.counters.bytes_flashed, 0);
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_RECEIVING);
    rig_image_free(&new);
    close_bench(&b);
}

static void the_same_image_again_changes_nothing(void)
{
    struct bench b = { 0 };
    struct rig_image new;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 2048, 2, &(struct testpki_image_how){ .sequence = 6 });
    CHECK_EQ(rig_send(&b.rig, &b.old.gwi, 512, NULL), UPDATE_OK); /* the one that runs */
    CHECK_EQ(b.rig.port.counters.flash_ops, 0);
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 512, NULL), UPDATE_OK);
    uint64_t ops = b.rig.port.counters.flash_ops;
    size_t sent = 0;

    CHECK_EQ(rig_send(&b.rig, &new.gwi, 512, &sent), UPDATE_OK); /* the one that is staged */
    CHECK_EQ(b.rig.port.counters.flash_ops, ops);
    CHECK(sent <= head_len(&new) + 512);
    rig_image_free(&new);
    close_bench(&b);
}

static void a_newer_image_takes_the_place_of_a_staged_one(void)
{
    struct bench b = { 0 };
    struct rig_image six, seven;

    open_bench(&b);
    rig_image_make(&six, &b.rig, 2048, 2, &(struct testpki_image_how){ .sequence = 6 });
    rig_image_make(&seven, &b.rig, 4000, 3, &(struct testpki_image_how){ .sequence = 7 });
    rig_know(&b.rig, &seven);
    CHECK_EQ(rig_send(&b.rig, &six.gwi, 512, NULL), UPDATE_OK);
    CHECK(rig_upgrade(&b.rig, &seven));
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &seven);
    rig_image_free(&six);
    rig_image_free(&seven);
    close_bench(&b);
}

/* --- what comes damaged --- */

static void a_damaged_block_is_never_programmed_and_is_asked_for_again(void)
{
    enum { LEN = 3500 };
    struct rig_image new;

    for (size_t flip = 0; flip < LEN; flip += 97) {
        struct bench b = { 0 };
        size_t block = flip / 1024 * 1024;

        open_bench(&b);
        rig_image_make(&new, &b.rig, LEN, 2, &(struct testpki_image_how){ .sequence = 6 });
        new.gwi.at[head_len(&new) + flip] ^= 0x10;
        CHECK_EQ(rig_send(&b.rig, &new.gwi, 333, NULL), UPDATE_REPEAT);
        CHECK_EQ(updater_offset(&b.rig.updater), head_len(&new) + block);
        CHECK_EQ(b.rig.port.counters.bytes_flashed, block);
        CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_RECEIVING);

        size_t at = (size_t)updater_offset(&b.rig.updater);

        new.gwi.at[head_len(&new) + flip] ^= 0x10;
        CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at + at, new.gwi.len - at), UPDATE_OK);
        CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
        CHECK_EQ(b.rig.port.counters.bytes_flashed, (LEN + 7) / 8 * 8);
        rig_image_free(&new);
        close_bench(&b);
    }
}

static void a_damaged_table_is_asked_for_again_before_any_payload(void)
{
    struct bench b = { 0 };
    struct rig_image new;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 5000, 2, &(struct testpki_image_how){ .sequence = 6 });
    size_t table = 5 * SHA256_LEN, first = head_len(&new) - table;

    new.gwi.at[first + 40] ^= 1;
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 100, NULL), UPDATE_REPEAT);
    CHECK_EQ(updater_offset(&b.rig.updater), first);
    CHECK_EQ(b.rig.port.counters.bytes_flashed, 0);
    new.gwi.at[first + 40] ^= 1;
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 100, NULL), UPDATE_OK);
    rig_image_free(&new);
    close_bench(&b);
}

static void flash_that_reads_back_wrong_is_found_in_the_second_round(void)
{
    struct bench b = { 0 };
    struct rig_image new;
    enum verify_result reason;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 5000, 2, &(struct testpki_image_how){ .sequence = 6 });
    b.rig.port.worn_at = b.rig.config.geometry.slots[1].offset + 4321;
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 512, NULL), UPDATE_REFUSED);
    CHECK_EQ(b.rig.updater.reason, VERIFY_IMAGE_DIGEST);
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_BROKEN);
    CHECK_EQ(b.rig.log.slots[1].reason, VERIFY_IMAGE_DIGEST);
    CHECK_EQ(trial_activate(&b.rig.trial, 0, new.identity, true, &reason), UPDATE_REFUSED);
    CHECK_EQ(reason, VERIFY_IMAGE_DIGEST);
    b.rig.port.worn_at = UINT32_MAX;
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 512, NULL), UPDATE_OK); /* it may simply be sent again */
    rig_image_free(&new);
    close_bench(&b);
}

static void a_wrong_cms_in_flash_is_found_in_the_second_round(void)
{
    struct bench b = { 0 };
    struct rig_image new;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 3000, 2, &(struct testpki_image_how){ .sequence = 6 });
    b.rig.port.worn_at = b.rig.config.geometry.slots[1].offset +
                         slot_capacity(&b.rig.config.geometry, 1) + SLOT_HEAD_LEN + 500;
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 512, NULL), UPDATE_REFUSED);
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_BROKEN);
    rig_image_free(&new);
    close_bench(&b);
}

/* --- resume --- */

static void a_stream_goes_on_inside_another_wrapper_of_the_same_image(void)
{
    struct bench b = { 0 };
    struct rig_image new, same;
    size_t sent = 0;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 8000, 2, &(struct testpki_image_how){ .sequence = 6 });
    rig_image_make(&same, &b.rig, 8000, 2,
                   &(struct testpki_image_how){ .sequence = 6,
                                                .cms = { .high_s = true, .protection = true } });
    CHECK(memcmp(new.identity, same.identity, SHA256_LEN) == 0);
    CHECK(same.gwi.len > new.gwi.len);

    updater_begin(&b.rig.updater, new.gwi.len);
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at, head_len(&new) + 5500), UPDATE_OK);
    (void)rig_boot(&b.rig);
    CHECK_EQ(b.rig.log.slots[1].next_block, 5);
    CHECK_EQ(rig_send(&b.rig, &same.gwi, 400, &sent), UPDATE_OK);
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
    CHECK(sent <= head_len(&same) + 400 + 8000 - 5 * 1024);
    rig_image_free(&new);
    rig_image_free(&same);
    close_bench(&b);
}

static void within_one_boot_a_new_stream_goes_on_at_the_exact_block(void)
{
    struct bench b = { 0 };
    struct rig_image new;
    size_t at;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 8000, 2,
                   &(struct testpki_image_how){ .sequence = 6, .block_size = 512 });
    updater_begin(&b.rig.updater, new.gwi.len);
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at, head_len(&new) + 3 * 512 + 100), UPDATE_OK);
    updater_begin(&b.rig.updater, new.gwi.len); /* the line broke */
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at, head_len(&new)), UPDATE_OK);
    at = (size_t)updater_offset(&b.rig.updater);
    CHECK_EQ(at, head_len(&new) + 3 * 512);
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at + at, new.gwi.len - at), UPDATE_OK);
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
    rig_image_free(&new);
    close_bench(&b);
}

static void a_stream_of_another_image_starts_the_slot_anew(void)
{
    struct bench b = { 0 };
    struct rig_image six, seven;

    open_bench(&b);
    rig_image_make(&six, &b.rig, 8000, 2, &(struct testpki_image_how){ .sequence = 6 });
    rig_image_make(&seven, &b.rig, 8000, 3, &(struct testpki_image_how){ .sequence = 7 });
    updater_begin(&b.rig.updater, six.gwi.len);
    CHECK_EQ(updater_feed(&b.rig.updater, six.gwi.at, head_len(&six) + 5500), UPDATE_OK);
    updater_begin(&b.rig.updater, seven.gwi.len);
    CHECK_EQ(updater_feed(&b.rig.updater, seven.gwi.at, head_len(&seven)), UPDATE_OK);
    CHECK_EQ(updater_offset(&b.rig.updater), head_len(&seven));
    CHECK_EQ(b.rig.log.slots[1].next_block, 0);
    CHECK_EQ(rig_send(&b.rig, &six.gwi, 900, NULL), UPDATE_OK);
    rig_image_free(&six);
    rig_image_free(&seven);
    close_bench(&b);
}

/* --- refusals: right reason, nothing touched --- */

static void refused(struct bench *b, const char *what, const struct testpki_image_how *how,
                    size_t len, enum verify_result want)
{
    struct rig_image image;
    uint64_t ops = b->rig.port.counters.flash_ops;
    uint32_t number = b->rig.log.number;

    rig_image_make(&image, &b->rig, len, 77, how);
    CHECK_EQ(rig_send(&b->rig, &image.gwi, 300, NULL), UPDATE_REFUSED);
    CHECK_EQ(b->rig.updater.reason, want);
    CHECK_EQ(b->rig.port.counters.flash_ops, ops);
    CHECK_EQ(b->rig.log.number, number);
    if (b->rig.updater.reason != want) {
        fprintf(stderr, "  %s\n", what);
    }
    CHECK_EQ(updater_feed(&b->rig.updater, image.gwi.at, 1), UPDATE_REFUSED); /* it is over */
    CHECK_EQ(updater_offset(&b->rig.updater), 0);
    rig_image_free(&image);
}

static void every_refusal_has_its_reason_and_touches_nothing(void)
{
    static const struct {
        const char *what;
        struct testpki_image_how how;
        size_t len;
        enum verify_result want;
    } cases[] = {
        { "vendor", { .sequence = 6, .vendor_id = "other" }, 100, VERIFY_FOR_OTHER_VENDOR },
        { "class", { .sequence = 6, .class_id = "other" }, 100, VERIFY_FOR_OTHER_CLASS },
        { "component", { .sequence = 6, .component = 1 }, 100, VERIFY_FOR_OTHER_COMPONENT },
        { "delivery",
          { .sequence = 6, .delivery = DELIVERY_PAYLOAD },
          100,
          VERIFY_PAYLOAD_DELIVERY },
        { "hardware below",
          { .sequence = 6, .has_hardware = true, .hardware_min = 4, .hardware_max = 9 },
          100,
          VERIFY_FOR_OTHER_HARDWARE },
        { "hardware above",
          { .sequence = 6, .has_hardware = true, .hardware_min = 0, .hardware_max = 2 },
          100,
          VERIFY_FOR_OTHER_HARDWARE },
        { "serial",
          { .sequence = 6, .serials = { { (const uint8_t *)"S2", 2 } } },
          100,
          VERIFY_FOR_OTHER_SERIAL },
        { "floor", { .sequence = 4 }, 100, VERIFY_BELOW_FLOOR },
        { "equal sequence", { .sequence = 5 }, 100, VERIFY_EQUIVOCATION },
        { "too large", { .sequence = 6 }, 8193, VERIFY_IMAGE_TOO_LARGE },
        { "block too large", { .sequence = 6, .block_size = 8192 }, 100, VERIFY_TABLE_TOO_LARGE },
        { "requires a component that is not there",
          { .sequence = 6, .requires = { { true, 1, 1 } } },
          100,
          VERIFY_REQUIRES },
        { "requires a newer one",
          { .sequence = 6, .requires = { { true, 0, 6 } } },
          100,
          VERIFY_REQUIRES },
        { "link address",
          { .sequence = 6, .has_link_address = true, .link_address = 0x8000 },
          100,
          VERIFY_FOR_OTHER_ADDRESS },
        { "signature",
          { .sequence = 6, .cms = { .flaw = CMS_FLAW_SIGNATURE } },
          100,
          VERIFY_CMS_SIGNATURE },
        { "manifest",
          { .sequence = 6, .flaw = MANIFEST_FLAW_VERSION_2 },
          100,
          VERIFY_MANIFEST_VERSION },
    };
    struct bench b = { 0 };

    open_bench(&b);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(&b, cases[i].what, &cases[i].how, cases[i].len, cases[i].want);
    }
    close_bench(&b);
}

static void what_an_image_may_say_and_the_device_fulfils_is_accepted(void)
{
    struct bench b = { 0 };
    struct rig_image image;

    rig_init(&b.rig);
    b.rig.config.geometry.slots[1].has_link_address = true;
    b.rig.config.geometry.slots[1].link_address = 0x8000;
    rig_open(&b.rig);
    rig_image_make(&b.old, &b.rig, 3000, 1, &(struct testpki_image_how){ .sequence = 5 });
    rig_know(&b.rig, &b.old);
    rig_factory(&b.rig, &b.old);
    rig_image_make(&image, &b.rig, 8192, 2,
                   &(struct testpki_image_how){
                       .sequence = 6,
                       .has_hardware = true,
                       .hardware_min = 3,
                       .hardware_max = 3,
                       .serials = { { (const uint8_t *)"S0", 2 }, { (const uint8_t *)"S1", 2 } },
                       .requires = { { true, 0, 5 } },
                       .has_link_address = true,
                       .link_address = 0x8000,
                   });
    CHECK_EQ(rig_send(&b.rig, &image.gwi, 300, NULL), UPDATE_OK);
    rig_image_free(&image);
    close_bench(&b);
}

static void an_image_of_a_stranger_is_refused(void)
{
    struct bench b = { 0 }, other = { 0 };

    open_bench(&b);
    rig_init(&other.rig);
    testpki_make(&other.rig.pki, "stranger.example");
    rig_image_make(&other.old, &other.rig, 500, 1, &(struct testpki_image_how){ .sequence = 6 });
    CHECK_EQ(rig_send(&b.rig, &other.old.gwi, 300, NULL), UPDATE_REFUSED);
    CHECK_EQ(b.rig.updater.reason, VERIFY_TOO_FEW_SIGNERS);
    CHECK_EQ(b.rig.port.counters.flash_ops, 0);
    rig_image_free(&other.old);
    testpki_free(&other.rig.pki);
    close_bench(&b);
}

static void a_stream_of_another_length_than_signed_is_refused(void)
{
    struct bench b = { 0 };
    struct rig_image new;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 2048, 2, &(struct testpki_image_how){ .sequence = 6 });
    for (int delta = -1; delta <= 1; delta += 2) {
        updater_begin(&b.rig.updater, (uint64_t)((int64_t) new.gwi.len + delta));
        CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at, head_len(&new)), UPDATE_REFUSED);
        CHECK_EQ(b.rig.updater.reason, VERIFY_STREAM_LENGTH);
    }
    CHECK_EQ(b.rig.port.counters.flash_ops, 0);
    blob_add_byte(&new.gwi, 0);
    updater_begin(&b.rig.updater, new.gwi.len - 1);
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at, new.gwi.len), UPDATE_REFUSED);
    CHECK_EQ(b.rig.updater.reason, VERIFY_STREAM_LENGTH);
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_RECEIVING);
    rig_image_free(&new);
    close_bench(&b);
}

static void a_cms_that_no_slot_can_keep_is_refused(void)
{
    struct bench b = { 0 };
    static const uint8_t head[] = { 0x30, 0x82, 0x10, 0x01 }; /* 4 + 4097 bytes */

    open_bench(&b);
    updater_begin(&b.rig.updater, 100000);
    CHECK_EQ(updater_feed(&b.rig.updater, head, sizeof head), UPDATE_REFUSED);
    CHECK_EQ(b.rig.updater.reason, VERIFY_TOO_LARGE);
    close_bench(&b);
}

static void the_way_back_is_not_overwritten_during_a_trial(void)
{
    struct bench b = { 0 };
    struct rig_image six, seven;
    enum verify_result reason;

    open_bench(&b);
    rig_image_make(&six, &b.rig, 2048, 2, &(struct testpki_image_how){ .sequence = 6 });
    rig_image_make(&seven, &b.rig, 2048, 3, &(struct testpki_image_how){ .sequence = 7 });
    rig_know(&b.rig, &six);
    CHECK_EQ(rig_send(&b.rig, &six.gwi, 512, NULL), UPDATE_OK);
    CHECK_EQ(trial_activate(&b.rig.trial, 0, six.identity, false, &reason), UPDATE_OK);
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    uint64_t ops = b.rig.port.counters.flash_ops;

    CHECK_EQ(rig_send(&b.rig, &seven.gwi, 512, NULL), UPDATE_BUSY);
    CHECK_EQ(rig_send(&b.rig, &six.gwi, 512, NULL), UPDATE_OK); /* is there, as it says */
    CHECK_EQ(b.rig.port.counters.flash_ops, ops);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.old);
    rig_image_free(&six);
    rig_image_free(&seven);
    close_bench(&b);
}

static void bytes_without_a_stream_are_not_taken(void)
{
    struct bench b = { 0 };

    open_bench(&b);
    CHECK_EQ(updater_feed(&b.rig.updater, (const uint8_t *)"x", 1), UPDATE_WRONG_STATE);
    CHECK_EQ(updater_offset(&b.rig.updater), 0);
    close_bench(&b);
}

/* A flash that fails without losing power: said at once, and the next stream goes on. */
static void a_flash_error_ends_the_stream_and_the_next_one_resumes(void)
{
    struct bench b = { 0 };
    struct rig_image new;

    open_bench(&b);
    rig_image_make(&new, &b.rig, 8000, 2, &(struct testpki_image_how){ .sequence = 6 });
    updater_begin(&b.rig.updater, new.gwi.len);
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at, head_len(&new) + 3000), UPDATE_OK);
    b.rig.port.is_off = true;
    CHECK_EQ(updater_feed(&b.rig.updater, new.gwi.at + head_len(&new) + 3000, 2000), UPDATE_FLASH);
    b.rig.port.is_off = false;
    CHECK_EQ(rig_send(&b.rig, &new.gwi, 512, NULL), UPDATE_OK);
    rig_image_free(&new);
    close_bench(&b);
}

int main(void)
{
    TEST(the_size_of_the_pieces_does_not_matter);
    TEST(nothing_is_touched_before_the_last_byte_of_the_cms);
    TEST(the_same_image_again_changes_nothing);
    TEST(a_newer_image_takes_the_place_of_a_staged_one);
    TEST(a_damaged_block_is_never_programmed_and_is_asked_for_again);
    TEST(a_damaged_table_is_asked_for_again_before_any_payload);
    TEST(flash_that_reads_back_wrong_is_found_in_the_second_round);
    TEST(a_wrong_cms_in_flash_is_found_in_the_second_round);
    TEST(a_stream_goes_on_inside_another_wrapper_of_the_same_image);
    TEST(within_one_boot_a_new_stream_goes_on_at_the_exact_block);
    TEST(a_stream_of_another_image_starts_the_slot_anew);
    TEST(every_refusal_has_its_reason_and_touches_nothing);
    TEST(what_an_image_may_say_and_the_device_fulfils_is_accepted);
    TEST(an_image_of_a_stranger_is_refused);
    TEST(a_stream_of_another_length_than_signed_is_refused);
    TEST(a_cms_that_no_slot_can_keep_is_refused);
    TEST(the_way_back_is_not_overwritten_during_a_trial);
    TEST(bytes_without_a_stream_are_not_taken);
    TEST(a_flash_error_ends_the_stream_and_the_next_one_resumes);
    return checks_failed != 0;
}
