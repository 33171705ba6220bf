#include "utf8.h"

#include "cursor.h"

/* How many bytes follow a first byte; 4 = none can start so. */
static unsigned followers(uint8_t first)
{
    if (first < 0x80) {
        return 0;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 4;
    }
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

static bool is_shown(uint32_t point, unsigned follow)
{
    static const uint32_t lowest[] = { 0x20, 0xa0, 0x800, 0x10000 };
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;

    return point >= lowest[follow] && point <= 0x10ffff && point != 0x7f && !is_surrogate;
}

bool utf8_is_text(struct span text)
{
    struct cursor c = cursor_over(text.at, text.len);

    while (c.at < c.end) {
        uint8_t first = *c.at++;
        unsigned follow = followers(first);
        const uint8_t *rest = follow < 4 ? take_bytes(&c, follow) : NULL;
        uint32_t point = follow == 0 ? first : first & (0x3fu >> follow);

        if (!rest) {
            return false;
        }
        for (unsigned i = 0; i < follow; i++) {
            if ((rest[i] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (rest[i] & 0x3fu);
        }
        if (!is_shown(point, follow)) {
            return false;
        }
    }
    return true;
}
