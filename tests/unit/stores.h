/* SPDX-License-Identifier: ISC */
/*
 * A store of each kind, people who use it, and short words for what they do:
 * what the tests of stores share.
 */
#ifndef UNIT_STORES_H
#define UNIT_STORES_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>
#include <sqlite3.h>

#include "base/err.h"
#include "base/secret.h"
#include "caller.h"
#include "server/chunks.h"
#include "server/store_ops.h"
#include "tidy.h"
#include "wire/codes.h"

#define NOW 1700000000000

enum kind { MEMORY, SQLITE, POSTGRESQL, KINDS };

struct fixture {
	enum kind kind;
	struct store *st;
	char dir[64];
	char path[96];
	char database[32]; /* of PostgreSQL */
};

static struct caller alice, bob, carol, dave;

static inline int
open_memory(struct fixture *f, const struct store_limits *limits)
{
	return store_mem_open(&f->st, 1, limits);
}

static inline int
open_sqlite(struct fixture *f, const struct store_limits *limits)
{
	return store_sqlite_open(&f->st, f->path, limits);
}

/* tests/tools/pgcluster run: without it there is none. */
static inline const char *
cluster(void)
{
	return getenv("SENTINEL_CLUSTER");
}

/* SQL in a database of the cluster's, and the number it first answers, or 0. */
static inline int64_t
ask_cluster(const char *database, const char *text)
{
	char command[4096], line[64] = "0";
	FILE *f;

	assert_true((size_t)snprintf(command, sizeof(command),
			"PGDATABASE=%s tests/tools/pgcluster sql '%s' \"%s\"",
			database, cluster(), text) < sizeof(command));
	f = popen(command, "r");
	assert_non_null(f);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	while (fgetc(f) != EOF)
		continue;
	assert_int_equal(pclose(f), 0);
	return strtoll(line, NULL, 10);
}

/* A database of each test's own. */
static inline int
open_postgresql(struct fixture *f, const struct store_limits *limits)
{
	static unsigned number;
	char text[256];

	if (f->database[0] == '\0') {
		snprintf(f->database, sizeof(f->database), "t%u_%d", number++,
		    (int)getpid());
		snprintf(text, sizeof(text), "CREATE DATABASE %s", f->database);
		ask_cluster("postgres", text);
	}
	snprintf(text, sizeof(text),
	    "postgresql:host=%s user=sentinel dbname=%s", cluster(),
	    f->database);
	return store_open(&f->st, text, NULL, limits);
}

/* What there is to be tested, each with the same cases. */
static const struct {
	const char *name;
	int (*open)(struct fixture *f, const struct store_limits *limits);
} kinds[KINDS] = {
	[MEMORY] = { "memory", open_memory },
	[SQLITE] = { "sqlite", open_sqlite },
	[POSTGRESQL] = { "postgresql", open_postgresql },
};

static inline int
set_up(void **state)
{
	const enum kind kind = *(const enum kind *)*state;
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->kind = kind;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_store.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/relay.db", f->dir);
	*state = f;
	return kinds[kind].open(f, NULL);
}

static inline int
tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->st);
	tidy_dir(f->dir);
	free(f);
	return 0;
}

/* --- short words for the calls --- */

static inline void
enrol(struct store *st, const struct caller *c)
{
	assert_int_equal(store_register(st, &c->key, NOW), 0);
}

static inline void
enrol_all(struct store *st)
{
	enrol(st, &alice);
	enrol(st, &bob);
	enrol(st, &carol);
	assert_int_equal(store_commit(st), 0);
}

static inline int
put_at(struct store *st, const struct caller *from, const struct caller *to,
    uint8_t type, const char *content, uint64_t now)
{
	struct body_send m = { .type = type,
		.content = (const uint8_t *)content,
		.content_len = (uint32_t)strlen(content) };

	memcpy(m.to, to->key.id, ID_LEN);
	return store_put(st, &m, from->key.id, now);
}

static inline int
put(struct store *st, const struct caller *from, const struct caller *to,
    uint8_t type, const char *content)
{
	return put_at(st, from, to, type, content, NOW);
}

/* What a pull brings, as "id:type:content " each, with the senders checked. */
struct pulled {
	char text[4096];
	const struct caller *from;
	unsigned left;
};

static inline bool
add_pulled(void *arg, const struct body_message *m)
{
	struct pulled *p = arg;
	size_t n = strlen(p->text);

	if (p->from)
		assert_memory_equal(m->from, p->from->key.id, ID_LEN);
	snprintf(p->text + n, sizeof(p->text) - n, "%u:%u:%.*s ", m->id,
	    m->type, (int)m->content_len, (const char *)m->content);
	return --p->left > 0;
}

static inline void
expect_pull(struct store *st, const struct caller *c, struct body_pull q,
    unsigned at_most, const struct caller *from, const char *expected)
{
	struct pulled p = { .from = from, .left = at_most };

	assert_int_equal(store_pull(st, c->key.id, &q, add_pulled, &p), 0);
	assert_string_equal(p.text, expected);
}

static inline void
expect_all(struct store *st, const struct caller *c, const char *expected)
{
	expect_pull(st, c, (struct body_pull){ 0 }, 1000, NULL, expected);
}

static inline uint32_t
ack(struct store *st, const struct caller *c, uint32_t first, uint32_t last)
{
	struct body_range range = { first, last };
	uint32_t n = 0;

	assert_int_equal(store_ack(st, c->key.id, &range, &n), 0);
	return n;
}

static inline void
block(struct store *st, const struct caller *c, bool on, const uint8_t *whom)
{
	struct body_block op = { .block = on };

	memcpy(op.id, whom, ID_LEN);
	assert_int_equal(store_block(st, c->key.id, &op), 0);
}

static inline void
expect_unknown(struct store *st, const struct caller *c)
{
	struct body_key k;

	assert_int_equal(store_find(st, &k, c->key.id), REASON_UNKNOWN_CLIENT);
}

static inline void
expect_known(struct store *st, const struct caller *c)
{
	struct body_key k;

	assert_int_equal(store_find(st, &k, c->key.id), 0);
	assert_true(store_is_same(&k, &c->key));
	assert_memory_equal(k.id, c->key.id, ID_LEN);
}

/* size(type, content): of a content, wherever it is. */
static inline void
size_of_content(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	struct chunks_place place = { 0 };

	(void)n;
	place.len = (uint32_t)sqlite3_value_bytes(args[1]);
	if (sqlite3_value_int(args[0]) == MESSAGE_CHUNK &&
	    place.len == CHUNKS_PLACE_LEN)
		chunks_unpack(&place, sqlite3_value_blob(args[1]));
	sqlite3_result_int64(ctx, place.len);
}

/* One number that SQL knows of a store that is closed. */
static inline int64_t
ask(const char *path, const char *text)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_create_function(db, "size", 2, SQLITE_UTF8,
			     NULL, size_of_content, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static inline void
expect_exact_counters(const char *path)
{
	assert_int_equal(
	    ask(path, "SELECT quick_check = 'ok' FROM pragma_quick_check"), 1);
	assert_int_equal(ask(path,
			     "SELECT count(*) FROM mailboxes WHERE messages <>"
			     " (SELECT count(*) FROM messages WHERE toClient ="
			     " client AND type < 4 AND ID < nextMessage) OR"
			     " chunks <>"
			     " (SELECT count(*) FROM messages WHERE toClient ="
			     " client AND type = 4)"),
	    0);
	assert_int_equal(
	    ask(path,
		"SELECT sum(messageBytes + chunkBytes) - (SELECT"
		" coalesce(sum(size(type, content)), 0) FROM messages"
		" JOIN mailboxes ON client = toClient"
		" WHERE messages.ID < nextMessage) FROM mailboxes"),
	    0);
	/* texts from nextMessage on count by themselves, pieces do not */
	assert_int_equal(ask(path,
			     "SELECT count(*) FROM messages JOIN mailboxes"
			     " ON client = toClient WHERE type = 4"
			     " AND messages.ID >= nextMessage"),
	    0);
	assert_int_equal(ask(path,
			     "SELECT count(*) FROM mailboxes WHERE blocks <>"
			     " (SELECT count(*) FROM blocks WHERE"
			     " blocks.client = mailboxes.client)"),
	    0);
	/* shares: right, of somebody, and of all where there are any */
	assert_int_equal(
	    ask(path,
		"SELECT count(*) FROM shares WHERE messages < 1 OR messages <>"
		" (SELECT count(*) FROM messages WHERE toClient = client AND"
		" fromClient = sender AND (type = 4) = kind) OR bytes <>"
		" (SELECT sum(size(type, content)) FROM messages WHERE"
		" toClient = client AND fromClient = sender AND"
		" (type = 4) = kind)"),
	    0);
	assert_int_equal(
	    ask(path,
		"SELECT count(*) FROM messages WHERE (type = 4 OR EXISTS"
		" (SELECT 1 FROM shares WHERE client = toClient AND kind = 0))"
		" AND NOT EXISTS (SELECT 1 FROM shares WHERE client = toClient"
		" AND sender = fromClient AND kind = (type = 4))"),
	    0);
}

/* The same of PostgreSQL. */
static inline void
expect_exact_clients(const char *database)
{
	assert_int_equal(
	    ask_cluster(database,
		"SELECT count(*) FROM clients AS c WHERE"
		" (texts, text_bytes) <> (SELECT count(*),"
		"  coalesce(sum(octet_length(content)), 0) FROM messages"
		"  WHERE to_client = c.id) OR"
		" (pieces, piece_bytes) <> (SELECT count(*),"
		"  coalesce(sum(octet_length(content)), 0) FROM pieces"
		"  WHERE to_client = c.id) OR"
		" blocks <> (SELECT count(*) FROM blocks WHERE client = c.id)"),
	    0);
	/* shares: right, of somebody, and of all where there are any */
	assert_int_equal(
	    ask_cluster(database,
		"WITH really AS (SELECT to_client, 0 AS kind, from_client,"
		"  count(*) AS n, sum(octet_length(content)) AS bytes"
		"  FROM messages GROUP BY 1, 2, 3 UNION ALL"
		"  SELECT to_client, 1, from_client, count(*),"
		"  sum(octet_length(content)) FROM pieces GROUP BY 1, 2, 3)"
		" SELECT count(*) FROM shares AS s FULL JOIN really AS r"
		" USING (to_client, kind, from_client)"
		" LEFT JOIN clients AS c ON c.id = to_client"
		" WHERE (kind = 1 OR c.shared) AND (s.n, s.bytes)"
		" IS DISTINCT FROM (r.n, r.bytes)"),
	    0);
}

/* SQL on a closed store. */
static inline void
run(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* The same on one that is open before and after. */
static inline void
change(struct fixture *f, const char *text)
{
	store_close(f->st);
	run(f->path, text);
	assert_int_equal(store_sqlite_open(&f->st, f->path, NULL), 0);
}

/* No more than so many bytes in a file: what a disk does when it breaks. */
static inline void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#define PIECE_LEN 100000

/* With other limits; what was in memory is gone. */
static inline void
reopen(struct fixture *f, const struct store_limits *limits)
{
	store_close(f->st);
	assert_int_equal(kinds[f->kind].open(f, limits), 0);
}

/* A piece that is all of one byte. */
static inline int
put_piece(struct store *st, const struct caller *to, uint8_t fill, uint64_t now)
{
	static uint8_t content[PIECE_LEN];
	struct body_send m = { .type = MESSAGE_CHUNK,
		.content = content,
		.content_len = sizeof(content) };

	memset(content, fill, sizeof(content));
	memcpy(m.to, to->key.id, ID_LEN);
	return store_put(st, &m, alice.key.id, now);
}

static inline bool
add_fill(void *arg, const struct body_message *m)
{
	char *fills = arg;

	assert_int_equal(m->type, MESSAGE_CHUNK);
	assert_int_equal(m->content_len, PIECE_LEN);
	for (size_t i = 1; i < PIECE_LEN; i++)
		assert_int_equal(m->content[i], m->content[0]);
	fills[strlen(fills)] = (char)m->content[0];
	return true;
}

static inline void
expect_pieces(struct store *st, const struct caller *c, const char *expected)
{
	struct body_pull q = { 0 };
	char fills[256] = "";

	assert_int_equal(store_pull(st, c->key.id, &q, add_fill, fills), 0);
	assert_string_equal(fills, expected);
}

/* Commit, and give back what is gone. */
static inline void
settle(struct store *st)
{
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(store_rest(st), 0);
}

/* Bytes on the disk of the files beside the store, and their number. */
static inline int64_t
files(const struct fixture *f, unsigned *n)
{
	const struct dirent *entry;
	char dir[128];
	int64_t bytes = 0;
	DIR *list;

	snprintf(dir, sizeof(dir), "%s.files", f->path);
	list = opendir(dir);
	assert_non_null(list);
	for (*n = 0; (entry = readdir(list));) {
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dirfd(list), entry->d_name, &st, 0),
		    0);
		bytes += st.st_blocks * 512;
		++*n;
	}
	closedir(list);
	return bytes;
}

/* Then the store is closed. */
static inline void
close_exact(struct fixture *f)
{
	store_close(f->st);
	f->st = NULL;
	if (f->kind == SQLITE)
		expect_exact_counters(f->path);
	if (f->kind == POSTGRESQL)
		expect_exact_clients(f->database);
}

#define FILL_MAX 2000

/* How many of these can be put until one is refused so. */
static inline unsigned
fill(struct store *st, const struct caller *from, uint8_t type,
    const char *content, int refusal)
{
	unsigned n = 0;
	int r = 0;

	while (n < FILL_MAX && (r = put(st, from, &bob, type, content)) == 0)
		n++;
	assert_int_equal(r, refusal);
	return n;
}

static inline struct fixture *
begin(void **state, const struct store_limits *limits)
{
	struct fixture *f = *state;

	reopen(f, limits);
	enrol_all(f->st);
	enrol(f->st, &dave);
	settle(f->st);
	return f;
}

/* A case, and the only store it is for; KINDS: it is for each. */
struct store_case {
	const char *name;
	CMUnitTestFunction fn;
	enum kind only;
};
#define EACH(test)                 \
	{                          \
#test, test, KINDS \
	}
#define ON(kind, test)            \
	{                         \
#test, test, kind \
	}

static inline int
start(void **state)
{
	(void)state;
	if (secret_start() < 0)
		return -1;
	caller_make(&alice, 1, "alice");
	caller_make(&bob, 2, "bob");
	caller_make(&carol, 3, "carol");
	caller_make(&dave, 4, "dave");
	return 0;
}

#define STORE_TESTS_MAX 64

/* Each case on each of its stores. */
static inline int
run_on_stores(const struct store_case *cases, size_t n)
{
	static enum kind all[KINDS];
	static char names[STORE_TESTS_MAX][96];
	struct CMUnitTest tests[STORE_TESTS_MAX];
	size_t at = 0;

	for (size_t i = 0; i < n * KINDS; i++) {
		const struct store_case *c = &cases[i / KINDS];
		const enum kind kind = i % KINDS;

		all[kind] = kind;
		if (c->only != KINDS && c->only != kind)
			continue;
		if (kind == POSTGRESQL && !cluster())
			continue;
		assert_true(at < STORE_TESTS_MAX);
		snprintf(names[at], sizeof(names[at]), "%s (%s)", c->name,
		    kinds[kind].name);
		tests[at] = (struct CMUnitTest){ names[at], c->fn, set_up,
			tear_down, &all[kind] };
		at++;
	}
	return _cmocka_run_group_tests("stores", tests, at, start, NULL);
}

#endif
