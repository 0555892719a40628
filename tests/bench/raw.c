/* SPDX-License-Identifier: ISC */
#include "raw.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

#include "base/secret.h"
#include "net/transport.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define SYNC_LEN  4096
#define ROWS_READ 40000 /* of one figure of reading */

uint64_t
raw_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

void
raw_make_dir(char out[static 256])
{
	const char *base = getenv("BENCH_DIR");
	int n = snprintf(out, 256, "%s/sentinel-bench.XXXXXX",
	    base ? base : "/var/tmp");

	MUST(n > 0 && n < 256 && mkdtemp(out));
}

void
raw_remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.240s/%s", dir, e->d_name);
		if (unlink(path) < 0)
			raw_remove_dir(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

/* Calls a second of fn, for as long as ns. */
static double
rate(void (*fn)(void *arg), void *arg, uint64_t ns)
{
	uint64_t start = raw_now_ns(), n = 0, taken;

	do {
		fn(arg);
		n++;
		taken = raw_now_ns() - start;
	} while (taken < ns);
	return (double)n * 1e9 / (double)taken;
}

/* --- rows --- */

struct rows {
	sqlite3 *db;
	sqlite3_stmt *insert, *read, *delete;
	uint64_t n;
	unsigned a_commit;
	char path[512];
};

static void
exec(struct rows *t, const char *sql)
{
	MUST(sqlite3_exec(t->db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *
prepare(struct rows *t, enum store_sqlite_query q)
{
	sqlite3_stmt *stmt;

	MUST(sqlite3_prepare_v2(t->db, store_sqlite_plan.queries[q], -1, &stmt,
		 NULL) == SQLITE_OK);
	return stmt;
}

static void
open_rows(struct rows *t, const char *dir, unsigned rows_a_commit)
{
	struct store *st;

	*t = (struct rows){ .a_commit = rows_a_commit };
	snprintf(t->path, sizeof(t->path), "%s/raw.db", dir);
	unlink(t->path);
	MUST(store_sqlite_open(&st, t->path, NULL) == 0);
	store_close(st);
	MUST(sqlite3_open(t->path, &t->db) == SQLITE_OK);
	exec(t,
	    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL; INSERT INTO clients VALUES"
	    "(1, x'0000000000000000000000000000000001', 'a', NULL, 0, 0)");
	t->insert = prepare(t, QUERY_PUT);
	t->read = prepare(t, QUERY_PULL);
	t->delete = prepare(t, QUERY_DELETE);
}

static void
close_rows(struct rows *t)
{
	sqlite3_finalize(t->insert);
	sqlite3_finalize(t->read);
	sqlite3_finalize(t->delete);
	sqlite3_close(t->db);
	unlink(t->path);
}

static void
insert(struct rows *t, uint64_t mailbox, uint64_t id)
{
	static const char content[RAW_CONTENT_LEN] = "x";

	sqlite3_bind_int64(t->insert, 1, (int64_t)mailbox);
	sqlite3_bind_int64(t->insert, 2, (int64_t)id);
	sqlite3_bind_int64(t->insert, 3, 1);
	sqlite3_bind_int64(t->insert, 4, MESSAGE_RATCHET);
	sqlite3_bind_int64(t->insert, 5, 1);
	sqlite3_bind_blob(t->insert, 6, content, sizeof(content),
	    SQLITE_STATIC);
	MUST(sqlite3_step(t->insert) == SQLITE_DONE);
	sqlite3_reset(t->insert);
}

static void
insert_group(void *arg)
{
	struct rows *t = arg;

	exec(t, "BEGIN");
	for (unsigned i = 0; i < t->a_commit; i++, t->n++)
		insert(t, t->n % RAW_MAILBOXES, t->n / RAW_MAILBOXES + 1);
	exec(t, "COMMIT");
}

double
raw_inserts(const char *dir, unsigned rows_a_commit, uint64_t ns)
{
	struct rows t;
	double groups;

	open_rows(&t, dir, rows_a_commit);
	groups = rate(insert_group, &t, ns);
	close_rows(&t);
	return groups * rows_a_commit;
}

/* One mailbox's rows from first on, as many as a page has. */
static void
read_page(struct rows *t, uint64_t first, unsigned n)
{
	static uint8_t copy[RAW_CONTENT_LEN];

	sqlite3_bind_int64(t->read, 1, 1);
	sqlite3_bind_int64(t->read, 2, (int64_t)first - 1);
	sqlite3_bind_int64(t->read, 3, 0);
	for (unsigned i = 0; i < n; i++) {
		MUST(sqlite3_step(t->read) == SQLITE_ROW);
		memcpy(copy, sqlite3_column_blob(t->read, 3), sizeof(copy));
	}
	sqlite3_reset(t->read);
}

static void
delete_page(struct rows *t, uint64_t first, unsigned n)
{
	sqlite3_bind_int64(t->delete, 1, 1);
	sqlite3_bind_int64(t->delete, 2, (int64_t)first);
	sqlite3_bind_int64(t->delete, 3, (int64_t)(first + n - 1));
	exec(t, "BEGIN");
	for (unsigned i = 0; i < n; i++)
		MUST(sqlite3_step(t->delete) == SQLITE_ROW);
	MUST(sqlite3_step(t->delete) == SQLITE_DONE);
	sqlite3_reset(t->delete);
	exec(t, "COMMIT");
}

static double
go_through(const char *dir, unsigned n, bool deleting)
{
	uint64_t start, rows = ROWS_READ / n * n;
	struct rows t;

	open_rows(&t, dir, 0);
	exec(&t, "BEGIN");
	for (uint64_t i = 0; i < rows; i++)
		insert(&t, 1, i + 1);
	exec(&t, "COMMIT");
	start = raw_now_ns();
	for (uint64_t i = 0; i < rows; i += n) {
		read_page(&t, i + 1, n);
		if (deleting)
			delete_page(&t, i + 1, n);
	}
	start = raw_now_ns() - start;
	close_rows(&t);
	return (double)rows * 1e9 / (double)start;
}

double
raw_reads(const char *dir, unsigned rows_a_page)
{
	return go_through(dir, rows_a_page, false);
}

double
raw_drains(const char *dir, unsigned rows_a_page)
{
	return go_through(dir, rows_a_page, true);
}

/* --- the disk --- */

struct log {
	int fd;
	size_t len;
	unsigned a_sync;
	uint8_t *bytes;
};

static void
append(void *arg)
{
	const struct log *t = arg;

	for (unsigned i = 0; i < t->a_sync; i++)
		MUST(write(t->fd, t->bytes, t->len) == (ssize_t)t->len);
	MUST(fdatasync(t->fd) == 0);
}

double
raw_appends(const char *dir, size_t len, unsigned a_sync, uint64_t ns)
{
	struct log t = { .len = len, .a_sync = a_sync, .bytes = malloc(len) };
	char path[512];
	double r;

	snprintf(path, sizeof(path), "%s/raw.log", dir);
	t.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(t.bytes && t.fd >= 0);
	unlink(path);
	secret_random(t.bytes, len);
	r = rate(append, &t, ns) * a_sync;
	close(t.fd);
	free(t.bytes);
	return r;
}

double
raw_syncs(const char *dir, uint64_t ns)
{
	return raw_appends(dir, SYNC_LEN, 1, ns);
}

/* --- ciphers --- */

struct pair {
	uint8_t relay_sk[KEY_LEN], client_sk[KEY_LEN];
	uint8_t hello[TRANSPORT_HELLO_LEN];
	struct transport client, begun, relay;
};

static void
agree(void *arg)
{
	struct pair *p = arg;
	uint8_t out[KEY_LEN];

	MUST(noise_dh(out, p->relay_sk,
		 p->hello + sizeof(p->hello) - KEY_LEN) == 0);
}

/* The relay's share of the work is timed by raw_handshakes. */
static uint64_t
shake(struct pair *p)
{
	static const uint8_t id[ID_LEN] = { 1 };
	uint8_t answer[TRANSPORT_ANSWER_LEN], finish[TRANSPORT_FINISH_LEN];
	uint8_t fresh[KEY_LEN], pk[KEY_LEN], got[ID_LEN];
	struct transport_answer a;
	uint64_t start, first;

	secret_random(fresh, sizeof(fresh));
	MUST(transport_hello(&p->client, p->hello, fresh) == 0);
	secret_random(fresh, sizeof(fresh));
	start = raw_now_ns();
	p->relay = p->begun;
	MUST(transport_answer(&p->relay, answer, p->hello, FRAME_MAX, 1,
		 fresh) == 0);
	first = raw_now_ns() - start;
	MUST(transport_read_answer(&p->client, &a, answer) == 0);
	MUST(transport_finish(&p->client, finish, id, p->client_sk) == 0);
	start = raw_now_ns();
	MUST(transport_read_finish(&p->relay, got, pk, finish) == 0);
	return first + (raw_now_ns() - start);
}

static void
start_pair(struct pair *p)
{
	secret_random(p->relay_sk, KEY_LEN);
	secret_random(p->client_sk, KEY_LEN);
	transport_begin(&p->begun, p->relay_sk);
	shake(p);
}

double
raw_agreements(uint64_t ns)
{
	struct pair p;

	start_pair(&p);
	return rate(agree, &p, ns);
}

double
raw_handshakes(uint64_t ns)
{
	uint64_t taken = 0, n = 0;
	struct pair p;

	start_pair(&p);
	for (; taken < ns; n++)
		taken += shake(&p);
	return (double)n * 1e9 / (double)taken;
}

struct records {
	struct pair pair;
	size_t len;
	uint8_t record[TRANSPORT_BODY_MAX + TRANSPORT_OVERHEAD];
};

static void
seal_and_open(void *arg)
{
	struct records *t = arg;
	enum transport_kind kind;
	uint8_t *opened;
	size_t len;

	MUST(transport_seal(&t->pair.client, t->record, TRANSPORT_FRAMES,
		 t->record + TRANSPORT_BODY_AT, t->len) == 0);
	MUST(transport_open(&t->pair.relay, &kind, &opened, &len,
		 t->record + TRANSPORT_LENGTH_LEN,
		 t->len + TRANSPORT_OVERHEAD - TRANSPORT_LENGTH_LEN) == 0);
}

double
raw_records(size_t len, uint64_t ns)
{
	static struct records t;

	t.len = len;
	start_pair(&t.pair);
	return rate(seal_and_open, &t, ns);
}
