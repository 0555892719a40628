/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/le.h"
#include "crypto/noise.h"
#include "kat.h"

#define BYTES_MAX 1024

struct bytes {
	uint8_t at[BYTES_MAX];
	size_t len;
};

static void
get(struct bytes *b, const json_t *obj, const char *key)
{
	b->len = kat_hex(b->at, sizeof(b->at), obj, key);
}

static void
get_item(struct bytes *b, const json_t *obj, const char *key, size_t i)
{
	b->len = kat_unhex(b->at, sizeof(b->at),
	    json_array_get(kat_get(obj, key), i));
}

static void
get_key(uint8_t key[static KEY_LEN], const json_t *obj, const char *name)
{
	assert_int_equal(kat_hex(key, KEY_LEN, obj, name), KEY_LEN);
}

static void
get_h(uint8_t h[static NOISE_HASH_LEN], const json_t *obj, const char *name)
{
	assert_int_equal(kat_hex(h, NOISE_HASH_LEN, obj, name), NOISE_HASH_LEN);
}

/* Both ends of a handshake, and what each says in turn. */
struct pair {
	struct noise side[2]; /* the initiator first */
	uint8_t e_sk[2][KEY_LEN];
	struct noise_cipher c[2];
};

static const uint8_t *
ephemeral(const struct pair *p, int turn)
{
	return turn < 2 ? p->e_sk[turn] : NULL;
}

/* One handshake message from one side to the other, as the vector has it. */
static void
exchange(struct pair *p, int turn, const struct bytes *payload,
    const struct bytes *want)
{
	struct noise *from = &p->side[turn % 2];
	struct noise *to = &p->side[1 - turn % 2];
	struct bytes out, in;

	assert_int_equal(noise_overhead(from), want->len - payload->len);
	assert_int_equal(noise_overhead(to), want->len - payload->len);
	assert_int_equal(noise_write(from, out.at, &out.len, payload->at,
			     payload->len, ephemeral(p, turn)),
	    0);
	assert_int_equal(out.len, want->len);
	assert_memory_equal(out.at, want->at, want->len);
	assert_int_equal(noise_read(to, in.at, &in.len, out.at, out.len), 0);
	assert_int_equal(in.len, payload->len);
	assert_memory_equal(in.at, payload->at, in.len);
}

/* One record; both ends hold the same cipher states. */
static void
transport(struct pair *p, int turn, const struct bytes *payload,
    const struct bytes *want)
{
	struct noise_cipher *c = &p->c[turn % 2];
	struct noise_cipher reader = *c;
	struct bytes out;

	assert_int_equal(
	    noise_encrypt(c, out.at, NULL, 0, payload->at, payload->len), 0);
	assert_int_equal(want->len, payload->len + NOISE_TAG_LEN);
	assert_memory_equal(out.at, want->at, want->len);
	assert_int_equal(
	    noise_decrypt(&reader, out.at, NULL, 0, out.at, want->len), 0);
	assert_memory_equal(out.at, payload->at, payload->len);
	assert_memory_equal(&reader, c, sizeof(reader));
}

static void
begin(struct pair *p, const json_t *v, enum noise_pattern pattern)
{
	uint8_t s_sk[2][KEY_LEN], s_pk[2][KEY_LEN];
	const uint8_t *known = pattern == NOISE_KK ? s_pk[0] : NULL;
	struct bytes prologue;

	get_key(s_sk[0], v, "init_static");
	get_key(s_sk[1], v, "resp_static");
	noise_public(s_pk[0], s_sk[0]);
	noise_public(s_pk[1], s_sk[1]);
	get_key(p->e_sk[0], v, "init_ephemeral");
	get_key(p->e_sk[1], v, "resp_ephemeral");
	get(&prologue, v, "init_prologue");
	noise_init(&p->side[0], pattern, true, prologue.at, prologue.len,
	    known ? s_sk[0] : NULL, known ? s_pk[1] : NULL);
	if (!known)
		noise_set_static(&p->side[0], s_sk[0]);
	noise_init(&p->side[1], pattern, false, prologue.at, prologue.len,
	    s_sk[1], known);
}

/* After the last message: both ends agree on all that follows. */
static void
finish(struct pair *p)
{
	struct noise_cipher c[2];
	uint8_t exported[2][NOISE_HASH_LEN];

	assert_true(noise_is_done(&p->side[1]));
	assert_int_equal(noise_overhead(&p->side[1]), 0);
	assert_memory_equal(p->side[0].h, p->side[1].h, NOISE_HASH_LEN);
	noise_split(&p->side[0], &p->c[0], &p->c[1]);
	noise_split(&p->side[1], &c[0], &c[1]);
	assert_memory_equal(c[0].key, p->c[0].key, KEY_LEN);
	assert_memory_equal(c[1].key, p->c[1].key, KEY_LEN);
	noise_export(&p->side[0], exported[0]);
	noise_export(&p->side[1], exported[1]);
	assert_memory_equal(exported[0], exported[1], NOISE_HASH_LEN);
	assert_memory_not_equal(exported[0], c[0].key, KEY_LEN);
	assert_memory_not_equal(exported[0], c[1].key, KEY_LEN);
}

static void
run_vector(const json_t *v, enum noise_pattern pattern)
{
	const json_t *messages = kat_get(v, "messages");
	const int n = (int)json_array_size(messages);
	uint8_t h[NOISE_HASH_LEN];
	struct bytes payload, want;
	struct pair p;

	begin(&p, v, pattern);
	for (int i = 0; i < n; i++) {
		const json_t *m = json_array_get(messages, (size_t)i);
		const bool shaking = !noise_is_done(&p.side[0]);

		get(&payload, m, "payload");
		get(&want, m, "ciphertext");
		if (!shaking) {
			transport(&p, i, &payload, &want);
			continue;
		}
		exchange(&p, i, &payload, &want);
		if (noise_is_done(&p.side[0]))
			finish(&p);
	}
	if (json_object_get(v, "handshake_hash")) {
		get_h(h, v, "handshake_hash");
		assert_memory_equal(p.side[0].h, h, sizeof(h));
	}
}

static void
run_file(const char *file)
{
	static const char *const names[] = {
		[NOISE_XX] = "Noise_XX_25519_ChaChaPoly_SHA256",
		[NOISE_KK] = "Noise_KK_25519_ChaChaPoly_SHA256",
	};
	json_t *j = kat_published(file);
	int ran[ARRAY_LEN(names)] = { 0 };
	size_t i;
	json_t *v;

	if (!j)
		skip();
	json_array_foreach(kat_get(j, "vectors"), i, v)
	{
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			if (strcmp(kat_text(v, "protocol_name"), names[k]) != 0)
				continue;
			run_vector(v, (enum noise_pattern)k);
			ran[k]++;
		}
	}
	print_message("%s: %d of XX, %d of KK, of %zu vectors\n", file,
	    ran[NOISE_XX], ran[NOISE_KK], i);
	assert_true(ran[NOISE_XX] > 0 && ran[NOISE_KK] > 0);
	json_decref(j);
}

static void
test_cacophony(void **state)
{
	(void)state;
	run_file("noise-cacophony.json");
}

static void
test_snow(void **state)
{
	(void)state;
	run_file("noise-snow.json");
}

/* Our own known answers as two handshakes of this file's shape. */
struct kat {
	json_t *json;
	json_t *xx, *kk;
};

static void
copy(json_t *to, const char *key, const json_t *from, const char *name)
{
	json_object_set(to, key, kat_get(from, name));
}

static int
load(void **state)
{
	static struct kat k;
	const json_t *alice, *bob, *kk;

	k.json = kat_load("sentinel-v3-kat.json");
	alice = kat_get(k.json, "alice");
	bob = kat_get(k.json, "bob");
	kk = kat_get(k.json, "kk");
	k.xx = kat_get(k.json, "transport");
	copy(k.xx, "init_static", alice, "static_sk");
	copy(k.xx, "resp_static", k.xx, "relay_static_sk");
	copy(k.xx, "init_prologue", k.xx, "prologue");
	k.kk = json_object();
	copy(k.kk, "init_static", alice, "static_sk");
	copy(k.kk, "resp_static", bob, "static_sk");
	copy(k.kk, "init_prologue", kk, "prologue");
	copy(k.kk, "init_ephemeral", kk, "eA");
	copy(k.kk, "resp_ephemeral", kk, "eB");
	json_object_set_new(k.kk, "payloads",
	    json_pack("[OO]", kat_get(kk, "payload1"),
		kat_get(kk, "payload2")));
	/* what follows the clear heads of 20 bytes */
	json_object_set_new(k.kk, "messages",
	    json_pack("[ss]", kat_text(kk, "type1") + 40,
		kat_text(kk, "type2_b") + 40));
	*state = &k;
	return 0;
}

static int
unload(void **state)
{
	struct kat *k = *state;

	json_decref(k->kk);
	json_decref(k->json);
	return 0;
}

/* Go on with messages [*turn, end) of a known answer. */
static void
play(struct pair *p, const json_t *v, int *turn, int end)
{
	struct bytes payload, want;

	for (; *turn < end; (*turn)++) {
		get_item(&payload, v, "payloads", (size_t)*turn);
		get_item(&want, v, "messages", (size_t)*turn);
		exchange(p, *turn, &payload, &want);
	}
}

static void
test_kat_transport(void **state)
{
	const struct kat *k = *state;
	struct bytes payload, want;
	uint8_t key[KEY_LEN], h[NOISE_HASH_LEN];
	struct pair p;
	int turn = 0;

	begin(&p, k->xx, NOISE_XX);
	play(&p, k->xx, &turn, 3);
	finish(&p);
	get_h(h, k->xx, "h");
	assert_memory_equal(p.side[0].h, h, sizeof(h));
	get_key(key, k->xx, "relay_static_pk");
	assert_memory_equal(p.side[0].rs, key, KEY_LEN);
	get_key(key, kat_get(k->json, "alice"), "static_pk");
	assert_memory_equal(p.side[1].rs, key, KEY_LEN);
	get(&payload, k->xx, "record0_plain");
	get(&want, k->xx, "record0");
	transport(&p, 0, &payload, &want);
}

static void
test_kat_kk(void **state)
{
	const struct kat *k = *state;
	const json_t *kk = kat_get(k->json, "kk");
	uint8_t want[NOISE_HASH_LEN], got[NOISE_HASH_LEN];
	struct pair p;
	int turn = 0;

	begin(&p, k->kk, NOISE_KK);
	play(&p, k->kk, &turn, 2);
	finish(&p);
	get_h(want, kk, "h");
	assert_memory_equal(p.side[1].h, want, sizeof(want));
	get_h(want, kk, "exporter");
	noise_export(&p.side[1], got);
	assert_memory_equal(got, want, sizeof(want));
}

/* A read that must fail and change neither state nor output. */
static void
refuse(const struct noise *ns, const uint8_t *in, size_t len)
{
	struct noise now, before;
	uint8_t out[BYTES_MAX], untouched[BYTES_MAX];
	size_t out_len = 77;

	memcpy(&now, ns, sizeof(now));
	memcpy(&before, ns, sizeof(before));
	memset(out, 0x5a, sizeof(out));
	memset(untouched, 0x5a, sizeof(untouched));
	assert_int_equal(noise_read(&now, out, &out_len, in, len),
	    ERR_PROTOCOL);
	assert_memory_equal(&now, &before, sizeof(now));
	assert_memory_equal(out, untouched, sizeof(out));
	assert_int_equal(out_len, 77);
}

/* The same of a write. */
static void
refuse_write(const struct noise *ns, size_t len, const uint8_t *e_sk)
{
	static const uint8_t payload[NOISE_MESSAGE_MAX + 1];
	static uint8_t out[2 * NOISE_MESSAGE_MAX];
	struct noise now, before;
	size_t out_len = 77;

	memcpy(&now, ns, sizeof(now));
	memcpy(&before, ns, sizeof(before));
	assert_int_equal(noise_write(&now, out, &out_len, payload, len, e_sk),
	    ERR_PROTOCOL);
	assert_memory_equal(&now, &before, sizeof(now));
	assert_true(sodium_is_zero(out, sizeof(out)));
	assert_int_equal(out_len, 77);
}

/* Every bit flipped, every prefix, and one byte more. */
static void
spoil(const struct noise *reader, struct bytes m)
{
	for (size_t i = 0; i < 8 * m.len; i++) {
		m.at[i / 8] ^= (uint8_t)(1 << i % 8);
		refuse(reader, m.at, m.len);
		m.at[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < m.len; len++)
		refuse(reader, m.at, len);
	m.at[m.len] = 0;
	refuse(reader, m.at, m.len + 1);
}

static void
test_spoilt(void **state)
{
	const struct kat *k = *state;
	const json_t *const v[] = { [NOISE_XX] = k->xx, [NOISE_KK] = k->kk };
	const int n[] = { [NOISE_XX] = 3, [NOISE_KK] = 2 };

	for (int i = 0; i < (int)ARRAY_LEN(v); i++) {
		struct bytes m;
		struct pair p;
		int turn = 0;

		begin(&p, v[i], (enum noise_pattern)i);
		while (turn < n[i]) {
			get_item(&m, v[i], "messages", (size_t)turn);
			/* XX authenticates nothing before message 2 */
			if (i != NOISE_XX || turn > 0)
				spoil(&p.side[1 - turn % 2], m);
			play(&p, v[i], &turn, turn + 1);
		}
		refuse(&p.side[0], m.at, m.len);
		refuse(&p.side[1], m.at, m.len);
	}
}

/* XX message 1 spoilt under way shows in message 2. */
static void
test_spoilt_first(void **state)
{
	const struct kat *k = *state;
	struct noise responder;
	struct bytes m, payload;
	struct pair p;

	begin(&p, k->xx, NOISE_XX);
	assert_int_equal(
	    noise_write(&p.side[0], m.at, &m.len, NULL, 0, p.e_sk[0]), 0);
	for (size_t len = 0; len < KEY_LEN; len++)
		refuse(&p.side[1], m.at, len);
	for (int i = 0; i < 8 * KEY_LEN; i++) {
		struct bytes answer, bad = m;

		bad.at[i / 8] ^= (uint8_t)(1 << i % 8);
		responder = p.side[1];
		assert_int_equal(noise_read(&responder, payload.at,
				     &payload.len, bad.at, bad.len),
		    0);
		assert_int_equal(noise_write(&responder, answer.at, &answer.len,
				     NULL, 0, p.e_sk[1]),
		    0);
		refuse(&p.side[0], answer.at, answer.len);
	}
}

static void
test_turns(void **state)
{
	const struct kat *k = *state;
	struct bytes m;
	struct pair p;
	int turn = 0;

	begin(&p, k->xx, NOISE_XX);
	refuse_write(&p.side[1], 0, p.e_sk[1]);
	get_item(&m, k->xx, "messages", 0);
	refuse(&p.side[0], m.at, m.len);
	refuse_write(&p.side[0], NOISE_MESSAGE_MAX - KEY_LEN + 1, p.e_sk[0]);
	play(&p, k->xx, &turn, 1);
	refuse_write(&p.side[0], 0, NULL);
	refuse_write(&p.side[1], NOISE_MESSAGE_MAX - 96 + 1, p.e_sk[1]);
	play(&p, k->xx, &turn, 3);
	refuse_write(&p.side[0], 0, NULL);
	refuse_write(&p.side[1], 0, NULL);
}

/* The longest message there is passes. */
static void
test_longest(void **state)
{
	static uint8_t payload[NOISE_MESSAGE_MAX];
	static uint8_t out[NOISE_MESSAGE_MAX], in[NOISE_MESSAGE_MAX + 1];
	const struct kat *k = *state;
	struct noise responder;
	size_t out_len, len;
	struct pair p;

	begin(&p, k->kk, NOISE_KK);
	len = NOISE_MESSAGE_MAX - noise_overhead(&p.side[0]);
	randombytes_buf(payload, len);
	assert_int_equal(
	    noise_write(&p.side[0], out, &out_len, payload, len, p.e_sk[0]), 0);
	assert_int_equal(out_len, NOISE_MESSAGE_MAX);
	responder = p.side[1];
	assert_int_equal(noise_read(&responder, in, &len, out, out_len), 0);
	assert_int_equal(len, NOISE_MESSAGE_MAX - 48);
	assert_memory_equal(in, payload, len);
	/* one more, where nothing is encrypted and so nothing else stops it */
	begin(&p, k->xx, NOISE_XX);
	assert_int_equal(noise_read(&p.side[1], in, &len, in, sizeof(in)),
	    ERR_PROTOCOL);
}

/* Every u whose X25519 is zero; RFC 7748 ignores the highest bit. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};
#define LOW_N (2 * ARRAY_LEN(low_order))

static void
low(uint8_t pk[static KEY_LEN], size_t i)
{
	sodium_hex2bin(pk, KEY_LEN, low_order[i / 2], 2 * KEY_LEN, NULL, NULL,
	    NULL);
	pk[KEY_LEN - 1] |= (uint8_t)(i % 2 << 7);
}

static void
test_low_order(void **state)
{
	uint8_t pk[KEY_LEN], sk[KEY_LEN], out[KEY_LEN];

	(void)state;
	for (size_t i = 0; i < LOW_N; i++) {
		low(pk, i);
		assert_true(noise_is_low_order(pk));
		randombytes_buf(sk, sizeof(sk));
		memset(out, 0x5a, sizeof(out));
		assert_int_equal(noise_dh(out, sk, pk), ERR_PROTOCOL);
		assert_int_equal(out[0], 0x5a);
	}
	noise_public(pk, sk);
	assert_false(noise_is_low_order(pk));
}

/* ... as an ephemeral key, in every message. */
static void
test_low_order_e(void **state)
{
	const struct kat *k = *state;
	struct noise responder;
	struct bytes m, out;
	struct pair p;
	int turn;

	for (size_t i = 0; i < LOW_N; i++) {
		turn = 0;
		begin(&p, k->xx, NOISE_XX);
		low(m.at, i);
		responder = p.side[1];
		assert_int_equal(
		    noise_read(&responder, out.at, &out.len, m.at, KEY_LEN), 0);
		refuse_write(&responder, 0, p.e_sk[1]);
		play(&p, k->xx, &turn, 1);
		get_item(&m, k->xx, "messages", 1);
		low(m.at, i);
		refuse(&p.side[0], m.at, m.len);

		turn = 0;
		begin(&p, k->kk, NOISE_KK);
		get_item(&m, k->kk, "messages", 0);
		low(m.at, i);
		refuse(&p.side[1], m.at, m.len);
		play(&p, k->kk, &turn, 1);
		get_item(&m, k->kk, "messages", 1);
		low(m.at, i);
		refuse(&p.side[0], m.at, m.len);
	}
}

/* ... as a static key, by a peer that encrypts it properly. */
static void
test_low_order_s(void **state)
{
	const struct kat *k = *state;
	struct bytes m;
	struct pair p;
	int turn;

	for (size_t i = 0; i < LOW_N; i++) {
		turn = 0;
		begin(&p, k->xx, NOISE_XX);
		play(&p, k->xx, &turn, 1);
		low(p.side[1].s_pk, i);
		assert_int_equal(
		    noise_write(&p.side[1], m.at, &m.len, NULL, 0, p.e_sk[1]),
		    0);
		refuse(&p.side[0], m.at, m.len);

		turn = 0;
		begin(&p, k->xx, NOISE_XX);
		play(&p, k->xx, &turn, 2);
		low(p.side[0].s_pk, i);
		assert_int_equal(
		    noise_write(&p.side[0], m.at, &m.len, NULL, 0, NULL), 0);
		refuse(&p.side[1], m.at, m.len);

		begin(&p, k->kk, NOISE_KK);
		low(p.side[0].rs, i);
		refuse_write(&p.side[0], 0, p.e_sk[0]);
	}
}

/* Other keys or another prologue than the peer's: message 1 of KK fails. */
static void
test_strangers(void **state)
{
	const struct kat *k = *state;
	uint8_t sk[KEY_LEN], pk[KEY_LEN];
	struct noise other;
	struct bytes m, prologue;
	struct pair p;

	begin(&p, k->kk, NOISE_KK);
	get(&prologue, k->kk, "init_prologue");
	get_item(&m, k->kk, "messages", 0);
	randombytes_buf(sk, sizeof(sk));
	noise_public(pk, sk);
	noise_init(&other, NOISE_KK, false, prologue.at, prologue.len,
	    p.side[1].s_sk, pk);
	refuse(&other, m.at, m.len);
	noise_init(&other, NOISE_KK, false, prologue.at, prologue.len, sk,
	    p.side[0].s_pk);
	refuse(&other, m.at, m.len);
	noise_init(&other, NOISE_KK, false, prologue.at, prologue.len - 1,
	    p.side[1].s_sk, p.side[0].s_pk);
	refuse(&other, m.at, m.len);
}

/* Fails, and neither the cipher nor the output changes. */
static void
refuse_record(const struct noise_cipher *c, const uint8_t *in, size_t len)
{
	uint8_t out[BYTES_MAX], untouched[BYTES_MAX];
	struct noise_cipher now;

	memcpy(&now, c, sizeof(now));
	memset(out, 0x5a, sizeof(out));
	memset(untouched, 0x5a, sizeof(untouched));
	assert_int_equal(noise_decrypt(&now, out, NULL, 0, in, len),
	    ERR_PROTOCOL);
	assert_memory_equal(&now, c, sizeof(now));
	assert_memory_equal(out, untouched, sizeof(out));
}

static void
test_record(void **state)
{
	const struct kat *k = *state;
	struct noise_cipher c;
	struct bytes m;
	struct pair p;
	int turn = 0;

	begin(&p, k->xx, NOISE_XX);
	play(&p, k->xx, &turn, 3);
	finish(&p);
	get(&m, k->xx, "record0");
	for (size_t i = 0; i < 8 * m.len; i++) {
		m.at[i / 8] ^= (uint8_t)(1 << i % 8);
		refuse_record(&p.c[0], m.at, m.len);
		m.at[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < m.len; len++)
		refuse_record(&p.c[0], m.at, len);
	refuse_record(&p.c[1], m.at, m.len);
	/* neither late nor twice */
	c = p.c[0];
	assert_int_equal(noise_decrypt(&c, m.at, NULL, 0, m.at, m.len), 0);
	get(&m, k->xx, "record0");
	refuse_record(&c, m.at, m.len);
}

static void
test_nonces_end(void **state)
{
	struct noise_cipher a = { .n = UINT64_MAX - 1, .has_key = true };
	struct noise_cipher b = a;
	uint8_t m[1] = { 7 }, out[1 + NOISE_TAG_LEN], in[1];

	(void)state;
	assert_int_equal(noise_encrypt(&a, out, NULL, 0, m, 1), 0);
	assert_int_equal(noise_decrypt(&b, in, NULL, 0, out, sizeof(out)), 0);
	assert_int_equal(in[0], 7);
	assert_int_equal(noise_encrypt(&a, out, NULL, 0, m, 1), ERR_PROTOCOL);
	assert_true(a.n == UINT64_MAX);
	/* even one that is genuine */
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, m, 1, NULL, 0,
	    NULL,
	    (const uint8_t[]){ 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255,
		255 },
	    a.key);
	refuse_record(&b, out, sizeof(out));
}

static void
test_rfc7748(void **state)
{
	json_t *j = kat_published("rfc-primitives.json");
	uint8_t k[KEY_LEN], u[KEY_LEN], want[KEY_LEN], out[KEY_LEN];
	const json_t *x, *dh;
	size_t i;
	json_t *t;

	(void)state;
	if (!j)
		skip();
	x = kat_get(j, "rfc7748_x25519");
	json_array_foreach(kat_get(x, "scalarmult"), i, t)
	{
		get_key(k, t, "k");
		get_key(u, t, "u");
		get_key(want, t, "out");
		assert_int_equal(noise_dh(out, k, u), 0);
		assert_memory_equal(out, want, KEY_LEN);
	}
	memset(u, 0, sizeof(u));
	u[0] = 9;
	memcpy(k, u, sizeof(k));
	for (int n = 1; n <= 1000; n++) {
		assert_int_equal(noise_dh(out, k, u), 0);
		memcpy(u, k, sizeof(u));
		memcpy(k, out, sizeof(k));
		if (n == 1) {
			get_key(want, kat_get(x, "iterated"), "1");
			assert_memory_equal(k, want, KEY_LEN);
		}
	}
	get_key(want, kat_get(x, "iterated"), "1000");
	assert_memory_equal(k, want, KEY_LEN);
	dh = kat_get(x, "dh");
	get_key(k, dh, "a");
	get_key(want, dh, "A");
	noise_public(out, k);
	assert_memory_equal(out, want, KEY_LEN);
	get_key(u, dh, "B");
	get_key(want, dh, "K");
	assert_int_equal(noise_dh(out, k, u), 0);
	assert_memory_equal(out, want, KEY_LEN);
	print_message("RFC 7748: %zu, 1000 iterations, 1 exchange\n", i);
	json_decref(j);
}

static void
x25519_vector(const json_t *group, const json_t *t)
{
	uint8_t sk[KEY_LEN], pk[KEY_LEN], want[KEY_LEN], out[KEY_LEN];
	bool zero;

	(void)group;
	get_key(sk, t, "private");
	get_key(pk, t, "public");
	get_key(want, t, "shared");
	zero = sodium_is_zero(want, sizeof(want));
	assert_int_equal(noise_dh(out, sk, pk), zero ? ERR_PROTOCOL : 0);
	assert_int_equal(noise_is_low_order(pk), zero);
	if (!zero)
		assert_memory_equal(out, want, sizeof(want));
}

static void
test_wycheproof_x25519(void **state)
{
	(void)state;
	kat_wycheproof("wycheproof-x25519_test.json", x25519_vector);
}

/* Noise's nonces begin with four zeros: the vectors that do are for us. */
static int aead_ran;

static void
aead_vector(const json_t *group, const json_t *t)
{
	struct bytes iv, aad, msg, ct, out;
	struct noise_cipher c = { .has_key = true }, reader;
	bool valid;

	(void)group;
	get(&iv, t, "iv");
	if (iv.len != 12 || !sodium_is_zero(iv.at, 4))
		return;
	get_key(c.key, t, "key");
	c.n = le_get64(iv.at + 4);
	reader = c;
	get(&aad, t, "aad");
	get(&msg, t, "msg");
	get(&ct, t, "ct");
	ct.len += kat_hex(ct.at + ct.len, NOISE_TAG_LEN, t, "tag");
	valid = strcmp(kat_text(t, "result"), "valid") == 0;
	assert_int_equal(
	    noise_encrypt(&c, out.at, aad.at, aad.len, msg.at, msg.len), 0);
	assert_int_equal(memcmp(out.at, ct.at, ct.len) == 0, valid);
	assert_int_equal(
	    noise_decrypt(&reader, out.at, aad.at, aad.len, ct.at, ct.len),
	    valid ? 0 : ERR_PROTOCOL);
	if (valid)
		assert_memory_equal(out.at, msg.at, msg.len);
	aead_ran++;
}

static void
test_wycheproof_aead(void **state)
{
	(void)state;
	kat_wycheproof("wycheproof-chacha20_poly1305_test.json", aead_vector);
	print_message("... of which %d have a nonce of Noise's form\n",
	    aead_ran);
	assert_true(aead_ran > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kat_transport),
		cmocka_unit_test(test_kat_kk),
		cmocka_unit_test(test_cacophony),
		cmocka_unit_test(test_snow),
		cmocka_unit_test(test_spoilt),
		cmocka_unit_test(test_spoilt_first),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_low_order_e),
		cmocka_unit_test(test_low_order_s),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_nonces_end),
		cmocka_unit_test(test_rfc7748),
		cmocka_unit_test(test_wycheproof_x25519),
		cmocka_unit_test(test_wycheproof_aead),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
