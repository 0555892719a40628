/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "crypto/hkdf.h"
#include "kat.h"

#define FIELD_MAX 1024

struct input {
	uint8_t salt[FIELD_MAX], ikm[FIELD_MAX], info[FIELD_MAX];
	uint8_t want[HKDF_OUT_MAX];
	size_t salt_len, ikm_len, info_len, want_len;
};

static void
read_input(struct input *in, const json_t *t)
{
	in->salt_len = kat_hex(in->salt, FIELD_MAX, t, "salt");
	in->ikm_len = kat_hex(in->ikm, FIELD_MAX, t, "ikm");
	in->info_len = kat_hex(in->info, FIELD_MAX, t, "info");
	in->want_len = kat_hex(in->want, sizeof(in->want), t, "okm");
}

static void
check_hkdf(const struct input *in)
{
	uint8_t out[HKDF_OUT_MAX];

	hkdf(out, in->want_len, in->salt, in->salt_len, in->ikm, in->ikm_len,
	    in->info, in->info_len);
	assert_memory_equal(out, in->want, in->want_len);
}

static void
test_rfc5869(void **state)
{
	json_t *j = kat_published("rfc-primitives.json");
	uint8_t prk[HKDF_HASH_LEN], want[HKDF_HASH_LEN];
	struct input in;
	size_t i;
	json_t *t;

	(void)state;
	if (!j)
		skip();
	json_array_foreach(kat_get(j, "rfc5869_hkdf_sha256"), i, t)
	{
		read_input(&in, t);
		assert_int_equal(in.want_len, kat_number(t, "L"));
		check_hkdf(&in);
		kat_hex(want, sizeof(want), t, "prk");
		hkdf_hmac(prk, in.salt, in.salt_len, in.ikm, in.ikm_len);
		assert_memory_equal(prk, want, sizeof(want));
	}
	print_message("RFC 5869: %zu vectors\n", i);
	json_decref(j);
}

static void
hkdf_vector(const json_t *group, const json_t *t)
{
	struct input in;

	(void)group;
	if (strcmp(kat_text(t, "result"), "valid") != 0) {
		assert_true(kat_number(t, "size") > HKDF_OUT_MAX);
		return;
	}
	read_input(&in, t);
	assert_int_equal(in.want_len, kat_number(t, "size"));
	check_hkdf(&in);
}

static void
test_wycheproof_hkdf(void **state)
{
	(void)state;
	kat_wycheproof("wycheproof-hkdf_sha256_test.json", hkdf_vector);
}

static void
hmac_vector(const json_t *group, const json_t *t)
{
	uint8_t key[FIELD_MAX], msg[FIELD_MAX];
	uint8_t tag[HKDF_HASH_LEN], mac[HKDF_HASH_LEN];
	const size_t key_len = kat_hex(key, sizeof(key), t, "key");
	const size_t msg_len = kat_hex(msg, sizeof(msg), t, "msg");
	const size_t tag_len = kat_hex(tag, sizeof(tag), t, "tag");
	const bool valid = strcmp(kat_text(t, "result"), "valid") == 0;

	assert_int_equal(tag_len * 8, kat_number(group, "tagSize"));
	hkdf_hmac(mac, key, key_len, msg, msg_len);
	assert_int_equal(memcmp(mac, tag, tag_len) == 0, valid);
}

static void
test_wycheproof_hmac(void **state)
{
	(void)state;
	kat_wycheproof("wycheproof-hmac_sha256_test.json", hmac_vector);
}

/* Callers replace a key by what is derived from it. */
static void
test_in_place(void **state)
{
	uint8_t key[HKDF_HASH_LEN] = { 1, 2, 3 };
	uint8_t k[2 * HKDF_HASH_LEN] = { 1, 2, 3 };
	uint8_t want[2 * HKDF_HASH_LEN];

	(void)state;
	hkdf_hmac(want, key, sizeof(key), (const uint8_t *)"x", 1);
	hkdf_hmac(key, key, sizeof(key), (const uint8_t *)"x", 1);
	assert_memory_equal(key, want, sizeof(key));
	hkdf(want, sizeof(want), k, sizeof(k), k, sizeof(k), NULL, 0);
	hkdf(k, sizeof(k), k, sizeof(k), k, sizeof(k), NULL, 0);
	assert_memory_equal(k, want, sizeof(k));
}

/* RFC 5869 A.3, for where the published files are not. */
static void
test_empty(void **state)
{
	static const uint8_t want[] = { 0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63,
		0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31,
		0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45,
		0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d, 0x9d, 0x20, 0x13, 0x95,
		0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8 };
	uint8_t ikm[22], out[sizeof(want)];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	hkdf(out, sizeof(out), ikm, 0, ikm, sizeof(ikm), NULL, 0);
	assert_memory_equal(out, want, sizeof(want));
	hkdf(out, 0, ikm, 0, ikm, sizeof(ikm), NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_rfc5869),
		cmocka_unit_test(test_wycheproof_hkdf),
		cmocka_unit_test(test_wycheproof_hmac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
