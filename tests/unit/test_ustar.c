#include <string.h>

#include "check.h"
#include "ustar.h"

/* What `tar --format=ustar --mode=0644 --owner=0 --group=0 --numeric-owner --mtime=@0` of GNU tar
 * 1.34 wrote for a file manifest.cms of 3 bytes: the parts that are not zero. */
static void make_right(uint8_t header[USTAR_BLOCK])
{
    memset(header, 0, USTAR_BLOCK);
    memcpy(header, "manifest.cms", 12);
    memcpy(header + 100, "0000644", 7);
    memcpy(header + 108, "0000000", 7);
    memcpy(header + 116, "0000000", 7);
    memcpy(header + 124, "00000000003", 11);
    memcpy(header + 136, "00000000000", 11);
    memcpy(header + 148, "011510\0 0", 9);
    memcpy(header + 257, "ustar\00000", 8);
    memcpy(header + 329, "0000000", 7);
    memcpy(header + 337, "0000000", 7);
}

static void header_is_what_tar_writes(void)
{
    uint8_t right[USTAR_BLOCK], header[USTAR_BLOCK];

    make_right(right);
    ustar_header(header, "manifest.cms", 3);
    CHECK(memcmp(header, right, sizeof right) == 0);
}

static void every_header_reads_back(void)
{
    static const uint64_t sizes[] = { 0, 1, 511, 512, 513, 0xffffffff, 1ULL << 32, USTAR_SIZE_MAX };
    char longest[MEMBER_NAME_MAX];

    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const char *name = i % 2 ? longest : "images/meter-fw.gwi";
        uint8_t header[USTAR_BLOCK];
        struct ustar_member member;

        ustar_header(header, name, sizes[i]);
        CHECK_EQ(ustar_parse(&member, header), GW_OK);
        CHECK(strcmp(member.name, name) == 0);
        CHECK(member.size == sizes[i]);
        CHECK_EQ(ustar_check(header, name, sizes[i]), GW_OK);
        CHECK_EQ(ustar_check(header, name, sizes[i] ^ 1), GW_PACKAGE_MEMBER);
        CHECK_EQ(ustar_check(header, "images/other.gwi", sizes[i]), GW_PACKAGE_MEMBER);
    }
}

static void every_flipped_bit_is_refused(void)
{
    uint8_t header[USTAR_BLOCK];
    struct ustar_member member, zero = { 0 };

    make_right(header);
    for (size_t bit = 0; bit < 8 * USTAR_BLOCK; bit++) {
        header[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_EQ(ustar_parse(&member, header), GW_PACKAGE_FORMAT);
        CHECK(memcmp(&member, &zero, sizeof zero) == 0);
        CHECK_EQ(ustar_check(header, "manifest.cms", 3), GW_PACKAGE_MEMBER);
        header[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void names_that_leave_the_archive_are_refused(void)
{
    static const char *const bad[] = { "../x", "/etc/x", "a/../b", "",     "A",         "a b",
                                       ".a",   "-a",     "a\x80",  "a\nb", "images\\a", "_" };
    char too_long[MEMBER_NAME_MAX + 1];

    memset(too_long, 'a', sizeof too_long);
    too_long[MEMBER_NAME_MAX] = '\0';
    CHECK(!name_is_member(too_long));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t header[USTAR_BLOCK];
        struct ustar_member member;

        CHECK(!name_is_member(bad[i]));
        ustar_header(header, bad[i], 3);
        CHECK_EQ(ustar_parse(&member, header), GW_PACKAGE_FORMAT);
    }
}

static void padding_fills_the_block(void)
{
    for (uint64_t size = 0; size < 2000; size++) {
        CHECK(ustar_padding(size) < USTAR_BLOCK);
        CHECK_EQ((size + ustar_padding(size)) % USTAR_BLOCK, 0);
    }
}

int main(void)
{
    TEST(header_is_what_tar_writes);
    TEST(every_header_reads_back);
    TEST(every_flipped_bit_is_refused);
    TEST(names_that_leave_the_archive_are_refused);
    TEST(padding_fills_the_block);
    return checks_failed != 0;
}
