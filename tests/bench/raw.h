/* SPDX-License-Identifier: ISC */
/*
 * The yardstick of the relay's figures: rows inserted a second into the
 * relay's own tables, on the same disk, with the same settings, and nothing
 * else done.  And the directory it all happens in.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "server/store.h"

#define RAW_CONTENT_LEN 256
#define RAW_MAILBOXES   64
#define RAW_NS          1000000000ULL /* how long one figure is taken */

#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, \
			    #cond, err_last()->message);                       \
			exit(1);                                               \
		}                                                              \
	} while (0)

static inline uint64_t
raw_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* In BENCH_DIR, else /var/tmp: a disk, where /tmp may be memory. */
static inline void
raw_make_dir(char out[static 256])
{
	const char *base = getenv("BENCH_DIR");
	int n = snprintf(out, 256, "%s/sentinel-bench.XXXXXX",
	    base ? base : "/var/tmp");

	MUST(n > 0 && n < 256 && mkdtemp(out));
}

static inline void
raw_remove_dir(const char *dir)
{
	static const char *const files[] = { "raw.db", "raw.db-wal", "store.db",
		"store.db-wal", "relay.db", "relay.db-wal", "key" };
	char path[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s.files", dir, files[i]);
		rmdir(path);
	}
	rmdir(dir);
}

static inline sqlite3 *
raw_open(const char *path)
{
	struct store *st;
	sqlite3 *db;

	unlink(path);
	MUST(store_sqlite_open(&st, path, NULL) == 0);
	store_close(st);
	MUST(sqlite3_open(path, &db) == SQLITE_OK);
	MUST(sqlite3_exec(db,
		 "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
		 "PRAGMA synchronous = FULL;",
		 NULL, NULL, NULL) == SQLITE_OK);
	return db;
}

/* Rows a second at so many rows a commit; the file is removed. */
static inline double
raw_measure(const char *dir, unsigned rows_a_commit)
{
	char content[RAW_CONTENT_LEN] = "x", path[512];
	uint64_t start, rows = 0;
	sqlite3_stmt *insert;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/raw.db", dir);
	db = raw_open(path);
	MUST(sqlite3_prepare_v2(db,
		 "INSERT INTO messages VALUES (?1, ?2, 1, 3, 0, ?3)", -1,
		 &insert, NULL) == SQLITE_OK);
	start = raw_now_ns();
	while (raw_now_ns() - start < RAW_NS) {
		sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
		for (unsigned i = 0; i < rows_a_commit; i++, rows++) {
			sqlite3_bind_int64(insert, 1,
			    (int64_t)(rows % RAW_MAILBOXES));
			sqlite3_bind_int64(insert, 2,
			    (int64_t)(rows / RAW_MAILBOXES + 1));
			sqlite3_bind_blob(insert, 3, content, sizeof(content),
			    SQLITE_STATIC);
			MUST(sqlite3_step(insert) == SQLITE_DONE);
			sqlite3_reset(insert);
		}
		MUST(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	}
	start = raw_now_ns() - start;
	sqlite3_finalize(insert);
	sqlite3_close(db);
	unlink(path);
	return (double)rows * 1e9 / (double)start;
}

#endif
