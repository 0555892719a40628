/* SPDX-License-Identifier: ISC */
#include "server/store.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "server/metrics.h"
#include "server/pg_reach.h"
#include "server/pg_store.h"
#include "server/sandbox.h"
#include "server/sql.h"
#include "server/store_ops.h"

#define MIB (1024ULL * 1024)

const struct store_limits store_limits_usual = {
	.messages = 100000,
	.message_bytes = 256 * MIB,
	.message_ttl_ms = 30 * CLOCK_DAY,
	.requests = 8,
	.chunk_bytes = 64 * 1024 * MIB,
	.chunk_ttl_ms = 7 * CLOCK_DAY,
	.store_bytes = UINT64_MAX,
	.free_percent = 5,
};

const struct store_limits store_limits_none = {
	.messages = UINT64_MAX,
	.message_bytes = UINT64_MAX,
	.message_ttl_ms = UINT64_MAX,
	.requests = UINT64_MAX,
	.chunk_bytes = UINT64_MAX,
	.chunk_ttl_ms = UINT64_MAX,
	.store_bytes = UINT64_MAX,
	.free_percent = 0,
};

#define SQLITE "sqlite:"
#define PG     "postgresql:"

/* What follows the prefix, if it is that one and anything does. */
static const char *
after(const char *where, const char *prefix)
{
	const size_t len = strlen(prefix);

	return strncmp(where, prefix, len) == 0 && where[len] != '\0'
	    ? where + len
	    : NULL;
}

static int
not_a_store(const char *where)
{
	return err_set(ERR_USAGE,
	    "store \"%s\" is not sqlite:PATH or postgresql:CONNINFO", where);
}

#ifdef WITH_LIBPQ
#include "server/pg_lib.h"

/* A URI begins like that itself. */
static const char *
conninfo(const char *where)
{
	const char *text = after(where, PG);

	return text && strncmp(text, "//", 2) == 0 ? where : text;
}

static int
open_pg(struct store **out, const char *where, const char *key,
    const struct store_limits *limits)
{
	int r = pg_lib_open();

	return r == 0 ? pg_store_open(out, conninfo(where), key, limits) : r;
}

static int
outside_pg(struct sandbox_outside *out, const char *where)
{
	int r = pg_lib_open();

	return r == 0 ? pg_reach_find(out, conninfo(where)) : r;
}
#else
static int
without(void)
{
	return err_set(ERR_USAGE,
	    "this sentinel-relay was built without PostgreSQL");
}
#define open_pg(out, where, key, limits) ((void)(key), without())
#define outside_pg(out, where)           without()
#endif

void
store_spare_counting(void)
{
	sql_spare_counting();
}

int
store_open(struct store **out, const char *where, const char *key,
    const struct store_limits *limits)
{
	const char *path = after(where, SQLITE);

	if (path)
		return store_sqlite_open(out, path, limits);
	return after(where, PG) ? open_pg(out, where, key, limits)
				: not_a_store(where);
}

int
store_directory(char **out, const char *where, const char *key)
{
	const char *slash, *path = after(where, SQLITE);

	if (!path && !after(where, PG))
		return not_a_store(where);
	if (!path)
		path = key;
	slash = strrchr(path, '/');
	if (!slash)
		*out = strdup(".");
	else
		*out =
		    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return *out ? 0 : err_set(ERR_NOMEM, "store");
}

int
store_outside(struct sandbox_outside *out, const char *where)
{
	*out = (struct sandbox_outside){ .needed = false };
	return after(where, PG) ? outside_pg(out, where) : 0;
}

void
store_limit(struct store *st, const struct store_limits *limits)
{
	st->ops->limit(st, limits);
}

void
store_close(struct store *st)
{
	if (st)
		st->ops->close(st);
}

void
store_tell(struct store *st, store_told_fn told, store_mail_fn mail, void *arg)
{
	st->told = told;
	st->mail = mail;
	st->told_arg = arg;
}

bool
store_is_shared(const struct store *st)
{
	return st->ops->wait != NULL;
}

void
store_ask(struct store *st, struct store_asker *asker)
{
	st->asker = asker;
	if (asker)
		asker->at = 0;
}

void
store_forget(struct store *st, struct store_asker *asker)
{
	if (st->asker == asker)
		st->asker = NULL;
	if (st->ops->forget)
		st->ops->forget(st, asker);
	*asker = (struct store_asker){ 0 };
}

struct store_call *
store_recall(struct store *st, unsigned what)
{
	struct store_asker *asker = st->asker;
	struct store_call *call;

	if (!asker)
		return NULL;
	assert(asker->at < STORE_CALLS);
	call = &asker->calls[asker->at];
	if (call->what != 0 && call->what != what) {
		/* what was asked before this is of no interest any more */
		store_forget(st, asker);
		store_ask(st, asker);
		call = &asker->calls[0];
	}
	asker->at++;
	return call;
}

bool
store_is_asking(const struct store_asker *asker)
{
	for (size_t i = 0; i < ARRAY_LEN(asker->calls); i++) {
		if (asker->calls[i].what != 0 && !asker->calls[i].known)
			return true;
	}
	return false;
}

void
store_wait(struct store *st, const uint8_t id[static ID_LEN], uint32_t ms)
{
	if (st->ops->wait)
		st->ops->wait(st, id, ms);
}

int
store_find(struct store *st, struct body_key *out,
    const uint8_t id[static ID_LEN])
{
	return st->ops->find(st, out, id);
}

int
store_list(struct store *st, const struct body_list *q, store_client_fn fn,
    void *arg)
{
	return st->ops->list(st, q, fn, arg);
}

int
store_register(struct store *st, const struct body_key *c, uint64_t now)
{
	return st->ops->enrol(st, c, NULL, now);
}

int
store_register_invited(struct store *st, const struct body_key *c,
    const struct invite *invite, uint64_t now)
{
	return st->ops->enrol(st, c, invite, now);
}

int
store_unregister(struct store *st, const uint8_t id[static ID_LEN])
{
	return st->ops->unregister(st, id);
}

int
store_block(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_block *op)
{
	return st->ops->block(st, id, op);
}

int
store_block_all(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_block *ops, size_t n)
{
	int r = 0;

	if (st->ops->block_all)
		return st->ops->block_all(st, id, ops, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = st->ops->block(st, id, &ops[i]);
	return r;
}

int
store_put(struct store *st, const struct body_send *m,
    const uint8_t from[static ID_LEN], uint64_t now)
{
	return st->ops->put(st, m, from, now);
}

bool
store_has_room(const struct body_pull *q, uint64_t *used, size_t len)
{
	bool first = *used == 0;

	*used += PULL_ITEM_LEN + len;
	return first || q->max_bytes == 0 || *used <= q->max_bytes;
}

int
store_pull(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_pull *q, store_message_fn fn, void *arg)
{
	return st->ops->pull(st, id, q, fn, arg);
}

int
store_ack(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_range *range, uint32_t *n)
{
	return st->ops->ack(st, id, range, n);
}

int
store_ack_all(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_range *ranges, size_t ranges_n, uint32_t *n)
{
	int r = 0;

	if (st->ops->ack_all)
		return st->ops->ack_all(st, id, ranges, ranges_n, n);
	*n = 0;
	for (size_t i = 0; r == 0 && i < ranges_n; i++)
		r = st->ops->ack(st, id, &ranges[i], n);
	return r;
}

int
store_seen(struct store *st, const uint8_t id[static ID_LEN], uint64_t now)
{
	return st->ops->seen(st, id, now);
}

int
store_commit(struct store *st)
{
	int r = st->ops->commit(st);

	if (r == 0)
		st->committed = st->open;
	else
		st->open = st->committed;
	return r;
}

int
store_submit(struct store *st)
{
	int r = st->ops->submit ? st->ops->submit(st) : st->ops->commit(st);

	if (r >= 0)
		st->committed = st->open;
	else
		st->open = st->committed;
	return r;
}

bool
store_is_under_way(const struct store *st)
{
	return st->ops->is_under_way && st->ops->is_under_way(st);
}

int
store_land(struct store *st)
{
	return st->ops->land ? st->ops->land(st) : 0;
}

int
store_start(struct store *st, struct loop *loop)
{
	int r = st->ops->start ? st->ops->start(st, loop) : 0;

	if (r == 0)
		st->loop = loop;
	return r;
}

int
store_rest(struct store *st)
{
	return st->ops->rest(st);
}

int
store_sweep(struct store *st, uint64_t now, bool *more)
{
	int r;

	st->sweeping = true;
	r = st->ops->sweep(st, now, more);
	st->sweeping = false;
	metrics.sweeps += r == 0 && !*more;
	return r;
}

const struct figures *
store_figures(const struct store *st)
{
	return &st->committed;
}

int
store_size(struct store *st, struct figures_size *out)
{
	return st->ops->size(st, out);
}

int
store_backup(struct store *st, bool *more)
{
	if (!st->ops->backup)
		return err_set(ERR_USAGE, "no backup of such a store");
	return st->ops->backup(st, more);
}

bool
store_is_same(const struct body_key *a, const struct body_key *b)
{
	return a->issued_at == b->issued_at && strcmp(a->name, b->name) == 0 &&
	    memcmp(&a->bundle, &b->bundle, sizeof(a->bundle)) == 0;
}
