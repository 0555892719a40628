/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "scratch.h"
#include "state/mark.h"
#include "state/peers.h"
#include "state/session.h"

/* A peer with a session. */
static void
fill(struct scratch *s)
{
	const struct ratchet r = { .sid = { 1 } };
	const struct scratch_id bob = scratch_id(1);
	struct peer p = { .name = "bob" };

	memcpy(p.id, bob.bytes, ID_LEN);
	scratch_begin(s);
	assert_int_equal(peers_put(s->kf, &p), 0);
	assert_int_equal(session_activate(s->kf, p.id, &r, false, 1), 0);
	scratch_commit(s);
}

static bool
needs_reset(struct scratch *s)
{
	const struct scratch_id bob = scratch_id(1);
	struct peer p;
	bool found;

	assert_int_equal(peers_get(s->kf, bob.bytes, &p, &found), 0);
	assert_true(found);
	return p.reset_needed;
}

static uint32_t
count_of(struct scratch *s)
{
	struct mark m;

	assert_true(mark_read(&m, s->path));
	assert_memory_equal(m.file, keyfile_db(s->kf)->key->file, ID_LEN);
	return m.count;
}

static void
change(struct scratch *s)
{
	static uint64_t now;

	scratch_begin(s);
	assert_int_equal(keyfile_set_contact(s->kf, ++now), 0);
	scratch_commit(s);
}

static void
each_change_counts(void **state)
{
	struct scratch *s = *state;
	uint32_t before;

	fill(s);
	before = count_of(s);
	change(s);
	change(s);
	assert_int_equal(count_of(s), before + 2);
	/* a transaction that changes nothing, and one that is not committed */
	scratch_begin(s);
	scratch_commit(s);
	scratch_begin(s);
	assert_int_equal(keyfile_set_contact(s->kf, 0), 0);
	keyfile_rollback(s->kf);
	assert_int_equal(count_of(s), before + 2);
	scratch_reopen(s);
	assert_false(keyfile_was_put_back(s->kf));
	change(s);
	assert_int_equal(count_of(s), before + 3);
}

/* An older file in its place. */
static void
put_back(struct scratch *s, const uint8_t *bytes, size_t len)
{
	scratch_close(s);
	scratch_write(s->path, bytes, len);
	assert_int_equal(scratch_open(s, 1000), 0);
}

static void
one_change_back_is_seen_once(void **state)
{
	struct scratch *s = *state;
	uint8_t *old;
	size_t len;

	fill(s);
	scratch_close(s);
	old = scratch_read(s->path, &len);
	assert_int_equal(scratch_open(s, 1000), 0);
	assert_false(needs_reset(s));
	change(s);
	put_back(s, old, len);
	assert_true(keyfile_was_put_back(s->kf));
	assert_true(needs_reset(s));
	scratch_reopen(s);
	assert_false(keyfile_was_put_back(s->kf));
	assert_true(needs_reset(s));
	free(old);
}

static void
also_where_there_is_no_session(void **state)
{
	struct scratch *s = *state;
	uint8_t *old;
	size_t len;

	change(s);
	scratch_close(s);
	old = scratch_read(s->path, &len);
	assert_int_equal(scratch_open(s, 1000), 0);
	change(s);
	put_back(s, old, len);
	assert_true(keyfile_was_put_back(s->kf));
	scratch_reopen(s);
	assert_false(keyfile_was_put_back(s->kf));
	free(old);
}

/* The mark with one number after the other, and what is made of it. */
static void
ahead_is_less_than_half_way_round(void **state)
{
	struct scratch *s = *state;
	const struct {
		uint32_t mark, file;
		bool ahead;
	} cases[] = {
		{ 5, 4, true },
		{ 4, 4, false },
		{ 4, 5, false },
		{ 0, UINT32_MAX, true },
		{ UINT32_MAX, 0, false },
		{ 0x7fffffff, 0, true },
	};
	struct mark m;
	bool is;

	fill(s);
	assert_true(mark_read(&m, s->path));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		m.count = cases[i].mark;
		assert_int_equal(mark_judge(s->kf, &m, cases[i].file, &is), 0);
		assert_int_equal(is, cases[i].ahead);
	}
	m.count = 5;
	m.file[0] ^= 1;
	assert_int_equal(mark_judge(s->kf, &m, 4, &is), 0);
	assert_false(is);
}

static void
a_spoilt_one_is_none(void **state)
{
	struct scratch *s = *state;
	char name[128];
	struct mark m;
	uint8_t *bytes;
	size_t len;

	fill(s);
	snprintf(name, sizeof(name), "%s.mark", s->path);
	bytes = scratch_read(name, &len);
	assert_int_equal(len, 24);
	for (size_t n = 0; n < len; n++) {
		scratch_write(name, bytes, n);
		assert_false(mark_read(&m, s->path));
	}
	/* half of it old, half of it new */
	for (size_t i = 16; i < len; i++) {
		bytes[i] ^= 1;
		scratch_write(name, bytes, len);
		assert_false(mark_read(&m, s->path));
		bytes[i] ^= 1;
	}
	scratch_write(name, bytes, len);
	assert_true(mark_read(&m, s->path));
	free(bytes);
}

int
main(void)
{
#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_change_counts),
		TEST(one_change_back_is_seen_once),
		TEST(also_where_there_is_no_session),
		TEST(ahead_is_less_than_half_way_round),
		TEST(a_spoilt_one_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
