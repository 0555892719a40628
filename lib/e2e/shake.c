/* SPDX-License-Identifier: ISC */
#include "e2e/shake.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "crypto/noise.h"

/* Labels are hashed with their terminator. */
#define LABEL_PROLOGUE "sentinel-kk-v3"
#define LABEL_HSID     "sentinel-hsid-v3"

#define PARTY_LEN    (ID_LEN + KEY_LEN + 8)
#define PROLOGUE_LEN (sizeof(LABEL_PROLOGUE) + 2 * PARTY_LEN)

/* Clear head: magic 4, then A.issued_at 8 and B.issued_at 8, or hsid 16. */
#define MAGIC_LEN 4
#define HEAD_LEN  20

#define STEP_REQUEST 1

#define REQUEST_PAYLOAD 24 /* ts 8 | flags 4 | 0 x 12 */
#define KEY_PAYLOAD     72 /* k 32 | ratchet pk 32 | flags 4 | 0 x 4 */

/* Secrets of one call, wiped together. */
struct scratch {
	struct noise ns;
	struct noise_cipher c1, c2; /* c2 is never used */
	uint8_t payload[KEY_PAYLOAD];
	uint8_t exporter[NOISE_HASH_LEN];
};

static const size_t content_len[] = {
	[STEP_REQUEST] = SHAKE_REQUEST_LEN,
	[SHAKE_STEP_ANSWER] = SHAKE_ANSWER_LEN,
	[SHAKE_STEP_FINISH] = SHAKE_FINISH_LEN,
};

static uint8_t *
put(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return at + len;
}

static uint8_t *
put_magic(uint8_t *at, uint8_t step)
{
	return put(at, (const uint8_t[]){ 0x03, step, 0, 0 }, MAGIC_LEN);
}

static bool
is_step(uint8_t step, const uint8_t *in, size_t len)
{
	uint8_t magic[MAGIC_LEN];

	put_magic(magic, step);
	return len == content_len[step] && memcmp(in, magic, MAGIC_LEN) == 0;
}

static void
handshake_id(uint8_t hsid[static ID_LEN],
    const uint8_t request[static SHAKE_REQUEST_LEN])
{
	uint8_t in[sizeof(LABEL_HSID) + SHAKE_REQUEST_LEN];
	uint8_t h[crypto_hash_sha256_BYTES];
	uint8_t *at = put(in, LABEL_HSID, sizeof(LABEL_HSID));

	put(at, request, SHAKE_REQUEST_LEN);
	crypto_hash_sha256(h, in, sizeof(in));
	memcpy(hsid, h, ID_LEN);
}

int
shake_peek_request(struct shake_header *out, const uint8_t *in, size_t len)
{
	if (!is_step(STEP_REQUEST, in, len))
		return err_set(ERR_PROTOCOL, "key request: size or magic");
	out->a_issued_at = le_get64(in + MAGIC_LEN);
	out->b_issued_at = le_get64(in + MAGIC_LEN + 8);
	handshake_id(out->hsid, in);
	return 0;
}

int
shake_peek_key(enum shake_step *step, uint8_t hsid[static ID_LEN],
    const uint8_t *in, size_t len)
{
	const bool finish = is_step(SHAKE_STEP_FINISH, in, len);

	if (!finish && !is_step(SHAKE_STEP_ANSWER, in, len))
		return err_set(ERR_PROTOCOL, "key: size or magic");
	*step = finish ? SHAKE_STEP_FINISH : SHAKE_STEP_ANSWER;
	memcpy(hsid, in + MAGIC_LEN, ID_LEN);
	return 0;
}

/* A content of this step that belongs to the handshake hsid. */
static int
check_head(uint8_t step, const uint8_t hsid[static ID_LEN], const uint8_t *in)
{
	if (is_step(step, in, content_len[step]) &&
	    memcmp(in + MAGIC_LEN, hsid, ID_LEN) == 0)
		return 0;
	return err_set(ERR_PROTOCOL, "key: not of this handshake");
}

static uint8_t *
put_party(uint8_t *at, const struct shake_party *p)
{
	at = put(at, p->id, ID_LEN);
	at = put(at, p->identity_pk, KEY_LEN);
	le_put64(at, p->issued_at);
	return at + 8;
}

/* The Noise state of one side before message 1. */
static void
start(struct noise *ns, bool initiator, const struct shake_party *a,
    const struct shake_party *b, const uint8_t own_sk[static KEY_LEN])
{
	uint8_t prologue[PROLOGUE_LEN];
	uint8_t *at = put(prologue, LABEL_PROLOGUE, sizeof(LABEL_PROLOGUE));

	put_party(put_party(at, a), b);
	noise_init(ns, NOISE_KK, initiator, prologue, sizeof(prologue), own_sk,
	    initiator ? b->static_pk : a->static_pk);
}

/*
 * The initiator's state after message 1.  Of what is not stored message 2
 * needs nothing: its first DH gives the cipher a new key.
 */
static void
resume(struct noise *ns, const struct shake_pending *p,
    const uint8_t a_static_sk[static KEY_LEN])
{
	memset(ns, 0, sizeof(*ns));
	ns->pattern = NOISE_KK;
	ns->initiator = true;
	ns->turn = 1;
	memcpy(ns->ck, p->ck, sizeof(ns->ck));
	memcpy(ns->h, p->h, sizeof(ns->h));
	memcpy(ns->e_sk, p->e_sk, KEY_LEN);
	noise_set_static(ns, a_static_sk);
}

int
shake_request(struct shake_pending *p, uint8_t out[static SHAKE_REQUEST_LEN],
    const struct shake_party *a, const uint8_t a_static_sk[static KEY_LEN],
    const struct shake_party *b, uint64_t ts,
    const uint8_t fresh_e[static KEY_LEN])
{
	uint8_t payload[REQUEST_PAYLOAD] = { 0 };
	struct noise ns;
	size_t len;
	int e;

	le_put64(payload, ts);
	start(&ns, true, a, b, a_static_sk);
	e = noise_write(&ns, out + HEAD_LEN, &len, payload, sizeof(payload),
	    fresh_e);
	if (e != 0)
		goto out;
	put_magic(out, STEP_REQUEST);
	le_put64(out + MAGIC_LEN, a->issued_at);
	le_put64(out + MAGIC_LEN + 8, b->issued_at);
	memcpy(p->e_sk, ns.e_sk, KEY_LEN);
	memcpy(p->ck, ns.ck, sizeof(p->ck));
	memcpy(p->h, ns.h, sizeof(p->h));
	handshake_id(p->hsid, out);
out:
	secret_wipe(&ns, sizeof(ns));
	return e;
}

/* Read message 1 as B. */
static int
read_request(struct noise *ns, uint64_t *ts, const struct shake_party *a,
    const struct shake_party *b, const uint8_t b_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_REQUEST_LEN])
{
	uint8_t payload[REQUEST_PAYLOAD];
	struct shake_header head = { 0 };
	size_t len;
	int e;

	e = shake_peek_request(&head, in, SHAKE_REQUEST_LEN);
	if (e != 0)
		return e;
	if (head.a_issued_at != a->issued_at ||
	    head.b_issued_at != b->issued_at)
		return err_set(ERR_PROTOCOL, "key request: other bundles");
	start(ns, false, a, b, b_static_sk);
	e = noise_read(ns, payload, &len, in + HEAD_LEN,
	    SHAKE_REQUEST_LEN - HEAD_LEN);
	if (e != 0)
		return e;
	if (!sodium_is_zero(payload + 8, REQUEST_PAYLOAD - 8))
		return err_set(ERR_PROTOCOL, "key request: flags");
	*ts = le_get64(payload);
	return 0;
}

int
shake_check_request(uint64_t *ts, const struct shake_party *a,
    const struct shake_party *b, const uint8_t b_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_REQUEST_LEN])
{
	struct noise ns;
	int e;

	memset(&ns, 0, sizeof(ns));
	e = read_request(&ns, ts, a, b, b_static_sk, in);
	secret_wipe(&ns, sizeof(ns));
	return e;
}

static void
pack_key(uint8_t out[static KEY_PAYLOAD], const uint8_t k[static KEY_LEN],
    const uint8_t ratchet_sk[static KEY_LEN])
{
	memset(out, 0, KEY_PAYLOAD);
	memcpy(out, k, KEY_LEN);
	noise_public(out + KEY_LEN, ratchet_sk);
}

static int
check_key(const uint8_t in[static KEY_PAYLOAD])
{
	if (!sodium_is_zero(in + 2 * KEY_LEN, KEY_PAYLOAD - 2 * KEY_LEN))
		return err_set(ERR_PROTOCOL, "key: flags");
	if (noise_is_low_order(in + KEY_LEN))
		return err_set(ERR_PROTOCOL, "key: of low order");
	return 0;
}

int
shake_answer(struct shake_open *o, uint8_t out[static SHAKE_ANSWER_LEN],
    const struct shake_party *a, const struct shake_party *b,
    const uint8_t b_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_REQUEST_LEN],
    const uint8_t fresh[static 3 * KEY_LEN])
{
	const uint8_t *kb = fresh + KEY_LEN;
	const uint8_t *rb_sk = fresh + 2 * KEY_LEN;
	struct scratch x;
	uint64_t ts;
	size_t len;
	int e;

	memset(&x, 0, sizeof(x));
	e = read_request(&x.ns, &ts, a, b, b_static_sk, in);
	if (e != 0)
		goto out;
	pack_key(x.payload, kb, rb_sk);
	e = noise_write(&x.ns, out + HEAD_LEN, &len, x.payload,
	    sizeof(x.payload), fresh);
	if (e != 0)
		goto out;
	noise_split(&x.ns, &x.c1, &x.c2);
	memcpy(o->k1, x.c1.key, KEY_LEN);
	memcpy(o->h, x.ns.h, sizeof(o->h));
	noise_export(&x.ns, o->exporter);
	memcpy(o->kb, kb, KEY_LEN);
	memcpy(o->rb_sk, rb_sk, KEY_LEN);
	handshake_id(o->hsid, in);
	put(put_magic(out, SHAKE_STEP_ANSWER), o->hsid, ID_LEN);
out:
	secret_wipe(&x, sizeof(x));
	return e;
}

/* Read message 2 as A. */
static int
read_answer(struct scratch *x, const struct shake_pending *p,
    const uint8_t a_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_ANSWER_LEN])
{
	size_t len;
	int e;

	e = check_head(SHAKE_STEP_ANSWER, p->hsid, in);
	if (e != 0)
		return e;
	resume(&x->ns, p, a_static_sk);
	e = noise_read(&x->ns, x->payload, &len, in + HEAD_LEN,
	    SHAKE_ANSWER_LEN - HEAD_LEN);
	return e != 0 ? e : check_key(x->payload);
}

int
shake_check_answer(const struct shake_pending *p,
    const uint8_t a_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_ANSWER_LEN])
{
	struct scratch x;
	int e;

	memset(&x, 0, sizeof(x));
	e = read_answer(&x, p, a_static_sk, in);
	secret_wipe(&x, sizeof(x));
	return e;
}

int
shake_finish(struct ratchet *r, uint8_t out[static SHAKE_FINISH_LEN],
    const struct shake_pending *p, const uint8_t a_static_sk[static KEY_LEN],
    const uint8_t in[static SHAKE_ANSWER_LEN],
    const uint8_t fresh[static 2 * KEY_LEN])
{
	const uint8_t *ka = fresh;
	const uint8_t *ra_sk = fresh + KEY_LEN;
	struct scratch x;
	int e;

	memset(&x, 0, sizeof(x));
	e = read_answer(&x, p, a_static_sk, in);
	if (e != 0)
		goto out;
	noise_split(&x.ns, &x.c1, &x.c2);
	noise_export(&x.ns, x.exporter);
	e = ratchet_init_a(r, x.exporter, x.ns.h, ka, x.payload, ra_sk,
	    x.payload + KEY_LEN);
	if (e != 0)
		goto out;
	put(put_magic(out, SHAKE_STEP_FINISH), p->hsid, ID_LEN);
	pack_key(x.payload, ka, ra_sk);
	e = noise_encrypt(&x.c1, out + HEAD_LEN, out, HEAD_LEN, x.payload,
	    sizeof(x.payload));
out:
	secret_wipe(&x, sizeof(x));
	return e;
}

int
shake_accept(struct ratchet *r, const struct shake_open *o,
    const uint8_t in[static SHAKE_FINISH_LEN],
    const uint8_t fresh_sk[static KEY_LEN])
{
	struct scratch x;
	int e;

	memset(&x, 0, sizeof(x));
	e = check_head(SHAKE_STEP_FINISH, o->hsid, in);
	if (e != 0)
		goto out;
	memcpy(x.c1.key, o->k1, KEY_LEN);
	x.c1.has_key = true;
	e = noise_decrypt(&x.c1, x.payload, in, HEAD_LEN, in + HEAD_LEN,
	    SHAKE_FINISH_LEN - HEAD_LEN);
	if (e != 0)
		goto out;
	e = check_key(x.payload);
	if (e != 0)
		goto out;
	e = ratchet_init_b(r, o->exporter, o->h, x.payload, o->kb, o->rb_sk,
	    x.payload + KEY_LEN, fresh_sk);
out:
	secret_wipe(&x, sizeof(x));
	return e;
}

/* Byte arrays alone: the stored form is the struct. */
_Static_assert(sizeof(struct shake_pending) == SHAKE_PENDING_LEN, "padding");
_Static_assert(sizeof(struct shake_open) == SHAKE_OPEN_LEN, "padding");

void
shake_pack_pending(uint8_t out[static SHAKE_PENDING_LEN],
    const struct shake_pending *p)
{
	memcpy(out, p, SHAKE_PENDING_LEN);
}

int
shake_unpack_pending(struct shake_pending *p, const uint8_t *in, size_t len)
{
	if (len != SHAKE_PENDING_LEN)
		return err_set(ERR_CORRUPT, "stored handshake");
	memcpy(p, in, SHAKE_PENDING_LEN);
	return 0;
}

void
shake_pack_open(uint8_t out[static SHAKE_OPEN_LEN], const struct shake_open *o)
{
	memcpy(out, o, SHAKE_OPEN_LEN);
}

int
shake_unpack_open(struct shake_open *o, const uint8_t *in, size_t len)
{
	if (len != SHAKE_OPEN_LEN)
		return err_set(ERR_CORRUPT, "stored handshake");
	memcpy(o, in, SHAKE_OPEN_LEN);
	return 0;
}
