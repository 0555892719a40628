/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "scratch.h"
#include "state/handshake.h"
#include "state/inbox.h"
#include "state/outbox.h"
#include "state/own.h"
#include "state/peers.h"
#include "state/schema.h"
#include "state/session.h"

#define ALICE "keyfile-1-alice.sql"
#define BOB   "keyfile-1-bob.sql"

/* Of each format, oldest first. */
static const struct {
	const char *alice, *bob;
} dumps[] = {
	{ ALICE, BOB },
	{ "keyfile-2-alice.sql", "keyfile-2-bob.sql" },
};

#define AT_ONCE    4    /* processes that open one file */
#define WRITES_MAX 1000 /* more than a migration makes */

static int64_t
version(struct scratch *s)
{
	return scratch_sql(s, "PRAGMA user_version");
}

/* What the dump says of alice. */
static void
is_alice(struct scratch *s)
{
	struct keyfile_self self;
	struct handshake h;
	struct peer *list;
	struct own own;
	struct peer p;
	bool found;
	size_t n;

	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
	assert_int_equal(self.issued_at, SCRATCH_NOW);
	assert_int_equal(self.last_contact, SCRATCH_NOW);
	assert_int_equal(self.relay.hosts_n, 2);
	assert_string_equal(self.relay.hosts[0].name, "relay.example.org");
	assert_true(self.relay.has_key);
	assert_int_equal(own_get(s->kf, OWN_CURRENT, &own, &found), 0);
	assert_true(found);
	assert_int_equal(own.issued_at, SCRATCH_NOW);

	assert_int_equal(peers_list(s->kf, &list, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].signed_name, "../x");
	assert_string_equal(list[1].name, "bob");
	assert_string_equal(list[2].name, "carol");
	assert_int_equal(peers_find(s->kf, "bobby", &p), 0);
	assert_string_equal(p.name, "bob");
	assert_true(p.verified);
	assert_int_equal(p.next_seq, 4);
	assert_int_equal(peers_find(s->kf, "carol", &p), 0);
	assert_int_equal(
	    handshake_get(s->kf, list[1].id, HANDSHAKE_INITIATOR, &h, &found),
	    0);
	assert_true(found);
	assert_int_equal(scratch_outbox(s), 2);
	free(list);
}

/* The tables as SQLite keeps them, in their order. */
static size_t
schema(struct scratch *s, uint8_t *out, size_t cap)
{
	return scratch_sql_blob(s,
	    "SELECT group_concat(sql, char(10)) FROM "
	    "(SELECT sql FROM sqlite_schema ORDER BY name)",
	    out, cap);
}

static void
brings_up_every_format(void **state)
{
	static uint8_t want[8192], got[8192];
	struct scratch *s = *state;
	size_t want_len, got_len;

	assert_int_equal(ARRAY_LEN(dumps), SCHEMA_VERSION - 1);
	scratch_close(s);
	want_len = schema(s, want, sizeof(want));
	for (size_t i = 0; i < ARRAY_LEN(dumps); i++) {
		scratch_restore(s, dumps[i].alice);
		assert_int_equal(version(s), i + 1);
		scratch_reopen(s);
		is_alice(s);
		scratch_close(s);
		assert_int_equal(version(s), SCHEMA_VERSION);
		got_len = schema(s, got, sizeof(got));
		assert_int_equal(got_len, want_len);
		assert_memory_equal(got, want, want_len);
		scratch_reopen(s);
		is_alice(s);
	}
}

/* Nothing of the old tables, and no copy of the file. */
static void
leaves_nothing_in_the_clear(void **state)
{
	struct scratch *s = *state;

	scratch_restore(s, ALICE);
	assert_true(scratch_has(s, "bobby", 5));
	scratch_reopen(s);
	scratch_close(s);
	assert_false(scratch_has(s, "bobby", 5));
	assert_false(scratch_has(s, "relay.example", 13));
	assert_int_equal(scratch_count(s), 2);
}

static void
does_so_once(void **state)
{
	struct scratch *s = *state;
	uint8_t *before;
	size_t before_len;

	scratch_restore(s, ALICE);
	scratch_reopen(s);
	scratch_close(s);
	before = scratch_read(s->path, &before_len);
	scratch_reopen(s);
	scratch_close(s);
	scratch_unchanged(s->path, before, before_len);
	free(before);
}

/* --- the conversation goes on ---------------------------------------------
 */

struct ends {
	struct keyfile_self alice, bob;
	struct scratch *s, *other; /* of alice, of bob */
};

static void
opens_as(struct ends *e, const uint8_t *in, size_t len, const char *want)
{
	static const uint8_t fresh[KEY_LEN] = { 1 };
	uint8_t out[300], mk[KEY_LEN];
	struct ratchet_header h;
	struct ratchet_skips skips;
	struct ratchet r;
	bool found, stored;

	assert_int_equal(ratchet_peek(&h, in, len), 0);
	assert_int_equal(
	    session_get(e->other->kf, e->alice.id, h.sid, &r, &found), 0);
	assert_true(found);
	assert_int_equal(
	    session_get_skipped(e->other->kf, h.sid, h.dh, h.n, mk, &stored),
	    0);
	assert_int_equal(ratchet_open(&r, &skips, out, e->alice.id, e->bob.id,
			     in, len, stored ? mk : NULL, fresh),
	    RATCHET_OK);
	assert_int_equal(len - RATCHET_OVERHEAD, strlen(want));
	assert_memory_equal(out, want, strlen(want));
}

static void
says_more(struct ends *e)
{
	static const uint8_t nonce[RATCHET_NONCE_LEN] = { 1 };
	static const char text[] = "and one more";
	uint8_t out[sizeof(text) - 1 + RATCHET_OVERHEAD];
	struct ratchet r;
	bool found;

	assert_int_equal(session_get_active(e->s->kf, e->bob.id, &r, &found),
	    0);
	assert_true(found);
	assert_int_equal(ratchet_seal(&r, out, e->alice.id, e->bob.id,
			     (const uint8_t *)text, sizeof(text) - 1, nonce),
	    0);
	opens_as(e, out, sizeof(out), text);
}

static void
keeps_sessions_of(struct ends *e, const char *alice, const char *bob)
{
	static const char *const texts[] = { "the first of three",
		"the second of three" };
	struct buf *buf = buf_new(1024);

	scratch_restore(e->s, alice);
	scratch_restore(e->other, bob);
	scratch_reopen(e->s);
	scratch_reopen(e->other);
	assert_int_equal(keyfile_get_self(e->s->kf, &e->alice), 0);
	assert_int_equal(keyfile_get_self(e->other->kf, &e->bob), 0);
	/* overtaken by the third, which bob has taken in */
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_clear(buf);
		assert_int_equal(outbox_read(e->s->kf, (int64_t)i + 1, buf), 0);
		opens_as(e, buf_peek(buf), buf_len(buf), texts[i]);
	}
	says_more(e);
	buf_clear(buf);
	assert_int_equal(inbox_read(e->other->kf, 1, buf), 0);
	assert_int_equal(buf_len(buf), strlen("the third of three"));
	assert_memory_equal(buf_peek(buf), "the third of three", buf_len(buf));
	buf_free(buf);
}

static void
keeps_sessions(void **state)
{
	struct ends e = { .s = *state };
	void *other;

	assert_int_equal(scratch_setup(&other), 0);
	e.other = other;
	for (size_t i = 0; i < ARRAY_LEN(dumps); i++)
		keeps_sessions_of(&e, dumps[i].alice, dumps[i].bob);
	assert_int_equal(scratch_teardown(&other), 0);
}

/* --- cut short -------------------------------------------------------------
 */

/* SQLite's writes, of which the one that brings left to 0 is the last. */
static int left;
static bool kills; /* or the disk is full */

static bool
fails_now(void)
{
	if (--left > 0)
		return false;
	if (kills)
		raise(SIGKILL);
	errno = ENOSPC;
	return true;
}

static ssize_t
write_or_fail(int fd, const void *bytes, size_t len)
{
	return fails_now() ? -1 : write(fd, bytes, len);
}

static ssize_t
pwrite_or_fail(int fd, const void *bytes, size_t len, off_t at)
{
	return fails_now() ? -1 : pwrite(fd, bytes, len, at);
}

static void
open_until_it_fails(struct scratch *s)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	int r;

	vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)write_or_fail);
	vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)pwrite_or_fail);
	vfs->xSetSystemCall(vfs, "pwrite64",
	    (sqlite3_syscall_ptr)pwrite_or_fail);
	r = scratch_open(s, 1000);
	keyfile_close(s->kf);
	_exit(r == 0 ? 0 : r == ERR_IO ? 1 : 2);
}

/* Whether it came to its end before the write that fails. */
static bool
open_in_child(struct scratch *s, int writes)
{
	int status;
	pid_t pid;

	left = writes;
	pid = fork();
	assert_return_code(pid, 0);
	if (pid == 0)
		open_until_it_fails(s);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (kills && WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Fail at each write in turn: nothing has happened, until all has. */
static void
fails_at_each_write(struct scratch *s)
{
	bool done = false;
	int n;

	for (n = 1; !done && n < WRITES_MAX; n++) {
		scratch_restore(s, ALICE);
		done = open_in_child(s, n);
		assert_int_equal(version(s), done ? SCHEMA_VERSION : 1);
		if (!done)
			assert_int_equal(scratch_sql(s,
					     "SELECT count(*) FROM peers "
					     "WHERE name = 'bob'"),
			    1);
	}
	assert_true(done);
	assert_in_range(n, 10, WRITES_MAX - 1);
	scratch_reopen(s);
	is_alice(s);
}

static void
survives_kill(void **state)
{
	kills = true;
	fails_at_each_write(*state);
}

static void
survives_a_full_disk(void **state)
{
	kills = false;
	fails_at_each_write(*state);
}

/* And what was cut short is done by the next. */
static void
goes_on_after_a_kill(void **state)
{
	struct scratch *s = *state;

	scratch_restore(s, ALICE);
	kills = true;
	assert_false(open_in_child(s, 10));
	scratch_reopen(s);
	is_alice(s);
}

/* --- several processes, damage ----------------------------------------------
 */

static void
is_brought_up_by_one(void **state)
{
	struct scratch *s = *state;
	int status;

	scratch_restore(s, ALICE);
	for (int i = 0; i < AT_ONCE; i++) {
		pid_t pid = fork();

		assert_return_code(pid, 0);
		if (pid == 0)
			_exit(scratch_open(s, 10000) == 0 ? 0 : 1);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		assert_return_code(wait(&status), 0);
		assert_int_equal(status, 0);
	}
	scratch_reopen(s);
	is_alice(s);
}

static void
leaves_damage_alone(void **state)
{
	static const char *const damage[] = {
		"DELETE FROM self",
		"UPDATE self SET ops = 3",
		"UPDATE self SET dek_box = x'00'",
		"UPDATE self SET dek_box = zeroblob(32)",
		"UPDATE peers SET pin = zeroblob(300)",
		"DROP TABLE peers",
		"CREATE TABLE self_1 (x)",
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		uint8_t *before;
		size_t before_len;

		scratch_restore(s, ALICE);
		scratch_sql(s, damage[i]);
		before = scratch_read(s->path, &before_len);
		assert_int_equal(scratch_open(s, 1000), ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
		scratch_unchanged(s->path, before, before_len);
		free(before);
	}
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(brings_up_every_format),
		FRESH(leaves_nothing_in_the_clear),
		FRESH(does_so_once),
		FRESH(keeps_sessions),
		FRESH(survives_kill),
		FRESH(survives_a_full_disk),
		FRESH(goes_on_after_a_kill),
		FRESH(is_brought_up_by_one),
		FRESH(leaves_damage_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
