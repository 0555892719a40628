/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/le.h"
#include "crypto/ident.h"
#include "crypto/noise.h"
#include "kat.h"
#include "wire/id.h"

struct who {
	uint8_t seed[KEY_LEN];
	uint8_t id[ID_LEN];
	struct bundle bundle;
	uint64_t issued_at;
	char name[NAME_SIZE];
};

static int
load(void **state)
{
	*state = kat_load("sentinel-v3-kat.json");
	return 0;
}

static int
unload(void **state)
{
	json_decref(*state);
	return 0;
}

static void
get(uint8_t *out, size_t len, const json_t *obj, const char *key)
{
	assert_int_equal(kat_hex(out, len, obj, key), len);
}

static void
rename_to(struct who *w, const char *name)
{
	snprintf(w->name, sizeof(w->name), "%s", name);
}

static void
get_who(struct who *w, const json_t *j)
{
	uint8_t bundle[BUNDLE_LEN];

	get(w->seed, KEY_LEN, j, "identity_seed");
	get(w->id, ID_LEN, j, "client_id");
	get(bundle, sizeof(bundle), j, "bundle");
	bundle_unpack(&w->bundle, bundle);
	w->issued_at = kat_number(j, "issued_at");
	rename_to(w, kat_text(j, "name"));
}

static void
check_who(const json_t *j)
{
	uint8_t pk[KEY_LEN], want[KEY_LEN], id[ID_LEN], sig[SIG_LEN];
	uint8_t sk[crypto_sign_SECRETKEYBYTES], bytes[512];
	char uuid[ID_TEXT_SIZE];
	struct who w = { 0 };
	struct bundle b;
	size_t len;

	get_who(&w, j);
	ident_public(pk, w.seed);
	get(want, KEY_LEN, j, "identity_pk");
	assert_memory_equal(pk, want, KEY_LEN);
	ident_id(id, pk);
	assert_memory_equal(id, w.id, ID_LEN);
	id_text(uuid, id);
	assert_string_equal(uuid, kat_text(j, "uuid"));

	b = w.bundle;
	memset(b.signature, 0, SIG_LEN);
	ident_sign(&b, w.seed, w.issued_at, w.name);
	get(sig, SIG_LEN, j, "signature");
	assert_memory_equal(b.signature, sig, SIG_LEN);
	assert_int_equal(ident_check(&b, w.id, w.issued_at, w.name), 0);

	/* the bytes signed are those of the answer */
	len = kat_hex(bytes, sizeof(bytes), j, "signed");
	crypto_sign_seed_keypair(pk, sk, w.seed);
	crypto_sign_detached(sig, NULL, bytes, len, sk);
	assert_memory_equal(sig, w.bundle.signature, SIG_LEN);

	get(sk, KEY_LEN, j, "static_sk");
	noise_public(pk, sk);
	assert_memory_equal(pk, w.bundle.static_pk, KEY_LEN);
	get(sk, KEY_LEN, j, "prekey_sk");
	noise_public(pk, sk);
	assert_memory_equal(pk, w.bundle.prekey_pk, KEY_LEN);
}

static void
test_kat(void **state)
{
	check_who(kat_get(*state, "alice"));
	check_who(kat_get(*state, "bob"));
}

static void
test_safety(void **state)
{
	const json_t *want = kat_get(*state, "safety");
	char ab[IDENT_SAFETY_LEN + 1], ba[IDENT_SAFETY_LEN + 1];
	struct who a = { 0 }, b = { 0 };

	get_who(&a, kat_get(*state, "alice"));
	get_who(&b, kat_get(*state, "bob"));
	ident_safety(ab, a.bundle.identity_pk, b.bundle.identity_pk);
	ident_safety(ba, b.bundle.identity_pk, a.bundle.identity_pk);
	assert_string_equal(ab, kat_text(want, "number"));
	assert_string_equal(ba, ab);
	assert_memory_equal(ab, kat_text(want, "alice"), 30);
	assert_string_equal(ab + 30, kat_text(want, "bob"));
}

static void
test_fingerprint(void **state)
{
	char out[65];

	(void)state;
	/* SHA-256 of 32 zero bytes */
	ident_fingerprint(out, (const uint8_t[KEY_LEN]){ 0 });
	assert_string_equal(out,
	    "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}

static void
refuse(const struct who *w)
{
	assert_int_equal(ident_check(&w->bundle, w->id, w->issued_at, w->name),
	    ERR_PROTOCOL);
}

/* Any bit of what is signed, of the signature, or of the id. */
static void
test_spoilt(void **state)
{
	const json_t *alice = kat_get(*state, "alice");
	struct who w = { 0 };
	uint8_t *const b = (uint8_t *)&w.bundle;

	get_who(&w, alice);
	for (size_t i = 0; i < 8 * BUNDLE_LEN; i++) {
		b[i / 8] ^= (uint8_t)(1 << i % 8);
		refuse(&w);
		b[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 8 * ID_LEN; i++) {
		w.id[i / 8] ^= (uint8_t)(1 << i % 8);
		refuse(&w);
		w.id[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (int i = 0; i < 64; i++) {
		w.issued_at ^= 1ULL << i;
		refuse(&w);
		w.issued_at ^= 1ULL << i;
	}
	assert_int_equal(ident_check(&w.bundle, w.id, w.issued_at, w.name), 0);
}

static void
test_names(void **state)
{
	struct who w = { 0 };

	get_who(&w, kat_get(*state, "alice"));
	rename_to(&w, "alicf");
	refuse(&w);
	rename_to(&w, "alic");
	refuse(&w);
	memset(w.name, '~', NAME_MAX_LEN);
	ident_sign(&w.bundle, w.seed, UINT64_MAX, w.name);
	assert_int_equal(ident_check(&w.bundle, w.id, UINT64_MAX, w.name), 0);
}

/* Sign what w says, fit or not, as ident_sign would. */
static void
sign_raw(struct who *w)
{
	const uint8_t name_len = (uint8_t)strnlen(w->name, NAME_SIZE);
	uint8_t sk[crypto_sign_SECRETKEYBYTES], pk[KEY_LEN], in[512];
	uint8_t *at = in;

	memcpy(at, "sentinel-bundle-v3", 19);
	memcpy(at += 19, w->id, ID_LEN);
	memcpy(at += ID_LEN, &w->bundle, 3 * KEY_LEN);
	le_put64(at += 3 * KEY_LEN, w->issued_at);
	memcpy(at += 8, &name_len, 1);
	memcpy(at += 1, w->name, name_len);
	at += name_len;
	crypto_sign_seed_keypair(pk, sk, w->seed);
	crypto_sign_detached(w->bundle.signature, NULL, in, (size_t)(at - in),
	    sk);
}

/* A good signature does not make another's id or a bad name good. */
static void
test_signed_but_unfit(void **state)
{
	static const char *const bad[] = { "", "a b", "a\x1f", "a\x7f",
		"a\xc3\xa4", "\n" };
	struct who w = { 0 };

	get_who(&w, kat_get(*state, "alice"));
	sign_raw(&w);
	assert_int_equal(ident_check(&w.bundle, w.id, w.issued_at, w.name), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		rename_to(&w, bad[i]);
		sign_raw(&w);
		refuse(&w);
	}
	memset(w.name, '~', NAME_SIZE); /* without an end */
	sign_raw(&w);
	refuse(&w);
	get_who(&w, kat_get(*state, "alice"));
	w.id[15] ^= 1;
	sign_raw(&w);
	refuse(&w);
}

/* A key of low order, well signed. */
static void
test_low_order(void **state)
{
	struct who w = { 0 };

	get_who(&w, kat_get(*state, "bob"));
	memset(w.bundle.static_pk, 0, KEY_LEN);
	ident_sign(&w.bundle, w.seed, w.issued_at, w.name);
	refuse(&w);
	get_who(&w, kat_get(*state, "bob"));
	memset(w.bundle.prekey_pk, 0, KEY_LEN);
	w.bundle.prekey_pk[0] = 1;
	ident_sign(&w.bundle, w.seed, w.issued_at, w.name);
	refuse(&w);
	get_who(&w, kat_get(*state, "bob"));
	ident_sign(&w.bundle, w.seed, w.issued_at, w.name);
	assert_int_equal(ident_check(&w.bundle, w.id, w.issued_at, w.name), 0);
}

/* With the neutral point as identity S = 0 would sign everything. */
static void
test_neutral_identity(void **state)
{
	struct who w = { 0 };

	get_who(&w, kat_get(*state, "bob"));
	memset(w.bundle.identity_pk, 0, KEY_LEN);
	w.bundle.identity_pk[0] = 1;
	memset(w.bundle.signature, 0, SIG_LEN);
	w.bundle.signature[0] = 1;
	ident_id(w.id, w.bundle.identity_pk);
	refuse(&w);
}

static void
test_rfc8032(void **state)
{
	json_t *j = kat_published("rfc-primitives.json");
	uint8_t seed[KEY_LEN], pk[KEY_LEN], want[KEY_LEN];
	size_t i;
	json_t *t;

	(void)state;
	if (!j)
		skip();
	json_array_foreach(kat_get(j, "rfc8032_ed25519"), i, t)
	{
		get(seed, KEY_LEN, t, "seed");
		get(want, KEY_LEN, t, "pk");
		ident_public(pk, seed);
		assert_memory_equal(pk, want, KEY_LEN);
	}
	print_message("RFC 8032: %zu vectors\n", i);
	json_decref(j);
}

/* libsodium as ident_check calls it; other lengths have no place in a bundle.
 */
static void
ed25519_vector(const json_t *group, const json_t *t)
{
	uint8_t pk[KEY_LEN], sig[2 * SIG_LEN], msg[1024];
	const size_t sig_len = kat_hex(sig, sizeof(sig), t, "sig");
	const size_t len = kat_hex(msg, sizeof(msg), t, "msg");
	const bool valid = strcmp(kat_text(t, "result"), "valid") == 0;

	get(pk, KEY_LEN, kat_get(group, "publicKey"), "pk");
	if (sig_len != SIG_LEN) {
		assert_false(valid);
		return;
	}
	assert_int_equal(crypto_sign_verify_detached(sig, msg, len, pk) == 0,
	    valid);
}

static void
test_wycheproof_ed25519(void **state)
{
	(void)state;
	kat_wycheproof("wycheproof-ed25519_test.json", ed25519_vector);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kat),
		cmocka_unit_test(test_safety),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_spoilt),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_signed_but_unfit),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_neutral_identity),
		cmocka_unit_test(test_rfc8032),
		cmocka_unit_test(test_wycheproof_ed25519),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
