/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/mac.h"
#include "server/invite.h"

static uint8_t key[KEY_LEN];

static void
count_up(uint8_t *out, size_t len, uint8_t from)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(from + i);
}

/* Computed with Python's hashlib. */
static void
test_known_mac(void **state)
{
	static const struct {
		size_t len;
		const char *want;
	} cases[] = {
		{ 0,
		    "4e51e7a913fc80137da52880fecca175"
		    "bf81e117d5c68126dc2774033517ea0d" },
		{ 255,
		    "f60f5c4a575c43db6c93608515866ea9"
		    "98e04b35792f5a92b27aa5880cd6721e" },
	};
	uint8_t in[255], out[MAC_LEN], bytes[KEY_LEN];
	char hex[TEXT_HEX_SIZE(MAC_LEN)];

	(void)state;
	count_up(in, sizeof(in), 0);
	count_up(bytes, sizeof(bytes), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mac(out, bytes, in, cases[i].len);
		text_hex(hex, out, sizeof(out));
		assert_string_equal(hex, cases[i].want);
	}
}

/* Likewise, from the secret of a relay on. */
static void
test_known_invite(void **state)
{
	static const char want[] =
	    "ZGVmZ2hpamtsbW5vcHFycwBo5c-LAQAAu_W2mWJ6ekKUVmYFxmBzzw";
	struct invite in = { .expires = 1700000000000 }, out;
	uint8_t relay_sk[KEY_LEN];
	char text[INVITE_LEN + 1];

	(void)state;
	count_up(relay_sk, sizeof(relay_sk), 0);
	count_up(in.nonce, sizeof(in.nonce), 100);
	invite_key(key, relay_sk);
	invite_pack(text, &in, key);
	assert_string_equal(text, want);
	assert_int_equal(invite_unpack(&out, text, key), 0);
	assert_memory_equal(out.nonce, in.nonce, sizeof(out.nonce));
	assert_int_equal(out.expires, in.expires);
}

/* Each character counts, the length does, and so does the relay. */
static void
test_forged(void **state)
{
	struct invite in = { .expires = 1 }, out = { .expires = 77 };
	char text[INVITE_LEN + 2], good[INVITE_LEN + 1];
	uint8_t other[KEY_LEN] = { 1 };

	(void)state;
	invite_pack(good, &in, key);
	for (size_t i = 0; i < INVITE_LEN; i++) {
		memcpy(text, good, sizeof(good));
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(invite_unpack(&out, text, key), ERR_DENIED);
		text[i] = '\xc1';
		assert_int_equal(invite_unpack(&out, text, key), ERR_DENIED);
		memcpy(text, good, i);
		text[i] = '\0';
		assert_int_equal(invite_unpack(&out, text, key), ERR_DENIED);
	}
	memcpy(text, good, sizeof(good));
	memcpy(text + INVITE_LEN, "A", 2);
	assert_int_equal(invite_unpack(&out, text, key), ERR_DENIED);
	assert_int_equal(invite_unpack(&out, good, other), ERR_DENIED);
	assert_int_equal(out.expires, 77);
	assert_int_equal(invite_unpack(&out, good, key), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_mac),
		cmocka_unit_test(test_known_invite),
		cmocka_unit_test(test_forged),
	};

	return secret_start() < 0 ? 1
				  : cmocka_run_group_tests(tests, NULL, NULL);
}
