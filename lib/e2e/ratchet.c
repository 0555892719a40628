/* SPDX-License-Identifier: ISC */
#include "e2e/ratchet.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "crypto/hkdf.h"
#include "crypto/noise.h"

/* Labels are hashed with their terminator. */
#define LABEL_ROOT    "sentinel-root-v3"
#define LABEL_RATCHET "sentinel-ratchet-v3"
#define LABEL_AD      "sentinel-dr-v3"

#define TYPE_MESSAGE 3
#define TAG_LEN      crypto_aead_xchacha20poly1305_ietf_ABYTES
#define COUNT_MAX    0x7fffffffu /* of n, pn and so of a chain's length */

/* label | h 32 | from | to | type 1 | header */
#define AD_LEN (sizeof(LABEL_AD) + 32 + 2 * ID_LEN + 1 + RATCHET_HEADER_LEN)

/* The head of struct ratchet, up to what is derived. */
#define STORED_LEN offsetof(struct ratchet, dhs_pk)

static const uint8_t magic[4] = { 0x03, 0x10, 0, 0 };

/* The next message key of a chain. */
static void
message_key(uint8_t mk[static KEY_LEN], const uint8_t ck[static KEY_LEN])
{
	hkdf_hmac(mk, ck, KEY_LEN, (const uint8_t[]){ 0x01 }, 1);
}

static void
advance(uint8_t ck[static KEY_LEN])
{
	hkdf_hmac(ck, ck, KEY_LEN, (const uint8_t[]){ 0x02 }, 1);
}

bool
ratchet_skips_take(struct ratchet_skips *s, uint8_t dh[static KEY_LEN],
    uint32_t *n, uint8_t mk[static KEY_LEN])
{
	struct ratchet_run *run = &s->run[s->run[0].left > 0 ? 0 : 1];

	if (run->left == 0)
		return false;
	memcpy(dh, run->dh, KEY_LEN);
	*n = run->n++;
	message_key(mk, run->ck);
	advance(run->ck);
	if (--run->left == 0)
		secret_wipe(run->ck, sizeof(run->ck));
	return true;
}

/* rk and the new chain ck from the old rk and sk's DH with pk. */
static int
root_step(uint8_t rk[static KEY_LEN], uint8_t ck[static KEY_LEN],
    const uint8_t sk[static KEY_LEN], const uint8_t pk[static KEY_LEN])
{
	uint8_t shared[KEY_LEN], k[2 * KEY_LEN];
	const int r = noise_dh(shared, sk, pk);

	if (r != 0)
		return r;
	hkdf(k, sizeof(k), rk, KEY_LEN, shared, sizeof(shared),
	    (const uint8_t *)LABEL_RATCHET, sizeof(LABEL_RATCHET));
	memcpy(rk, k, KEY_LEN);
	memcpy(ck, k + KEY_LEN, KEY_LEN);
	secret_wipe(shared, sizeof(shared));
	secret_wipe(k, sizeof(k));
	return 0;
}

static void
set_own(struct ratchet *r, const uint8_t sk[static KEY_LEN])
{
	memcpy(r->dhs_sk, sk, KEY_LEN);
	noise_public(r->dhs_pk, sk);
}

/* A full turn: a receiving chain with their key, a sending one with ours. */
static int
turn(struct ratchet *r, const uint8_t their_pk[static KEY_LEN],
    const uint8_t fresh_sk[static KEY_LEN])
{
	int e;

	memcpy(r->dhr, their_pk, KEY_LEN);
	r->has_ckr = true;
	e = root_step(r->rk, r->ckr, r->dhs_sk, r->dhr);
	if (e != 0)
		return e;
	set_own(r, fresh_sk);
	return root_step(r->rk, r->cks, r->dhs_sk, r->dhr);
}

/* All but the chains. */
static void
begin(struct ratchet *r, const uint8_t exporter[static 32],
    const uint8_t h[static 32], const uint8_t ka[static KEY_LEN],
    const uint8_t kb[static KEY_LEN], const uint8_t own_sk[static KEY_LEN])
{
	uint8_t ikm[32 + 2 * KEY_LEN], k[KEY_LEN + RATCHET_SID_LEN];

	memcpy(ikm, exporter, 32);
	memcpy(ikm + 32, ka, KEY_LEN);
	memcpy(ikm + 32 + KEY_LEN, kb, KEY_LEN);
	hkdf(k, sizeof(k), h, 32, ikm, sizeof(ikm), (const uint8_t *)LABEL_ROOT,
	    sizeof(LABEL_ROOT));
	memset(r, 0, sizeof(*r));
	memcpy(r->rk, k, KEY_LEN);
	memcpy(r->sid, k + KEY_LEN, RATCHET_SID_LEN);
	memcpy(r->h, h, 32);
	set_own(r, own_sk);
	secret_wipe(ikm, sizeof(ikm));
	secret_wipe(k, sizeof(k));
}

int
ratchet_init_a(struct ratchet *r, const uint8_t exporter[static 32],
    const uint8_t h[static 32], const uint8_t ka[static KEY_LEN],
    const uint8_t kb[static KEY_LEN], const uint8_t ra_sk[static KEY_LEN],
    const uint8_t rb_pk[static KEY_LEN])
{
	struct ratchet next; /* secret copy */
	int e;

	begin(&next, exporter, h, ka, kb, ra_sk);
	memcpy(next.dhr, rb_pk, KEY_LEN);
	e = root_step(next.rk, next.cks, next.dhs_sk, next.dhr);
	if (e == 0)
		*r = next;
	secret_wipe(&next, sizeof(next));
	return e;
}

int
ratchet_init_b(struct ratchet *r, const uint8_t exporter[static 32],
    const uint8_t h[static 32], const uint8_t ka[static KEY_LEN],
    const uint8_t kb[static KEY_LEN], const uint8_t rb_sk[static KEY_LEN],
    const uint8_t ra_pk[static KEY_LEN], const uint8_t fresh_sk[static KEY_LEN])
{
	struct ratchet next; /* secret copy */
	int e;

	begin(&next, exporter, h, ka, kb, rb_sk);
	e = turn(&next, ra_pk, fresh_sk);
	if (e == 0)
		*r = next;
	secret_wipe(&next, sizeof(next));
	return e;
}

static void
pack_header(uint8_t out[static RATCHET_HEADER_LEN], const struct ratchet *r)
{
	memcpy(out, magic, 4);
	memcpy(out + 4, r->sid, RATCHET_SID_LEN);
	memcpy(out + 12, r->dhs_pk, KEY_LEN);
	le_put32(out + 44, r->pn);
	le_put32(out + 48, r->ns);
}

int
ratchet_peek(struct ratchet_header *out, const uint8_t *in, size_t len)
{
	if (len < RATCHET_OVERHEAD || memcmp(in, magic, sizeof(magic)) != 0)
		return err_set(ERR_PROTOCOL, "message: size or magic");
	if (le_get32(in + 44) > COUNT_MAX || le_get32(in + 48) > COUNT_MAX)
		return err_set(ERR_PROTOCOL, "message: number too large");
	memcpy(out->sid, in + 4, RATCHET_SID_LEN);
	memcpy(out->dh, in + 12, KEY_LEN);
	out->pn = le_get32(in + 44);
	out->n = le_get32(in + 48);
	return 0;
}

static void
associate(uint8_t ad[static AD_LEN], const struct ratchet *r,
    const uint8_t from[static ID_LEN], const uint8_t to[static ID_LEN],
    const uint8_t header[static RATCHET_HEADER_LEN])
{
	uint8_t *at = ad + sizeof(LABEL_AD);

	memcpy(ad, LABEL_AD, sizeof(LABEL_AD));
	memcpy(at, r->h, 32);
	memcpy(at + 32, from, ID_LEN);
	memcpy(at + 32 + ID_LEN, to, ID_LEN);
	at += 32 + 2 * ID_LEN;
	*at = TYPE_MESSAGE;
	memcpy(at + 1, header, RATCHET_HEADER_LEN);
}

int
ratchet_seal(struct ratchet *r, uint8_t *out, const uint8_t from[static ID_LEN],
    const uint8_t to[static ID_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[static RATCHET_NONCE_LEN])
{
	uint8_t ad[AD_LEN], mk[KEY_LEN];
	uint8_t *const ct = out + RATCHET_HEADER_LEN + RATCHET_NONCE_LEN;

	if (r->ns >= COUNT_MAX)
		return err_set(ERR_PROTOCOL, "sending chain used up");
	pack_header(out, r);
	memcpy(out + RATCHET_HEADER_LEN, nonce, RATCHET_NONCE_LEN);
	associate(ad, r, from, to, out);
	message_key(mk, r->cks);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ct, NULL, in, len, ad,
	    sizeof(ad), NULL, nonce, mk);
	advance(r->cks);
	r->ns++;
	secret_wipe(mk, sizeof(mk));
	return 0;
}

static bool
decrypt(uint8_t *out, const uint8_t mk[static KEY_LEN],
    const uint8_t ad[static AD_LEN], const uint8_t *in, size_t len)
{
	const uint8_t *nonce = in + RATCHET_HEADER_LEN;
	const uint8_t *ct = nonce + RATCHET_NONCE_LEN;
	const size_t ct_len = len - RATCHET_HEADER_LEN - RATCHET_NONCE_LEN;

	/* without an output it only verifies: a forgery leaves out alone */
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(NULL, NULL, NULL, ct,
		ct_len, ad, AD_LEN, nonce, mk) != 0)
		return false;
	crypto_stream_xchacha20_xor_ic(out, ct, ct_len - TAG_LEN, nonce, 1, mk);
	return true;
}

/* How many keys lie between two numbers of a chain. */
static uint32_t
gap(uint32_t from, uint32_t to)
{
	return to > from ? to - from : 0;
}

/* All that can be said of a header without a DH. */
static enum ratchet_verdict
judge(const struct ratchet *r, const struct ratchet_header *hd)
{
	bool far;

	for (size_t i = 0; i < r->former_n; i++) {
		if (memcmp(hd->dh, r->former[i].dh, KEY_LEN) == 0)
			return hd->n < r->former[i].nr ? RATCHET_DUPLICATE
						       : RATCHET_UNDECRYPTABLE;
	}
	if (memcmp(hd->dh, r->dhr, KEY_LEN) == 0) {
		if (!r->has_ckr)
			return RATCHET_UNDECRYPTABLE;
		if (hd->n < r->nr)
			return RATCHET_DUPLICATE;
		far = gap(r->nr, hd->n) > SKIP_STEP_MAX;
	} else {
		far =
		    gap(r->nr, hd->pn) > SKIP_STEP_MAX || hd->n > SKIP_STEP_MAX;
	}
	return far ? RATCHET_TOO_FAR : RATCHET_OK;
}

/* Pass over the keys of the receiving chain before number n. */
static void
skip(struct ratchet *r, struct ratchet_run *run, uint32_t n)
{
	run->left = gap(r->nr, n);
	if (run->left == 0)
		return;
	memcpy(run->dh, r->dhr, KEY_LEN);
	memcpy(run->ck, r->ckr, KEY_LEN);
	for (run->n = r->nr; r->nr < n; r->nr++)
		advance(r->ckr);
}

/* The receiving key goes out of use; nr is final. */
static void
remember(struct ratchet *r)
{
	if (r->former_n == FORMER_CHAINS) {
		memmove(r->former, r->former + 1,
		    sizeof(r->former) - sizeof(r->former[0]));
		r->former_n--;
	}
	memcpy(r->former[r->former_n].dh, r->dhr, KEY_LEN);
	r->former[r->former_n].nr = r->nr;
	r->former_n++;
}

/* Advance r to the message of hd and get its key. */
static enum ratchet_verdict
receive(struct ratchet *r, struct ratchet_skips *skips,
    uint8_t mk[static KEY_LEN], const struct ratchet_header *hd,
    const uint8_t fresh_sk[static KEY_LEN])
{
	const enum ratchet_verdict v = judge(r, hd);

	if (v != RATCHET_OK)
		return v;
	if (memcmp(hd->dh, r->dhr, KEY_LEN) != 0) {
		if (r->has_ckr)
			skip(r, &skips->run[0], hd->pn);
		remember(r);
		r->pn = r->ns;
		r->ns = 0;
		r->nr = 0;
		if (turn(r, hd->dh, fresh_sk) != 0)
			return RATCHET_UNDECRYPTABLE;
	}
	skip(r, &skips->run[1], hd->n);
	message_key(mk, r->ckr);
	advance(r->ckr);
	r->nr++;
	return RATCHET_OK;
}

enum ratchet_verdict
ratchet_open(struct ratchet *r, struct ratchet_skips *skips, uint8_t *out,
    const uint8_t from[static ID_LEN], const uint8_t to[static ID_LEN],
    const uint8_t *in, size_t len, const uint8_t *stored,
    const uint8_t fresh_sk[static KEY_LEN])
{
	uint8_t ad[AD_LEN], mk[KEY_LEN];
	struct ratchet next = *r; /* secret copy */
	struct ratchet_skips passed = { 0 };
	struct ratchet_header hd = { 0 };
	enum ratchet_verdict v = RATCHET_UNDECRYPTABLE;

	if (ratchet_peek(&hd, in, len) != 0)
		goto out;
	if (stored) {
		memcpy(mk, stored, KEY_LEN);
		v = RATCHET_OK;
	} else {
		v = receive(&next, &passed, mk, &hd, fresh_sk);
	}
	if (v != RATCHET_OK)
		goto out;
	associate(ad, r, from, to, in);
	if (!decrypt(out, mk, ad, in, len)) {
		v = RATCHET_UNDECRYPTABLE;
		goto out;
	}
	*r = next;
	*skips = passed;
out:
	secret_wipe(&next, sizeof(next));
	secret_wipe(&passed, sizeof(passed));
	secret_wipe(mk, sizeof(mk));
	return v;
}

_Static_assert(STORED_LEN == RATCHET_SID_LEN + 32 + 5 * KEY_LEN,
    "what is stored as it stands has no padding");

void
ratchet_pack(uint8_t out[static RATCHET_PACKED_MAX], size_t *len,
    const struct ratchet *r)
{
	uint8_t *at = out + STORED_LEN;

	memcpy(out, r, STORED_LEN);
	le_put32(at, r->ns);
	le_put32(at + 4, r->nr);
	le_put32(at + 8, r->pn);
	at[12] = r->has_ckr;
	at[13] = r->former_n;
	at = out + RATCHET_PACKED_MIN;
	for (size_t i = 0; i < r->former_n; i++, at += RATCHET_FORMER_LEN) {
		memcpy(at, r->former[i].dh, KEY_LEN);
		le_put32(at + KEY_LEN, r->former[i].nr);
	}
	*len = (size_t)(at - out);
}

/* The counters agree with each other, as in every session that ran. */
static bool
is_sound(const struct ratchet *r)
{
	if (r->ns > COUNT_MAX || r->pn > COUNT_MAX || r->nr > COUNT_MAX + 1)
		return false;
	for (size_t i = 0; i < r->former_n; i++) {
		if (r->former[i].nr > COUNT_MAX + 1)
			return false;
	}
	if (r->has_ckr)
		return true;
	return r->pn == 0 && r->nr == 0 && r->former_n == 0 &&
	    sodium_is_zero(r->ckr, sizeof(r->ckr));
}

static bool
load(struct ratchet *r, const uint8_t *in, size_t len)
{
	const uint8_t *at = in + STORED_LEN;

	memcpy(r, in, STORED_LEN);
	r->ns = le_get32(at);
	r->nr = le_get32(at + 4);
	r->pn = le_get32(at + 8);
	r->has_ckr = at[12] == 1;
	r->former_n = at[13];
	if (at[12] > 1 || r->former_n > FORMER_CHAINS ||
	    len !=
		RATCHET_PACKED_MIN + (size_t)r->former_n * RATCHET_FORMER_LEN)
		return false;
	at = in + RATCHET_PACKED_MIN;
	for (size_t i = 0; i < r->former_n; i++, at += RATCHET_FORMER_LEN) {
		memcpy(r->former[i].dh, at, KEY_LEN);
		r->former[i].nr = le_get32(at + KEY_LEN);
	}
	noise_public(r->dhs_pk, r->dhs_sk);
	return is_sound(r);
}

int
ratchet_unpack(struct ratchet *r, const uint8_t *in, size_t len)
{
	struct ratchet next = { 0 }; /* secret */
	int e = 0;

	if (len >= RATCHET_PACKED_MIN && load(&next, in, len))
		*r = next;
	else
		e = err_set(ERR_CORRUPT, "stored session");
	secret_wipe(&next, sizeof(next));
	return e;
}
