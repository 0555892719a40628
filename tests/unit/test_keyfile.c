/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/ident.h"
#include "scratch.h"
#include "state/handshake.h"
#include "state/inbox.h"
#include "state/outbox.h"
#include "state/own.h"
#include "state/peers.h"
#include "state/session.h"

#define NOBODY    65534
#define FLIPS     300
#define STEPS     20 /* of each of WRITERS processes */
#define WRITERS   8
#define SPILL_LEN (1024 * 1024)

static const char address[] = "sentinel://"
			      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			      "@relay.example.org:9876,[::1]:4000";

/* --- paths --------------------------------------------------------------- */

static void
path_is(const char *file, const char *identity, const char *want)
{
	char path[KEYFILE_PATH_SIZE];

	assert_int_equal(keyfile_path(path, file, identity), 0);
	assert_string_equal(path, want);
}

static void
finds_its_path(void **state)
{
	char path[KEYFILE_PATH_SIZE], deep[KEYFILE_PATH_SIZE + 1];

	(void)state;
	setenv("HOME", "/home/alice", 1);
	setenv("XDG_DATA_HOME", "/data", 1);
	path_is("here/x.key", "bob", "here/x.key");
	path_is(NULL, NULL, "/data/sentinel/default.key");
	path_is(NULL, "bob", "/data/sentinel/bob.key");
	setenv("XDG_DATA_HOME", "relative", 1);
	path_is(NULL, "bob", "/home/alice/.local/share/sentinel/bob.key");
	unsetenv("XDG_DATA_HOME");
	path_is(NULL, NULL, "/home/alice/.local/share/sentinel/default.key");

	assert_int_equal(keyfile_path(path, NULL, "../bob"), ERR_USAGE);
	assert_int_equal(keyfile_path(path, NULL, ""), ERR_USAGE);
	assert_int_equal(keyfile_path(path, "", NULL), ERR_USAGE);
	memset(deep, 'a', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(keyfile_path(path, deep, NULL), ERR_USAGE);
	unsetenv("HOME");
	assert_int_equal(keyfile_path(path, NULL, NULL), ERR_USAGE);
}

/* --- making and opening -------------------------------------------------- */

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_return_code(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
makes_one(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;
	uint8_t seed[KEY_LEN], pk[KEY_LEN], id[ID_LEN];
	struct addr relay;
	struct own own;
	char dir[128];
	bool found;

	/* with its directories, and nothing beside it */
	snprintf(dir, sizeof(dir), "%s/a", s->dir);
	snprintf(s->path, sizeof(s->path), "%s/a/b/alice.key", s->dir);
	assert_int_equal(addr_parse(&relay, address), 0);
	assert_int_equal(
	    keyfile_create(&s->kf, s->path, "alice", &relay, NULL, 1000), 0);
	assert_int_equal(mode_of(dir), 0700);
	assert_int_equal(mode_of(s->path), 0600);
	assert_int_equal(scratch_count(s), 1);
	assert_string_equal(keyfile_name(s->kf), s->path);

	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
	assert_int_equal(self.issued_at, 0);
	assert_int_equal(self.last_contact, 0);
	assert_memory_equal(&self.relay, &relay, sizeof(relay));
	assert_int_equal(keyfile_get_seed(s->kf, seed), 0);
	ident_public(pk, seed);
	ident_id(id, pk);
	assert_memory_equal(self.identity_pk, pk, KEY_LEN);
	assert_memory_equal(self.id, id, ID_LEN);

	assert_int_equal(own_get(s->kf, OWN_NEXT, &own, &found), 0);
	assert_true(found);
	assert_int_equal(own.issued_at, 0);
	assert_int_equal(own_get(s->kf, OWN_CURRENT, &own, &found), 0);
	assert_false(found);
}

static void
never_replaces(void **state)
{
	struct scratch *s = *state;
	struct addr relay = { .hosts_n = 0 };
	struct keyfile *kf;
	uint8_t *before;
	size_t before_len;

	scratch_close(s);
	before = scratch_read(s->path, &before_len);
	assert_int_equal(
	    keyfile_create(&kf, s->path, "bob", &relay, NULL, 1000),
	    ERR_EXISTS);
	scratch_unchanged(s->path, before, before_len);
	assert_int_equal(scratch_count(s), 1);
	free(before);
}

static void
keeps_what_is_set(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;
	struct addr relay;

	assert_int_equal(addr_parse(&relay, address), 0);
	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "alice@example"), 0);
	assert_int_equal(keyfile_set_relay(s->kf, &relay), 0);
	assert_int_equal(keyfile_set_issued_at(s->kf, SCRATCH_NOW), 0);
	assert_int_equal(keyfile_set_contact(s->kf, UINT64_MAX), 0);
	scratch_commit(s);
	scratch_reopen(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice@example");
	assert_memory_equal(&self.relay, &relay, sizeof(relay));
	assert_int_equal(self.issued_at, SCRATCH_NOW);
	assert_int_equal(self.last_contact, UINT64_MAX);

	/* a relay without a key, none at all, and what is rolled back */
	assert_int_equal(addr_parse(&relay, "relay.example.org"), 0);
	scratch_begin(s);
	assert_int_equal(keyfile_set_relay(s->kf, &relay), 0);
	scratch_commit(s);
	scratch_begin(s);
	relay.hosts_n = 0;
	assert_int_equal(keyfile_set_relay(s->kf, &relay), 0);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.relay.hosts_n, 0);
	keyfile_rollback(s->kf);
	keyfile_rollback(s->kf);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.relay.hosts_n, 1);
	assert_false(self.relay.has_key);
}

static void
changes_only_in_transactions(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;

	assert_int_equal(keyfile_set_name(s->kf, "bob"), ERR_INTERNAL);
	assert_int_equal(keyfile_commit(s->kf), ERR_INTERNAL);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
}

static void
opens_under_a_linked_directory(void **state)
{
	struct scratch *s = *state;
	char real[128], link[128];

	scratch_close(s);
	snprintf(real, sizeof(real), "%s/real", s->dir);
	snprintf(link, sizeof(link), "%s/link", s->dir);
	assert_return_code(mkdir(real, 0700), 0);
	assert_return_code(symlink("real", link), 0);
	snprintf(real, sizeof(real), "%s/real/alice.key", s->dir);
	assert_return_code(rename(s->path, real), 0);
	snprintf(s->path, sizeof(s->path), "%s/link/alice.key", s->dir);
	scratch_reopen(s);
	assert_return_code(chdir(s->dir), 0);
	scratch_close(s);
	snprintf(s->path, sizeof(s->path), "link/alice.key");
	scratch_reopen(s);
	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "bob"), 0);
	scratch_commit(s);
	assert_return_code(chdir("/"), 0);
}

/* --- what is not private, or not there ----------------------------------- */

static void
mode_0644(const char *path)
{
	assert_return_code(chmod(path, 0644), 0);
}

static void
mode_0660(const char *path)
{
	assert_return_code(chmod(path, 0660), 0);
}

static void
mode_0601(const char *path)
{
	assert_return_code(chmod(path, 0601), 0);
}

static void
move_away(const char *path, char other[static 128])
{
	snprintf(other, 128, "%s.other", path);
	assert_return_code(rename(path, other), 0);
}

static void
symbolic_link(const char *path)
{
	char other[128];

	move_away(path, other);
	assert_return_code(symlink(other, path), 0);
}

static void
hard_link(const char *path)
{
	char other[128];

	move_away(path, other);
	assert_return_code(link(other, path), 0);
}

static void
fifo(const char *path)
{
	assert_return_code(unlink(path), 0);
	assert_return_code(mkfifo(path, 0600), 0);
}

static void
directory(const char *path)
{
	assert_return_code(unlink(path), 0);
	assert_return_code(mkdir(path, 0700), 0);
}

static void
device(const char *path)
{
	assert_return_code(unlink(path), 0);
	assert_return_code(symlink("/dev/zero", path), 0);
}

static void
foreign(const char *path)
{
	if (geteuid() == 0)
		assert_return_code(chown(path, NOBODY, NOBODY), 0);
	else
		mode_0644(path);
}

static void
missing(const char *path)
{
	assert_return_code(unlink(path), 0);
}

static void
wants_privacy(void **state)
{
	static const struct {
		void (*spoil)(const char *path);
		int code;
		const char *hint; /* begins so */
	} table[] = {
		{ mode_0644, ERR_INSECURE, "chmod 600 /tmp/" },
		{ mode_0660, ERR_INSECURE, "chmod 600 /tmp/" },
		{ mode_0601, ERR_INSECURE, "chmod 600 /tmp/" },
		{ symbolic_link, ERR_INSECURE, "give the file" },
		{ hard_link, ERR_INSECURE, "" },
		{ fifo, ERR_INSECURE, "" },
		{ directory, ERR_INSECURE, "" },
		{ device, ERR_INSECURE, "" },
		{ foreign, ERR_INSECURE, "" },
		{ missing, ERR_NO_KEYFILE, "make one: sentinel-register NAME" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct scratch *s;
		void *one;

		assert_int_equal(scratch_setup(&one), 0);
		s = one;
		scratch_close(s);
		table[i].spoil(s->path);
		alarm(10); /* for a FIFO nobody waits */
		assert_int_equal(scratch_open(s, 1000), table[i].code);
		alarm(0);
		assert_null(s->kf);
		assert_string_equal(err_last()->path, s->path);
		assert_memory_equal(err_last()->hint, table[i].hint,
		    strlen(table[i].hint));
		assert_int_equal(scratch_teardown(&one), 0);
	}
}

/* --- damage --------------------------------------------------------------- */

/*
 * Open what stands there; refused it must be as it was.  Reads all there is;
 * every answer is 0 or ERR_CORRUPT.
 */
static void
fine(int r)
{
	if (r != 0 && r != ERR_CORRUPT)
		fail_msg("%d: %s", r, err_last()->message);
}

static void
read_all(struct keyfile *kf)
{
	static struct inbox page[INBOX_PAGE_MAX];
	const struct inbox_filter all = { .kinds = 0 };
	const struct scratch_id bob = scratch_id(1);
	struct buf *record = buf_new(65536);
	struct handshake h;
	struct keyfile_self self;
	struct outbox o;
	struct own own;
	struct peer p;
	struct ratchet session;
	struct peer *list;
	size_t n;
	bool found;
	int r;

	fine(keyfile_get_self(kf, &self));
	fine(own_get(kf, OWN_NEXT, &own, &found));
	fine(peers_get(kf, bob.bytes, &p, &found));
	fine(peers_named(kf, "bob", &p, &found));
	r = peers_list(kf, &list, &n);
	fine(r);
	if (r == 0)
		free(list);
	fine(handshake_get(kf, bob.bytes, HANDSHAKE_INITIATOR, &h, &found));
	fine(session_get_active(kf, bob.bytes, &session, &found));
	fine(outbox_next_due(kf, bob.bytes, 0, UINT64_MAX >> 1, true, &o,
	    &found));
	fine(outbox_read(kf, 1, record));
	fine(inbox_page(kf, &all, 0, page, INBOX_PAGE_MAX, &n));
	fine(inbox_read(kf, 1, record));
	buf_free(record);
}

static void
try_to_read(struct scratch *s)
{
	size_t before_len;
	uint8_t *before = scratch_read(s->path, &before_len);
	int r = scratch_open(s, 1000);

	fine(r);
	if (r == 0)
		read_all(s->kf);
	scratch_close(s);
	scratch_unchanged(s->path, before, before_len);
	assert_int_equal(scratch_count(s), 1);
	free(before);
}

/* A row of everything; any answer will do when the file is damaged. */
static int
put_rows(struct keyfile *kf)
{
	static const uint8_t bytes[500];
	const struct ratchet session = { .sid = { 1 } };
	const struct scratch_id bob = scratch_id(1);
	struct handshake h = { .role = HANDSHAKE_INITIATOR,
		.stage = HANDSHAKE_REQUESTED };
	struct inbox i = { .kind = INBOX_MESSAGE };
	struct outbox o = { .type = 3 };
	struct peer p = { .name = "bob" };
	bool fresh;
	int r;

	memcpy(p.id, bob.bytes, ID_LEN);
	memcpy(h.peer, bob.bytes, ID_LEN);
	memcpy(i.peer, bob.bytes, ID_LEN);
	memcpy(o.peer, bob.bytes, ID_LEN);
	r = keyfile_begin(kf);
	if (r == 0)
		r = peers_put(kf, &p);
	if (r == 0)
		r = handshake_put(kf, &h);
	if (r == 0)
		r = session_activate(kf, bob.bytes, &session, false, 1);
	if (r == 0)
		r = outbox_add(kf, &o, bytes, sizeof(bytes));
	if (r == 0)
		r = inbox_add(kf, &i, bytes, 300, &fresh);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

/* What commits leave beside the file. */
static void
clear(const struct scratch *s)
{
	static const char *const suffixes[] = { "-journal", ".mark" };
	char name[128];

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", s->path, suffixes[i]);
		unlink(name);
	}
}

/* The bytes of a filled key file; the directory is empty afterwards. */
static uint8_t *
whole(struct scratch *s, size_t *len)
{
	uint8_t *bytes;

	assert_int_equal(put_rows(s->kf), 0);
	scratch_close(s);
	bytes = scratch_read(s->path, len);
	clear(s);
	return bytes;
}

static void
survives_truncation(void **state)
{
	struct scratch *s = *state;
	size_t len;
	uint8_t *bytes = whole(s, &len);
	const size_t cuts[] = { 0, 1, 99, 100, 101, 512, 4095, 4096, 4097,
		len / 2, len - 4096, len - 1 };

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		scratch_write(s->path, bytes, cuts[i]);
		try_to_read(s);
		if (cuts[i] <= len / 2)
			assert_int_equal(scratch_open(s, 1000), ERR_CORRUPT);
	}
	free(bytes);
}

static void
survives_bit_flips(void **state)
{
	struct scratch *s = *state;
	size_t len;
	uint8_t *bytes = whole(s, &len);

	srandom(11);
	for (size_t i = 0; i < FLIPS; i++) {
		/* every third in the header and the schema */
		const size_t at = (size_t)random() % (i % 3 ? len : 8192);
		const uint8_t bit = (uint8_t)(1u << random() % 8);

		bytes[at] ^= bit;
		scratch_write(s->path, bytes, len);
		try_to_read(s);
		if (scratch_open(s, 1000) == 0)
			(void)!put_rows(s->kf);
		scratch_close(s);
		clear(s);
		bytes[at] ^= bit;
	}
	free(bytes);
}

static void
refuses_other_formats(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *message;
	} table[] = {
		{ 0, 'T', "not a key file" },
		{ 71, 0x4d, "not a key file" },
		{ 63, 4, "key file of format 4; this program knows 1 to 3" },
		{ 63, 0, "key file of format 0; this program knows 1 to 3" },
		{ 16, 0x20, "key file in a foreign mode" },
		{ 18, 2, "key file in a foreign mode" },
		{ 19, 2, "key file in a foreign mode" },
	};
	struct scratch *s = *state;
	size_t len;
	uint8_t *bytes = whole(s, &len);

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const uint8_t right = bytes[table[i].at];

		bytes[table[i].at] = table[i].value;
		scratch_write(s->path, bytes, len);
		try_to_read(s);
		assert_int_equal(scratch_open(s, 1000), ERR_CORRUPT);
		assert_string_equal(err_last()->message, table[i].message);
		assert_string_equal(err_last()->path, s->path);
		bytes[table[i].at] = right;
	}
	free(bytes);
}

static void
tells_damaged_columns(void **state)
{
	static const char *const damage[] = {
		"DELETE FROM self",
		"UPDATE self SET dek_box = x'00'",
		"UPDATE self SET ops = 3",
		"UPDATE self SET file_uuid = x''",
		"DROP TABLE self",
	};
	static const char *const later[] = {
		"UPDATE self SET relay_addr = relay_pin",
		"UPDATE self SET relay_pin = zeroblob(72)",
		"UPDATE self SET client_id = zeroblob(16)",
		"UPDATE self SET identity_pk = identity_sk",
		"UPDATE self SET name = x'616c696365'",
		"UPDATE self SET name = zeroblob(300)",
	};
	struct scratch *s = *state;
	struct keyfile_self self;
	size_t len;
	uint8_t *bytes = whole(s, &len);

	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		scratch_write(s->path, bytes, len);
		scratch_sql(s, damage[i]);
		assert_int_equal(scratch_open(s, 1000), ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
	}
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		scratch_write(s->path, bytes, len);
		scratch_sql(s, later[i]);
		scratch_reopen(s);
		assert_int_equal(keyfile_get_self(s->kf, &self), ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
		scratch_close(s);
	}
	free(bytes);
}

/* --- several processes ---------------------------------------------------- */

/* A child that takes a lock, says so, and lets go when it is told. */
struct holder {
	pid_t pid;
	int go; /* closed: end */
};

static void
hold(struct scratch *s, int ready, int go)
{
	char c = 0;

	if (scratch_open(s, 1000) < 0 || keyfile_begin(s->kf) < 0 ||
	    keyfile_set_name(s->kf, "held") < 0 || write(ready, &c, 1) != 1)
		_exit(1);
	while (read(go, &c, 1) > 0)
		continue;
	_exit(keyfile_commit(s->kf) == 0 ? 0 : 1);
}

static struct holder
start_child(struct scratch *s, void (*fn)(struct scratch *s, int ready, int go))
{
	int ready[2], go[2];
	struct holder h;
	char c;

	scratch_close(s);
	assert_return_code(pipe2(ready, O_CLOEXEC), 0);
	assert_return_code(pipe2(go, O_CLOEXEC), 0);
	h.pid = fork();
	assert_return_code(h.pid, 0);
	if (h.pid == 0) {
		close(go[1]);
		fn(s, ready[1], go[0]);
	}
	close(ready[1]);
	close(go[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	h.go = go[1];
	return h;
}

static void
end_holder(const struct holder *h)
{
	int status;

	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_int_equal(status, 0);
}

static void
gives_up_waiting(void **state)
{
	struct scratch *s = *state;
	struct holder h = start_child(s, hold);
	struct keyfile_self self;
	uint64_t start;

	assert_int_equal(scratch_open(s, 150), 0);
	/* one may read meanwhile */
	start = clock_mono_ms();
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
	assert_int_equal(keyfile_begin(s->kf), ERR_LOCKED);
	assert_in_range(clock_mono_ms() - start, 140, 2000);
	assert_string_equal(err_last()->path, s->path);
	assert_non_null(strstr(err_last()->hint, "--lock-timeout"));
	close(h.go);
	end_holder(&h);
	scratch_begin(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "held");
}

/* In the midst of reading, which a commit must wait for. */
static void
read_on(struct scratch *s, int ready, int go)
{
	sqlite3_stmt *q;
	sqlite3 *db;
	char c = 0;

	if (sqlite3_open(s->path, &db) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "SELECT 1 FROM self", -1, &q, NULL) !=
		SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW || write(ready, &c, 1) != 1)
		_exit(1);
	while (read(go, &c, 1) > 0)
		continue;
	_exit(0);
}

static void
drops_what_it_cannot_commit(void **state)
{
	struct scratch *s = *state;
	struct holder h = start_child(s, read_on);
	struct keyfile_self self;

	assert_int_equal(scratch_open(s, 50), 0);
	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "bob"), 0);
	assert_int_equal(keyfile_commit(s->kf), ERR_LOCKED);
	close(h.go);
	end_holder(&h);
	scratch_begin(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
	scratch_commit(s);
}

static void
waits_its_turn(void **state)
{
	struct scratch *s = *state;
	struct holder h = start_child(s, hold);
	struct keyfile_self self;
	pid_t pid;

	assert_int_equal(scratch_open(s, 10000), 0);
	pid = fork();
	assert_return_code(pid, 0);
	if (pid == 0) {
		clock_sleep(50);
		_exit(0);
	}
	close(h.go);
	/* the last copy of the holder's pipe closes with the child above */
	scratch_begin(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "held");
	keyfile_rollback(s->kf);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end_holder(&h);
}

static void
add_up(struct scratch *s)
{
	struct keyfile_self self;

	for (int i = 0; i < STEPS; i++) {
		if (scratch_open(s, 30000) < 0 || keyfile_begin(s->kf) < 0 ||
		    keyfile_get_self(s->kf, &self) < 0 ||
		    keyfile_set_contact(s->kf, self.last_contact + 1) < 0 ||
		    keyfile_commit(s->kf) < 0) {
			print_error("%s\n", err_last()->message);
			_exit(1);
		}
		keyfile_close(s->kf);
	}
	_exit(0);
}

static void
loses_no_change(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;
	int status;

	scratch_close(s);
	for (int i = 0; i < WRITERS; i++) {
		pid_t pid = fork();

		assert_return_code(pid, 0);
		if (pid == 0)
			add_up(s);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_return_code(wait(&status), 0);
		assert_int_equal(status, 0);
	}
	scratch_reopen(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.last_contact, WRITERS * STEPS);
}

/* More than SQLite keeps in memory, so that the file is half changed. */
static void
change_and_die(struct scratch *s)
{
	static const uint8_t bytes[SPILL_LEN];
	bool fresh;

	if (scratch_open(s, 1000) < 0 || keyfile_begin(s->kf) < 0 ||
	    keyfile_set_name(s->kf, "killed") < 0)
		_exit(1);
	for (uint8_t n = 0; n < 6; n++) {
		struct inbox i = { .kind = INBOX_MESSAGE, .message_id = { n } };

		if (inbox_add(s->kf, &i, bytes, sizeof(bytes), &fresh) < 0)
			_exit(1);
	}
	raise(SIGKILL);
}

static void
survives_kill(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;
	size_t before_len, len;
	uint8_t *before;
	int status;
	pid_t pid;

	scratch_close(s);
	before = scratch_read(s->path, &before_len);
	pid = fork();
	assert_return_code(pid, 0);
	if (pid == 0)
		change_and_die(s);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	free(scratch_read(s->path, &len));
	assert_true(len > before_len);

	scratch_reopen(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
	assert_int_equal(scratch_inbox(s), 0);
	scratch_close(s);
	scratch_unchanged(s->path, before, before_len);
	free(before);
}

/* --- lock files ------------------------------------------------------------
 */

static void
find_locked(struct scratch *s)
{
	bool got = true;

	if (scratch_open(s, 1000) < 0 ||
	    keyfile_lock_pull(s->kf) != ERR_LOCKED ||
	    err_last()->hint[0] == '\0' || keyfile_try_flush(s->kf, &got) < 0 ||
	    got)
		_exit(1);
}

static void
find_free(struct scratch *s)
{
	bool got = false;

	if (scratch_open(s, 1000) < 0 || keyfile_lock_pull(s->kf) < 0 ||
	    keyfile_try_flush(s->kf, &got) < 0 || !got)
		_exit(1);
}

static void
locks_pull_and_flush(void **state)
{
	struct scratch *s = *state;
	struct scratch other = *s;
	char name[128];
	bool got = false;

	other.kf = NULL;
	assert_int_equal(keyfile_lock_pull(s->kf), 0);
	assert_int_equal(keyfile_lock_pull(s->kf), 0);
	assert_int_equal(keyfile_try_flush(s->kf, &got), 0);
	assert_true(got);
	snprintf(name, sizeof(name), "%s.pull", s->path);
	assert_int_equal(mode_of(name), 0600);
	scratch_fork(find_locked, &other);
	keyfile_unlock_pull(s->kf);
	keyfile_unlock_flush(s->kf);
	keyfile_unlock_flush(s->kf);
	scratch_fork(find_free, &other);

	/* gone with the key file, too */
	assert_int_equal(keyfile_lock_pull(s->kf), 0);
	scratch_close(s);
	scratch_fork(find_free, &other);
	snprintf(name, sizeof(name), "%s.flush", s->path);
	assert_return_code(unlink(name), 0);
	assert_return_code(symlink("elsewhere", name), 0);
	scratch_reopen(s);
	assert_int_equal(keyfile_try_flush(s->kf, &got), ERR_IO);
}

/* --- the disk ---------------------------------------------------------------
 */

/* In a process that may be root: permissions must count. */
static void
use_read_only(struct scratch *s)
{
	struct keyfile_self self;

	if (geteuid() == 0 &&
	    (setgid(NOBODY) < 0 || setuid(NOBODY) < 0 || umask(077) == 0))
		_exit(1);
	if (scratch_open(s, 1000) < 0 || keyfile_get_self(s->kf, &self) < 0)
		_exit(2);
	if (keyfile_begin(s->kf) == 0 &&
	    (keyfile_set_name(s->kf, "bob") == 0 && keyfile_commit(s->kf) == 0))
		_exit(3);
	if (err_last()->code != ERR_IO)
		_exit(4);
}

static void
give_away(const char *path)
{
	if (geteuid() == 0)
		assert_return_code(chown(path, NOBODY, NOBODY), 0);
}

static void
reads_what_it_cannot_write(void **state)
{
	struct scratch *s = *state;

	scratch_close(s);
	give_away(s->dir);
	give_away(s->path);
	assert_return_code(chmod(s->path, 0400), 0);
	scratch_fork(use_read_only, s);
	assert_return_code(chmod(s->path, 0600), 0);
	assert_return_code(chmod(s->dir, 0500), 0);
	scratch_fork(use_read_only, s);
	assert_return_code(chmod(s->dir, 0700), 0);
}

static void
fill_the_disk(struct scratch *s)
{
	static const uint8_t bytes[SPILL_LEN];
	struct rlimit few = { SPILL_LEN, SPILL_LEN };
	struct inbox i = { .kind = INBOX_MESSAGE };
	bool fresh;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &few) < 0 || scratch_open(s, 1000) < 0 ||
	    keyfile_begin(s->kf) < 0)
		_exit(1);
	r = inbox_add(s->kf, &i, bytes, sizeof(bytes), &fresh);
	if (r == 0)
		r = keyfile_commit(s->kf);
	if (r != ERR_IO)
		_exit(2);
	keyfile_close(s->kf);
}

static void
survives_a_full_disk(void **state)
{
	struct scratch *s = *state;

	scratch_close(s);
	scratch_fork(fill_the_disk, s);
	scratch_reopen(s);
	assert_int_equal(scratch_inbox(s), 0);
	assert_int_equal(put_rows(s->kf), 0);
}

static void
shows_no_plaintext(void **state)
{
	static const uint8_t text[] = "attack at dawn, by the old bridge";
	struct scratch *s = *state;
	const struct scratch_id id = scratch_id(7);
	struct inbox i = { .kind = INBOX_MESSAGE };
	struct outbox o = { .type = 3 };
	uint8_t seed[KEY_LEN];
	struct own own;
	bool found;

	memcpy(i.message_id, id.bytes, ID_LEN);
	scratch_begin(s);
	assert_int_equal(inbox_add(s->kf, &i, text, sizeof(text), &found), 0);
	assert_int_equal(outbox_add(s->kf, &o, text, sizeof(text)), 0);
	scratch_commit(s);
	assert_int_equal(keyfile_get_seed(s->kf, seed), 0);
	assert_int_equal(own_get(s->kf, OWN_NEXT, &own, &found), 0);
	assert_false(scratch_has(s, text, 16));
	assert_false(scratch_has(s, seed, 16));
	assert_false(scratch_has(s, own.static_sk, 16));
	assert_false(scratch_has(s, own.prekey_sk, 16));
	assert_false(scratch_has(s, "alice", 5));
	assert_false(scratch_has(s, "relay.example", 13));
	/* or the test would be blind */
	assert_true(scratch_has(s, id.bytes, ID_LEN));
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_its_path),
		cmocka_unit_test_setup_teardown(makes_one, scratch_setup_bare,
		    scratch_teardown),
		FRESH(never_replaces),
		FRESH(keeps_what_is_set),
		FRESH(changes_only_in_transactions),
		FRESH(opens_under_a_linked_directory),
		cmocka_unit_test(wants_privacy),
		FRESH(survives_truncation),
		FRESH(survives_bit_flips),
		FRESH(refuses_other_formats),
		FRESH(tells_damaged_columns),
		FRESH(gives_up_waiting),
		FRESH(drops_what_it_cannot_commit),
		FRESH(waits_its_turn),
		FRESH(loses_no_change),
		FRESH(survives_kill),
		FRESH(locks_pull_and_flush),
		FRESH(reads_what_it_cannot_write),
		FRESH(survives_a_full_disk),
		FRESH(shows_no_plaintext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
