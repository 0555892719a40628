/* SPDX-License-Identifier: ISC */
#include "server/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "server/notice.h"
#include "server/pg_schema.h"
#include "server/pg_store.h"
#include "wire/codes.h"

#define OPEN_MS 10000

int
pg_store_census(struct pg *pg)
{
	struct store_asker *asker = pg->store.asker;
	struct store_call *call;
	struct pg_op *op;
	int r;

	pg->store.asker = NULL;
	r = pg_call_begin(pg, &call, &op, PG_CENSUS);
	if (op)
		r = pg_call_submit(pg, call, op);
	pg->store.asker = asker;
	return r < 0 ? r : 0;
}

bool
pg_store_is_full(const struct pg *pg)
{
	if (pg->size < pg->limits.store_bytes)
		return false;
	notice_count(NOTICE_STORE);
	return true;
}

static void
forget(struct store *st, struct store_asker *asker)
{
	(void)st;
	for (size_t i = 0; i < STORE_CALLS; i++) {
		struct store_call *call = &asker->calls[i];

		if (call->what != 0 && !call->known)
			((struct pg_op *)call->held)->asker = NULL;
		pg_call_clear(call);
	}
}

void
pg_store_tick(struct pg *pg, uint64_t ms)
{
	const uint64_t at = clock_mono_ms() + ms;

	if (at < pg->tick.at)
		loop_timer_set(pg->loop, &pg->tick, at);
}

static void
on_tick(void *arg)
{
	struct pg *pg = arg;
	const uint64_t now = clock_mono_ms();

	pg_pipe_expire(&pg->writer, now);
	pg_pipe_expire(&pg->reader, now);
	if (pg->writer.n + pg->reader.n > 0)
		pg_store_tick(pg, PG_TICK_MS);
}

static int
start(struct store *st, struct loop *loop)
{
	struct pg *pg = pg_of(st);
	int r;

	pg_call_clear(&pg->now);
	pg->loop = loop;
	pg->tick = (struct loop_timer){ .fn = on_tick, .arg = pg };
	r = loop_timer_add(loop, &pg->tick, CLOCK_NEVER);
	if (r == 0)
		r = pg_link_start(&pg->writer.link);
	if (r == 0)
		r = pg_link_start(&pg->reader.link);
	pg->hint.link.due = loop_now(loop); /* it is not connected yet */
	if (r == 0)
		r = pg_link_start(&pg->hint.link);
	return r;
}

/* The end of a turn: what has gathered goes out. */
static int
commit(struct store *st)
{
	struct pg *pg = pg_of(st);

	if (!pg->loop)
		return pg_wait_commit(pg);
	pg_pipe_kick(&pg->reader);
	pg_pipe_kick(&pg->writer);
	pg_hint_flush(&pg->hint);
	return 0;
}

static int
rest(struct store *st)
{
	(void)st;
	return 0;
}

static int
backup(struct store *st, bool *more)
{
	(void)st;
	(void)more;
	return err_set(ERR_USAGE,
	    "a store on PostgreSQL is copied by pg_dump or pg_basebackup");
}

static void
limit(struct store *st, const struct store_limits *limits)
{
	pg_of(st)->limits = *limits;
}

static int
size(struct store *st, struct figures_size *out)
{
	*out =
	    (struct figures_size){ { [FIGURES_DATABASE] = pg_of(st)->size } };
	return 0;
}

static int
block(struct store *st, const uint8_t *id, const struct body_block *op)
{
	return pg_clients_block(st, id, op, 1);
}

static int
ack(struct store *st, const uint8_t *id, const struct body_range *range,
    uint32_t *n)
{
	return pg_mail_ack(st, id, range, 1, n);
}

static int
ack_all(struct store *st, const uint8_t *id, const struct body_range *ranges,
    size_t ranges_n, uint32_t *n)
{
	*n = 0;
	return pg_mail_ack(st, id, ranges, ranges_n, n);
}

static void
finish(struct store *st)
{
	struct pg *pg = pg_of(st);

	if (pg->loop)
		loop_timer_remove(pg->loop, &pg->tick);
	pg_call_clear(&pg->now);
	pg_pipe_close(&pg->writer);
	pg_pipe_close(&pg->reader);
	pg_link_stop(&pg->hint.link);
	free(pg->conninfo);
	free(pg->fence_path);
	free(pg);
}

static const struct store_ops ops = {
	.start = start,
	.wait = pg_mail_wait,
	.forget = forget,
	.find = pg_clients_find,
	.list = pg_clients_list,
	.enrol = pg_clients_enrol,
	.unregister = pg_clients_unregister,
	.block = block,
	.block_all = pg_clients_block,
	.put = pg_mail_put,
	.pull = pg_mail_pull,
	.ack = ack,
	.ack_all = ack_all,
	.seen = pg_clients_seen,
	.commit = commit,
	.rest = rest,
	.sweep = pg_mail_sweep,
	.backup = backup,
	.limit = limit,
	.size = size,
	.close = finish,
};

/* ERR_CORRUPT, ERR_IO, ERR_NOMEM. */
static int
open_fence(struct pg *pg, const char *key)
{
	if (!key)
		return 0;
	if (asprintf(&pg->fence_path, "%s.timeline", key) < 0) {
		pg->fence_path = NULL;
		return err_set(ERR_NOMEM, "store");
	}
	pg->fence.path = pg->fence_path;
	return pg_fence_look(pg->fence_path);
}

static int
connect_all(struct pg *pg)
{
	const uint64_t deadline = clock_mono_ms() + OPEN_MS;
	int r = pg_schema_make(pg->conninfo, &pg->fence);

	if (r == 0)
		r = pg_link_open(&pg->writer.link, deadline);
	if (r == 0)
		r = pg_link_open(&pg->reader.link, deadline);
	if (r == 0)
		r = pg_store_census(pg);
	return r == 0 ? pg_wait_commit(pg) : r;
}

int
pg_store_open(struct store **out, const char *conninfo, const char *key,
    const struct store_limits *limits)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	int r;

	if (!pg)
		return err_set(ERR_NOMEM, "store");
	pg->store.ops = &ops;
	pg->limits = limits ? *limits : store_limits_none;
	pg_pipe_init(&pg->writer, pg, false);
	pg_pipe_init(&pg->reader, pg, true);
	pg_hint_init(&pg->hint, pg);
	secret_random(&pg->number, sizeof(pg->number));
	pg->number = (pg->number & INT32_MAX) | 1;
	pg->conninfo = strdup(conninfo);
	r = pg->conninfo ? open_fence(pg, key) : err_set(ERR_NOMEM, "store");
	if (r == 0)
		r = connect_all(pg);
	if (r < 0) {
		finish(&pg->store);
		return r;
	}
	*out = &pg->store;
	return 0;
}
