/* SPDX-License-Identifier: ISC */
/*
 * The Double Ratchet (Signal, rev 4) with HMAC-SHA256 chains and
 * XChaCha20-Poly1305.  A content is
 *
 *	03 10 0 0 | sid 8 | dh 32 | pn 4 | n 4 | nonce 24 | ciphertext | tag 16
 *
 * and its first 52 bytes are the header.  A session is a plain struct; all
 * functions are pure.  The caller stores the session, and the message keys
 * of skipped messages one by one, and commits before anything leaves.
 */
#ifndef E2E_RATCHET_H
#define E2E_RATCHET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

#define RATCHET_SID_LEN    8
#define RATCHET_NONCE_LEN  24
#define RATCHET_HEADER_LEN 52
#define RATCHET_OVERHEAD   (RATCHET_HEADER_LEN + RATCHET_NONCE_LEN + 16)

struct ratchet_former {
	uint8_t dh[KEY_LEN]; /* a receiving key that is no more in use */
	uint32_t nr;         /* messages its chain had given */
};

struct ratchet {
	uint8_t sid[RATCHET_SID_LEN];
	uint8_t h[32]; /* handshake hash, part of every AD */
	uint8_t rk[KEY_LEN];
	uint8_t dhs_sk[KEY_LEN];
	uint8_t dhr[KEY_LEN];
	uint8_t cks[KEY_LEN], ckr[KEY_LEN];
	uint8_t dhs_pk[KEY_LEN]; /* not stored: dhs_sk's */
	uint32_t ns, nr, pn;
	bool has_ckr; /* false at A until B's first step */
	uint8_t former_n;
	struct ratchet_former former[FORMER_CHAINS]; /* newest last */
};
#define RATCHET_FORMER_LEN (KEY_LEN + 4)
#define RATCHET_PACKED_MIN (offsetof(struct ratchet, dhs_pk) + 3 * 4 + 1 + 1)
#define RATCHET_PACKED_MAX \
	(RATCHET_PACKED_MIN + FORMER_CHAINS * RATCHET_FORMER_LEN)

/* What a header says. */
struct ratchet_header {
	uint8_t sid[RATCHET_SID_LEN];
	uint8_t dh[KEY_LEN];
	uint32_t pn;
	uint32_t n;
};

/* Message keys that a step passed over: at most two runs of one chain each. */
struct ratchet_skips {
	struct ratchet_run {
		uint8_t dh[KEY_LEN];
		uint8_t ck[KEY_LEN];
		uint32_t n;
		uint32_t left;
	} run[2];
};

/*
 * Take the next skipped key out of s; false when there is none left.  Holds
 * secrets until then; wipe one that is not taken to its end.
 */
bool ratchet_skips_take(struct ratchet_skips *s, uint8_t dh[static KEY_LEN],
    uint32_t *n, uint8_t mk[static KEY_LEN]);

/*
 * A session out of the handshake: root || sid from the exporter, both
 * symmetric keys and the handshake hash; ours and theirs are the ratchet
 * keys rA and rB.
 */
int ratchet_init_a(struct ratchet *r, const uint8_t exporter[static 32],
    const uint8_t h[static 32], const uint8_t ka[static KEY_LEN],
    const uint8_t kb[static KEY_LEN], const uint8_t ra_sk[static KEY_LEN],
    const uint8_t rb_pk[static KEY_LEN]) MUST_USE;
int ratchet_init_b(struct ratchet *r, const uint8_t exporter[static 32],
    const uint8_t h[static 32], const uint8_t ka[static KEY_LEN],
    const uint8_t kb[static KEY_LEN], const uint8_t rb_sk[static KEY_LEN],
    const uint8_t ra_pk[static KEY_LEN],
    const uint8_t fresh_sk[static KEY_LEN]) MUST_USE;

/* Layout alone; ERR_PROTOCOL: size, magic, n or pn of 2^31 and more. */
int ratchet_peek(struct ratchet_header *out, const uint8_t *in,
    size_t len) MUST_USE;

/*
 * Encrypt len bytes into out[len + RATCHET_OVERHEAD].  nonce: fresh random
 * bytes (never derived: a copied key file must not repeat one).
 * ERR_PROTOCOL: the chain has given its 2^31 - 1 messages.
 */
int ratchet_seal(struct ratchet *r, uint8_t *out,
    const uint8_t from[static ID_LEN], const uint8_t to[static ID_LEN],
    const uint8_t *in, size_t len,
    const uint8_t nonce[static RATCHET_NONCE_LEN]) MUST_USE;

/* How a received message was judged. */
enum ratchet_verdict {
	RATCHET_OK,
	RATCHET_DUPLICATE,     /* seen before: acknowledge, no effect */
	RATCHET_UNDECRYPTABLE, /* tag, or a chain that is gone */
	RATCHET_TOO_FAR,       /* more than SKIP_STEP_MAX passed over */
};

/*
 * Decrypt in, whose header ratchet_peek has accepted and whose sid is r's,
 * into out[len - RATCHET_OVERHEAD].
 *
 * stored: the message key the caller holds for (dh, n), else NULL; with it
 * the session does not change and the caller erases that key on RATCHET_OK.
 * fresh_sk: a secret for a new own ratchet key, used only when the header
 * brings a new key of the peer.  On RATCHET_OK r has advanced and skips
 * holds the keys passed over; otherwise r and out are unchanged.
 */
enum ratchet_verdict ratchet_open(struct ratchet *r,
    struct ratchet_skips *skips, uint8_t *out,
    const uint8_t from[static ID_LEN], const uint8_t to[static ID_LEN],
    const uint8_t *in, size_t len, const uint8_t *stored,
    const uint8_t fresh_sk[static KEY_LEN]) MUST_USE;

/*
 * The stored form, len <= RATCHET_PACKED_MAX:
 *
 *	sid to ckr 200 | ns 4 | nr 4 | pn 4 | has_ckr 1 | former_n 1 |
 *	former_n times dh 32 | nr 4
 *
 * Unpacking what no session can hold: ERR_CORRUPT.
 */
void ratchet_pack(uint8_t out[static RATCHET_PACKED_MAX], size_t *len,
    const struct ratchet *r);
int ratchet_unpack(struct ratchet *r, const uint8_t *in, size_t len) MUST_USE;

#endif
