/* SPDX-License-Identifier: ISC */
#include "server/sql.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/err.h"
#include "server/thread.h"
#include "wire/limits.h"

#define LIBRARY_AT_LEAST 3037000         /* STRICT */
#define VALUE_MAX        (2 * FRAME_MAX) /* a content and its row */
#define PAGE_LEN         4096
#define CHECKPOINT_PAGES 8192 /* 32 MiB of log */

/* Statements of every plan, kept behind its own. */
enum { BEGIN, COMMIT, ROLLBACK, PAGES, PAGES_FREE, OWN_N };

static const char *const own[OWN_N] = { "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK",
	"PRAGMA page_count", "PRAGMA freelist_count" };

struct sql {
	sqlite3 *db;
	sqlite3_stmt **stmts;
	size_t stmts_n;
	sqlite3_stmt **own;
	bool open; /* a transaction */
	int state;
	const char *cause; /* of a state that is not 0 */
	int log_pages;
	bool unsynced; /* of the log */
	struct thread *thread;
};

static const char settings[] = "PRAGMA page_size = 4096;"
			       "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;" /* see sync_log */
			       "PRAGMA wal_autocheckpoint = 0;"
			       "PRAGMA journal_size_limit = 67108864;"
			       "PRAGMA secure_delete = FAST;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA secure_delete = FAST;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA temp_store = MEMORY;";

static int
start_fault(sqlite3 *db, int rc, const char *path)
{
	static const struct {
		int rc;
		int code;
	} codes[] = {
		{ SQLITE_BUSY, ERR_LOCKED },
		{ SQLITE_NOTADB, ERR_CORRUPT },
		{ SQLITE_CORRUPT, ERR_CORRUPT },
		{ SQLITE_NOMEM, ERR_NOMEM },
	};
	int code = ERR_IO;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if ((rc & 0xff) == codes[i].rc)
			code = codes[i].code;
	}
	code = err_set(code, "%s: %s", path, sqlite3_errmsg(db));
	err_path(path);
	return code;
}

static int
exec(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static int
harden(sqlite3 *db)
{
	int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0,
		    NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	return rc == SQLITE_OK ? exec(db, settings) : rc;
}

/* The one number that a query answers. */
static int
ask(sqlite3 *db, const char *text, int64_t *out)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(stmt, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int
create(sqlite3 *db, const struct sql_plan *plan)
{
	char marks[96];
	int rc;

	sqlite3_snprintf(sizeof(marks), marks,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
	    (int)plan->application_id, (int)plan->version);
	rc = exec(db, "BEGIN EXCLUSIVE;");
	if (rc == SQLITE_OK)
		rc = exec(db, plan->schema);
	if (rc == SQLITE_OK)
		rc = exec(db, marks);
	return rc;
}

/* One version up, whole or not at all. */
static int
upgrade(sqlite3 *db, const struct sql_plan *plan, int64_t from)
{
	char mark[64];
	int rc = exec(db, "BEGIN EXCLUSIVE;");

	sqlite3_snprintf(sizeof(mark), mark,
	    "PRAGMA user_version = %d; COMMIT;", (int)from + 1);
	if (rc == SQLITE_OK)
		rc = exec(db, plan->upgrades[from - 1]);
	return rc == SQLITE_OK ? exec(db, mark) : rc;
}

/* Sees to it that the database is one of the plan. */
static int
match(sqlite3 *db, const char *path, const struct sql_plan *plan)
{
	int64_t objects = 0, application_id = 0, version = 0;
	int rc;

	rc = ask(db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (rc == SQLITE_OK && objects == 0)
		rc = create(db, plan);
	if (rc == SQLITE_OK)
		rc = ask(db, "PRAGMA application_id", &application_id);
	if (rc == SQLITE_OK)
		rc = ask(db, "PRAGMA user_version", &version);
	for (; rc == SQLITE_OK && application_id == plan->application_id &&
	     version >= 1 && version < plan->version;
	     version++)
		rc = upgrade(db, plan, version);
	if (rc != SQLITE_OK)
		return start_fault(db, rc, path);
	if (application_id == plan->application_id && version == plan->version)
		return 0;
	err_set(ERR_CORRUPT, "%s: not a relay's database of version %d", path,
	    (int)plan->version);
	err_path(path);
	return ERR_CORRUPT;
}

static int
prepare(struct sql *s, const char *path, const struct sql_plan *plan)
{
	size_t n = plan->queries_n;

	s->stmts = calloc(n + OWN_N, sizeof(sqlite3_stmt *));
	if (!s->stmts)
		return err_set(ERR_NOMEM, "statements");
	s->stmts_n = n + OWN_N;
	s->own = s->stmts + n;
	for (size_t i = 0; i < s->stmts_n; i++) {
		int rc = sqlite3_prepare_v3(s->db,
		    i < n ? plan->queries[i] : own[i - n], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->stmts[i], NULL);

		if (rc != SQLITE_OK)
			return start_fault(s->db, rc, path);
	}
	return 0;
}

static int
on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sql *s = arg;

	(void)db;
	(void)name;
	s->log_pages = pages;
	s->unsynced = true;
	return SQLITE_OK;
}

/*
 * What is in the log goes into the database: a log that could not be synced
 * once is not to be built upon.  Without space it has to stay.
 */
static int
clear_log(sqlite3 *db)
{
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	    NULL, NULL);

	return (rc & 0xff) == SQLITE_FULL ? SQLITE_OK : rc;
}

static int
start(struct sql *s, const char *path, const struct sql_plan *plan)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc, r;

	if (sqlite3_libversion_number() < LIBRARY_AT_LEAST)
		return err_set(ERR_INTERNAL, "SQLite %s is too old",
		    sqlite3_libversion());
	rc = sqlite3_open_v2(path, &s->db, flags, NULL);
	if (rc == SQLITE_OK)
		rc = harden(s->db);
	if (rc != SQLITE_OK)
		return start_fault(s->db, rc, path);
	r = match(s->db, path, plan);
	if (r < 0)
		return r;
	rc = clear_log(s->db);
	if (rc != SQLITE_OK)
		return start_fault(s->db, rc, path);
	sqlite3_wal_hook(s->db, on_commit, s);
	return prepare(s, path, plan);
}

void
sql_spare_counting(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int
sql_open(struct sql **out, const char *path, const struct sql_plan *plan)
{
	struct sql *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(ERR_NOMEM, "database");
	r = start(s, path, plan);
	if (r < 0) {
		s->state = r;
		sql_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void
sql_close(struct sql *s)
{
	if (!s)
		return;
	thread_free(s->thread);
	for (size_t i = 0; i < s->stmts_n; i++)
		sqlite3_finalize(s->stmts[i]);
	free(s->stmts);
	/* what could not be synced would be synced again */
	if (s->db && s->state == ERR_IO)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
	sqlite3_close(s->db);
	free(s);
}

sqlite3 *
sql_handle(const struct sql *s)
{
	return s->db;
}

int
sql_state(const struct sql *s)
{
	return s->state == 0 ? 0 : err_set(s->state, "store: %s", s->cause);
}

bool
sql_is_open(const struct sql *s)
{
	return s->open;
}

static int
fault(struct sql *s, int rc)
{
	int primary = rc & 0xff;

	if (s->state == 0) {
		s->cause = sqlite3_errstr(rc);
		s->state = primary == SQLITE_FULL || primary == SQLITE_NOMEM
		    ? ERR_BUSY
		    : ERR_IO;
	}
	return sql_state(s);
}

int
sql_step(struct sql *s, size_t q)
{
	int rc;

	if (s->state < 0)
		return sql_state(s);
	rc = sqlite3_step(s->stmts[q]);
	if (rc == SQLITE_ROW)
		return 1;
	sqlite3_reset(s->stmts[q]);
	return rc == SQLITE_DONE ? 0 : fault(s, rc);
}

void
sql_settle(struct sql *s, size_t q)
{
	sqlite3_reset(s->stmts[q]);
}

int
sql_run(struct sql *s, size_t q)
{
	int r = sql_step(s, q);

	if (r == 1)
		sql_settle(s, q);
	return r < 0 ? r : 0;
}

/* SQLITE_OK, or the code of the failure. */
static int
do_own(struct sql *s, int which)
{
	int rc = sqlite3_step(s->own[which]);

	sqlite3_reset(s->own[which]);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int
sql_begin(struct sql *s)
{
	int rc;

	if (s->state < 0 || s->open)
		return sql_state(s);
	rc = do_own(s, BEGIN);
	if (rc != SQLITE_OK)
		return fault(s, rc);
	s->open = true;
	return 0;
}

void
sql_undo(struct sql *s)
{
	/* some failures have rolled back already */
	if (!sqlite3_get_autocommit(s->db) &&
	    do_own(s, ROLLBACK) != SQLITE_OK) {
		s->cause = "a change cannot be taken back";
		s->state = ERR_IO;
	}
	s->open = false;
	if (s->state != ERR_IO)
		s->state = 0;
}

/* An sqlite3_file: the log. */
static int
sync_log(void *arg)
{
	sqlite3_file *log = arg;

	return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

static sqlite3_file *
log_of(struct sql *s)
{
	sqlite3_file *log = NULL;

	sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
	return log;
}

/* What SQLite does after each commit when synchronous is FULL. */
static int
sync_now(struct sql *s)
{
	int rc = s->unsynced ? sync_log(log_of(s)) : SQLITE_OK;

	s->unsynced = false;
	return rc;
}

/* Into the log, which is not synced; what went before it is. */
static int
write_log(struct sql *s)
{
	int rc, r = sql_await(s);

	if (r == 0)
		r = sql_state(s);
	if (r == 0 && s->open) {
		rc = do_own(s, COMMIT);
		if (rc != SQLITE_OK)
			r = fault(s, rc);
	}
	if (r < 0)
		sql_undo(s);
	s->open = false;
	return r;
}

int
sql_commit(struct sql *s)
{
	int rc, r;

	r = write_log(s);
	if (r < 0)
		return r;
	rc = sync_now(s);
	return rc == SQLITE_OK ? 0 : fault(s, rc);
}

int
sql_share(struct sql *s, int *fd)
{
	int r = thread_new(&s->thread, sync_log);

	if (r == 0)
		*fd = thread_fd(s->thread);
	return r;
}

int
sql_submit(struct sql *s)
{
	int r;

	if (!s->thread)
		return sql_commit(s);
	if (!s->open && s->state == 0)
		return 0; /* nothing that the log has to be synced for */
	r = write_log(s);
	if (r < 0 || !s->unsynced)
		return r;
	if (thread_begin(s->thread, log_of(s)) < 0)
		return sql_commit(s);
	s->unsynced = false;
	return 1;
}

bool
sql_is_syncing(const struct sql *s)
{
	return s->thread && thread_is_begun(s->thread) &&
	    !thread_is_over(s->thread);
}

int
sql_await(struct sql *s)
{
	int rc = SQLITE_OK;

	if (s->thread && thread_is_begun(s->thread))
		rc = thread_end(s->thread);
	if (rc != SQLITE_OK) {
		s->cause = sqlite3_errstr(rc);
		s->state = ERR_IO;
	}
	return s->state == ERR_IO ? sql_state(s) : 0;
}

static int
checkpoint(struct sql *s, int mode)
{
	int rc, r = sql_await(s);

	if (r < 0)
		return r;
	rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, NULL, NULL);
	s->log_pages = 0;
	if (rc == SQLITE_OK)
		return 0;
	/* without space it is tried again after the next commit */
	r = fault(s, rc);
	sql_undo(s);
	return r == ERR_IO ? r : 0;
}

int
sql_checkpoint(struct sql *s)
{
	if (s->log_pages < CHECKPOINT_PAGES)
		return 0;
	return checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
}

uint64_t
sql_log_len(const struct sql *s)
{
	return (uint64_t)s->log_pages * PAGE_LEN;
}

int
sql_empty_log(struct sql *s)
{
	return checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE);
}

/* The number that a statement of our own answers. */
static int
ask_own(struct sql *s, int which, uint64_t *out)
{
	int rc = sqlite3_step(s->own[which]);

	if (rc == SQLITE_ROW)
		*out = (uint64_t)sqlite3_column_int64(s->own[which], 0);
	sqlite3_reset(s->own[which]);
	return rc == SQLITE_ROW ? 0 : fault(s, rc);
}

/* The length of the database's file, or of its log; 0 when there is none. */
static uint64_t
file_len(struct sql *s, int which)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 len = 0;

	if (sqlite3_file_control(s->db, NULL, which, &file) != SQLITE_OK ||
	    !file || !file->pMethods ||
	    file->pMethods->xFileSize(file, &len) != SQLITE_OK)
		return 0;
	return (uint64_t)len;
}

int
sql_size(struct sql *s, struct sql_size *out)
{
	uint64_t pages = 0, unused = 0, file;
	int r = sql_state(s);

	if (r == 0)
		r = ask_own(s, PAGES, &pages);
	if (r == 0)
		r = ask_own(s, PAGES_FREE, &unused);
	if (r < 0)
		return r;
	file = file_len(s, SQLITE_FCNTL_FILE_POINTER);
	out->used = (pages - unused) * PAGE_LEN;
	out->unused = unused * PAGE_LEN;
	out->log = file_len(s, SQLITE_FCNTL_JOURNAL_POINTER);
	out->due = pages * PAGE_LEN > file ? pages * PAGE_LEN - file : 0;
	return 0;
}

/* Binding what is borrowed cannot fail. */
void
sql_set_int(struct sql *s, size_t q, int i, int64_t n)
{
	sqlite3_bind_int64(s->stmts[q], i, n);
}

void
sql_set_blob(struct sql *s, size_t q, int i, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(s->stmts[q], i, bytes, len, SQLITE_STATIC);
}

void
sql_set_text(struct sql *s, size_t q, int i, const char *text)
{
	sqlite3_bind_text(s->stmts[q], i, text, -1, SQLITE_STATIC);
}

int64_t
sql_changes(const struct sql *s)
{
	return sqlite3_changes64(s->db);
}

int64_t
sql_get_int(struct sql *s, size_t q, int i)
{
	return sqlite3_column_int64(s->stmts[q], i);
}

int
sql_get_blob(struct sql *s, size_t q, int i, const uint8_t **bytes, size_t *len)
{
	const void *value = sqlite3_column_blob(s->stmts[q], i);
	int n = sqlite3_column_bytes(s->stmts[q], i);

	if (!value || n <= 0)
		return fault(s,
		    sqlite3_errcode(s->db) == SQLITE_NOMEM ? SQLITE_NOMEM
							   : SQLITE_CORRUPT);
	*bytes = value;
	*len = (size_t)n;
	return 0;
}

int
sql_damaged(struct sql *s)
{
	return fault(s, SQLITE_CORRUPT);
}
