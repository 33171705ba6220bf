/* image_check_feed(): how a stream is cut into pieces changes nothing. The same bytes are fed at
 * once and in pieces, and both must tell the same story of events, offsets and refusals. Signatures
 * are taken as right (the check is wrapped) so that a fuzzer gets past the manifest. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_seed.h"
#include "image_check.h"
#include "testpki.h"

enum { CMS_CAP = 4096, TABLE_CAP = 2048, BLOCK_CAP = 1024, STORY_MAX = 160 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
enum verify_result __wrap_crypto_verify_p256(const uint8_t *point, const uint8_t *digest,
                                             const uint8_t *signature);

enum verify_result __wrap_crypto_verify_p256(const uint8_t *point, const uint8_t *digest,
                                             const uint8_t *signature)
{
    (void)point;
    (void)digest;
    (void)signature;
    return VERIFY_OK;
}

struct story {
    struct {
        enum verify_result result;
        enum image_check_event event;
        uint64_t offset;
        uint8_t block[SHA256_LEN];
    } steps[STORY_MAX];
    size_t count;
};

static struct verify_trust *trust_of_seeds(void)
{
    static struct testpki pki;

    if (pki.trust.anchor_count == 0) {
        testpki_make(&pki, FUZZ_SEED_ROOT);
    }
    return &pki.trust;
}

/* `cuts` gives the length of each piece; NULL: all that is left. */
static void tell(struct story *story, struct span stream, struct span cuts)
{
    static uint8_t cms[CMS_CAP], table[TABLE_CAP], block[BLOCK_CAP];
    struct image_check_buffers buffers = { cms, CMS_CAP, table, TABLE_CAP, block, BLOCK_CAP };
    struct image_check check;
    size_t turn = 0;

    memset(story, 0, sizeof *story);
    image_check_begin(&check, &buffers, trust_of_seeds());
    while (story->count < STORY_MAX) {
        size_t piece = stream.len, used;
        enum image_check_event event;

        if (cuts.len > 0 && piece > cuts.at[turn % cuts.len]) {
            piece = cuts.at[turn % cuts.len];
        }
        turn++;
        enum verify_result result = image_check_feed(&check, stream.at, piece, &used, &event);

        if (used > piece) {
            abort();
        }
        stream.at += used;
        stream.len -= used;
        if (result == VERIFY_OK && event == CHECK_MORE && used == piece) {
            if (stream.len == 0) {
                break;
            }
            continue;
        }
        story->steps[story->count].result = result;
        story->steps[story->count].event = event;
        story->steps[story->count].offset = image_check_offset(&check);
        if (event == CHECK_BLOCK) {
            sha256_of(story->steps[story->count].block, block, check.block_len);
            if (memcmp(story->steps[story->count].block, table + check.block_index * SHA256_LEN,
                       SHA256_LEN) != 0) {
                abort(); /* handed out without being right */
            }
        }
        story->count++;
        if (result != VERIFY_OK || event == CHECK_COMPLETE) {
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct story whole, pieces;
    size_t cut_count = len > 0 ? 1 + bytes[0] % 8u : 0;

    if (len < 1 + cut_count) {
        return 0;
    }
    struct span stream = { bytes + 1 + cut_count, len - 1 - cut_count };
    uint8_t cuts[8];

    for (size_t i = 0; i < cut_count; i++) { /* never 0: a piece that is nothing tells nothing */
        cuts[i] = (uint8_t)(bytes[1 + i] ? bytes[1 + i] : 1);
    }
    tell(&whole, stream, (struct span){ 0 });
    tell(&pieces, stream, (struct span){ cuts, cut_count });
    if (memcmp(&whole, &pieces, sizeof whole) != 0) {
        abort();
    }
    return 0;
}
