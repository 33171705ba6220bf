#include "ustar.h"

#include <stdio.h>
#include <string.h>

/* POSIX.1-2017 pax, ustar Interchange Format: field offsets. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    AT_DEVICE_MAJOR = 329,
    AT_DEVICE_MINOR = 337,
    SIZE_DIGITS = 11,
};

static void write_checksum(uint8_t header[USTAR_BLOCK])
{
    char text[8];
    unsigned sum = 0;

    memset(header + AT_CHECKSUM, ' ', 8);
    for (size_t i = 0; i < USTAR_BLOCK; i++) {
        sum += header[i];
    }
    (void)snprintf(text, sizeof text, "%06o", sum);
    memcpy(header + AT_CHECKSUM, text, 7); /* six digits, NUL, and the space stays */
}

void ustar_header(uint8_t header[USTAR_BLOCK], const char *name, uint64_t size)
{
    char digits[SIZE_DIGITS + 1];

    memset(header, 0, USTAR_BLOCK);
    memcpy(header + AT_NAME, name, strlen(name));
    memcpy(header + AT_MODE, "0000644", 7);
    memcpy(header + AT_UID, "0000000", 7);
    memcpy(header + AT_GID, "0000000", 7);
    (void)snprintf(digits, sizeof digits, "%011llo", (unsigned long long)(size & USTAR_SIZE_MAX));
    memcpy(header + AT_SIZE, digits, SIZE_DIGITS);
    memcpy(header + AT_MTIME, "00000000000", 11);
    header[AT_TYPE] = '0';
    memcpy(header + AT_MAGIC,
           "ustar\0"
           "00",
           8);
    memcpy(header + AT_DEVICE_MAJOR, "0000000", 7);
    memcpy(header + AT_DEVICE_MINOR, "0000000", 7);
    write_checksum(header);
}

enum gw_err ustar_check(const uint8_t header[USTAR_BLOCK], const char *name, uint64_t size)
{
    uint8_t right[USTAR_BLOCK];

    ustar_header(right, name, size);
    return memcmp(header, right, USTAR_BLOCK) == 0 ? GW_OK : GW_PACKAGE_MEMBER;
}

static enum gw_err parse(struct ustar_member *out, const uint8_t header[USTAR_BLOCK])
{
    memcpy(out->name, header + AT_NAME, MEMBER_NAME_MAX - 1);
    for (size_t i = 0; i < SIZE_DIGITS; i++) {
        uint8_t digit = header[AT_SIZE + i];

        if (digit < '0' || digit > '7') {
            return GW_PACKAGE_FORMAT;
        }
        out->size = out->size << 3 | (uint64_t)(digit - '0');
    }
    if (!name_is_member(out->name) || ustar_check(header, out->name, out->size) != GW_OK) {
        return GW_PACKAGE_FORMAT;
    }
    return GW_OK;
}

enum gw_err ustar_parse(struct ustar_member *out, const uint8_t header[USTAR_BLOCK])
{
    memset(out, 0, sizeof *out);
    if (parse(out, header) != GW_OK) {
        memset(out, 0, sizeof *out);
        return GW_PACKAGE_FORMAT;
    }
    return GW_OK;
}

uint32_t ustar_padding(uint64_t size)
{
    return (uint32_t)((USTAR_BLOCK - size % USTAR_BLOCK) % USTAR_BLOCK);
}
