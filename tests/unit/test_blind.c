/* SPDX-License-Identifier: ISC */
/*
 * G2: what works on secrets neither branches on them nor looks anything up by
 * them.  The secrets are marked undefined; valgrind, under which this runs in
 * check-valgrind, reports every decision that depends on one, and gives up
 * where a result has become public.  Without it the results alone are checked.
 * What opens boxes is not here: that a tag is wrong is a decision, and public.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>
#include <valgrind/memcheck.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/hkdf.h"
#include "crypto/ident.h"
#include "crypto/mac.h"
#include "crypto/noise.h"
#include "e2e/filebox.h"
#include "e2e/ratchet.h"
#include "state/colbox.h"

static const uint8_t text[] = "what is not secret";
static const uint8_t alice[ID_LEN] = { 1 }, bob[ID_LEN] = { 2 };
static const uint8_t nonce[RATCHET_NONCE_LEN] = { 7 };

struct secret {
	uint8_t bytes[KEY_LEN];
};

/* The n-th secret, of which nobody may know anything. */
static struct secret
secret(uint8_t n)
{
	struct secret s;

	memset(s.bytes, n, sizeof(s.bytes));
	VALGRIND_MAKE_MEM_UNDEFINED(s.bytes, sizeof(s.bytes));
	return s;
}

/* What leaves us may be looked at. */
static void
publish(const void *bytes, size_t len)
{
	VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

/* --- in place of libsodium's: of these, something becomes public --- */

/* Whether a result is all zeros: that ends the conversation. */
int
crypto_scalarmult(unsigned char *q, const unsigned char *n,
    const unsigned char *p)
{
	int r = crypto_scalarmult_curve25519(q, n, p);

	publish(&r, sizeof(r));
	return r;
}

int
crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk,
    const unsigned char *seed)
{
	int r = crypto_sign_ed25519_seed_keypair(pk, sk, seed);

	publish(pk, KEY_LEN);
	return r;
}

/* --- tests --- */

static void
test_keys_are_derived(void **state)
{
	const struct secret s = secret(1);
	uint8_t a[KEY_LEN], b[KEY_LEN];

	(void)state;
	hkdf(a, sizeof(a), text, sizeof(text), s.bytes, KEY_LEN, text, 4);
	mac(b, s.bytes, text, sizeof(text));
	publish(a, sizeof(a));
	publish(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
test_public_keys_and_signatures(void **state)
{
	const struct secret seed = secret(1), sk = secret(2);
	struct bundle b = { .static_pk = { 9 }, .prekey_pk = { 9 } };
	uint8_t id[ID_LEN];

	(void)state;
	ident_public(b.identity_pk, seed.bytes);
	publish(b.identity_pk, KEY_LEN);
	noise_public(b.static_pk, sk.bytes);
	publish(b.static_pk, KEY_LEN);
	ident_sign(&b, seed.bytes, 1, "alice");
	publish(&b, sizeof(b));
	ident_id(id, b.identity_pk);
	assert_int_equal(ident_check(&b, id, 1, "alice"), 0);
}

static void
test_comparisons(void **state)
{
	const struct secret a = secret(1), b = secret(1), c = secret(2);
	bool same = secret_equal(a.bytes, b.bytes, KEY_LEN);
	bool other = secret_equal(a.bytes, c.bytes, KEY_LEN);

	(void)state;
	publish(&same, sizeof(same));
	publish(&other, sizeof(other));
	assert_true(same && !other);
}

static void
test_keys_as_text(void **state)
{
	const struct secret s = secret(1);
	char out[TEXT_KEY_SIZE];

	(void)state;
	text_key(out, s.bytes);
	publish(out, sizeof(out));
	assert_int_equal(strlen(out), TEXT_KEY_SIZE - 1);
}

static void
test_a_record_of_the_channel(void **state)
{
	const struct secret s = secret(1);
	struct noise_cipher to = { .has_key = true }, from;
	uint8_t out[sizeof(text) + NOISE_TAG_LEN], back[sizeof(text)];

	(void)state;
	memcpy(to.key, s.bytes, KEY_LEN);
	from = to;
	assert_int_equal(noise_encrypt(&to, out, NULL, 0, text, sizeof(text)),
	    0);
	publish(out, sizeof(out));
	publish(&from, sizeof(from));
	assert_int_equal(noise_decrypt(&from, back, NULL, 0, out, sizeof(out)),
	    0);
	assert_memory_equal(back, text, sizeof(text));
}

static void
test_a_chunk_of_a_file(void **state)
{
	const struct secret s = secret(1);
	const struct filebox_header head = { .index = 3 };
	uint8_t box[sizeof(text) + FILEBOX_OVERHEAD], back[sizeof(text)];

	(void)state;
	filebox_seal(box, &head, s.bytes, alice, bob, text, sizeof(text),
	    nonce);
	publish(box, sizeof(box));
	publish(&s, sizeof(s));
	assert_int_equal(
	    filebox_open(back, s.bytes, alice, bob, box, sizeof(box)), 0);
	assert_memory_equal(back, text, sizeof(text));
}

static void
test_a_column_of_the_key_file(void **state)
{
	const struct secret s = secret(1);
	struct colbox_key key = { .file = { 1 } };
	struct colbox_place at = { .table = "t", .column = "c" };
	uint8_t box[sizeof(text) + COLBOX_OVERHEAD], back[sizeof(text)];
	uint8_t tag[COLBOX_TAG_LEN];

	(void)state;
	memcpy(key.key, s.bytes, KEY_LEN);
	colbox_add_number(&at, 1);
	colbox_tag(tag, &key, "bob");
	colbox_seal(box, &key, &at, text, sizeof(text));
	publish(box, sizeof(box));
	publish(&key, sizeof(key));
	assert_int_equal(colbox_open(back, &key, &at, box, sizeof(box)), 0);
	assert_memory_equal(back, text, sizeof(text));
}

static void
test_a_session_and_its_messages(void **state)
{
	const struct secret exporter = secret(1), ka = secret(2),
			    kb = secret(3), ra = secret(4), rb = secret(5),
			    fresh = secret(6);
	uint8_t ra_pk[KEY_LEN], rb_pk[KEY_LEN], h[32] = { 1 };
	uint8_t out[sizeof(text) + RATCHET_OVERHEAD], back[sizeof(text)];
	struct ratchet a = { .ns = 0 }, b = { .ns = 0 };
	struct ratchet_skips skips;

	(void)state;
	noise_public(ra_pk, ra.bytes);
	noise_public(rb_pk, rb.bytes);
	publish(ra_pk, sizeof(ra_pk));
	publish(rb_pk, sizeof(rb_pk));
	assert_int_equal(ratchet_init_a(&a, exporter.bytes, h, ka.bytes,
			     kb.bytes, ra.bytes, rb_pk),
	    0);
	assert_int_equal(ratchet_init_b(&b, exporter.bytes, h, ka.bytes,
			     kb.bytes, rb.bytes, ra_pk, fresh.bytes),
	    0);
	assert_int_equal(
	    ratchet_seal(&a, out, alice, bob, text, sizeof(text), nonce), 0);
	publish(out, sizeof(out));
	publish(&b, sizeof(b));
	publish(&fresh, sizeof(fresh));
	assert_int_equal(ratchet_open(&b, &skips, back, alice, bob, out,
			     sizeof(out), NULL, fresh.bytes),
	    RATCHET_OK);
	assert_memory_equal(back, text, sizeof(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_derived),
		cmocka_unit_test(test_public_keys_and_signatures),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_keys_as_text),
		cmocka_unit_test(test_a_record_of_the_channel),
		cmocka_unit_test(test_a_chunk_of_a_file),
		cmocka_unit_test(test_a_column_of_the_key_file),
		cmocka_unit_test(test_a_session_and_its_messages),
	};

	if (secret_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
