/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/err.h"
#include "server/notice.h"
#include "server/pg.h"
#include "wire/codes.h"

/*
 * A call that is not answered by then is refused.  What reads is in no doubt,
 * and who has just connected has five seconds.
 */
#define EXPIRE_MS 8000
#define READ_MS   4000
#define LIMIT_AT  8 /* an answer has the limit that was reached above */

static struct pg_pipe *
pipe_of(struct pg *pg, enum pg_query query)
{
	return pg_query_table[query].reads && pg->loop ? &pg->reader
						       : &pg->writer;
}

void
pg_call_clear(struct store_call *call)
{
	if (call->known)
		PQclear(call->held);
	*call = (struct store_call){ 0 };
}

int
pg_call_begin(struct pg *pg, struct store_call **call, struct pg_op **op,
    enum pg_query query)
{
	struct store_call *c = store_recall(&pg->store, query);

	if (!c) {
		c = &pg->now;
		pg_call_clear(c);
	}
	*op = NULL;
	*call = c;
	if (c->known)
		return c->answer;
	if (c->what != 0)
		return STORE_LATER;
	*op = pg_query_new(query);
	return *op ? 0 : err_set(ERR_NOMEM, "PostgreSQL");
}

static int
submit_later(struct pg *pg, struct store_call *call, struct pg_op *op)
{
	struct pg_pipe *p = pipe_of(pg, op->query);

	if (pg_pipe_is_full(p)) {
		pg_query_free(op);
		notice_count(NOTICE_STORE);
		return REASON_BUSY;
	}
	op->asker = pg->store.asker;
	op->call = call;
	op->expires = clock_mono_ms() + (p->reads ? READ_MS : EXPIRE_MS);
	if (op->asker) {
		call->what = op->query;
		call->held = op;
	}
	pg_pipe_put(p, op);
	pg_store_tick(pg, PG_TICK_MS);
	return STORE_LATER;
}

int
pg_call_submit(struct pg *pg, struct store_call *call, struct pg_op *op)
{
	PGresult *rows;
	int r, answer = 0;

	if (op->short_of_memory) {
		pg_query_free(op);
		return err_set(ERR_NOMEM, "PostgreSQL");
	}
	if (pg->loop)
		return submit_later(pg, call, op);
	r = pg_wait_run(pg, op, &rows);
	if (r < 0) {
		pg_query_free(op);
		return r;
	}
	op->call = call;
	if (pg_query_table[op->query].answers)
		answer = (int)pg_query_get(rows, 0, 0);
	pg_call_done(pg, op, answer, &rows, 0);
	PQclear(rows);
	return call->answer;
}

/* --- answers --- */

/* The last columns say what is gone. */
static void
note_gone(struct figures *f, bool expired, const PGresult *rows)
{
	for (int kind = 0; kind < FIGURES_KINDS; kind++) {
		const uint64_t n =
		    (uint64_t)pg_query_get(rows, 0, 2 + 2 * kind);

		f->held[kind] -= n;
		f->held_bytes[kind] -=
		    (uint64_t)pg_query_get(rows, 0, 3 + 2 * kind);
		if (expired)
			f->expired[kind] += n;
		else
			f->deleted[kind] += n;
	}
}

/* Of all relays together; in between, each counts what it does itself. */
static void
note_census(struct pg *pg, const PGresult *rows)
{
	struct figures *f = &pg->store.open;

	f->clients = (uint64_t)pg_query_get(rows, 0, 0);
	for (int i = 0; i < FIGURES_KINDS; i++) {
		f->held[i] = (uint64_t)pg_query_get(rows, 0, 1 + 2 * i);
		f->held_bytes[i] = (uint64_t)pg_query_get(rows, 0, 2 + 2 * i);
	}
	pg->size = (uint64_t)pg_query_get(rows, 0, 5);
}

/* The second column is the relay at which the recipient waits. */
static void
hint(struct pg *pg, const struct pg_op *op, const PGresult *rows, int row)
{
	const int32_t relay = (int32_t)pg_query_get(rows, row, 1);

	if (relay != 0 && relay != pg->number)
		pg_hint_add(&pg->hint, relay, buf_peek(op->bytes));
}

static void
note(struct pg *pg, const struct pg_op *op, int answer, const PGresult *rows,
    int row)
{
	struct figures *f = &pg->store.open;

	if (op->query == PG_CENSUS)
		note_census(pg, rows);
	if (op->query == PG_PUT && answer == 0) {
		figures_in(f, op->type, op->len);
		hint(pg, op, rows, row);
	}
	if (op->query == PG_ENROL && answer == 0)
		f->clients += (uint64_t)pg_query_get(rows, 0, 1);
	if (op->query == PG_UNREGISTER && answer == 0)
		f->clients--;
	if (op->query == PG_ACK || op->query == PG_UNREGISTER ||
	    op->query == PG_SWEEP)
		note_gone(f, op->query == PG_SWEEP, rows);
}

static int
count_limit(int answer)
{
	static const enum notice limits[] = { NOTICE_STORE, NOTICE_MAILBOX,
		NOTICE_MAILBOX_SHARE, NOTICE_MAILBOX_REQUESTS, NOTICE_FILES,
		NOTICE_FILES_SHARE };
	const size_t limit = (size_t)answer >> LIMIT_AT;

	if (limit > 0 && limit < ARRAY_LEN(limits))
		notice_count(limits[limit]);
	return answer & ((1 << LIMIT_AT) - 1);
}

static void
tell(struct pg *pg, struct pg_op *op, int answer, PGresult *rows)
{
	struct store_asker *asker = op->asker;

	op->asker = NULL;
	op->call->known = true;
	op->call->answer = answer;
	op->call->held = rows;
	if (asker)
		pg->store.told(pg->store.told_arg, asker);
}

void
pg_call_done(struct pg *pg, struct pg_op *op, int answer, PGresult **rows,
    int row)
{
	PGresult *kept = NULL;

	if (rows && answer >= 0) {
		note(pg, op, answer, *rows, row);
		answer = count_limit(answer);
	}
	if (rows && !pg_query_table[op->query].merged) {
		kept = *rows;
		*rows = NULL;
	}
	if (op->asker || !pg->loop)
		tell(pg, op, answer, kept);
	else
		PQclear(kept);
	pg_query_free(op);
}

void
pg_call_give_up(struct pg *pg, struct pg_op *op)
{
	tell(pg, op, REASON_BUSY, NULL);
}
