/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "scratch.h"
#include "state/backup.h"
#include "state/own.h"
#include "state/peers.h"
#include "state/session.h"

#define LATEST (SCRATCH_NOW + 5)
#define WORD   "staple"

static struct passphrase
passphrase(const char *text)
{
	struct passphrase p = { .len = strlen(text) };

	memcpy(p.bytes, text, p.len);
	return p;
}

static void
put_peer(struct scratch *s, uint8_t n, bool session)
{
	struct peer p = { .first_seen = SCRATCH_NOW, .next_seq = n };
	struct ratchet r;

	memset(&r, n, sizeof(r));
	r.former_n = 0;
	memset(p.id, n, ID_LEN);
	snprintf(p.name, sizeof(p.name), "peer%d", n);
	assert_int_equal(peers_put(s->kf, &p), 0);
	if (session)
		assert_int_equal(
		    session_activate(s->kf, p.id, &r, false, SCRATCH_NOW), 0);
}

/* Registered, last dated LATEST; with one peer that has a session. */
static void
prepare(struct scratch *s)
{
	scratch_begin(s);
	assert_int_equal(own_date_next(s->kf, LATEST), 0);
	assert_int_equal(own_confirm_next(s->kf, LATEST, SCRATCH_NOW), 0);
	put_peer(s, 1, true);
	put_peer(s, 2, false);
	scratch_commit(s);
}

static void
back_up(struct scratch *s, struct buf *out, struct backup_info *info)
{
	const struct passphrase p = passphrase(WORD);

	assert_non_null(out);
	assert_int_equal(backup_make(s->kf, &p, SCRATCH_NOW, out, info), 0);
	assert_int_equal(backup_check(buf_peek(out), buf_len(out)), 0);
}

static int
say(void *arg, struct passphrase *out)
{
	(void)arg;
	*out = passphrase(WORD);
	return 0;
}

static void
check_peer(struct keyfile *kf, uint8_t n, bool reset)
{
	const struct scratch_id id = scratch_id(n);
	struct peer p;
	bool found, has;

	assert_int_equal(peers_get(kf, id.bytes, &p, &found), 0);
	assert_true(found);
	assert_int_equal(p.next_seq, n);
	assert_int_equal(p.reset_needed, reset);
	assert_int_equal(session_has_active(kf, id.bytes, &has), 0);
	assert_false(has);
}

/* An own pair that is new, and that no date has been given to. */
static void
check_own(struct keyfile *kf, const struct own *former)
{
	struct own o;
	bool found;

	assert_int_equal(own_get(kf, OWN_CURRENT, &o, &found), 0);
	assert_false(found);
	assert_int_equal(own_get(kf, OWN_NEXT, &o, &found), 0);
	assert_true(found);
	assert_int_equal(o.issued_at, 0);
	assert_memory_not_equal(o.static_sk, former->static_sk, KEY_LEN);
	assert_memory_not_equal(o.prekey_sk, former->prekey_sk, KEY_LEN);
}

static void
a_key_file_comes_back(void **state)
{
	struct scratch *s = *state;
	const struct passphrase p = passphrase(WORD);
	const struct keyfile_access access = { 0, say, NULL };
	struct buf *b = buf_new(BACKUP_MAX);
	struct backup_info saved, restored;
	struct keyfile_self self, again;
	struct own own;
	bool found;

	prepare(s);
	back_up(s, b, &saved);
	assert_int_equal(saved.peers, 2);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(own_get(s->kf, OWN_CURRENT, &own, &found), 0);
	scratch_close(s);
	assert_int_equal(
	    backup_restore(s->path, buf_peek(b), buf_len(b), &p, &restored),
	    ERR_EXISTS);
	assert_int_equal(remove(s->path), 0);
	assert_int_equal(
	    backup_restore(s->path, buf_peek(b), buf_len(b), &p, &restored), 0);
	assert_memory_equal(&saved, &restored, sizeof(saved));

	assert_int_equal(keyfile_open(&s->kf, s->path, &access), 0);
	assert_int_equal(keyfile_get_self(s->kf, &again), 0);
	assert_memory_equal(self.id, again.id, ID_LEN);
	assert_string_equal(self.name, again.name);
	assert_int_equal(again.issued_at, LATEST);
	check_own(s->kf, &own);
	check_peer(s->kf, 1, true);
	check_peer(s->kf, 2, false);
	buf_free(b);
}

/* Of all secrets there are, only the seed is in it. */
static void
two_of_one_file_share_nothing(void **state)
{
	struct scratch *s = *state;
	struct buf *a = buf_new(BACKUP_MAX), *b = buf_new(BACKUP_MAX);
	struct backup_info info;
	const uint8_t *x, *y;

	back_up(s, a, &info);
	back_up(s, b, &info);
	assert_int_equal(buf_len(a), buf_len(b));
	x = buf_peek(a);
	y = buf_peek(b);
	/* file id, salt, wrapped key, box: each is fresh */
	assert_memory_not_equal(x + 8, y + 8, 16);
	assert_memory_not_equal(x + 32, y + 32, 16);
	assert_memory_not_equal(x + 48, y + 48, 72);
	assert_memory_not_equal(x + 120, y + 120, 24);
	buf_free(a);
	buf_free(b);
}

static void
a_file_that_was_never_registered_stays_so(void **state)
{
	struct scratch *s = *state;
	const struct passphrase p = passphrase(WORD);
	const struct keyfile_access access = { 0, say, NULL };
	struct buf *b = buf_new(BACKUP_MAX);
	struct backup_info info;
	struct keyfile_self self;

	prepare(s);
	scratch_begin(s);
	assert_int_equal(own_retire_all(s->kf, SCRATCH_NOW), 0);
	scratch_commit(s);
	back_up(s, b, &info);
	scratch_close(s);
	assert_int_equal(remove(s->path), 0);
	assert_int_equal(
	    backup_restore(s->path, buf_peek(b), buf_len(b), &p, &info), 0);
	assert_int_equal(keyfile_open(&s->kf, s->path, &access), 0);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.issued_at, 0);
	buf_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_file_comes_back,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(two_of_one_file_share_nothing,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    a_file_that_was_never_registered_stays_so, scratch_setup,
		    scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
