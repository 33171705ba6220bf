/* Fixed-length flash records: big-endian fields, the last four bytes a CRC-32 over the others.
 * A record that a power cut tore apart, and a blank one, are not whole.
 */
#ifndef SUBDEVICE_FLASH_RECORD_H
#define SUBDEVICE_FLASH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLASH_RECORD_CRC_LEN = 4 };

static inline void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, (uint16_t)(value >> 16));
    put_u16(at + 2, (uint16_t)value);
}

/* Write the CRC into the last four of `len` bytes. */
void flash_record_seal(uint8_t *record, size_t len);

bool flash_record_is_whole(const uint8_t *record, size_t len);

/* Are all bytes 0xff, as after an erase? */
bool flash_is_blank(const uint8_t *bytes, size_t len);

#endif
