#include "smp_frame.h"

#include <string.h>

enum state {
    IDLE = 0,   /* before a message, or before a line of one */
    RAW,        /* inside a raw message */
    DISCARD,    /* raw: until smp_receiver_drop() */
    MARK_FIRST, /* 06 seen */
    MARK_NEXT,  /* 04 seen inside a frame */
    TEXT,       /* inside a line of a frame */
    SKIP,       /* inside a line that is not ours */
};

enum { FIRST_0 = 0x06, FIRST_1 = 0x09, NEXT_0 = 0x04, NEXT_1 = 0x14 };
enum {
    LENGTH_LEN = 2, /* the frame's length field */
    CRC_LEN = 2,
    LINE_MARK_LEN = 2,
    LINE_BYTES = 93, /* frame bytes of one line: 124 characters */
};

uint16_t smp_crc16(uint16_t crc, const uint8_t *bytes, size_t len)
{
    static const uint16_t nibble[16] = { 0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                         0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                         0xc18c, 0xd1ad, 0xe1ce, 0xf1ef };

    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc << 4 ^ nibble[(crc >> 12 ^ bytes[i] >> 4) & 15]);
        crc = (uint16_t)(crc << 4 ^ nibble[(crc >> 12 ^ bytes[i]) & 15]);
    }
    return crc;
}

void smp_receiver_init(struct smp_receiver *r, uint8_t *buf, size_t cap, enum smp_framing accepts)
{
    *r = (struct smp_receiver){ .buf = buf, .cap = cap, .accepts = accepts };
}

bool smp_receiver_is_partial(const struct smp_receiver *r)
{
    return r->state != IDLE || r->is_in_frame;
}

void smp_receiver_drop(struct smp_receiver *r)
{
    r->dropped += smp_receiver_is_partial(r) ? 1 : 0;
    r->state = IDLE;
    r->is_in_frame = false;
    r->len = 0;
}

/* Raw framing has no check sum: refuse what cannot be a message, as early as it shows. */
static bool raw_is_plausible(const struct smp_receiver *r)
{
    struct smp_header h;

    if (r->len < SMP_HEADER_LEN) {
        return (r->buf[0] & 0xf4) == 0; /* version 0 or 1, operation 0 to 3 */
    }
    if (!smp_header_parse(&h, r->buf) || h.flags != 0 || h.body_len == 0 ||
        (size_t)h.body_len + SMP_HEADER_LEN > r->cap) {
        return false;
    }
    return r->len == SMP_HEADER_LEN || r->buf[SMP_HEADER_LEN] >> 5 == 5; /* a CBOR map */
}

/* Bytes that are still missing before something can be decided. */
static size_t raw_wants(const struct smp_receiver *r)
{
    if (r->len == 0) {
        return 1;
    }
    if (r->len < SMP_HEADER_LEN) {
        return SMP_HEADER_LEN - r->len;
    }
    if (r->len == SMP_HEADER_LEN) {
        return 1;
    }
    return SMP_HEADER_LEN + (size_t)(r->buf[2] << 8 | r->buf[3]) - r->len;
}

static bool receive_raw(struct smp_receiver *r, const uint8_t *bytes, size_t len, size_t *used)
{
    while (*used < len && r->state == RAW) {
        size_t n = raw_wants(r);

        n = n < len - *used ? n : len - *used;
        memcpy(r->buf + r->len, bytes + *used, n);
        r->len += n;
        *used += n;
        if (!raw_is_plausible(r)) {
            r->state = DISCARD;
        } else if (r->len > SMP_HEADER_LEN && raw_wants(r) == 0) {
            r->state = IDLE;
            return true;
        }
    }
    return false;
}

static void abandon_frame(struct smp_receiver *r)
{
    r->dropped += r->is_in_frame ? 1 : 0;
    r->is_in_frame = false;
    r->len = 0;
}

static void begin_frame(struct smp_receiver *r)
{
    abandon_frame(r);
    r->is_in_frame = true;
    r->padding = 0;
    r->quad = 0;
    r->quad_len = 0;
    r->decoded = 0;
    r->frame_len = 0;
    r->crc = 0;
    r->framing = SMP_FRAMING_CONSOLE;
}

/* One decoded byte of the frame: length, message, check sum. */
static bool frame_byte(struct smp_receiver *r, uint8_t byte)
{
    uint32_t at = r->decoded++;

    if (at < LENGTH_LEN) {
        r->frame_len = (uint16_t)(r->frame_len << 8 | byte);
        return at == 0 || (r->frame_len >= SMP_HEADER_LEN + CRC_LEN &&
                           (size_t)r->frame_len - CRC_LEN <= r->cap);
    }
    if (at >= (uint32_t)LENGTH_LEN + r->frame_len) {
        return false;
    }
    r->crc = smp_crc16(r->crc, &byte, 1);
    if (at < (uint32_t)r->frame_len) { /* = length field + message */
        r->buf[r->len++] = byte;
    }
    return true;
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One base64 character; '=' only in the last two places of the last group. */
static bool frame_character(struct smp_receiver *r, uint8_t c)
{
    int value = base64_value(c);

    if (c == '=' && r->quad_len >= 2) {
        r->padding++;
        value = 0;
    } else if (value < 0 || r->padding > 0) {
        return false;
    }
    r->quad = r->quad << 6 | (uint32_t)value;
    if (++r->quad_len < 4) {
        return true;
    }
    bool ok = true;

    for (unsigned i = 0; ok && i + r->padding < 3; i++) {
        ok = frame_byte(r, (uint8_t)(r->quad >> (16 - 8 * i)));
    }
    r->quad = 0;
    r->quad_len = 0;
    return ok;
}

/* The end of a line of the frame. True: the message is complete and right. */
static bool end_line(struct smp_receiver *r)
{
    struct smp_header h;
    bool is_whole = r->decoded == (uint32_t)LENGTH_LEN + r->frame_len;

    r->state = IDLE;
    if (r->quad_len == 0 && r->decoded >= LENGTH_LEN && !is_whole && r->padding == 0) {
        return false; /* more lines follow */
    }
    if (!is_whole || r->quad_len != 0 || r->crc != 0 || !smp_header_parse(&h, r->buf) ||
        (size_t)h.body_len + SMP_HEADER_LEN != r->len) {
        abandon_frame(r);
        return false;
    }
    r->is_in_frame = false;
    return true;
}

static bool text_byte(struct smp_receiver *r, uint8_t byte)
{
    if (byte == '\n') {
        return end_line(r);
    }
    if (byte != '\r' && !frame_character(r, byte)) {
        abandon_frame(r);
        r->state = byte == FIRST_0 ? MARK_FIRST : SKIP;
    }
    return false;
}

static void idle_byte(struct smp_receiver *r, uint8_t byte)
{
    bool may_be_raw = r->accepts != SMP_FRAMING_CONSOLE && !r->is_in_frame;

    if (byte == FIRST_0 && r->accepts != SMP_FRAMING_RAW) {
        r->state = MARK_FIRST;
    } else if (may_be_raw) {
        r->len = 0;
        r->framing = SMP_FRAMING_RAW;
        r->state = RAW;
    } else if (byte == NEXT_0 && r->is_in_frame) {
        r->state = MARK_NEXT;
    } else if (byte != '\n') {
        r->state = SKIP;
    }
}

static bool console_byte(struct smp_receiver *r, uint8_t byte)
{
    switch ((enum state)r->state) {
    case MARK_FIRST:
        if (byte == FIRST_1) {
            begin_frame(r);
            r->state = TEXT;
        } else if (byte != FIRST_0) {
            r->state = byte == '\n' ? IDLE : SKIP;
        }
        return false;
    case MARK_NEXT:
        r->state = byte == NEXT_1 ? TEXT : byte == '\n' ? IDLE : SKIP;
        return false;
    case TEXT:
        return text_byte(r, byte);
    case SKIP: /* a log without its newline may stand before a frame; 06 is no text */
        r->state = byte == '\n' ? IDLE : byte == FIRST_0 ? MARK_FIRST : SKIP;
        return false;
    case IDLE:
    case RAW:
    case DISCARD:
        break;
    }
    return false;
}

bool smp_receive(struct smp_receiver *r, const uint8_t *bytes, size_t len, size_t *used)
{
    *used = 0;
    while (*used < len) {
        if (r->state == IDLE) {
            idle_byte(r, bytes[*used]);
            *used += r->state == RAW ? 0 : 1;
        } else if (r->state == RAW) {
            if (receive_raw(r, bytes, len, used)) {
                return true;
            }
        } else if (r->state == DISCARD) {
            *used = len;
        } else if (console_byte(r, bytes[(*used)++])) {
            return true;
        }
    }
    return false;
}

void smp_console_begin(struct smp_console_encoder *e, const uint8_t *message, size_t len)
{
    *e = (struct smp_console_encoder){
        .message = message,
        .len = len,
        .crc = smp_crc16(0, message, len),
    };
}

/* Byte `at` of the frame. */
static uint8_t encoder_byte(const struct smp_console_encoder *e, size_t at)
{
    size_t field = e->len + CRC_LEN;

    if (at < LENGTH_LEN) {
        return (uint8_t)(field >> (at == 0 ? 8 : 0));
    }
    at -= LENGTH_LEN;
    if (at < e->len) {
        return e->message[at];
    }
    return (uint8_t)(e->crc >> (at == e->len ? 8 : 0));
}

static void encode_group(uint8_t out[4], const uint8_t bytes[3], size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];

    for (size_t i = 0; i < 4; i++) {
        out[i] = i <= n ? (uint8_t)digits[bits >> (18 - 6 * i) & 63] : '=';
    }
}

size_t smp_console_next(struct smp_console_encoder *e, uint8_t line[SMP_LINE_MAX])
{
    size_t total = LENGTH_LEN + e->len + CRC_LEN;
    size_t end = total - e->at < LINE_BYTES ? total : e->at + LINE_BYTES;
    size_t len = LINE_MARK_LEN;

    if (e->at == total) {
        return 0;
    }
    line[0] = e->at == 0 ? FIRST_0 : NEXT_0;
    line[1] = e->at == 0 ? FIRST_1 : NEXT_1;
    while (e->at < end) {
        uint8_t group[3] = { 0 };
        size_t n = 0;

        while (n < 3 && e->at < end) {
            group[n++] = encoder_byte(e, e->at++);
        }
        encode_group(line + len, group, n);
        len += 4;
    }
    line[len++] = '\n';
    return len;
}

size_t smp_frame_len(enum smp_framing framing, size_t len)
{
    if (framing != SMP_FRAMING_CONSOLE) {
        return len;
    }
    size_t total = LENGTH_LEN + len + CRC_LEN;
    size_t lines = (total + LINE_BYTES - 1) / LINE_BYTES;

    return (total + 2) / 3 * 4 + lines * (LINE_MARK_LEN + 1);
}
