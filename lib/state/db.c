/* SPDX-License-Identifier: ISC */
#include "state/db.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "state/scrub.h"

#define MEGABYTE (1024 * 1024)

/*
 * Not WAL, which keeps old ratchet keys and whose reset lost data up to
 * SQLite 3.51.2; not DELETE, whose unlink may come undone in a power cut.
 */
static const char pragmas[] = "PRAGMA page_size = 4096;"
			      "PRAGMA cell_size_check = ON;"
			      "PRAGMA mmap_size = 0;"
			      "PRAGMA temp_store = MEMORY;"
			      "PRAGMA secure_delete = ON;"
			      "PRAGMA synchronous = EXTRA;"
			      "PRAGMA journal_mode = TRUNCATE;";

static const struct {
	int option;
	int value;
} settings[] = {
	{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
	{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
	{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
	{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
};

static const struct {
	int limit;
	int value;
} limits[] = {
	{ SQLITE_LIMIT_LENGTH, 8 * MEGABYTE },
	{ SQLITE_LIMIT_SQL_LENGTH, 8192 },
	{ SQLITE_LIMIT_COLUMN, 32 },
	{ SQLITE_LIMIT_VARIABLE_NUMBER, 32 },
	{ SQLITE_LIMIT_ATTACHED, 0 },
	{ SQLITE_LIMIT_TRIGGER_DEPTH, 0 },
	{ SQLITE_LIMIT_WORKER_THREADS, 0 },
};

/*
 * Our statements do not change, and do not try what must not be: one that
 * SQLite cannot make sense of, a value too big, or one that is there already
 * comes from what stands in the file.
 */
static const struct {
	int result;
	int code;
} faults[] = {
	{ SQLITE_BUSY, ERR_LOCKED },
	{ SQLITE_LOCKED, ERR_LOCKED },
	{ SQLITE_CORRUPT, ERR_CORRUPT },
	{ SQLITE_NOTADB, ERR_CORRUPT },
	{ SQLITE_ERROR, ERR_CORRUPT },
	{ SQLITE_TOOBIG, ERR_CORRUPT },
	{ SQLITE_CONSTRAINT, ERR_CORRUPT },
	{ SQLITE_FULL, ERR_IO },
	{ SQLITE_IOERR, ERR_IO },
	{ SQLITE_READONLY, ERR_IO },
	{ SQLITE_CANTOPEN, ERR_IO },
	{ SQLITE_PERM, ERR_IO },
	{ SQLITE_NOMEM, ERR_NOMEM },
};

static int
code_of(int rc)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		if (faults[i].result == (rc & 0xff))
			return faults[i].code;
	}
	return ERR_INTERNAL;
}

int
db_fault(struct db *db, int rc)
{
	const int code = code_of(rc);
	const char *text = sqlite3_errstr(rc);

	if ((rc & 0xff) == SQLITE_ERROR)
		text = sqlite3_errmsg(db->sqlite);
	errno = sqlite3_system_errno(db->sqlite);
	if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)
		err_sys(code, "key file: %s", text);
	else
		err_set(code, "key file: %s", text);
	if (code == ERR_LOCKED)
		err_hint("another command is busy with it; --lock-timeout "
			 "sets how long to wait");
	err_path(db->path);
	return code;
}

int
db_damage(struct db *db, const char *what)
{
	int r = err_set(ERR_CORRUPT, "key file: %s", what);

	err_path(db->path);
	return r;
}

/*
 * SQLite's own handler sleeps longer and longer, which is unfair to those
 * who wait longest.
 */
static int
wait_turn(void *arg, int tries)
{
	struct db *db = arg;
	uint8_t jitter;

	if (tries == 0)
		db->deadline = clock_deadline(db->lock_timeout_ms);
	if (clock_left(db->deadline) == 0)
		return 0;
	secret_random(&jitter, sizeof(jitter));
	clock_sleep(1 + jitter % 3);
	return 1;
}

/* Ahead, for it must be possible where there is no memory any more. */
static int
prepare_rollback(struct db *db)
{
	int rc = sqlite3_prepare_v3(db->sqlite, "ROLLBACK", -1,
	    SQLITE_PREPARE_PERSISTENT, &db->rollback, NULL);

	return rc == SQLITE_OK ? 0 : db_fault(db, rc);
}

static int
set_up(struct db *db, bool in_memory)
{
	int r = in_memory ? 0 : scrub_new(&db->scrub, db->sqlite, &db->count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		int rc = sqlite3_db_config(db->sqlite, settings[i].option,
		    settings[i].value, NULL);

		if (rc != SQLITE_OK)
			return db_fault(db, rc);
	}
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		sqlite3_limit(db->sqlite, limits[i].limit, limits[i].value);
	sqlite3_busy_handler(db->sqlite, wait_turn, db);
	r = db_exec(db, pragmas);
	return r < 0 ? r : prepare_rollback(db);
}

/* A connection to file, whose errors name path. */
static int
connect_to(struct db **out, const char *file, const char *path, int flags,
    uint64_t lock_timeout_ms)
{
	struct db *db = calloc(1, sizeof(*db));
	int r, rc;

	if (!db)
		return err_set(ERR_NOMEM, "key file");
	db->lock_timeout_ms = lock_timeout_ms;
	db->path = strdup(path);
	db->key = secret_new(sizeof(*db->key));
	if (!db->path || !db->key) {
		db_close(db);
		return err_set(ERR_NOMEM, "key file");
	}
	rc = sqlite3_open_v2(file, &db->sqlite,
	    flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
	    NULL);
	r = rc == SQLITE_OK ? set_up(db, flags & SQLITE_OPEN_MEMORY)
			    : db_fault(db, rc);
	if (r < 0)
		db_close(db);
	else
		*out = db;
	return r;
}

/*
 * SQLITE_OPEN_NOFOLLOW refuses symbolic links anywhere in a path, and people
 * have them above their home: only the last name may not be one.
 */
static int
resolve(char out[static PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char dir[PATH_MAX], real[PATH_MAX];
	int n;

	n = snprintf(dir, sizeof(dir), "%.*s.", (int)(name - path), path);
	if (n > 0 && (size_t)n < sizeof(dir) && realpath(dir, real)) {
		n = snprintf(out, PATH_MAX, "%s/%s", real, name);
		if (n > 0 && n < PATH_MAX)
			return 0;
		errno = ENAMETOOLONG;
	}
	n = err_sys(ERR_IO, "%s", path);
	err_path(path);
	return n;
}

int
db_open(struct db **out, const char *path, uint64_t lock_timeout_ms)
{
	char file[PATH_MAX];
	int r;

	r = resolve(file, path);
	if (r < 0)
		return r;
	return connect_to(out, file, path, SQLITE_OPEN_NOFOLLOW,
	    lock_timeout_ms);
}

int
db_new(struct db **out)
{
	return connect_to(out, "new", "new", SQLITE_OPEN_MEMORY, 0);
}

int
db_write(struct db *db, const char *path)
{
	sqlite3_int64 len;
	uint8_t *image;
	int r;

	image = sqlite3_serialize(db->sqlite, "main", &len, 0);
	if (!image)
		return err_set(ERR_NOMEM, "key file");
	r = file_create(path, image, (size_t)len);
	secret_wipe(image, (size_t)len);
	sqlite3_free(image);
	return r;
}

void
db_close(struct db *db)
{
	if (!db)
		return;
	for (struct query *q = db->queries; q->sql; q++)
		sqlite3_finalize(q->stmt);
	sqlite3_finalize(db->rollback);
	sqlite3_close(db->sqlite);
	scrub_free(db->scrub);
	secret_free(db->key);
	free(db->path);
	free(db);
}

int
db_exec(struct db *db, const char *sql)
{
	int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_fault(db, rc);
}

int
db_begin(struct db *db)
{
	assert(sqlite3_get_autocommit(db->sqlite));
	return db_exec(db, "BEGIN IMMEDIATE");
}

int
db_commit(struct db *db)
{
	int r;

	if (sqlite3_get_autocommit(db->sqlite))
		return err_set(ERR_INTERNAL, "a commit but no transaction");
	r = db_exec(db, "COMMIT");
	if (r < 0)
		db_rollback(db);
	return r;
}

void
db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite)) {
		sqlite3_step(db->rollback);
		sqlite3_reset(db->rollback);
	}
}

int
db_check_writable(struct db *db)
{
	return sqlite3_db_readonly(db->sqlite, "main") == 1
	    ? db_fault(db, SQLITE_READONLY)
	    : 0;
}

bool
db_changed(const struct db *db)
{
	return sqlite3_changes(db->sqlite) > 0;
}
