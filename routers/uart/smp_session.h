/* SMP session: requests and answers with the one device at the end of a link.
 *
 * Straight-line and blocking; all times are the link's. A request is sent, an answer is matched by
 * sequence number, group and command; what does not match is dropped. Timeouts follow from the
 * bytes on the line, the baud rate and the turnaround seen so far. Nothing the device says is
 * trusted for memory or time: answers are bounded by the buffer, and every wait has a deadline even
 * when the line never falls silent. docs/SPEC 5.1 and 5.2.
 */
#ifndef UART_SMP_SESSION_H
#define UART_SMP_SESSION_H

#include "link.h"
#include "smp_frame.h"
#include "smp_standard.h"

enum {
    SESSION_MESSAGE_MAX = 65533,     /* largest message we send: what console framing can say */
    SESSION_ANSWER_MAX = 8192,       /* largest answer we take */
    SESSION_LINE_MAX = 90000,        /* SESSION_MESSAGE_MAX in console framing */
    SESSION_BUFFER_MIN = 64,         /* less is no answer to believe */
    SESSION_TURNAROUND_MS = 500,     /* allowed to a device until its own was seen */
    SESSION_TURNAROUND_MIN_MS = 150, /* never less: USB adapters, busy gateways */
    SESSION_RETRY_MAX_MS = 8000,     /* no single wait for a repetition is longer */
    SESSION_TRIES = 4,
};

struct smp_session {
    struct link *link;           /* borrowed */
    enum smp_framing framing;    /* SMP_FRAMING_ANY until it was found */
    bool has_params;             /* the device told its buffers */
    struct smp_params params;    /* else one buffer of SMP_MESSAGE_MIN_BUFFER, or as configured */
    uint32_t configured_buffer;  /* bytes; 0 = not configured */
    uint64_t line_free_us;       /* estimate: when what was written has left the line */
    uint32_t slowest_ms;         /* turnaround, decaying maximum; 0 = none seen yet */
    uint32_t unusable;           /* answers that could not be used since the last good one */
    uint64_t messages, repeated; /* sent in all; of them repetitions */
    uint64_t bytes_sent;         /* on the line */

    /* private */
    uint8_t next_seq;
    struct smp_receiver receiver;
    size_t in_at, in_len;
    uint8_t in[512];
    uint8_t answer[SESSION_ANSWER_MAX];
    uint8_t message[SESSION_MESSAGE_MAX];
    uint8_t line[SESSION_LINE_MAX];
};

struct smp_answer {
    struct smp_header header;
    const uint8_t *body; /* until the next call on the session */
    size_t len;
    uint64_t at_ms;
};

/* Begin with a link of unknown framing. */
void smp_session_init(struct smp_session *s, struct link *link, uint32_t configured_buffer);

/* Forget what was in flight and what was learned: the link was opened anew, or the device is
 * another one. The framing stays. */
void smp_session_reset(struct smp_session *s, struct link *link);

/* Switch to `framing`, or SMP_FRAMING_ANY for "not known". */
void smp_session_set_framing(struct smp_session *s, enum smp_framing framing);

/* Find the device and its framing by asking for params; `only` limits the search to one framing.
 * GW_TIMEOUT: silence; GW_PROTOCOL: something else speaks there. */
MUST_USE enum gw_err smp_session_find(struct smp_session *s, enum smp_framing only);

/* Most bytes of a request message, header included; requests that may be in flight. */
size_t smp_session_message_max(const struct smp_session *s);
unsigned smp_session_window(const struct smp_session *s);

/* Milliseconds that `bytes` take on the line. */
uint32_t smp_session_line_ms(const struct smp_session *s, size_t bytes);

/* When what was written will have left the line, as far as the baud rate tells. */
uint64_t smp_session_line_free_ms(const struct smp_session *s);

/* How long to wait for an answer after the request has left the line; `attempt` counts from 0. */
uint32_t smp_session_answer_ms(const struct smp_session *s, unsigned attempt);

/* The body of the next request, to be written with the smp_put_* functions. */
struct cbor_writer smp_session_begin(struct smp_session *s);

/* Send it. *seq (may be NULL) is its number. GW_BAD_PARAMETER: it did not fit; else the link's. */
MUST_USE enum gw_err smp_session_send(struct smp_session *s, struct cbor_writer *w, enum smp_op op,
                                      uint16_t group, uint8_t command, uint8_t *seq);

/* The next message that is an answer, whichever request it is for. GW_TIMEOUT or the link's. */
MUST_USE enum gw_err smp_session_receive(struct smp_session *s, struct smp_answer *answer,
                                         uint64_t deadline_ms);

/* Learn from an answer how long the device takes, `line_free_ms` being when its request had left
 * the line. */
void smp_session_learn(struct smp_session *s, uint64_t line_free_ms, uint64_t answered_ms);

/* Drop a message that came in part: the time of its request is over. */
void smp_session_give_up_answer(struct smp_session *s);

/* One request and its answer, repeated up to `tries` times on silence. GW_OK: an answer came, which
 * may say no (smp_get_status). GW_TIMEOUT; GW_PROTOCOL: only noise came; or the link's. */
MUST_USE enum gw_err smp_session_exchange(struct smp_session *s, struct cbor_writer *w,
                                          enum smp_op op, uint16_t group, uint8_t command,
                                          unsigned tries, struct smp_answer *answer);

/* As above, for a request with an empty map. */
MUST_USE enum gw_err smp_session_ask(struct smp_session *s, enum smp_op op, uint16_t group,
                                     uint8_t command, unsigned tries, struct smp_answer *answer);

#endif
