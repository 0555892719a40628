/* SPDX-License-Identifier: ISC */
/*
 * The SQLite store against the raw inserts of its own schema, at several
 * numbers of messages a commit.
 */
#include "raw.h"

#include "base/secret.h"
#include "server/store.h"

static void
make_id(uint8_t id[static ID_LEN], unsigned n)
{
	memset(id, (int)n, ID_LEN);
	id[0] = (uint8_t)(n * 37);
}

static struct store *
open_store(const char *path)
{
	struct store *st;

	MUST(store_sqlite_open(&st, path, NULL) == 0);
	for (unsigned i = 0; i < RAW_MAILBOXES; i++) {
		struct body_key k = { .issued_at = 1 };

		make_id(k.id, i);
		snprintf(k.name, sizeof(k.name), "client-%u", i);
		memset(&k.bundle, (int)i + 1, sizeof(k.bundle));
		MUST(store_register(st, &k, 1) == 0);
	}
	MUST(store_commit(st) == 0);
	return st;
}

static void
put_one(struct store *st, uint64_t n)
{
	static uint8_t content[RAW_CONTENT_LEN];
	struct body_send m = { .type = 3,
		.content = content,
		.content_len = sizeof(content) };
	uint8_t from[ID_LEN];

	make_id(m.to, (unsigned)(n % RAW_MAILBOXES));
	make_id(from, (unsigned)((n + 1) % RAW_MAILBOXES));
	MUST(store_put(st, &m, from, 1) == 0);
}

static double
measure(const char *dir, unsigned rows_a_commit)
{
	char path[512];
	uint64_t start, rows = 0;
	struct store *st;

	snprintf(path, sizeof(path), "%s/store.db", dir);
	st = open_store(path);
	start = raw_now_ns();
	while (raw_now_ns() - start < RAW_NS) {
		for (unsigned i = 0; i < rows_a_commit; i++)
			put_one(st, rows++);
		MUST(store_commit(st) == 0);
		MUST(store_rest(st) == 0);
	}
	start = raw_now_ns() - start;
	store_close(st);
	unlink(path);
	return (double)rows * 1e9 / (double)start;
}

int
main(void)
{
	static const unsigned sizes[] = { 1, 16, 64, 256 };
	char dir[256];

	MUST(secret_start() == 0);
	raw_make_dir(dir);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		double raw = raw_inserts(dir, sizes[i], RAW_MAILBOXES, RAW_NS);
		double own = measure(dir, sizes[i]);

		printf("{\"bench\":\"store\",\"rows_per_commit\":%u,"
		       "\"raw_rows_per_second\":%.0f,"
		       "\"store_rows_per_second\":%.0f,\"ratio\":%.2f}\n",
		    sizes[i], raw, own, own / raw);
		fflush(stdout);
	}
	raw_remove_dir(dir);
	return 0;
}
