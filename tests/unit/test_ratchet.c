/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>
#include <valgrind/memcheck.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/le.h"
#include "crypto/hkdf.h"
#include "crypto/noise.h"
#include "e2e/ratchet.h"
#include "kat.h"

#define CONTENT_LEN_MAX 2048
#define STORED_MAX      4096

struct content {
	uint8_t at[CONTENT_LEN_MAX];
	size_t len;
};

/* A message key that was passed over. */
struct stored {
	uint8_t dh[KEY_LEN];
	uint32_t n;
	uint8_t mk[KEY_LEN];
};

/* One end, with what its caller would keep in the key file. */
struct party {
	struct ratchet r;
	uint8_t id[ID_LEN];
	struct stored stored[STORED_MAX];
	size_t stored_n;
};

static struct party alice, bob;
static json_t *kat;

static void
get(uint8_t *out, size_t len, const json_t *obj, const char *key)
{
	assert_int_equal(kat_hex(out, len, obj, key), len);
}

/* Both ends as they stand after step 10 of the known answer. */
static int
setup(void **state)
{
	const json_t *kk = kat_get(kat, "kk");
	uint8_t exporter[32], h[32], ka[KEY_LEN], kb[KEY_LEN];
	uint8_t ra_sk[KEY_LEN], rb_sk[KEY_LEN], ra_pk[KEY_LEN], rb_pk[KEY_LEN];
	uint8_t rb1_sk[KEY_LEN];

	(void)state;
	get(exporter, 32, kk, "exporter");
	get(h, 32, kk, "h");
	get(ka, KEY_LEN, kk, "kA");
	get(kb, KEY_LEN, kk, "kB");
	get(ra_sk, KEY_LEN, kk, "rA_sk");
	get(rb_sk, KEY_LEN, kk, "rB_sk");
	get(rb1_sk, KEY_LEN, kat_get(kat, "dr"), "rB1_sk");
	noise_public(ra_pk, ra_sk);
	noise_public(rb_pk, rb_sk);
	memset(&alice, 0, sizeof(alice));
	memset(&bob, 0, sizeof(bob));
	get(alice.id, ID_LEN, kat_get(kat, "alice"), "client_id");
	get(bob.id, ID_LEN, kat_get(kat, "bob"), "client_id");
	assert_int_equal(
	    ratchet_init_a(&alice.r, exporter, h, ka, kb, ra_sk, rb_pk), 0);
	assert_int_equal(
	    ratchet_init_b(&bob.r, exporter, h, ka, kb, rb_sk, ra_pk, rb1_sk),
	    0);
	return 0;
}

static int
load(void **state)
{
	(void)state;
	kat = kat_load("sentinel-v3-kat.json");
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	json_decref(kat);
	return 0;
}

/* Lay the caller's part: a number as text, so that messages differ. */
static void
seal(struct party *from, const struct party *to, struct content *c,
    uint32_t number)
{
	uint8_t plain[4], nonce[RATCHET_NONCE_LEN];

	le_put32(plain, number);
	randombytes_buf(nonce, sizeof(nonce));
	assert_int_equal(ratchet_seal(&from->r, c->at, from->id, to->id, plain,
			     sizeof(plain), nonce),
	    0);
	c->len = sizeof(plain) + RATCHET_OVERHEAD;
}

static struct stored *
find(struct party *p, const struct ratchet_header *hd)
{
	for (size_t i = 0; i < p->stored_n; i++) {
		if (p->stored[i].n == hd->n &&
		    memcmp(p->stored[i].dh, hd->dh, KEY_LEN) == 0)
			return &p->stored[i];
	}
	return NULL;
}

static void
keep(struct party *p, struct ratchet_skips *skips)
{
	struct stored s;

	while (ratchet_skips_take(skips, s.dh, &s.n, s.mk)) {
		assert_true(p->stored_n < STORED_MAX);
		p->stored[p->stored_n++] = s;
	}
	assert_true(sodium_is_zero(skips->run[0].ck, KEY_LEN));
	assert_true(sodium_is_zero(skips->run[1].ck, KEY_LEN));
}

/*
 * Open c at p as its caller would, with the given fresh key.  Whatever is
 * not RATCHET_OK must change nothing.
 */
static enum ratchet_verdict
open_with(struct party *p, const struct party *from, const struct content *c,
    uint8_t *out, const uint8_t *fresh_sk)
{
	struct ratchet_skips skips, no_skips;
	struct ratchet_header hd;
	struct ratchet before;
	uint8_t untouched[CONTENT_LEN_MAX];
	enum ratchet_verdict v;
	struct stored *s;

	if (ratchet_peek(&hd, c->at, c->len) != 0)
		return RATCHET_UNDECRYPTABLE;
	s = find(p, &hd);
	memcpy(&before, &p->r, sizeof(before));
	memset(&skips, 0x5a, sizeof(skips));
	memset(&no_skips, 0x5a, sizeof(no_skips));
	memset(out, 0x5a, CONTENT_LEN_MAX);
	memset(untouched, 0x5a, sizeof(untouched));
	v = ratchet_open(&p->r, &skips, out, from->id, p->id, c->at, c->len,
	    s ? s->mk : NULL, fresh_sk);
	if (v != RATCHET_OK) {
		assert_memory_equal(out, untouched, sizeof(untouched));
		assert_memory_equal(&skips, &no_skips, sizeof(skips));
	}
	if (v != RATCHET_OK || s)
		assert_memory_equal(&p->r, &before, sizeof(before));
	if (v == RATCHET_OK && s)
		*s = p->stored[--p->stored_n];
	if (v == RATCHET_OK)
		keep(p, &skips);
	return v;
}

static enum ratchet_verdict
deliver(struct party *p, const struct party *from, const struct content *c,
    uint32_t *number)
{
	uint8_t out[CONTENT_LEN_MAX], fresh_sk[KEY_LEN];
	enum ratchet_verdict v;

	randombytes_buf(fresh_sk, sizeof(fresh_sk));
	v = open_with(p, from, c, out, fresh_sk);
	if (v == RATCHET_OK)
		*number = le_get32(out);
	return v;
}

static void
expect(struct party *p, const struct party *from, const struct content *c,
    enum ratchet_verdict want)
{
	uint32_t number;

	assert_int_equal(deliver(p, from, c, &number), want);
}

/* A message that is lost, or kept for later. */
static void
seal_many(struct party *from, const struct party *to, int n)
{
	struct content c;

	for (int i = 0; i < n; i++)
		seal(from, to, &c, 0);
}

/* One message there and one back: both ends turn. */
static void
round_trip(void)
{
	struct content c;

	seal(&bob, &alice, &c, 0);
	expect(&alice, &bob, &c, RATCHET_OK);
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_OK);
}

struct kat_message {
	struct content content;
	struct content plain;
	uint8_t mk[KEY_LEN];
	bool from_a;
};

static void
get_message(struct kat_message *m, size_t i)
{
	const json_t *j =
	    json_array_get(kat_get(kat_get(kat, "dr"), "messages"), i);

	m->content.len = kat_hex(m->content.at, CONTENT_LEN_MAX, j, "content");
	m->plain.len = kat_hex(m->plain.at, CONTENT_LEN_MAX, j, "plaintext");
	get(m->mk, KEY_LEN, j, "message_key");
	m->from_a = strcmp(kat_text(j, "sender"), "A") == 0;
}

/* Sealing with the answer's nonce gives the answer's bytes. */
static void
reproduce(const struct kat_message *m)
{
	struct party *from = m->from_a ? &alice : &bob;
	const struct party *to = m->from_a ? &bob : &alice;
	uint8_t out[CONTENT_LEN_MAX];

	assert_int_equal(ratchet_seal(&from->r, out, from->id, to->id,
			     m->plain.at, m->plain.len,
			     m->content.at + RATCHET_HEADER_LEN),
	    0);
	assert_int_equal(m->content.len, m->plain.len + RATCHET_OVERHEAD);
	assert_memory_equal(out, m->content.at, m->content.len);
}

static void
receive(const struct kat_message *m, const char *fresh)
{
	struct party *to = m->from_a ? &bob : &alice;
	struct party *from = m->from_a ? &alice : &bob;
	uint8_t out[CONTENT_LEN_MAX], fresh_sk[KEY_LEN];
	struct ratchet copy = to->r;
	struct ratchet_skips skips;

	/* the message key alone opens it, too */
	assert_int_equal(ratchet_open(&copy, &skips, out, from->id, to->id,
			     m->content.at, m->content.len, m->mk, m->mk),
	    RATCHET_OK);
	assert_memory_equal(out, m->plain.at, m->plain.len);
	get(fresh_sk, KEY_LEN, kat_get(kat, "dr"), fresh);
	assert_int_equal(open_with(to, from, &m->content, out, fresh_sk),
	    RATCHET_OK);
	assert_memory_equal(out, m->plain.at, m->plain.len);
	assert_int_equal(open_with(to, from, &m->content, out, fresh_sk),
	    RATCHET_DUPLICATE);
}

static void
test_kat(void **state)
{
	const json_t *kk = kat_get(kat, "kk");
	const json_t *order = kat_get(kat_get(kat, "dr"), "deliver_order_A1_3");
	uint8_t sid[RATCHET_SID_LEN];
	struct kat_message m[7];

	(void)state;
	get(sid, sizeof(sid), kk, "sid");
	assert_memory_equal(alice.r.sid, sid, sizeof(sid));
	assert_memory_equal(bob.r.sid, sid, sizeof(sid));
	for (size_t i = 0; i < ARRAY_LEN(m); i++)
		get_message(&m[i], i);
	for (int i = 0; i < 4; i++)
		reproduce(&m[i]);
	receive(&m[0], "rB2_sk");
	for (size_t i = 0; i < json_array_size(order); i++) {
		receive(&m[json_integer_value(json_array_get(order, i))],
		    "rB2_sk");
		if (i == 0) { /* 1 and 2 were passed over */
			assert_int_equal(bob.stored_n, 2);
			assert_memory_equal(bob.stored[0].mk, m[1].mk, KEY_LEN);
			assert_memory_equal(bob.stored[1].mk, m[2].mk, KEY_LEN);
		}
	}
	reproduce(&m[4]);
	reproduce(&m[5]);
	receive(&m[4], "rA1_sk");
	receive(&m[5], "rA1_sk");
	reproduce(&m[6]);
	receive(&m[6], "rB2_sk");
	assert_int_equal(alice.stored_n + bob.stored_n, 0);
}

/* Any bit flipped, any byte missing: not accepted, and nothing changes. */
static void
test_spoilt(void **state)
{
	struct content c, bad;
	uint32_t number;

	(void)state;
	seal(&bob, &alice, &c, 7);
	for (size_t i = 0; i < 8 * c.len; i++) {
		bad = c;
		bad.at[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(deliver(&alice, &bob, &bad, &number),
		    RATCHET_OK);
	}
	for (bad = c; bad.len-- > 0;)
		expect(&alice, &bob, &bad, RATCHET_UNDECRYPTABLE);
	bad = c;
	bad.len++;
	expect(&alice, &bob, &bad, RATCHET_UNDECRYPTABLE);
	assert_int_equal(deliver(&alice, &bob, &c, &number), RATCHET_OK);
	assert_int_equal(number, 7);
}

/* It is bound to both ids and to the handshake. */
static void
test_bound(void **state)
{
	struct party eve = alice;
	struct content c;

	(void)state;
	seal(&bob, &alice, &c, 7);
	eve.id[0] ^= 1;
	expect(&eve, &bob, &c, RATCHET_UNDECRYPTABLE);
	expect(&alice, &eve, &c, RATCHET_UNDECRYPTABLE);
	alice.r.h[31] ^= 1;
	expect(&alice, &bob, &c, RATCHET_UNDECRYPTABLE);
}

/* What ratchet_open sees without a peek before. */
static void
test_unpeeked(void **state)
{
	uint8_t out[CONTENT_LEN_MAX], key[KEY_LEN] = { 0 };
	struct ratchet_skips skips;
	struct content c;

	(void)state;
	seal(&bob, &alice, &c, 7);
	c.at[0] ^= 1;
	assert_int_equal(ratchet_open(&alice.r, &skips, out, bob.id, alice.id,
			     c.at, c.len, NULL, key),
	    RATCHET_UNDECRYPTABLE);
}

static void
test_both_at_once(void **state)
{
	struct content a, b;

	(void)state;
	seal(&alice, &bob, &a, 1);
	seal(&bob, &alice, &b, 2);
	expect(&alice, &bob, &b, RATCHET_OK);
	expect(&bob, &alice, &a, RATCHET_OK);
	round_trip();
}

static void
test_disorder(void **state)
{
	struct content c[6];
	uint32_t number;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		seal(&alice, &bob, &c[i], i);
	expect(&bob, &alice, &c[0], RATCHET_OK);
	round_trip(); /* c[1] and c[2] are passed over, alice turns */
	for (uint32_t i = 3; i < 6; i++)
		seal(&alice, &bob, &c[i], i);
	for (uint32_t i = 5; i >= 1; i--) {
		assert_int_equal(deliver(&bob, &alice, &c[i], &number),
		    RATCHET_OK);
		assert_int_equal(number, i);
	}
	for (int i = 0; i < 6; i++)
		expect(&bob, &alice, &c[i], RATCHET_DUPLICATE);
	assert_int_equal(bob.stored_n, 0);
}

/* In one chain 1000 may be passed over, not 1001; it takes 20 ms at most. */
static void
test_far(void **state)
{
	struct content first, last, c;
	clock_t start;

	(void)state;
	seal(&alice, &bob, &first, 0);
	seal_many(&alice, &bob, SKIP_STEP_MAX - 1);
	seal(&alice, &bob, &last, 0);
	seal(&alice, &bob, &c, 0);
	start = clock();
	expect(&bob, &alice, &c, RATCHET_TOO_FAR);
	expect(&bob, &alice, &last, RATCHET_OK);
	/* of processor time, and ten times that under a sanitizer */
	assert_true(clock() - start < CLOCKS_PER_SEC / 5);
	assert_int_equal(bob.stored_n, SKIP_STEP_MAX);
	expect(&bob, &alice, &first, RATCHET_OK);
	expect(&bob, &alice, &c, RATCHET_OK);
	assert_int_equal(bob.stored_n, SKIP_STEP_MAX - 1);
}

/* The same in a new chain, and in the old one that it ends. */
static void
test_far_turn(void **state)
{
	struct content c;
	struct party before;

	(void)state;
	seal_many(&alice, &bob, SKIP_STEP_MAX);
	seal(&bob, &alice, &c, 0);
	expect(&alice, &bob, &c, RATCHET_OK);
	seal_many(&alice, &bob, SKIP_STEP_MAX);
	before = bob;
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_OK); /* 1000 and 1000 */
	assert_int_equal(bob.stored_n, 2 * SKIP_STEP_MAX);
	bob = before;
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_TOO_FAR); /* n = 1001 */

	setup(NULL);
	seal_many(&alice, &bob, SKIP_STEP_MAX + 1);
	seal(&bob, &alice, &c, 0);
	expect(&alice, &bob, &c, RATCHET_OK);
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_TOO_FAR); /* pn = 1001 */
}

/* A chain that is over still tells what was seen and what cannot come. */
static void
test_former(void **state)
{
	struct content seen, missed, never, c;
	struct party liar;

	(void)state;
	seal(&alice, &bob, &seen, 0);
	expect(&bob, &alice, &seen, RATCHET_OK);
	seal(&alice, &bob, &missed, 0);
	liar = alice;
	seal(&bob, &alice, &c, 0);
	expect(&alice, &bob, &c, RATCHET_OK);
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_OK); /* pn = 2 ended the chain */
	assert_int_equal(bob.stored_n, 1);
	seal(&liar, &bob, &never, 0); /* n = 2 of the chain that is over */
	expect(&bob, &alice, &never, RATCHET_UNDECRYPTABLE);
	liar.r.ns = 5000; /* judged before the limits */
	seal(&liar, &bob, &never, 0);
	expect(&bob, &alice, &never, RATCHET_UNDECRYPTABLE);
	expect(&bob, &alice, &seen, RATCHET_DUPLICATE);
	expect(&bob, &alice, &missed, RATCHET_OK);
	expect(&bob, &alice, &missed, RATCHET_DUPLICATE);
}

/* 64 of them are remembered. */
static void
test_former_end(void **state)
{
	struct content c;

	(void)state;
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_OK);
	for (int i = 0; i < FORMER_CHAINS; i++)
		round_trip();
	assert_int_equal(bob.r.former_n, FORMER_CHAINS);
	expect(&bob, &alice, &c, RATCHET_DUPLICATE);
	round_trip();
	assert_int_equal(bob.r.former_n, FORMER_CHAINS);
	expect(&bob, &alice, &c, RATCHET_UNDECRYPTABLE);
}

/* Nothing was ever sent with rB, the key of the handshake; no chain is no key:
 * anybody could seal with zeros. */
static void
test_no_chain_yet(void **state)
{
	struct party liar = bob;
	struct content c;

	(void)state;
	memset(liar.r.cks, 0, KEY_LEN);
	memcpy(liar.r.dhs_pk, alice.r.dhr, KEY_LEN);
	seal(&liar, &alice, &c, 0);
	expect(&alice, &bob, &c, RATCHET_UNDECRYPTABLE);
	le_put32(c.at + 48, 5000);
	expect(&alice, &bob, &c, RATCHET_UNDECRYPTABLE);
	round_trip();
	expect(&alice, &bob, &c, RATCHET_UNDECRYPTABLE);
}

/* A peer that tells too small a pn harms nobody. */
static void
test_small_pn(void **state)
{
	struct content c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		seal(&alice, &bob, &c, 0);
		expect(&bob, &alice, &c, RATCHET_OK);
	}
	seal(&bob, &alice, &c, 0);
	expect(&alice, &bob, &c, RATCHET_OK);
	alice.r.pn = 1;
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_OK);
	assert_int_equal(bob.stored_n, 0);
	assert_int_equal(bob.r.former[bob.r.former_n - 1].nr, 3);
}

static void
test_low_order(void **state)
{
	const uint8_t one[KEY_LEN] = { 1 };
	struct ratchet r, before;
	struct content c;

	(void)state;
	seal(&bob, &alice, &c, 0);
	memcpy(c.at + 12, one, KEY_LEN);
	expect(&alice, &bob, &c, RATCHET_UNDECRYPTABLE);
	memset(&r, 0x5a, sizeof(r));
	memset(&before, 0x5a, sizeof(before));
	assert_int_equal(ratchet_init_a(&r, one, one, one, one, one, one),
	    ERR_PROTOCOL);
	assert_int_equal(ratchet_init_b(&r, one, one, one, one, one, one, one),
	    ERR_PROTOCOL);
	assert_memory_equal(&r, &before, sizeof(r));
}

/* A key file that was copied seals with one key, but not with one nonce. */
static void
test_copied_state(void **state)
{
	struct party twin = alice;
	struct content a, b;

	(void)state;
	seal(&alice, &bob, &a, 7);
	seal(&twin, &bob, &b, 7);
	assert_memory_equal(&twin.r, &alice.r, sizeof(twin.r));
	assert_memory_equal(a.at, b.at, RATCHET_HEADER_LEN);
	assert_memory_not_equal(a.at + RATCHET_HEADER_LEN,
	    b.at + RATCHET_HEADER_LEN, RATCHET_NONCE_LEN);
	assert_memory_not_equal(a.at + RATCHET_HEADER_LEN + RATCHET_NONCE_LEN,
	    b.at + RATCHET_HEADER_LEN + RATCHET_NONCE_LEN, 4);
	expect(&bob, &alice, &a, RATCHET_OK);
	expect(&bob, &alice, &b, RATCHET_DUPLICATE);
}

#define STACK_LEN 8192 /* more than a call needs */

/* The next message key of a chain, where only this test keeps it. */
static uint8_t used_mk[KEY_LEN];

static void __attribute__((noinline)) note_key(const uint8_t ck[static KEY_LEN])
{
	uint8_t stack[2 * STACK_LEN];

	hkdf_hmac(used_mk, ck, KEY_LEN, (const uint8_t[]){ 0x01 }, 1);
	sodium_memzero(stack, sizeof(stack));
}

/* Whether the calls before have left the key below this frame. */
static bool __attribute__((noinline, no_sanitize("address"))) is_left(void)
{
	const volatile uint8_t *at = __builtin_frame_address(0);
	size_t same;

	at -= STACK_LEN;
	VALGRIND_MAKE_MEM_DEFINED(at, STACK_LEN - 64);
	for (; at < (uint8_t *)__builtin_frame_address(0) - 64; at++) {
		for (same = 0; same < KEY_LEN && at[same] == used_mk[same];)
			same++;
		if (same == KEY_LEN)
			return true;
	}
	return false;
}

static void
test_used_key_is_gone(void **state)
{
	uint8_t nonce[RATCHET_NONCE_LEN] = { 0 }, fresh[KEY_LEN] = { 9 };
	uint8_t in[4] = "text", out[CONTENT_LEN_MAX], content[512];
	struct ratchet_skips skips;
	bool left;

	(void)state;
	for (int i = 0; i < 3; i++) {
		note_key(alice.r.cks);
		assert_int_equal(ratchet_seal(&alice.r, content, alice.id,
				     bob.id, in, sizeof(in), nonce),
		    0);
		left = is_left();
		assert_false(left);
		note_key(bob.r.ckr);
		assert_int_equal(
		    ratchet_open(&bob.r, &skips, out, alice.id, bob.id, content,
			sizeof(in) + RATCHET_OVERHEAD, NULL, fresh),
		    RATCHET_OK);
		left = is_left();
		assert_false(left);
	}
}

static void
test_stored_wrong(void **state)
{
	struct content c[2];

	(void)state;
	seal(&alice, &bob, &c[0], 0);
	seal(&alice, &bob, &c[1], 1);
	expect(&bob, &alice, &c[1], RATCHET_OK);
	bob.stored[0].mk[0] ^= 1;
	expect(&bob, &alice, &c[0], RATCHET_UNDECRYPTABLE);
	bob.stored[0].mk[0] ^= 1;
	expect(&bob, &alice, &c[0], RATCHET_OK);
}

static void
test_chain_ends(void **state)
{
	const uint8_t nonce[RATCHET_NONCE_LEN] = { 0 };
	struct ratchet_header hd;
	struct ratchet before;
	struct content c;

	(void)state;
	alice.r.ns = 0x7ffffffe;
	bob.r.nr = 0x7ffffffe;
	seal(&alice, &bob, &c, 0);
	expect(&bob, &alice, &c, RATCHET_OK);
	before = alice.r;
	assert_int_equal(
	    ratchet_seal(&alice.r, c.at, alice.id, bob.id, nonce, 1, nonce),
	    ERR_PROTOCOL);
	assert_memory_equal(&alice.r, &before, sizeof(before));
	for (size_t at = 44; at <= 48; at += 4) {
		le_put32(c.at + at, 0x7fffffff);
		assert_int_equal(ratchet_peek(&hd, c.at, c.len), 0);
		le_put32(c.at + at, 0x80000000);
		assert_int_equal(ratchet_peek(&hd, c.at, c.len), ERR_PROTOCOL);
		le_put32(c.at + at, 0);
	}
}

static void
repack(struct ratchet *r)
{
	uint8_t packed[RATCHET_PACKED_MAX];
	struct ratchet back;
	size_t len = 0;

	ratchet_pack(packed, &len, r);
	assert_in_range(len, RATCHET_PACKED_MIN, RATCHET_PACKED_MAX);
	memset(&back, 0, sizeof(back));
	assert_int_equal(ratchet_unpack(&back, packed, len), 0);
	for (size_t i = r->former_n; i < FORMER_CHAINS; i++)
		memset(&r->former[i], 0, sizeof(r->former[i]));
	assert_memory_equal(&back, r, sizeof(back));
}

static void
refuse_packed(const uint8_t *in, size_t len)
{
	struct ratchet r, before;

	memset(&r, 0x5a, sizeof(r));
	memset(&before, 0x5a, sizeof(before));
	assert_int_equal(ratchet_unpack(&r, in, len), ERR_CORRUPT);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void
test_pack(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} bad[] = {
		{ 200, 0x80000000 }, /* ns */
		{ 204, 0x80000001 }, /* nr */
		{ 208, 0x80000000 }, /* pn */
		{ 212, 0x0202 },     /* has_ckr */
		{ 212, 0x0101 },     /* former_n 1, but two are there */
		{ 212, 0x4101 },     /* former_n 65 */
		{ 212, 0x0200 },     /* no chain, but former ones */
		{ 246, 0x80000001 }, /* nr of the first former */
	};
	uint8_t packed[RATCHET_PACKED_MAX + RATCHET_FORMER_LEN] = { 0 };
	size_t len;

	(void)state;
	assert_int_equal(RATCHET_PACKED_MIN, 214);
	assert_int_equal(RATCHET_PACKED_MAX, 2518);
	repack(&alice.r);
	repack(&bob.r);
	round_trip();
	round_trip();
	repack(&alice.r);
	ratchet_pack(packed, &len, &alice.r);
	assert_int_equal(len, 214 + 2 * 36);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t copy[sizeof(packed)];

		memcpy(copy, packed, sizeof(copy));
		le_put32(copy + bad[i].at, bad[i].value);
		if (bad[i].at == 212) /* two bytes only */
			memcpy(copy + 214, packed + 214, 2);
		refuse_packed(copy, len);
	}
	for (size_t i = 0; i <= sizeof(packed); i++) {
		if (i != len)
			refuse_packed(packed, i);
	}
	for (int i = 0; i < 2 * FORMER_CHAINS; i++)
		round_trip();
	ratchet_pack(packed, &len, &alice.r);
	assert_int_equal(len, RATCHET_PACKED_MAX);
	repack(&alice.r);
	packed[213]++;
	refuse_packed(packed, RATCHET_PACKED_MAX + RATCHET_FORMER_LEN);
}

/* No receiving chain, but something that only one can bring. */
static void
test_pack_first(void **state)
{
	uint8_t packed[RATCHET_PACKED_MAX];
	size_t len;

	(void)state;
	for (size_t at = 168; at < 212; at++) {
		ratchet_pack(packed, &len, &alice.r);
		packed[at] = 1;
		if (at < 200 || at >= 204) /* ns may move */
			refuse_packed(packed, len);
	}
	ratchet_pack(packed, &len, &alice.r);
	packed[212] = 2; /* has_ckr */
	refuse_packed(packed, len);
}

#define FLIGHT_MAX 48
#define SENT_MAX   10000
#define WALK_STEPS 10000

/* A channel that loses, reorders and doubles what is in flight. */
struct channel {
	struct party *from, *to;
	struct flight {
		struct content c;
		uint32_t number;
	} flight[FLIGHT_MAX];
	size_t n;
	uint32_t sent;
	bool seen[SENT_MAX];
	uint32_t opened, doubled, lost, spoilt;
};

/* The same walk every time (Knuth's MMIX constants). */
static uint32_t
dice(uint32_t sides)
{
	static uint64_t x = 1;

	x = x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(x >> 33) % sides;
}

/* What a message is that was opened before. */
static enum ratchet_verdict
verdict_again(const struct ratchet *r, const struct content *c)
{
	const uint8_t *dh = c->at + 12;

	for (size_t i = 0; i < r->former_n; i++) {
		if (memcmp(r->former[i].dh, dh, KEY_LEN) == 0)
			return RATCHET_DUPLICATE;
	}
	return memcmp(r->dhr, dh, KEY_LEN) == 0 ? RATCHET_DUPLICATE
						: RATCHET_UNDECRYPTABLE;
}

static void
walk_send(struct channel *ch)
{
	struct flight *f = &ch->flight[ch->n++];

	f->number = ch->sent++;
	seal(ch->from, ch->to, &f->c, f->number);
}

static void
walk_deliver(struct channel *ch)
{
	struct flight *f = &ch->flight[dice((uint32_t)ch->n)];
	struct content bad = f->c;
	uint32_t number = 0;

	bad.at[dice((uint32_t)bad.len)] ^= (uint8_t)(1 << dice(8));
	assert_int_not_equal(deliver(ch->to, ch->from, &bad, &number),
	    RATCHET_OK);
	ch->spoilt++;
	if (ch->seen[f->number]) {
		expect(ch->to, ch->from, &f->c,
		    verdict_again(&ch->to->r, &f->c));
		ch->doubled++;
	} else {
		assert_int_equal(deliver(ch->to, ch->from, &f->c, &number),
		    RATCHET_OK);
		assert_int_equal(number, f->number);
		ch->seen[number] = true;
		ch->opened++;
	}
	if (dice(4) > 0) /* else it comes again */
		*f = ch->flight[--ch->n];
}

static void
walk_lose(struct channel *ch)
{
	ch->flight[dice((uint32_t)ch->n)] = ch->flight[ch->n - 1];
	ch->n--;
	ch->lost++;
}

/* Each message opens exactly once, or is known as a duplicate. */
static void
test_walk(void **state)
{
	static struct channel ch[2];

	(void)state;
	memset(ch, 0, sizeof(ch));
	ch[0].from = ch[1].to = &alice;
	ch[0].to = ch[1].from = &bob;
	for (int i = 0; i < WALK_STEPS; i++) {
		struct channel *c = &ch[dice(2)];
		const uint32_t what = dice(20);

		if (c->n == 0 || (what < 10 && c->n < FLIGHT_MAX))
			walk_send(c);
		else if (what < 19)
			walk_deliver(c);
		else
			walk_lose(c);
		if (what == 0)
			repack(&c->to->r);
	}
	for (int i = 0; i < 2; i++)
		print_message("%u sent, %u opened, %u again, %u spoilt, "
			      "%u lost, %zu keys left\n",
		    ch[i].sent, ch[i].opened, ch[i].doubled, ch[i].spoilt,
		    ch[i].lost, ch[i].to->stored_n);
}

/* libsodium's XChaCha20-Poly1305, opened as ratchet_open does. */
static void
xchacha_vector(const json_t *group, const json_t *t)
{
	uint8_t key[KEY_LEN], iv[64], aad[1024], msg[1024], ct[1024], out[1024];
	const size_t iv_len = kat_hex(iv, sizeof(iv), t, "iv");
	const size_t aad_len = kat_hex(aad, sizeof(aad), t, "aad");
	const size_t len = kat_hex(msg, sizeof(msg), t, "msg");
	const bool valid = strcmp(kat_text(t, "result"), "valid") == 0;
	size_t ct_len = kat_hex(ct, sizeof(ct), t, "ct");

	(void)group;
	get(key, sizeof(key), t, "key");
	if (iv_len != RATCHET_NONCE_LEN) {
		assert_false(valid);
		return;
	}
	ct_len += kat_hex(ct + ct_len, sizeof(ct) - ct_len, t, "tag");
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, msg, len, aad,
	    aad_len, NULL, iv, key);
	assert_int_equal(memcmp(out, ct, ct_len) == 0, valid);
	assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(NULL, NULL,
			     NULL, ct, ct_len, aad, aad_len, iv, key) == 0,
	    valid);
	if (!valid)
		return;
	crypto_stream_xchacha20_xor_ic(out, ct, len, iv, 1, key);
	assert_memory_equal(out, msg, len);
}

static void
test_wycheproof_xchacha(void **state)
{
	(void)state;
	kat_wycheproof("wycheproof-xchacha20_poly1305_test.json",
	    xchacha_vector);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kat, setup),
		cmocka_unit_test_setup(test_spoilt, setup),
		cmocka_unit_test_setup(test_bound, setup),
		cmocka_unit_test_setup(test_unpeeked, setup),
		cmocka_unit_test_setup(test_both_at_once, setup),
		cmocka_unit_test_setup(test_disorder, setup),
		cmocka_unit_test_setup(test_far, setup),
		cmocka_unit_test_setup(test_far_turn, setup),
		cmocka_unit_test_setup(test_former, setup),
		cmocka_unit_test_setup(test_former_end, setup),
		cmocka_unit_test_setup(test_no_chain_yet, setup),
		cmocka_unit_test_setup(test_small_pn, setup),
		cmocka_unit_test_setup(test_low_order, setup),
		cmocka_unit_test_setup(test_copied_state, setup),
		cmocka_unit_test_setup(test_used_key_is_gone, setup),
		cmocka_unit_test_setup(test_stored_wrong, setup),
		cmocka_unit_test_setup(test_chain_ends, setup),
		cmocka_unit_test_setup(test_pack, setup),
		cmocka_unit_test_setup(test_pack_first, setup),
		cmocka_unit_test_setup(test_walk, setup),
		cmocka_unit_test(test_wycheproof_xchacha),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
