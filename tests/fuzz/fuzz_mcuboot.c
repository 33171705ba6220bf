/* A payload into the reader of MCUboot's hash: the pieces must not matter. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcuboot.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The first byte is the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct mcuboot_scan *whole = calloc(1, sizeof *whole), *cut = calloc(1, sizeof *cut);
    uint8_t a[MCUBOOT_HASH_LEN] = { 0 }, b[MCUBOOT_HASH_LEN] = { 0 };
    size_t piece = len > 0 && bytes[0] ? bytes[0] : 1;

    if (!whole || !cut) {
        abort();
    }
    if (len > 1) {
        mcuboot_scan_feed(whole, bytes + 1, len - 1);
    }
    for (size_t at = 1; at < len; at += piece) {
        mcuboot_scan_feed(cut, bytes + at, len - at < piece ? len - at : piece);
    }
    if (mcuboot_scan_hash(whole, a) != mcuboot_scan_hash(cut, b) || memcmp(a, b, sizeof a) != 0) {
        abort();
    }
    free(whole);
    free(cut);
    return 0;
}
