/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "kat.h"
#include "state/pwlock.h"

static int
setup(void **state)
{
	(void)state;
	return secret_start();
}

static struct passphrase
passphrase(const char *bytes, size_t len)
{
	struct passphrase p = { .len = len };

	memcpy(p.bytes, bytes, len);
	return p;
}

/* The lock of the known answer, and the passphrase that opens it. */
static struct pwlock
load_kat(struct colbox_key *k, struct passphrase *pass)
{
	json_t *all = kat_load("sentinel-v3-kat.json");
	const json_t *kat = kat_get(all, "keyfile");
	const char *text = kat_text(kat, "passphrase");
	struct pwlock l = { .box_len = PWLOCK_BOX_LEN };

	*pass = passphrase(text, strlen(text));
	l.ops = (uint32_t)kat_number(kat, "opslimit");
	l.mem_kib = (uint32_t)kat_number(kat, "memlimit_kib");
	assert_int_equal(kat_hex(l.salt, sizeof(l.salt), kat, "salt"),
	    PWLOCK_SALT_LEN);
	assert_int_equal(kat_hex(l.box, sizeof(l.box), kat, "wrapped_dek"),
	    PWLOCK_BOX_LEN);
	assert_int_equal(kat_hex(k->file, ID_LEN, kat, "file_uuid"), ID_LEN);
	assert_int_equal(kat_hex(k->key, KEY_LEN, kat, "dek"), KEY_LEN);
	json_decref(all);
	return l;
}

static void
known_answer(void **state)
{
	struct colbox_key want, got = { .key = { 0 } };
	struct passphrase pass;
	const struct pwlock l = load_kat(&want, &pass);

	(void)state;
	memcpy(got.file, want.file, ID_LEN);
	assert_int_equal(pwlock_open(&got, &l, &pass), 0);
	assert_memory_equal(got.key, want.key, KEY_LEN);
	assert_int_equal(l.ops, PWLOCK_OPS);
	assert_int_equal(l.mem_kib, PWLOCK_MEM);
}

/* Lock a key under a passphrase, and open it with another or the same. */
static void
locks(const struct passphrase *with, const struct passphrase *other, int want)
{
	const struct colbox_key k = { .file = { 1 }, .key = { 2 } };
	struct colbox_key got = { .file = { 1 } }, none = got;
	struct pwlock l;

	assert_int_equal(pwlock_seal(&l, &k, with), 0);
	assert_int_equal(pwlock_open(&got, &l, other), want);
	assert_memory_equal(&got, want == 0 ? &k : &none, sizeof(got));
}

static void
takes_any_bytes(void **state)
{
	struct passphrase p = { .len = PASSPHRASE_MAX }, q;

	(void)state;
	memset(p.bytes, 0xff, sizeof(p.bytes));
	locks(&p, &p, 0);
	q = p;
	q.bytes[PASSPHRASE_MAX - 1] = 0;
	locks(&p, &q, ERR_PASSPHRASE);

	/* what stands behind a NUL counts */
	p = passphrase("a\0b", 3);
	locks(&p, &p, 0);
	q = passphrase("a\0c", 3);
	locks(&p, &q, ERR_PASSPHRASE);
	q = passphrase("a", 1);
	locks(&p, &q, ERR_PASSPHRASE);
	assert_string_equal(err_last()->message, "not the passphrase");

	q = passphrase("", 0);
	locks(&p, &q, ERR_PASSPHRASE);
	assert_string_equal(err_last()->message, "not the passphrase");
}

static void
makes_no_empty_one(void **state)
{
	const struct colbox_key k = { .key = { 2 } };
	const struct passphrase none = { .len = 0 };
	struct pwlock l;

	(void)state;
	assert_int_equal(pwlock_seal(&l, &k, &none), ERR_PASSPHRASE);
}

static void
is_fresh_each_time(void **state)
{
	const struct colbox_key k = { .key = { 2 } };
	const struct passphrase p = passphrase("p", 1);
	struct pwlock a, b;

	(void)state;
	assert_int_equal(pwlock_seal(&a, &k, &p), 0);
	assert_int_equal(pwlock_seal(&b, &k, &p), 0);
	assert_memory_not_equal(a.salt, b.salt, PWLOCK_SALT_LEN);
	assert_memory_not_equal(a.box, b.box, 24);
}

static void
does_without(void **state)
{
	const struct colbox_key k = { .file = { 1 }, .key = { 2 } };
	struct colbox_key got = { .file = { 1 } };
	struct pwlock l;

	(void)state;
	assert_int_equal(pwlock_seal(&l, &k, NULL), 0);
	assert_int_equal(l.ops, 0);
	assert_int_equal(l.box_len, KEY_LEN);
	assert_int_equal(pwlock_open(&got, &l, NULL), 0);
	assert_memory_equal(&got, &k, sizeof(k));
}

/* Bound to its file and to each of its parts. */
static void
opens_nowhere_else(void **state)
{
	struct colbox_key k;
	struct passphrase pass;
	const struct pwlock right = load_kat(&k, &pass);
	struct pwlock l[4] = { right, right, right, right };

	(void)state;
	l[0].salt[15] ^= 1;
	l[1].box[0] ^= 1;
	l[2].box[PWLOCK_BOX_LEN - 1] ^= 1;
	l[3].ops = 4;
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		assert_int_equal(pwlock_open(&k, &l[i], &pass), ERR_PASSPHRASE);
	k.file[0] ^= 1;
	assert_int_equal(pwlock_open(&k, &right, &pass), ERR_PASSPHRASE);
}

/*
 * Parameters out of bounds are refused before anything is tried: not a page
 * of memory is touched, where the least of them asks for thousands.
 */
static void
refuses_bombs(void **state)
{
	static const struct {
		uint32_t ops, mem_kib;
		size_t box_len;
	} table[] = {
		{ 1, PWLOCK_MEM, PWLOCK_BOX_LEN },
		{ 17, PWLOCK_MEM, PWLOCK_BOX_LEN },
		{ UINT32_MAX, PWLOCK_MEM, PWLOCK_BOX_LEN },
		{ PWLOCK_OPS, PWLOCK_MEM_MIN - 1, PWLOCK_BOX_LEN },
		{ PWLOCK_OPS, PWLOCK_MEM_MAX + 1, PWLOCK_BOX_LEN },
		{ PWLOCK_OPS, 1u << 30, PWLOCK_BOX_LEN }, /* 1 TiB */
		{ PWLOCK_OPS, 0, PWLOCK_BOX_LEN },
		{ 0, PWLOCK_MEM, KEY_LEN },
		{ 0, 0, PWLOCK_BOX_LEN },
		{ 0, 0, 0 },
		{ PWLOCK_OPS, PWLOCK_MEM, KEY_LEN },
	};
	const struct passphrase pass = passphrase("p", 1);
	struct colbox_key k = { .key = { 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct pwlock l = { .ops = table[i].ops,
			.mem_kib = table[i].mem_kib,
			.box_len = table[i].box_len };
		struct rusage before, after;

		assert_return_code(getrusage(RUSAGE_SELF, &before), 0);
		assert_int_equal(pwlock_check(&l), ERR_CORRUPT);
		assert_int_equal(pwlock_open(&k, &l, &pass), ERR_CORRUPT);
		assert_return_code(getrusage(RUSAGE_SELF, &after), 0);
		assert_in_range(after.ru_minflt - before.ru_minflt, 0, 100);
	}
}

static void
accepts_its_bounds(void **state)
{
	const struct pwlock table[] = {
		{ .ops = 2, .mem_kib = 32768, .box_len = PWLOCK_BOX_LEN },
		{ .ops = 16, .mem_kib = 2097152, .box_len = PWLOCK_BOX_LEN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(pwlock_check(&table[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),
		cmocka_unit_test(takes_any_bytes),
		cmocka_unit_test(makes_no_empty_one),
		cmocka_unit_test(is_fresh_each_time),
		cmocka_unit_test(does_without),
		cmocka_unit_test(opens_nowhere_else),
		cmocka_unit_test(refuses_bombs),
		cmocka_unit_test(accepts_its_bounds),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
