/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "server/pg.h"
#include "wire/codes.h"

#define DEADLINE_MS 5000 /* of a flight, then the connection is dropped */
#define QUEUE_OPS   8192
#define QUEUE_BYTES (32 * 1024 * 1024)
#define AWAY_MS     2000 /* then nothing waits for the database any more */
#define FLIGHT_MAX  64   /* transactions */
#define TRIES       3    /* of many together, and of each alone */
#define REST_MS     32   /* at most, before the same again */

static void
forget_op(struct pg_pipe *p, struct pg_op *op)
{
	p->n--;
	p->bytes -= buf_len(op->bytes);
}

static void
finish_op(struct pg_pipe *p, struct pg_op *op, int answer, PGresult **rows,
    int row)
{
	forget_op(p, op);
	pg_call_done(p->pg, op, answer, rows, row);
}

bool
pg_pipe_is_full(const struct pg_pipe *p)
{
	return p->n >= QUEUE_OPS || p->bytes >= QUEUE_BYTES ||
	    (p->link.down_at != 0 &&
		clock_mono_ms() - p->link.down_at >= AWAY_MS);
}

void
pg_pipe_put(struct pg_pipe *p, struct pg_op *op)
{
	TAILQ_INSERT_TAIL(&p->waiting, op, link);
	p->n++;
	p->bytes += buf_len(op->bytes);
}

/* --- out --- */

static struct pg_unit *
unit_for(struct pg_units *flight, const struct pg_op *op, size_t *n)
{
	struct pg_unit *u;

	TAILQ_FOREACH(u, flight, link) {
		if (pg_unit_takes(u, op))
			return u;
	}
	if (*n == FLIGHT_MAX)
		return NULL;
	u = pg_unit_new(op);
	if (!u)
		return NULL;
	++*n;
	TAILQ_INSERT_TAIL(flight, u, link);
	return u;
}

/* What waits, in transactions. */
static void
gather(struct pg_pipe *p, struct pg_units *flight)
{
	struct pg_op *op, *next;
	size_t n = 0;

	for (op = TAILQ_FIRST(&p->waiting); op; op = next) {
		struct pg_unit *u = unit_for(flight, op, &n);

		next = TAILQ_NEXT(op, link);
		if (!u)
			break;
		TAILQ_REMOVE(&p->waiting, op, link);
		TAILQ_INSERT_TAIL(&u->ops, op, link);
		u->n++;
		u->bytes += buf_len(op->bytes);
	}
}

static bool
send_unit(struct pg_pipe *p, const struct pg_unit *u)
{
	return pg_query_send(p->link.c, &u->ops) &&
	    PQpipelineSync(p->link.c) == 1;
}

void
pg_pipe_kick(struct pg_pipe *p)
{
	const bool idle = TAILQ_EMPTY(&p->flying);
	struct pg_units flight = TAILQ_HEAD_INITIALIZER(flight);
	struct pg_unit *u;
	bool sent = true;

	if (p->link.state != PG_LINK_UP || TAILQ_EMPTY(&p->waiting) ||
	    (!idle && !p->reads) || clock_mono_ms() < p->rest_until)
		return;
	gather(p, &flight);
	if (idle)
		p->link.due = clock_mono_ms() + DEADLINE_MS;
	while ((u = TAILQ_FIRST(&flight))) {
		TAILQ_REMOVE(&flight, u, link);
		TAILQ_INSERT_TAIL(&p->flying, u, link);
		sent = sent && send_unit(p, u);
	}
	if (sent)
		pg_link_arrange(&p->link);
	else
		pg_link_fail(&p->link, NULL);
}

/* --- back --- */

/* Before all that waits, for the next flight; who has gone is left out. */
static void
take_back(struct pg_pipe *p, struct pg_unit *u)
{
	struct pg_op *op;

	while ((op = TAILQ_LAST(&u->ops, pg_ops))) {
		TAILQ_REMOVE(&u->ops, op, link);
		if (!op->asker && op->query != PG_SEEN) {
			finish_op(p, op, REASON_BUSY, NULL, 0);
			continue;
		}
		TAILQ_INSERT_HEAD(&p->waiting, op, link);
	}
}

static void
answer_all(struct pg_pipe *p, struct pg_unit *u, int answer)
{
	const bool answers = pg_query_table[u->query].answers;
	struct pg_op *op;
	int row = 0;

	while ((op = TAILQ_FIRST(&u->ops))) {
		int r = answer;

		TAILQ_REMOVE(&u->ops, op, link);
		if (r == 0 && answers)
			r = row < PQntuples(u->rows)
			    ? (int)pg_query_get(u->rows, row, 0)
			    : REASON_BUSY;
		finish_op(p, op, r, answer == 0 ? &u->rows : NULL, row++);
	}
}

/* The same once more, or each alone, or not at all. */
static void
try_again(struct pg_pipe *p, struct pg_unit *u)
{
	struct pg_op *op;
	unsigned tries = 0;
	uint8_t lot;

	TAILQ_FOREACH(op, &u->ops, link) {
		tries = ++op->tries;
		op->alone = op->alone || tries >= TRIES;
	}
	if (tries >= 2 * TRIES) {
		answer_all(p, u, REASON_BUSY);
		return;
	}
	secret_random(&lot, 1);
	lot = 1 + lot % REST_MS;
	p->rest_until = clock_mono_ms() + lot;
	pg_store_tick(p->pg, lot);
	take_back(p, u);
}

/* Its transaction is over.  False: so is the connection. */
static bool
land(struct pg_pipe *p, struct pg_unit *u)
{
	enum pg_unit_end end = pg_unit_judge(u->rows);

	/* a commit that was not waited for says so by a warning alone */
	if (end == PG_UNIT_DONE && p->link.warned && !p->reads)
		end = PG_UNIT_AGAIN;
	p->link.warned = false;
	switch (end) {
	case PG_UNIT_DONE:
		answer_all(p, u, 0);
		break;
	case PG_UNIT_AGAIN:
		try_again(p, u);
		break;
	case PG_UNIT_DOUBT:
		take_back(p, u);
		break;
	case PG_UNIT_FAILED:
		pg_unit_refused(u->rows);
		if (u->merged && u->n > 1)
			try_again(p, u);
		else
			answer_all(p, u, REASON_BUSY);
		break;
	case PG_UNIT_BUSY:
		pg_unit_refused(u->rows);
		answer_all(p, u, REASON_BUSY);
	}
	return end != PG_UNIT_DOUBT;
}

/* A result of the unit that is next. */
static void
take(struct pg_pipe *p, PGresult *res)
{
	struct pg_unit *u = TAILQ_FIRST(&p->flying);

	if (PQresultStatus(res) != PGRES_PIPELINE_SYNC) {
		if (u->rows)
			PQclear(res);
		else
			u->rows = res;
		return;
	}
	PQclear(res);
	TAILQ_REMOVE(&p->flying, u, link);
	p->link.due = TAILQ_EMPTY(&p->flying) ? CLOCK_NEVER
					      : clock_mono_ms() + DEADLINE_MS;
	if (!land(p, u))
		pg_link_fail(&p->link, "the server is going away");
	pg_unit_free(u);
}

static void
on_input(void *arg)
{
	struct pg_pipe *p = arg;

	while (p->link.state == PG_LINK_UP && !TAILQ_EMPTY(&p->flying) &&
	    !PQisBusy(p->link.c)) {
		PGresult *res = PQgetResult(p->link.c);

		if (res)
			take(p, res);
		else if (PQstatus(p->link.c) == CONNECTION_BAD)
			pg_link_fail(&p->link, NULL);
	}
	if (p->pg->loop)
		pg_pipe_kick(p);
}

static void
on_up(void *arg)
{
	struct pg_pipe *p = arg;

	if (p->pg->loop)
		pg_pipe_kick(p);
}

static void
on_down(void *arg)
{
	struct pg_pipe *p = arg;
	struct pg_unit *u;

	while ((u = TAILQ_LAST(&p->flying, pg_units))) {
		TAILQ_REMOVE(&p->flying, u, link);
		take_back(p, u);
		pg_unit_free(u);
	}
}

/* --- time --- */

void
pg_pipe_expire(struct pg_pipe *p, uint64_t now)
{
	struct pg_unit *u;
	struct pg_op *op;

	while ((op = TAILQ_FIRST(&p->waiting)) && op->expires <= now) {
		TAILQ_REMOVE(&p->waiting, op, link);
		finish_op(p, op, REASON_BUSY, NULL, 0);
	}
	TAILQ_FOREACH(u, &p->flying, link) {
		TAILQ_FOREACH(op, &u->ops, link) {
			if (op->asker && op->expires <= now)
				pg_call_give_up(p->pg, op);
		}
	}
	pg_pipe_kick(p); /* it may have rested */
}

void
pg_pipe_init(struct pg_pipe *p, struct pg *pg, bool reads)
{
	*p = (struct pg_pipe){
		.pg = pg,
		.reads = reads,
		.link = { .pg = pg,
		    .name = reads ? "reader" : "writer",
		    .due = CLOCK_NEVER,
		    .on_up = on_up,
		    .on_input = on_input,
		    .on_down = on_down,
		    .arg = p },
	};
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->flying);
}

static void
drop_all(struct pg_ops *ops)
{
	struct pg_op *op;

	while ((op = TAILQ_FIRST(ops))) {
		TAILQ_REMOVE(ops, op, link);
		pg_query_free(op);
	}
}

void
pg_pipe_close(struct pg_pipe *p)
{
	struct pg_unit *u;

	pg_link_stop(&p->link);
	drop_all(&p->waiting);
	while ((u = TAILQ_FIRST(&p->flying))) {
		TAILQ_REMOVE(&p->flying, u, link);
		drop_all(&u->ops);
		pg_unit_free(u);
	}
}
