/* SPDX-License-Identifier: ISC */
/*
 * The secure channel between client and relay as bytes, without sockets:
 * preamble, Noise XX, then records (protocol: Transport).  Both ends use it:
 * net/chan around a blocking socket, the relay's connections around a loop.
 * Plain struct, no allocation; a failure is final, and ERR_PROTOCOL unless
 * another code is named.
 *
 *	client -> relay   preamble 8 | 0020 | message 1, 32     HELLO
 *	relay -> client   0070 | message 2, 112                 ANSWER
 *	client -> relay   0050 | message 3, 80                  FINISH
 *	both              length 2, big-endian | record
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/noise.h"
#include "wire/limits.h"

#define TRANSPORT_PREAMBLE_LEN 8
#define TRANSPORT_HELLO_LEN    (8 + 2 + 32)
#define TRANSPORT_ANSWER_LEN   (2 + 112)
#define TRANSPORT_FINISH_LEN   (2 + 80)

#define TRANSPORT_LENGTH_LEN 2 /* before each record */
#define TRANSPORT_RECORD_MIN 17
#define TRANSPORT_RECORD_MAX 65535
#define TRANSPORT_BODY_MAX   65518
#define TRANSPORT_OVERHEAD   (2 + 1 + 16) /* length, kind, tag */
#define TRANSPORT_BODY_AT    (2 + 1)      /* of a sealed record's body */

enum transport_kind {
	TRANSPORT_FRAMES = 0,
	TRANSPORT_PADDING = 1,
	TRANSPORT_CLOSE = 2,
};

struct transport {
	struct noise noise;
	struct noise_cipher in, out; /* after the handshake */
};

/* What message 2 says. */
struct transport_answer {
	uint8_t relay_pk[KEY_LEN];
	uint32_t max_frame; /* within FRAME_MAX_LEAST..FRAME_MAX */
	uint64_t relay_time;
};

extern const uint8_t transport_preamble[TRANSPORT_PREAMBLE_LEN];
/* The clear 9000 that answers anything but the preamble. */
extern const uint8_t transport_refusal[FRAME_REPLY_LEN];

/*
 * Client, in this order; fresh_e: 32 random bytes.  Who reads, here and below:
 * ERR_UNREACHABLE for a message that does not authenticate, ERR_PROTOCOL for
 * one of another size or version.
 */
int transport_hello(struct transport *t,
    uint8_t out[static TRANSPORT_HELLO_LEN],
    const uint8_t fresh_e[static KEY_LEN]) MUST_USE;
int transport_read_answer(struct transport *t, struct transport_answer *a,
    const uint8_t in[static TRANSPORT_ANSWER_LEN]) MUST_USE;
int transport_finish(struct transport *t,
    uint8_t out[static TRANSPORT_FINISH_LEN], const uint8_t id[static ID_LEN],
    const uint8_t static_sk[static KEY_LEN]) MUST_USE;

/*
 * Relay, in this order.  What transport_begin makes is secret, and the same
 * for every connection of one key: each may begin with a copy.
 */
void transport_begin(struct transport *t,
    const uint8_t relay_sk[static KEY_LEN]);
int transport_answer(struct transport *t,
    uint8_t out[static TRANSPORT_ANSWER_LEN],
    const uint8_t in[static TRANSPORT_HELLO_LEN], uint32_t max_frame,
    uint64_t relay_time, const uint8_t fresh_e[static KEY_LEN]) MUST_USE;
int transport_read_finish(struct transport *t, uint8_t id[static ID_LEN],
    uint8_t client_static_pk[static KEY_LEN],
    const uint8_t in[static TRANSPORT_FINISH_LEN]) MUST_USE;

/*
 * One record of len <= TRANSPORT_BODY_MAX body bytes into
 * out[len + TRANSPORT_OVERHEAD], length field included.  The body may stand
 * in out, best at TRANSPORT_BODY_AT, where it is not moved.
 */
int transport_seal(struct transport *t, uint8_t *out, enum transport_kind kind,
    const uint8_t *body, size_t len) MUST_USE;

/* What a length field says; below TRANSPORT_RECORD_MIN no record follows. */
size_t transport_length(const uint8_t in[static TRANSPORT_LENGTH_LEN]);

/*
 * Open the record of len bytes that follows a length field, in place: *body
 * points into it.  ERR_UNREACHABLE: it does not authenticate or is no 17 to
 * 65535 bytes long, which anyone on the way can bring about.  ERR_PROTOCOL:
 * an unknown kind, or a close with a body.
 */
int transport_open(struct transport *t, enum transport_kind *kind,
    uint8_t **body, size_t *body_len, uint8_t *record, size_t len) MUST_USE;

#endif
