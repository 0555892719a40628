/* SPDX-License-Identifier: ISC */
/*
 * Where the pieces of files might stand, at equal durability: as rows of the
 * relay's own database, as rows of a second one beside it with large pages, or
 * in plain files that are synced before the row.  Four pieces a commit.
 */
#include "raw.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/secret.h"

#define PIECE_LEN   (256 * 1024 + 76)
#define A_COMMIT    4
#define PIECES_MOST 4096 /* 1 GiB */

static uint8_t piece[PIECE_LEN];

struct figures {
	double write, read, drop; /* MiB/s */
};

static double
rate(uint64_t pieces, uint64_t ns)
{
	return (double)pieces * PIECE_LEN / (1 << 20) * 1e9 / (double)ns;
}

static void
exec(sqlite3 *db, const char *sql)
{
	MUST(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3 *
open_rows(const char *dir, int page)
{
	char path[512], sql[256];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/raw.db", dir);
	unlink(path);
	MUST(sqlite3_open(path, &db) == SQLITE_OK);
	snprintf(sql, sizeof(sql),
	    "PRAGMA page_size = %d; PRAGMA locking_mode = EXCLUSIVE;"
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA wal_autocheckpoint = %d;"
	    "CREATE TABLE pieces (n INTEGER PRIMARY KEY, content BLOB) STRICT",
	    page, 32 * 1024 * 1024 / page);
	exec(db, sql);
	return db;
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;

	MUST(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	return s;
}

static void
step(sqlite3_stmt *s, int expected)
{
	MUST(sqlite3_step(s) == expected);
}

/* Commits of A_COMMIT calls each, for as long as a figure takes. */
static uint64_t
write_all(sqlite3 *db, void (*put)(void *arg, uint64_t n),
    void (*sync)(void *arg), void *arg, double *out)
{
	uint64_t start = raw_now_ns(), n = 0;

	while (raw_now_ns() - start < 2 * RAW_NS && n < PIECES_MOST) {
		exec(db, "BEGIN");
		for (unsigned i = 0; i < A_COMMIT; i++)
			put(arg, n++);
		sync(arg);
		exec(db, "COMMIT");
	}
	*out = rate(n, raw_now_ns() - start);
	return n;
}

static void
for_each(uint64_t n, void (*fn)(void *arg, uint64_t n), void *arg, double *out)
{
	uint64_t start = raw_now_ns();

	for (uint64_t i = 0; i < n; i++)
		fn(arg, i);
	*out = rate(n, raw_now_ns() - start);
}

/* --- rows --- */

struct rows {
	sqlite3 *db;
	sqlite3_stmt *put, *get, *drop;
};

static void
rows_put(void *arg, uint64_t n)
{
	struct rows *t = arg;

	sqlite3_bind_int64(t->put, 1, (int64_t)n);
	sqlite3_bind_blob(t->put, 2, piece, PIECE_LEN, SQLITE_STATIC);
	step(t->put, SQLITE_DONE);
	sqlite3_reset(t->put);
}

static void
rows_sync(void *arg)
{
	(void)arg;
}

static void
rows_get(void *arg, uint64_t n)
{
	static uint8_t copy[PIECE_LEN];
	struct rows *t = arg;

	sqlite3_bind_int64(t->get, 1, (int64_t)n);
	step(t->get, SQLITE_ROW);
	memcpy(copy, sqlite3_column_blob(t->get, 0), PIECE_LEN);
	sqlite3_reset(t->get);
}

static void
rows_drop(void *arg, uint64_t n)
{
	struct rows *t = arg;

	sqlite3_bind_int64(t->drop, 1, (int64_t)n);
	step(t->drop, SQLITE_DONE);
	sqlite3_reset(t->drop);
}

static struct figures
measure_rows(const char *dir, int page)
{
	struct rows t = { .db = open_rows(dir, page) };
	struct figures f;
	uint64_t n;

	t.put = prepare(t.db, "INSERT INTO pieces VALUES (?1, ?2)");
	t.get = prepare(t.db, "SELECT content FROM pieces WHERE n = ?1");
	t.drop = prepare(t.db, "DELETE FROM pieces WHERE n = ?1");
	n = write_all(t.db, rows_put, rows_sync, &t, &f.write);
	for_each(n, rows_get, &t, &f.read);
	exec(t.db, "BEGIN");
	for_each(n, rows_drop, &t, &f.drop);
	exec(t.db, "COMMIT");
	sqlite3_finalize(t.put);
	sqlite3_finalize(t.get);
	sqlite3_finalize(t.drop);
	sqlite3_close(t.db);
	return f;
}

/* --- a plain file, and a row that says where --- */

#define SLOT ((PIECE_LEN + 4095) / 4096 * 4096)

struct plain {
	struct rows rows;
	int fd;
};

static void
plain_put(void *arg, uint64_t n)
{
	struct plain *t = arg;

	MUST(pwrite(t->fd, piece, PIECE_LEN, (off_t)(n * SLOT)) == PIECE_LEN);
	(void)sync_file_range(t->fd, (off_t)(n * SLOT), PIECE_LEN,
	    SYNC_FILE_RANGE_WRITE);
	sqlite3_bind_int64(t->rows.put, 1, (int64_t)n);
	sqlite3_bind_blob(t->rows.put, 2, &n, sizeof(n), SQLITE_STATIC);
	step(t->rows.put, SQLITE_DONE);
	sqlite3_reset(t->rows.put);
}

static void
plain_sync(void *arg)
{
	struct plain *t = arg;

	MUST(fdatasync(t->fd) == 0);
}

static void
plain_get(void *arg, uint64_t n)
{
	static uint8_t copy[PIECE_LEN];
	struct plain *t = arg;

	sqlite3_bind_int64(t->rows.get, 1, (int64_t)n);
	step(t->rows.get, SQLITE_ROW);
	sqlite3_reset(t->rows.get);
	MUST(pread(t->fd, copy, PIECE_LEN, (off_t)(n * SLOT)) == PIECE_LEN);
}

static void
plain_drop(void *arg, uint64_t n)
{
	struct plain *t = arg;

	rows_drop(&t->rows, n);
	MUST(fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		 (off_t)(n * SLOT), SLOT) == 0);
}

static struct figures
measure_plain(const char *dir)
{
	struct plain t = { .rows.db = open_rows(dir, 4096) };
	char path[512];
	struct figures f;
	uint64_t n;

	snprintf(path, sizeof(path), "%s/pieces", dir);
	t.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(t.fd >= 0);
	unlink(path);
	t.rows.put = prepare(t.rows.db, "INSERT INTO pieces VALUES (?1, ?2)");
	t.rows.get =
	    prepare(t.rows.db, "SELECT content FROM pieces WHERE n = ?1");
	t.rows.drop = prepare(t.rows.db, "DELETE FROM pieces WHERE n = ?1");
	n = write_all(t.rows.db, plain_put, plain_sync, &t, &f.write);
	for_each(n, plain_get, &t, &f.read);
	exec(t.rows.db, "BEGIN");
	for_each(n, plain_drop, &t, &f.drop);
	exec(t.rows.db, "COMMIT");
	sqlite3_finalize(t.rows.put);
	sqlite3_finalize(t.rows.get);
	sqlite3_finalize(t.rows.drop);
	sqlite3_close(t.rows.db);
	close(t.fd);
	return f;
}

static void
tell(const char *how, struct figures f)
{
	printf("{\"bench\":\"chunks\",\"place\":\"%s\","
	       "\"write_mib_per_second\":%.0f,\"read_mib_per_second\":%.0f,"
	       "\"drop_mib_per_second\":%.0f}\n",
	    how, f.write, f.read, f.drop);
	fflush(stdout);
}

int
main(void)
{
	char dir[256];

	MUST(secret_start() == 0);
	raw_make_dir(dir);
	secret_random(piece, sizeof(piece));
	tell("rows", measure_rows(dir, 4096));
	tell("second database, pages of 64 KiB", measure_rows(dir, 65536));
	tell("plain file", measure_plain(dir));
	raw_remove_dir(dir);
	return 0;
}
