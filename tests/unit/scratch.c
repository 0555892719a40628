/* SPDX-License-Identifier: ISC */
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/secret.h"
#include "state/census.h"

int
scratch_setup_bare(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s || secret_start() < 0)
		return -1;
	umask(077);
	snprintf(s->dir, sizeof(s->dir), "/tmp/sentinel-unit.XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/alice.key", s->dir);
	*state = s;
	return 0;
}

int
scratch_setup(void **state)
{
	struct scratch *s;
	struct addr relay;

	if (scratch_setup_bare(state) < 0)
		return -1;
	s = *state;
	if (addr_parse(&relay, "relay.example.org") < 0)
		return -1;
	return keyfile_create(&s->kf, s->path, "alice", &relay, NULL, 1000);
}

static void
join(char *out, size_t size, const char *dir, const char *name)
{
	int n = snprintf(out, size, "%s/%s", dir, name);

	assert_true(n > 0 && (size_t)n < size);
}

static void
remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[400];

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		join(path, sizeof(path), dir, e->d_name);
		if (unlink(path) < 0)
			remove_tree(path);
	}
	closedir(d);
	assert_return_code(rmdir(dir), 0);
}

int
scratch_teardown(void **state)
{
	struct scratch *s = *state;

	scratch_close(s);
	remove_tree(s->dir);
	free(s);
	return 0;
}

int
scratch_open(struct scratch *s, uint64_t lock_timeout_ms)
{
	const struct keyfile_access access = {
		.lock_timeout_ms = lock_timeout_ms,
	};

	return keyfile_open(&s->kf, s->path, &access);
}

void
scratch_close(struct scratch *s)
{
	keyfile_close(s->kf);
	s->kf = NULL;
}

void
scratch_reopen(struct scratch *s)
{
	scratch_close(s);
	assert_int_equal(scratch_open(s, 1000), 0);
}

void
scratch_begin(struct scratch *s)
{
	assert_int_equal(keyfile_begin(s->kf), 0);
}

void
scratch_commit(struct scratch *s)
{
	assert_int_equal(keyfile_commit(s->kf), 0);
}

struct scratch_id
scratch_id(uint8_t n)
{
	struct scratch_id id;

	memset(id.bytes, n, ID_LEN);
	return id;
}

uint8_t *
scratch_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;

	assert_non_null(f);
	assert_return_code(fstat(fileno(f), &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	*len = fread(bytes, 1, (size_t)st.st_size, f);
	assert_int_equal(*len, st.st_size);
	fclose(f);
	return bytes;
}

void
scratch_write(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	if (len > 0)
		assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

void
scratch_unchanged(const char *path, const uint8_t *bytes, size_t len)
{
	size_t now_len;
	uint8_t *now = scratch_read(path, &now_len);

	assert_int_equal(now_len, len);
	assert_memory_equal(now, bytes, len);
	free(now);
}

bool
scratch_has(const struct scratch *s, const void *bytes, size_t len)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	bool has = false;
	char path[400];

	assert_non_null(d);
	while (!has && (e = readdir(d))) {
		size_t n;
		uint8_t *all;

		if (e->d_type != DT_REG)
			continue;
		join(path, sizeof(path), s->dir, e->d_name);
		all = scratch_read(path, &n);
		has = memmem(all, n, bytes, len) != NULL;
		free(all);
	}
	closedir(d);
	return has;
}

size_t
scratch_inbox(const struct scratch *s)
{
	struct census n;

	assert_int_equal(census_take(s->kf, &n), 0);
	return n.inbox_new + n.inbox_shown + n.inbox_dead;
}

size_t
scratch_outbox(const struct scratch *s)
{
	struct census n;

	assert_int_equal(census_take(s->kf, &n), 0);
	return n.outbox_queued + n.outbox_sealed + n.outbox_in_doubt;
}

size_t
scratch_count(const struct scratch *s)
{
	DIR *d = opendir(s->dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void
ask(const struct scratch *s, const char *sql,
    void (*each)(sqlite3_stmt *stmt, void *arg), void *arg)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int rc;

	assert_null(s->kf);
	assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
	rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	rc = sqlite3_step(stmt);
	assert_true(rc == SQLITE_ROW || rc == SQLITE_DONE);
	if (rc == SQLITE_ROW)
		each(stmt, arg);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void
take_number(sqlite3_stmt *stmt, void *arg)
{
	int64_t *n = arg;

	*n = sqlite3_column_int64(stmt, 0);
}

int64_t
scratch_sql(const struct scratch *s, const char *sql)
{
	int64_t n = 0;

	ask(s, sql, take_number, &n);
	return n;
}

struct blob {
	uint8_t *out;
	size_t cap;
	size_t len;
};

static void
take_blob(sqlite3_stmt *stmt, void *arg)
{
	struct blob *b = arg;

	b->len = (size_t)sqlite3_column_bytes(stmt, 0);
	assert_true(b->len <= b->cap);
	if (b->len > 0)
		memcpy(b->out, sqlite3_column_blob(stmt, 0), b->len);
}

size_t
scratch_sql_blob(const struct scratch *s, const char *sql, uint8_t *out,
    size_t cap)
{
	struct blob b = { out, cap, 0 };

	ask(s, sql, take_blob, &b);
	return b.len;
}

void
scratch_restore(struct scratch *s, const char *dump)
{
	char path[128];
	sqlite3 *db;
	uint8_t *sql;
	size_t len;

	scratch_close(s);
	unlink(s->path);
	snprintf(path, sizeof(path), "tests/unit/vectors/%s", dump);
	sql = scratch_read(path, &len);
	sql[len] = '\0';
	assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, (char *)sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", dump, sqlite3_errmsg(db));
	sqlite3_close(db);
	free(sql);
}

void
scratch_fork(void (*fn)(struct scratch *s), struct scratch *s)
{
	int status;
	pid_t pid = fork();

	assert_return_code(pid, 0);
	if (pid == 0) {
		fn(s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
