/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/text.h"
#include "scratch.h"
#include "state/db.h"
#include "state/inbox.h"
#include "state/own.h"
#include "state/peers.h"
#include "state/session.h"

#define ALICE "keyfile-1-alice.sql"
#define BOB   "keyfile-1-bob.sql"

/* Somebody who knows a passphrase, or says an error. */
struct user {
	const char *says;
	int code;
	int asked;
};

static int
ask(void *arg, struct passphrase *out)
{
	struct user *u = arg;

	u->asked++;
	if (u->code != 0)
		return err_set(u->code, "nobody answers");
	out->len = strlen(u->says);
	memcpy(out->bytes, u->says, out->len);
	return 0;
}

static int
open_with(struct scratch *s, struct user *u)
{
	const struct keyfile_access access = { 1000, ask, u };

	scratch_close(s);
	return keyfile_open(&s->kf, s->path, &access);
}

static void
opens_with(struct scratch *s, const char *says)
{
	struct user u = { .says = says };

	assert_int_equal(open_with(s, &u), 0);
	assert_int_equal(u.asked, 1);
}

static int
set(struct scratch *s, const char *text)
{
	struct passphrase p = { .len = strlen(text) };

	memcpy(p.bytes, text, p.len);
	return keyfile_set_passphrase(s->kf, &p);
}

static void
has_passphrase(struct scratch *s, bool want)
{
	bool has = !want;

	assert_int_equal(keyfile_has_passphrase(s->kf, &has), 0);
	assert_int_equal(has, want);
}

static void
is_alice(struct scratch *s)
{
	struct keyfile_self self;
	uint8_t seed[KEY_LEN];
	struct own own;
	bool found;

	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
	assert_string_equal(self.relay.hosts[0].name, "relay.example.org");
	assert_int_equal(keyfile_get_seed(s->kf, seed), 0);
	assert_int_equal(own_get(s->kf, OWN_NEXT, &own, &found), 0);
	assert_true(found);
}

static struct colbox_key
data_key(struct scratch *s)
{
	return *keyfile_db(s->kf)->key;
}

/* --- one that is set -------------------------------------------------------
 */

static void
is_born_with_one(void **state)
{
	struct scratch *s = *state;
	struct passphrase p = { 3, "abc" };
	struct colbox_key k;
	struct addr relay;

	assert_int_equal(addr_parse(&relay, "relay.example.org"), 0);
	assert_int_equal(
	    keyfile_create(&s->kf, s->path, "alice", &relay, &p, 1000), 0);
	has_passphrase(s, true);
	is_alice(s);
	k = data_key(s);
	assert_false(scratch_has(s, k.key, 16));
	assert_int_equal(scratch_open(s, 1000), ERR_PASSPHRASE);
	opens_with(s, "abc");
	is_alice(s);
}

static void
refuses_wrong_ones(void **state)
{
	static const char *const wrong[] = { "a", "abcd", "Abc", "abc ", " abc",
		"abc\n", "cba", "", "ab", "\xc3\xa4" };
	struct scratch *s = *state;
	struct user nobody = { .code = ERR_TIMEOUT };

	assert_int_equal(set(s, "abc"), 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct user u = { .says = wrong[i] };

		assert_int_equal(open_with(s, &u), ERR_PASSPHRASE);
		assert_null(s->kf);
		assert_string_equal(err_last()->message, "not the passphrase");
		assert_string_equal(err_last()->path, s->path);
		assert_int_equal(u.asked, 1);
	}
	assert_int_equal(scratch_open(s, 1000), ERR_PASSPHRASE);
	assert_string_equal(err_last()->message,
	    "the key file has a passphrase");
	assert_int_equal(open_with(s, &nobody), ERR_TIMEOUT);
	opens_with(s, "abc");
}

static void
asks_only_when_it_must(void **state)
{
	struct scratch *s = *state;
	struct user u = { .says = "abc" };

	has_passphrase(s, false);
	assert_int_equal(open_with(s, &u), 0);
	assert_int_equal(u.asked, 0);
}

static void
changes_and_goes(void **state)
{
	struct scratch *s = *state;
	struct user first = { .says = "first" };
	uint8_t box[200];
	struct colbox_key k;
	size_t len;

	assert_int_equal(set(s, "first"), 0);
	is_alice(s);
	k = data_key(s);
	scratch_close(s);
	len = scratch_sql_blob(s, "SELECT dek_box FROM self", box, sizeof(box));
	assert_int_equal(len, 72);

	opens_with(s, "first");
	assert_int_equal(set(s, "second"), 0);
	has_passphrase(s, true);
	assert_false(scratch_has(s, box, 16));
	assert_int_equal(open_with(s, &first), ERR_PASSPHRASE);
	opens_with(s, "second");
	is_alice(s);
	assert_memory_equal(data_key(s).key, k.key, KEY_LEN);

	assert_int_equal(keyfile_set_passphrase(s->kf, NULL), 0);
	has_passphrase(s, false);
	scratch_reopen(s);
	is_alice(s);
	/* and a new one makes a new key, for this one was to be seen */
	assert_int_equal(set(s, "third"), 0);
	assert_memory_not_equal(data_key(s).key, k.key, KEY_LEN);
}

/* What was done by halves is undone, in memory too. */
static void
keeps_the_key_when_it_fails(void **state)
{
	struct scratch *s = *state;
	const struct colbox_key k = data_key(s);

	assert_int_equal(set(s, ""), ERR_PASSPHRASE);
	assert_memory_equal(data_key(s).key, k.key, KEY_LEN);
	has_passphrase(s, false);
	is_alice(s);
	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "alice"), 0);
	scratch_commit(s);
	scratch_reopen(s);
	is_alice(s);
}

/* What somebody has put into the file ends in an error, and nothing else. */
static void
refuses_strange_rows(void **state)
{
	static const char *const rows[] = {
		"UPDATE peers SET id = zeroblob(63)",
		"UPDATE peers SET id = zeroblob(64)",
		"UPDATE peers SET id = zeroblob(100000)",
		"UPDATE peers SET id = x''",
		"UPDATE sessions SET sid = zeroblob(47)",
		"UPDATE sessions SET sid = zeroblob(48)",
		"UPDATE skipped SET sid = zeroblob(32), dh = zeroblob(32)",
		"UPDATE inbox SET record = x'' WHERE n = 1",
		"UPDATE inbox SET record = zeroblob(1000) WHERE n = 1",
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		scratch_restore(s, BOB);
		scratch_reopen(s);
		scratch_close(s);
		scratch_sql(s, rows[i]);
		scratch_reopen(s);
		assert_int_equal(set(s, "abc"), ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
		has_passphrase(s, false);
	}
}

/* --- what an attacker finds -------------------------------------------------
 */

/* No piece of it stands in any file, raw, in hex or in base64. */
static void
hides(struct scratch *s, const void *bytes, size_t len)
{
	char hex[TEXT_HEX_SIZE(64)], base64[TEXT_BASE64_SIZE(64)];

	assert_in_range(len, 3, 64);
	text_hex(hex, bytes, len);
	text_base64(base64, bytes, len);
	assert_false(scratch_has(s, bytes, len < 12 ? len : 12));
	assert_false(scratch_has(s, hex, strlen(hex) < 24 ? strlen(hex) : 24));
	assert_false(scratch_has(s, base64, len / 3 * 4));
}

static void
hides_text(struct scratch *s, const char *text)
{
	hides(s, text, strlen(text));
}

/* Bob's key file as it was before he thought of a passphrase. */
struct before {
	struct colbox_key k;
	struct keyfile_self self;
	struct peer alice;
	struct own own;
	struct ratchet session;
	uint8_t seed[KEY_LEN];
	uint8_t box[4096]; /* of the session */
};

static void
take_note(struct scratch *s, struct before *b)
{
	bool found;

	scratch_close(s);
	assert_in_range(scratch_sql_blob(s, "SELECT state FROM sessions",
			    b->box, sizeof(b->box)),
	    100, sizeof(b->box));
	scratch_reopen(s);
	b->k = data_key(s);
	assert_int_equal(keyfile_get_self(s->kf, &b->self), 0);
	assert_int_equal(keyfile_get_seed(s->kf, b->seed), 0);
	assert_int_equal(peers_find(s->kf, "alice", &b->alice), 0);
	assert_int_equal(own_get(s->kf, OWN_CURRENT, &b->own, &found), 0);
	assert_int_equal(
	    session_get_active(s->kf, b->alice.id, &b->session, &found), 0);
	assert_true(found);
}

static void
shows_nothing(struct scratch *s, const struct before *b)
{
	static const char *const texts[] = { "alice", "relay.example",
		"the third of three" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		hides_text(s, texts[i]);
	hides(s, b->k.key, KEY_LEN);
	hides(s, b->seed, KEY_LEN);
	hides(s, b->own.static_sk, KEY_LEN);
	hides(s, b->own.prekey_sk, KEY_LEN);
	hides(s, b->session.rk, KEY_LEN);
	hides(s, b->session.ckr, KEY_LEN);
	hides(s, b->session.dhs_sk, KEY_LEN);
	hides(s, b->self.identity_pk, KEY_LEN);
	hides(s, b->alice.bundle.identity_pk, KEY_LEN);
	hides(s, b->alice.bundle.static_pk, KEY_LEN);
	hides(s, "the passphrase of bob", 21);
	/* what the former key has sealed is gone with it */
	hides(s, b->box, 64);
	/* or the test would be blind */
	assert_true(scratch_has(s, b->alice.id, ID_LEN));
}

static void
reads_on(struct scratch *s, const struct before *b)
{
	struct buf *record = buf_new(100);
	struct ratchet session;
	struct peer p;
	bool found;

	assert_int_equal(peers_find(s->kf, "alice", &p), 0);
	assert_memory_equal(&p, &b->alice, sizeof(p));
	assert_int_equal(session_get_active(s->kf, p.id, &session, &found), 0);
	assert_memory_equal(session.rk, b->session.rk, KEY_LEN);
	assert_int_equal(inbox_read(s->kf, 1, record), 0);
	assert_memory_equal(buf_peek(record), "the third of three", 18);
	buf_free(record);
}

static void
hides_what_was_seen(void **state)
{
	struct scratch *s = *state;
	struct before *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_restore(s, BOB);
	scratch_reopen(s);
	take_note(s, b);
	assert_true(scratch_has(s, b->k.key, KEY_LEN));
	assert_int_equal(set(s, "the passphrase of bob"), 0);
	shows_nothing(s, b);
	reads_on(s, b);
	opens_with(s, "the passphrase of bob");
	shows_nothing(s, b);
	reads_on(s, b);
	free(b);
}

/* The box that a query gives, before and after the passphrase is set. */
static void
seals_anew(struct scratch *s, const char *dump, const char *sql)
{
	uint8_t before[4096], after[4096];
	size_t len;

	scratch_restore(s, dump);
	scratch_reopen(s);
	scratch_close(s);
	len = scratch_sql_blob(s, sql, before, sizeof(before));
	assert_in_range(len, COLBOX_OVERHEAD, sizeof(before));
	scratch_reopen(s);
	assert_int_equal(set(s, "abc"), 0);
	scratch_close(s);
	assert_int_equal(scratch_sql_blob(s, sql, after, sizeof(after)), len);
	assert_memory_not_equal(after, before, COLBOX_OVERHEAD);
}

static void
seals_every_box_anew(void **state)
{
	static const char *const of_bob[] = { "SELECT identity_sk FROM self",
		"SELECT prekey_sk FROM own_keys", "SELECT pin FROM peers",
		"SELECT state FROM sessions",
		"SELECT mk FROM skipped ORDER BY n DESC",
		"SELECT record FROM inbox" };
	static const char *const of_alice[] = { "SELECT state FROM shakes",
		"SELECT content FROM outbox ORDER BY n",
		"SELECT pin FROM peers ORDER BY id DESC" };

	for (size_t i = 0; i < ARRAY_LEN(of_bob); i++)
		seals_anew(*state, BOB, of_bob[i]);
	for (size_t i = 0; i < ARRAY_LEN(of_alice); i++)
		seals_anew(*state, ALICE, of_alice[i]);
}

/* Refused at once, and nobody is asked for what could not be checked. */
static void
refuses_bombs(void **state)
{
	static const char *const bombs[] = {
		"UPDATE self SET mem_kib = 1073741824", /* 1 TiB */
		"UPDATE self SET mem_kib = 1 << 62",
		"UPDATE self SET mem_kib = 2097153",
		"UPDATE self SET mem_kib = -65536",
		"UPDATE self SET ops = 4294967296",
		"UPDATE self SET ops = 4294967295",
		"UPDATE self SET ops = 17",
		"UPDATE self SET ops = 1",
		"UPDATE self SET ops = 0",
		"UPDATE self SET salt = x''",
		"UPDATE self SET dek_box = zeroblob(71)",
		"UPDATE self SET dek_box = zeroblob(1000000)",
	};
	struct scratch *s = *state;
	struct user u = { .says = "abc" };
	uint8_t *whole;
	size_t len;

	assert_int_equal(set(s, "abc"), 0);
	scratch_close(s);
	whole = scratch_read(s->path, &len);
	for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
		scratch_write(s->path, whole, len);
		scratch_sql(s, bombs[i]);
		assert_int_equal(open_with(s, &u), ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
	}
	assert_int_equal(u.asked, 0);
	free(whole);
}

/* --- another process has it open ------------------------------------------
 */

static void
set_first(struct scratch *s)
{
	if (scratch_open(s, 1000) < 0 || set(s, "first") < 0)
		_exit(1);
}

static void
change_to_second(struct scratch *s)
{
	struct user u = { .says = "first" };

	if (open_with(s, &u) < 0 || set(s, "second") < 0)
		_exit(1);
}

static void
tells_who_is_late(void **state)
{
	struct scratch *s = *state;
	struct scratch other = *s;
	struct keyfile_self self;
	struct peer bob = { .id = { 1 }, .name = "bob" }, p;
	struct peer *list;
	uint8_t seed[KEY_LEN];
	bool found;
	size_t n;

	other.kf = NULL;
	scratch_begin(s);
	assert_int_equal(peers_put(s->kf, &bob), 0);
	scratch_commit(s);
	scratch_fork(set_first, &other);

	assert_int_equal(keyfile_begin(s->kf), ERR_LOCKED);
	assert_string_equal(err_last()->path, s->path);
	assert_string_equal(err_last()->hint, "run the command again");
	assert_int_equal(keyfile_get_self(s->kf, &self), ERR_LOCKED);
	assert_int_equal(keyfile_get_seed(s->kf, seed), ERR_LOCKED);
	assert_int_equal(peers_get(s->kf, bob.id, &p, &found), ERR_LOCKED);
	assert_int_equal(peers_find(s->kf, "bob", &p), ERR_LOCKED);
	assert_int_equal(peers_list(s->kf, &list, &n), ERR_LOCKED);
	assert_int_equal(set(s, "late"), ERR_LOCKED);
	/* it holds no lock: */
	opens_with(s, "first");
	is_alice(s);
	assert_int_equal(peers_find(s->kf, "bob", &p), 0);
}

static void
goes_on_when_it_changes(void **state)
{
	struct scratch *s = *state;
	struct scratch other = *s;

	other.kf = NULL;
	assert_int_equal(set(s, "first"), 0);
	scratch_fork(change_to_second, &other);
	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "alice"), 0);
	scratch_commit(s);
	is_alice(s);
	opens_with(s, "second");
	is_alice(s);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_born_with_one,
		    scratch_setup_bare, scratch_teardown),
		FRESH(refuses_wrong_ones),
		FRESH(asks_only_when_it_must),
		FRESH(changes_and_goes),
		FRESH(keeps_the_key_when_it_fails),
		FRESH(refuses_strange_rows),
		FRESH(hides_what_was_seen),
		FRESH(seals_every_box_anew),
		FRESH(refuses_bombs),
		FRESH(tells_who_is_late),
		FRESH(goes_on_when_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
