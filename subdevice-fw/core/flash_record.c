#include "flash_record.h"

#include "cursor.h"

/* CRC-32 of IEEE 802.3, reflected; bit by bit, because records are few and flash is dear. */
static uint32_t crc32(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

void flash_record_seal(uint8_t *record, size_t len)
{
    size_t covered = len - FLASH_RECORD_CRC_LEN;

    put_u32(record + covered, crc32(record, covered));
}

bool flash_record_is_whole(const uint8_t *record, size_t len)
{
    size_t covered = len - FLASH_RECORD_CRC_LEN;
    struct cursor c = cursor_over(record + covered, FLASH_RECORD_CRC_LEN);

    return take_u32(&c) == crc32(record, covered);
}

bool flash_is_blank(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0xff) {
            return false;
        }
    }
    return true;
}
