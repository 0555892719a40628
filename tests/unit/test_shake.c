/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/le.h"
#include "crypto/hkdf.h"
#include "crypto/noise.h"
#include "e2e/shake.h"
#include "kat.h"

/* Everything the known answer says of the handshake. */
static struct {
	struct shake_party a, b;
	uint8_t a_sk[KEY_LEN], b_sk[KEY_LEN];
	uint8_t request[SHAKE_REQUEST_LEN];
	uint8_t answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	uint8_t hsid[ID_LEN];
	uint64_t ts;
	uint8_t fresh_e[KEY_LEN];     /* eA */
	uint8_t fresh_b[3 * KEY_LEN]; /* eB, kB, rB */
	uint8_t fresh_a[2 * KEY_LEN]; /* kA, rA */
	uint8_t fresh_b1[KEY_LEN];    /* B's first own ratchet key */
	uint8_t root[KEY_LEN], sid[RATCHET_SID_LEN], h[32], exporter[32];
} kat;

static void
get(uint8_t *out, size_t len, const json_t *obj, const char *key)
{
	assert_int_equal(kat_hex(out, len, obj, key), len);
}

static void
get_party(struct shake_party *p, uint8_t *sk, const json_t *j)
{
	get(p->id, ID_LEN, j, "client_id");
	get(p->identity_pk, KEY_LEN, j, "identity_pk");
	get(p->static_pk, KEY_LEN, j, "static_pk");
	p->issued_at = kat_number(j, "issued_at");
	get(sk, KEY_LEN, j, "static_sk");
}

static int
load(void **state)
{
	json_t *j = kat_load("sentinel-v3-kat.json");
	const json_t *kk = kat_get(j, "kk");
	uint8_t payload[24];

	(void)state;
	get_party(&kat.a, kat.a_sk, kat_get(j, "alice"));
	get_party(&kat.b, kat.b_sk, kat_get(j, "bob"));
	get(kat.request, sizeof(kat.request), kk, "type1");
	get(kat.answer, sizeof(kat.answer), kk, "type2_b");
	get(kat.finish, sizeof(kat.finish), kk, "type2_a");
	get(kat.hsid, sizeof(kat.hsid), kk, "hsid");
	get(kat.fresh_e, KEY_LEN, kk, "eA");
	get(kat.fresh_b, KEY_LEN, kk, "eB");
	get(kat.fresh_b + KEY_LEN, KEY_LEN, kk, "kB");
	get(kat.fresh_b + 2 * KEY_LEN, KEY_LEN, kk, "rB_sk");
	get(kat.fresh_a, KEY_LEN, kk, "kA");
	get(kat.fresh_a + KEY_LEN, KEY_LEN, kk, "rA_sk");
	get(kat.fresh_b1, KEY_LEN, kat_get(j, "dr"), "rB1_sk");
	get(kat.root, KEY_LEN, kk, "root");
	get(kat.sid, sizeof(kat.sid), kk, "sid");
	get(kat.h, sizeof(kat.h), kk, "h");
	get(kat.exporter, sizeof(kat.exporter), kk, "exporter");
	get(payload, sizeof(payload), kk, "payload1");
	kat.ts = le_get64(payload);
	json_decref(j);
	return 0;
}

static void
request(struct shake_pending *p, uint8_t out[static SHAKE_REQUEST_LEN])
{
	assert_int_equal(shake_request(p, out, &kat.a, kat.a_sk, &kat.b, kat.ts,
			     kat.fresh_e),
	    0);
}

static void
answer(struct shake_open *o, uint8_t out[static SHAKE_ANSWER_LEN])
{
	assert_int_equal(shake_answer(o, out, &kat.a, &kat.b, kat.b_sk,
			     kat.request, kat.fresh_b),
	    0);
}

static void
test_kat(void **state)
{
	uint8_t type1[SHAKE_REQUEST_LEN], type2_b[SHAKE_ANSWER_LEN];
	uint8_t type2_a[SHAKE_FINISH_LEN];
	struct shake_pending p;
	struct shake_open o;
	struct ratchet a, b;
	uint64_t ts = 0;

	(void)state;
	request(&p, type1);
	assert_memory_equal(type1, kat.request, sizeof(type1));
	assert_memory_equal(p.hsid, kat.hsid, ID_LEN);
	assert_int_equal(
	    shake_check_request(&ts, &kat.a, &kat.b, kat.b_sk, type1), 0);
	assert_true(ts == kat.ts);

	answer(&o, type2_b);
	assert_memory_equal(type2_b, kat.answer, sizeof(type2_b));
	assert_memory_equal(o.hsid, kat.hsid, ID_LEN);
	assert_memory_equal(o.h, kat.h, sizeof(o.h));
	assert_memory_equal(o.exporter, kat.exporter, sizeof(o.exporter));

	assert_int_equal(shake_check_answer(&p, kat.a_sk, type2_b), 0);
	assert_int_equal(
	    shake_finish(&a, type2_a, &p, kat.a_sk, type2_b, kat.fresh_a), 0);
	assert_memory_equal(type2_a, kat.finish, sizeof(type2_a));
	assert_int_equal(shake_accept(&b, &o, type2_a, kat.fresh_b1), 0);
	assert_memory_equal(a.sid, kat.sid, sizeof(kat.sid));
	assert_memory_equal(b.sid, kat.sid, sizeof(kat.sid));
	assert_memory_equal(a.h, kat.h, sizeof(kat.h));
	assert_memory_equal(b.h, kat.h, sizeof(kat.h));
}

/* root || sid, as the protocol writes it. */
static void
test_root(void **state)
{
	uint8_t ikm[96], out[40];
	const char info[] = "sentinel-root-v3";

	(void)state;
	memcpy(ikm, kat.exporter, 32);
	memcpy(ikm + 32, kat.fresh_a, 32);
	memcpy(ikm + 64, kat.fresh_b + KEY_LEN, 32);
	hkdf(out, sizeof(out), kat.h, 32, ikm, sizeof(ikm),
	    (const uint8_t *)info, sizeof(info));
	assert_memory_equal(out, kat.root, 32);
	assert_memory_equal(out + 32, kat.sid, 8);
}

static void
test_peek(void **state)
{
	uint8_t in[SHAKE_ANSWER_LEN + 1] = { 0 }, hsid[ID_LEN];
	struct shake_header head;
	enum shake_step step;

	(void)state;
	assert_int_equal(
	    shake_peek_request(&head, kat.request, SHAKE_REQUEST_LEN), 0);
	assert_true(head.a_issued_at == kat.a.issued_at);
	assert_true(head.b_issued_at == kat.b.issued_at);
	assert_memory_equal(head.hsid, kat.hsid, ID_LEN);
	assert_int_equal(
	    shake_peek_key(&step, hsid, kat.answer, SHAKE_ANSWER_LEN), 0);
	assert_int_equal(step, SHAKE_STEP_ANSWER);
	assert_memory_equal(hsid, kat.hsid, ID_LEN);
	assert_int_equal(
	    shake_peek_key(&step, hsid, kat.finish, SHAKE_FINISH_LEN), 0);
	assert_int_equal(step, SHAKE_STEP_FINISH);
	assert_memory_equal(hsid, kat.hsid, ID_LEN);

	for (size_t len = 0; len <= sizeof(in); len++) {
		memcpy(in, kat.request, SHAKE_REQUEST_LEN);
		if (len != SHAKE_REQUEST_LEN)
			assert_int_equal(shake_peek_request(&head, in, len),
			    ERR_PROTOCOL);
		memcpy(in, kat.answer, SHAKE_ANSWER_LEN);
		if (len != SHAKE_ANSWER_LEN)
			assert_int_equal(shake_peek_key(&step, hsid, in, len),
			    ERR_PROTOCOL);
	}
	for (int i = 0; i < 4; i++) {
		memcpy(in, kat.request, SHAKE_REQUEST_LEN);
		in[i] ^= 0x80;
		assert_int_equal(
		    shake_peek_request(&head, in, SHAKE_REQUEST_LEN),
		    ERR_PROTOCOL);
	}
}

/* Each reader with every bit of its message flipped: nothing is written. */
static void
test_spoilt_request(void **state)
{
	uint8_t in[SHAKE_REQUEST_LEN], out[SHAKE_ANSWER_LEN] = { 0 };
	struct shake_open o;
	uint64_t ts = 77;

	(void)state;
	memset(&o, 0, sizeof(o));
	for (size_t i = 0; i < 8 * sizeof(in); i++) {
		memcpy(in, kat.request, sizeof(in));
		in[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(
		    shake_check_request(&ts, &kat.a, &kat.b, kat.b_sk, in),
		    ERR_PROTOCOL);
		assert_int_equal(shake_answer(&o, out, &kat.a, &kat.b, kat.b_sk,
				     in, kat.fresh_b),
		    ERR_PROTOCOL);
	}
	assert_true(ts == 77);
	assert_true(sodium_is_zero((uint8_t *)&o, sizeof(o)));
	assert_true(sodium_is_zero(out, sizeof(out)));
}

static void
test_spoilt_answer(void **state)
{
	uint8_t in[SHAKE_ANSWER_LEN], out[SHAKE_FINISH_LEN] = { 0 };
	uint8_t type1[SHAKE_REQUEST_LEN];
	struct shake_pending p, before;
	struct ratchet r;

	(void)state;
	request(&p, type1);
	before = p;
	memset(&r, 0, sizeof(r));
	for (size_t i = 0; i < 8 * sizeof(in); i++) {
		memcpy(in, kat.answer, sizeof(in));
		in[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(shake_check_answer(&p, kat.a_sk, in),
		    ERR_PROTOCOL);
		assert_int_equal(
		    shake_finish(&r, out, &p, kat.a_sk, in, kat.fresh_a),
		    ERR_PROTOCOL);
	}
	assert_memory_equal(&p, &before, sizeof(p));
	assert_true(sodium_is_zero((uint8_t *)&r, sizeof(r)));
	assert_true(sodium_is_zero(out, sizeof(out)));
	/* another step's content of the same handshake */
	memcpy(in, kat.finish, SHAKE_FINISH_LEN);
	assert_int_equal(shake_check_answer(&p, kat.a_sk, in), ERR_PROTOCOL);
}

static void
test_spoilt_finish(void **state)
{
	uint8_t in[SHAKE_FINISH_LEN], type2_b[SHAKE_ANSWER_LEN];
	struct shake_open o, before;
	struct ratchet r;

	(void)state;
	answer(&o, type2_b);
	before = o;
	memset(&r, 0, sizeof(r));
	for (size_t i = 0; i < 8 * sizeof(in); i++) {
		memcpy(in, kat.finish, sizeof(in));
		in[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(shake_accept(&r, &o, in, kat.fresh_b1),
		    ERR_PROTOCOL);
	}
	assert_memory_equal(&o, &before, sizeof(o));
	assert_true(sodium_is_zero((uint8_t *)&r, sizeof(r)));
}

/* Each part of a party is bound, on either side. */
static void
test_bound(void **state)
{
	struct shake_party *const who[] = { &kat.a, &kat.b };
	uint64_t ts;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		const struct shake_party good = *who[i];

		for (int part = 0; part < 3; part++) {
			who[i]->id[15] ^= part == 0;
			who[i]->identity_pk[31] ^= part == 1;
			who[i]->issued_at += part == 2;
			assert_int_equal(shake_check_request(&ts, &kat.a,
					     &kat.b, kat.b_sk, kat.request),
			    ERR_PROTOCOL);
			*who[i] = good;
		}
	}
	noise_public(kat.a.static_pk, kat.b_sk);
	assert_int_equal(
	    shake_check_request(&ts, &kat.a, &kat.b, kat.b_sk, kat.request),
	    ERR_PROTOCOL);
	noise_public(kat.a.static_pk, kat.a_sk);
	assert_int_equal(
	    shake_check_request(&ts, &kat.a, &kat.b, kat.a_sk, kat.request),
	    ERR_PROTOCOL);
	assert_int_equal(
	    shake_check_request(&ts, &kat.a, &kat.b, kat.b_sk, kat.request), 0);
}

static void
prologue(uint8_t out[static 127])
{
	const struct shake_party *const who[] = { &kat.a, &kat.b };

	memcpy(out, "sentinel-kk-v3", 15);
	out += 15;
	for (size_t i = 0; i < ARRAY_LEN(who); i++, out += 56) {
		memcpy(out, who[i]->id, 16);
		memcpy(out + 16, who[i]->identity_pk, 32);
		le_put64(out + 48, who[i]->issued_at);
	}
}

/* A peer that is authentic but sets what must be zero, or sends a bad key. */
static void
test_unfit_request(void **state)
{
	uint8_t pro[127], in[SHAKE_REQUEST_LEN], payload[24];
	struct noise ns;
	uint64_t ts;
	size_t len;

	(void)state;
	prologue(pro);
	memcpy(in, kat.request, sizeof(in));
	for (size_t at = 8; at <= 24; at++) {
		memset(payload, 0, sizeof(payload));
		if (at < 24)
			payload[at] = 0x80;
		noise_init(&ns, NOISE_KK, true, pro, sizeof(pro), kat.a_sk,
		    kat.b.static_pk);
		assert_int_equal(noise_write(&ns, in + 20, &len, payload,
				     sizeof(payload), kat.fresh_e),
		    0);
		assert_int_equal(
		    shake_check_request(&ts, &kat.a, &kat.b, kat.b_sk, in),
		    at < 24 ? ERR_PROTOCOL : 0);
	}
}

/* payload2 and payload3 with this change are refused, or are not. */
static int
try_key(size_t at, uint8_t byte, bool zero_key)
{
	uint8_t pro[127], payload[72] = { 0 }, ignored[24];
	uint8_t type1[SHAKE_REQUEST_LEN], type2_b[SHAKE_ANSWER_LEN];
	uint8_t type2_a[SHAKE_FINISH_LEN];
	struct noise_cipher c1 = { .has_key = true };
	struct shake_pending p;
	struct shake_open o;
	struct ratchet r;
	struct noise ns;
	size_t len;
	int e;

	prologue(pro);
	noise_public(payload + KEY_LEN, kat.fresh_b + 2 * KEY_LEN);
	if (zero_key)
		memset(payload + KEY_LEN, 0, KEY_LEN);
	payload[at] ^= byte;
	request(&p, type1);
	noise_init(&ns, NOISE_KK, false, pro, sizeof(pro), kat.b_sk,
	    kat.a.static_pk);
	assert_int_equal(
	    noise_read(&ns, ignored, &len, type1 + 20, sizeof(type1) - 20), 0);
	memcpy(type2_b, kat.answer, 20);
	assert_int_equal(noise_write(&ns, type2_b + 20, &len, payload,
			     sizeof(payload), kat.fresh_b),
	    0);
	e = shake_check_answer(&p, kat.a_sk, type2_b);
	assert_int_equal(
	    shake_finish(&r, type2_a, &p, kat.a_sk, type2_b, kat.fresh_a), e);

	answer(&o, type2_b);
	memcpy(c1.key, o.k1, KEY_LEN);
	memcpy(type2_a, kat.finish, 20);
	assert_int_equal(noise_encrypt(&c1, type2_a + 20, type2_a, 20, payload,
			     sizeof(payload)),
	    0);
	assert_int_equal(shake_accept(&r, &o, type2_a, kat.fresh_b1), e);
	return e;
}

static void
test_unfit_key(void **state)
{
	(void)state;
	assert_int_equal(try_key(0, 0, false), 0);
	for (size_t at = 64; at < 72; at++)
		assert_int_equal(try_key(at, 1, false), ERR_PROTOCOL);
	assert_int_equal(try_key(0, 0, true), ERR_PROTOCOL);
}

static void
test_low_order(void **state)
{
	struct shake_party weak = kat.b;
	uint8_t out[SHAKE_REQUEST_LEN] = { 0 };
	struct shake_pending p;

	(void)state;
	memset(&p, 0, sizeof(p));
	memset(weak.static_pk, 0, KEY_LEN);
	assert_int_equal(shake_request(&p, out, &kat.a, kat.a_sk, &weak, kat.ts,
			     kat.fresh_e),
	    ERR_PROTOCOL);
	assert_true(sodium_is_zero(out, sizeof(out)));
	assert_true(sodium_is_zero((uint8_t *)&p, sizeof(p)));
}

static void
test_pack(void **state)
{
	uint8_t type1[SHAKE_REQUEST_LEN], type2_b[SHAKE_ANSWER_LEN];
	uint8_t pending[SHAKE_PENDING_LEN + 1], open[SHAKE_OPEN_LEN + 1];
	struct shake_pending p, p2;
	struct shake_open o, o2;

	(void)state;
	request(&p, type1);
	answer(&o, type2_b);
	shake_pack_pending(pending, &p);
	shake_pack_open(open, &o);
	assert_int_equal(shake_unpack_pending(&p2, pending, SHAKE_PENDING_LEN),
	    0);
	assert_int_equal(shake_unpack_open(&o2, open, SHAKE_OPEN_LEN), 0);
	assert_memory_equal(&p, &p2, sizeof(p));
	assert_memory_equal(&o, &o2, sizeof(o));
	for (size_t len = 0; len <= sizeof(pending); len++) {
		if (len != SHAKE_PENDING_LEN)
			assert_int_equal(
			    shake_unpack_pending(&p2, pending, len),
			    ERR_CORRUPT);
	}
	for (size_t len = 0; len <= sizeof(open); len++) {
		if (len != SHAKE_OPEN_LEN)
			assert_int_equal(shake_unpack_open(&o2, open, len),
			    ERR_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kat),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_spoilt_request),
		cmocka_unit_test(test_spoilt_answer),
		cmocka_unit_test(test_spoilt_finish),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_unfit_request),
		cmocka_unit_test(test_unfit_key),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_pack),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
