/* SMP on a serial line: console and raw framing (docs/SPEC 5.1). Shared with firmware.
 *
 * Console: be16(len + 2) | message | be16(CRC16/XMODEM) in base64, cut into lines of at most 127
 * bytes; the first begins with 06 09, the others with 04 14; other lines are somebody's log.
 * Raw: messages back to back, length from the header, no check sum. A raw receiver that meets an
 * impossible header never looks for another inside the bytes that follow (they may be payload): it
 * discards everything until the line was silent and smp_receiver_drop() is called.
 */
#ifndef WIRE_SMP_FRAME_H
#define WIRE_SMP_FRAME_H

#include "smp.h"

enum {
    SMP_LINE_MAX = 127,           /* bytes of a console line, newline included */
    SMP_RAW_SILENCE_MS = 50,      /* a device drops a partial raw message after this silence */
    SMP_CONSOLE_SILENCE_MS = 500, /* and an unfinished console frame after this one */
};

enum smp_framing {
    SMP_FRAMING_ANY = 0, /* receiver only: whichever the first byte of a message shows */
    SMP_FRAMING_CONSOLE = 1,
    SMP_FRAMING_RAW = 2,
};

/* Byte-fed receiver. The message, header included, is collected in the caller's buffer. */
struct smp_receiver {
    uint8_t *buf;
    size_t cap; /* bytes, more than SMP_HEADER_LEN; a longer message is dropped */
    enum smp_framing accepts;
    enum smp_framing framing; /* of the message that was received last or is being received */
    size_t len;               /* bytes in buf; after a message its length */
    uint32_t dropped;         /* messages and fragments dropped: bad CRC, base64, header or size */

    /* private */
    uint8_t state;
    bool is_in_frame;   /* a console frame has begun and is not complete */
    uint8_t padding;    /* '=' seen: they end the frame */
    uint8_t quad_len;   /* base64 characters of the unfinished group of four */
    uint32_t quad;      /* their bits */
    uint32_t decoded;   /* bytes of the console frame decoded so far */
    uint16_t frame_len; /* its length field: message + 2 */
    uint16_t crc;       /* over message and check sum: 0 when right */
};

void smp_receiver_init(struct smp_receiver *r, uint8_t *buf, size_t cap, enum smp_framing accepts);

/* Take bytes until one message is complete or all are used; *used says how many were taken. True:
 * a message of r->len bytes, whose header is valid, lies in r->buf until the next call. */
bool smp_receive(struct smp_receiver *r, const uint8_t *bytes, size_t len, size_t *used);

/* Is part of a message, or of something that is being discarded, held back? */
bool smp_receiver_is_partial(const struct smp_receiver *r);

/* Forget it: the line was silent, or the request's time is over. */
void smp_receiver_drop(struct smp_receiver *r);

/* Console framing of one message, line by line. */
struct smp_console_encoder {
    const uint8_t *message; /* borrowed */
    size_t len;             /* at most 65533 */
    size_t at;              /* bytes of the frame encoded so far */
    uint16_t crc;
};

void smp_console_begin(struct smp_console_encoder *e, const uint8_t *message, size_t len);

/* Write the next line to `line`; its length, 0 when all were written. */
size_t smp_console_next(struct smp_console_encoder *e, uint8_t line[SMP_LINE_MAX]);

/* Bytes that a message of `len` bytes takes on the line. */
size_t smp_frame_len(enum smp_framing framing, size_t len);

/* CRC16/XMODEM: polynomial 0x1021, start 0. */
uint16_t smp_crc16(uint16_t crc, const uint8_t *bytes, size_t len);

#endif
