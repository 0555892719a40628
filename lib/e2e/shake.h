/* SPDX-License-Identifier: ISC */
/*
 * The end-to-end handshake: Noise KK carried in three messages through the
 * mailboxes (protocol: End-to-end handshake; steps 4, 7 and 9 of ten).
 *
 *	request  type 1, A to B   92 bytes
 *	answer   type 2, B to A  140 bytes
 *	finish   type 2, A to B  108 bytes
 *
 * Pure functions on plain structs; secrets that must be fresh are given by
 * the caller (32 random bytes each, used once).  What a side must keep
 * between commands stands in one struct without pointers, which is stored as
 * it is packed here.  Every failure is ERR_PROTOCOL (ERR_CORRUPT of a stored
 * form) and writes nothing.
 */
#ifndef E2E_SHAKE_H
#define E2E_SHAKE_H

#include <stdint.h>

#include "base/attr.h"
#include "e2e/ratchet.h"
#include "wire/limits.h"

#define SHAKE_REQUEST_LEN 92
#define SHAKE_ANSWER_LEN  140
#define SHAKE_FINISH_LEN  108

/* What the prologue and Noise KK need of one side. */
struct shake_party {
	uint8_t id[ID_LEN];
	uint8_t identity_pk[KEY_LEN];
	uint8_t static_pk[KEY_LEN];
	uint64_t issued_at;
};

/* The initiator between steps 4 and 9. */
struct shake_pending {
	uint8_t e_sk[KEY_LEN];
	uint8_t ck[32];
	uint8_t h[32];
	uint8_t hsid[ID_LEN];
};
#define SHAKE_PENDING_LEN 112

/* The responder between steps 7 and 10. */
struct shake_open {
	uint8_t k1[KEY_LEN];
	uint8_t h[32];
	uint8_t exporter[32];
	uint8_t kb[KEY_LEN];
	uint8_t rb_sk[KEY_LEN];
	uint8_t hsid[ID_LEN];
};
#define SHAKE_OPEN_LEN 176

/* Clear header of a type-1 content: which bundles it was made with. */
struct shake_header {
	uint64_t a_issued_at;
	uint64_t b_issued_at;
	uint8_t hsid[ID_LEN];
};

/* What a type-2 content is, by its clear header. */
enum shake_step { SHAKE_STEP_ANSWER = 2, SHAKE_STEP_FINISH = 3 };

/* Layout of a type-1 content alone: size, magic; no key is needed. */
int shake_peek_request(struct shake_header *out, const uint8_t *in,
    size_t len) MUST_USE;
/* Layout of a type-2 content alone. */
int shake_peek_key(enum shake_step *step, uint8_t hsid[static ID_LEN],
    const uint8_t *in, size_t len) MUST_USE;

/* Step 4, by A.  ts: own clock, see rule 1. */
int shake_request(struct shake_pending *p,
    uint8_t out[static SHAKE_REQUEST_LEN], const struct shake_party *a,
    const uint8_t a_static_sk[static KEY_LEN], const struct shake_party *b,
    uint64_t ts, const uint8_t fresh_e[static KEY_LEN]) MUST_USE;

/* Step 5, by B: does it authenticate, and when was it made? */
int shake_check_request(uint64_t *ts, const struct shake_party *a,
    const struct shake_party *b, const uint8_t b_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_REQUEST_LEN]) MUST_USE;

/* Step 7, by B.  fresh: e, kB, rB in this order. */
int shake_answer(struct shake_open *o, uint8_t out[static SHAKE_ANSWER_LEN],
    const struct shake_party *a, const struct shake_party *b,
    const uint8_t b_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_REQUEST_LEN],
    const uint8_t fresh[static 3 * KEY_LEN]) MUST_USE;

/* Step 8, by A: does it authenticate?  p is not changed. */
int shake_check_answer(const struct shake_pending *p,
    const uint8_t a_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_ANSWER_LEN]) MUST_USE;

/* Step 9, by A: the session and what makes it B's.  fresh: kA, rA. */
int shake_finish(struct ratchet *r, uint8_t out[static SHAKE_FINISH_LEN],
    const struct shake_pending *p, const uint8_t a_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_ANSWER_LEN],
    const uint8_t fresh[static 2 * KEY_LEN]) MUST_USE;

/* Step 10, by B.  fresh_sk: B's first own ratchet key. */
int shake_accept(struct ratchet *r, const struct shake_open *o,
    const uint8_t in[static SHAKE_FINISH_LEN],
    const uint8_t fresh_sk[static KEY_LEN]) MUST_USE;

void shake_pack_pending(uint8_t out[static SHAKE_PENDING_LEN],
    const struct shake_pending *p);
int shake_unpack_pending(struct shake_pending *p, const uint8_t *in,
    size_t len) MUST_USE;
void shake_pack_open(uint8_t out[static SHAKE_OPEN_LEN],
    const struct shake_open *o);
int shake_unpack_open(struct shake_open *o, const uint8_t *in,
    size_t len) MUST_USE;

#endif
