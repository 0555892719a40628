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
#include "base/err.h"
#include "scratch.h"
#include "state/peers.h"
#include "wire/id.h"

static struct peer
make(uint8_t n, const char *name, const char *alias)
{
	struct peer p = {
		.issued_at = SCRATCH_NOW + n,
		.verified = true,
		.reset_needed = true,
		.first_seen = SCRATCH_NOW,
		.next_seq = 7,
		.expect_seq = UINT64_MAX,
		.last_init_ts = 1,
		.last_sent_ts = 2,
		.undecryptable = UINT32_MAX,
	};

	memset(p.id, n, ID_LEN);
	memset(&p.bundle, n, sizeof(p.bundle));
	snprintf(p.name, sizeof(p.name), "%s", name);
	snprintf(p.alias, sizeof(p.alias), "%s", alias);
	snprintf(p.signed_name, sizeof(p.signed_name), "%s", "<b>");
	return p;
}

static void
put(struct scratch *s, const struct peer *p)
{
	scratch_begin(s);
	assert_int_equal(peers_put(s->kf, p), 0);
	scratch_commit(s);
}

static void
same(const struct peer *a, const struct peer *b)
{
	assert_memory_equal(a->id, b->id, ID_LEN);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->alias, b->alias);
	assert_string_equal(a->signed_name, b->signed_name);
	assert_memory_equal(&a->bundle, &b->bundle, sizeof(a->bundle));
	assert_int_equal(a->issued_at, b->issued_at);
	assert_int_equal(a->verified, b->verified);
	assert_int_equal(a->blocked, b->blocked);
	assert_int_equal(a->reset_needed, b->reset_needed);
	assert_int_equal(a->first_seen, b->first_seen);
	assert_int_equal(a->next_seq, b->next_seq);
	assert_int_equal(a->expect_seq, b->expect_seq);
	assert_int_equal(a->last_init_ts, b->last_init_ts);
	assert_int_equal(a->last_sent_ts, b->last_sent_ts);
	assert_int_equal(a->undecryptable, b->undecryptable);
}

static void
check(struct scratch *s, const struct peer *want)
{
	struct peer p;
	bool found;

	assert_int_equal(peers_get(s->kf, want->id, &p, &found), 0);
	assert_true(found);
	same(&p, want);
}

static void
keeps_what_is_put(void **state)
{
	struct scratch *s = *state;
	struct peer bob = make(1, "bob", "bobby"), p;
	bool found;

	assert_int_equal(peers_get(s->kf, bob.id, &p, &found), 0);
	assert_false(found);
	put(s, &bob);
	scratch_reopen(s);
	check(s, &bob);

	bob.verified = bob.reset_needed = false;
	bob.blocked = true;
	bob.next_seq = 8;
	bob.expect_seq = bob.undecryptable = 0;
	memset(&bob.bundle, 9, sizeof(bob.bundle));
	snprintf(bob.alias, sizeof(bob.alias), "%s", "robert");
	bob.name[0] = '\0';
	put(s, &bob);
	check(s, &bob);

	/* the longest names, and none at all */
	memset(bob.name, 'n', NAME_MAX_LEN);
	memset(bob.alias, 'a', NAME_MAX_LEN);
	memset(bob.signed_name, '!', NAME_MAX_LEN);
	put(s, &bob);
	check(s, &bob);
	memset(bob.name, 0, NAME_SIZE);
	memset(bob.alias, 0, NAME_SIZE);
	memset(bob.signed_name, 0, NAME_SIZE);
	put(s, &bob);
	check(s, &bob);
}

static void
finds_by_any_name(void **state)
{
	struct scratch *s = *state;
	/* the alias of one is the name of the other: the alias counts */
	struct peer bob = make(1, "bob", "carol");
	struct peer carol = make(2, "carol", ""), p;
	char uuid[ID_TEXT_SIZE];
	bool found;

	put(s, &bob);
	put(s, &carol);
	id_text(uuid, carol.id);
	assert_int_equal(peers_find(s->kf, uuid, &p), 0);
	same(&p, &carol);
	assert_int_equal(peers_find(s->kf, "bob", &p), 0);
	same(&p, &bob);
	assert_int_equal(peers_find(s->kf, "carol", &p), 0);
	same(&p, &bob);
	assert_int_equal(peers_named(s->kf, "carol", &p, &found), 0);
	assert_true(found);
	same(&p, &bob);
	assert_int_equal(peers_named(s->kf, uuid, &p, &found), 0);
	assert_false(found);
}

static void
tells_who_is_unknown(void **state)
{
	static const char *const who[] = { "bob", "",
		"00000000-0000-8000-8000-000000000000" };
	struct scratch *s = *state;
	struct peer p = make(1, "", "");

	put(s, &p);
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		assert_int_equal(peers_find(s->kf, who[i], &p),
		    ERR_UNKNOWN_PEER);
		assert_string_equal(err_last()->peer, who[i]);
	}
	assert_string_equal(err_last()->hint,
	    "sentinel-keys fetch 00000000-0000-8000-8000-000000000000");
}

static void
lists_in_order(void **state)
{
	struct scratch *s = *state;
	const struct peer want[] = { make(3, "", ""), make(4, "", "zoe"),
		make(2, "amy", ""), make(9, "bob", "a"), make(1, "eve", "") };
	static const size_t order[] = { 4, 1, 3, 0, 2 };
	struct peer *list;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		put(s, &want[order[i]]);
	assert_int_equal(peers_list(s->kf, &list, &n), 0);
	assert_int_equal(n, ARRAY_LEN(want));
	for (size_t i = 0; i < n; i++)
		same(&list[i], &want[i]);
	free(list);
}

static void
lists_nobody(void **state)
{
	struct scratch *s = *state;
	struct peer *list;
	size_t n;

	assert_int_equal(peers_list(s->kf, &list, &n), 0);
	assert_int_equal(n, 0);
	free(list);
}

static void
gives_a_name_once(void **state)
{
	struct scratch *s = *state;
	struct peer bob = make(1, "bob", "b"), eve = make(2, "bob", ""), p;

	put(s, &bob);
	scratch_begin(s);
	assert_int_equal(peers_put(s->kf, &eve), ERR_CORRUPT);
	keyfile_rollback(s->kf);
	eve = make(2, "eve", "b");
	scratch_begin(s);
	assert_int_equal(peers_put(s->kf, &eve), ERR_CORRUPT);
	keyfile_rollback(s->kf);
	assert_int_equal(peers_find(s->kf, "bob", &p), 0);
	same(&p, &bob);
}

/* Who can write the file but has no data key cannot give a name away. */
#define OF_BOB " WHERE id = x'01010101010101010101010101010101'"

static void
notices_forgery(void **state)
{
	static const char *const forgeries[] = {
		"UPDATE peers SET pin = e.pin FROM peers AS e WHERE e.id > peers.id",
		"UPDATE peers SET id = zeroblob(16)" OF_BOB,
		"UPDATE peers SET pin = zeroblob(300)" OF_BOB,
		"UPDATE peers SET pin = x''" OF_BOB,
		"UPDATE peers SET pin = zeroblob(100000)" OF_BOB,
		"UPDATE peers SET id = x'01'" OF_BOB,
		"UPDATE peers SET blocked = 2" OF_BOB,
	};
	struct scratch *s = *state;
	struct peer bob = make(1, "bob", ""), eve = make(2, "eve", "");
	struct peer *list;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(forgeries); i++) {
		put(s, &bob);
		put(s, &eve);
		scratch_close(s);
		scratch_sql(s, forgeries[i]);
		scratch_reopen(s);
		assert_int_equal(peers_list(s->kf, &list, &n), ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
		scratch_close(s);
		scratch_sql(s, "DELETE FROM peers");
		scratch_reopen(s);
	}
}

/* Tags can be moved: then the name in the box tells. */
static void
notices_moved_tags(void **state)
{
	static const char *const moves[] = {
		"UPDATE peers SET alias_tag = name_tag, name_tag = NULL" OF_BOB,
		"UPDATE peers SET alias_tag = b.name_tag FROM peers AS b "
		"WHERE b.id < peers.id", /* to eve */
	};
	struct scratch *s = *state;
	struct peer bob = make(1, "bob", ""), eve = make(2, "eve", ""), p;
	bool found;

	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		put(s, &bob);
		put(s, &eve);
		scratch_close(s);
		scratch_sql(s, moves[i]);
		scratch_reopen(s);
		assert_int_equal(peers_named(s->kf, "bob", &p, &found),
		    ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
	}
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(keeps_what_is_put),
		FRESH(finds_by_any_name),
		FRESH(tells_who_is_unknown),
		FRESH(lists_in_order),
		FRESH(lists_nobody),
		FRESH(gives_a_name_once),
		FRESH(notices_forgery),
		FRESH(notices_moved_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
