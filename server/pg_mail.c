/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/pg.h"
#include "wire/codes.h"

#define NUMBER_MAX (1ULL << 62) /* no limit that is higher is met */
#define SWEEP_PAGE 500          /* mailboxes that one look goes through */
#define SWEEP_MAX  1000         /* messages that it takes away */

static uint64_t
bounded(uint64_t n)
{
	return n < NUMBER_MAX ? n : NUMBER_MAX;
}

void
pg_mail_limits(struct pg_op *op, const struct store_limits *l)
{
	pg_query_array(op, PG_INT8, 4);
	pg_query_element_int(op, bounded(l->messages));
	pg_query_element_int(op, bounded(l->message_bytes));
	pg_query_element_int(op, bounded(l->requests));
	pg_query_element_int(op, bounded(l->chunk_bytes));
}

void
pg_mail_before(struct pg_op *op, uint64_t texts, uint64_t pieces)
{
	pg_query_array(op, PG_INT8, 2);
	pg_query_element_int(op, bounded(texts));
	pg_query_element_int(op, bounded(pieces));
}

int
pg_mail_put(struct store *st, const struct body_send *m, const uint8_t *from,
    uint64_t now)
{
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op, PG_PUT);

	if (op && pg_store_is_full(pg_of(st))) {
		pg_query_free(op);
		return REASON_BUSY;
	}
	if (!op)
		return r;
	op->type = m->type;
	op->len = m->content_len;
	pg_query_id(op, m->to);
	pg_query_id(op, from);
	pg_query_int(op, m->type);
	pg_query_int(op, now);
	pg_query_bytes(op, m->content, m->content_len);
	pg_mail_limits(op, &pg_of(st)->limits);
	return pg_call_submit(pg_of(st), call, op);
}

/* A row of sentinel_pull; false: it is not one. */
static bool
get_message(const PGresult *rows, int row, struct body_message *m)
{
	m->id = (uint32_t)pg_query_get(rows, row, 0);
	m->type = (uint8_t)pg_query_get(rows, row, 2);
	m->content = (const uint8_t *)PQgetvalue(rows, row, 3);
	m->content_len = (uint32_t)PQgetlength(rows, row, 3);
	return m->content_len <= CONTENT_MAX &&
	    pg_query_copy(rows, row, 1, m->from, ID_LEN);
}

int
pg_mail_pull(struct store *st, const uint8_t *id, const struct body_pull *q,
    store_message_fn fn, void *arg)
{
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op, PG_PULL);

	if (op) {
		pg_query_id(op, id);
		pg_query_int(op, q->after);
		pg_query_int(op, q->max_bytes);
		pg_query_int(op, q->no_chunks);
		r = pg_call_submit(pg_of(st), call, op);
	}
	if (r == 0) /* the first row says how it went */
		r = (int)pg_query_get(call->held, 0, 2);
	for (int i = 1; r == 0 && i < PQntuples(call->held); i++) {
		struct body_message m;

		if (!get_message(call->held, i, &m))
			return err_set(ERR_BUSY, "PostgreSQL: no message");
		if (!fn(arg, &m))
			break;
	}
	return r;
}

static void
ask_ack(struct pg_op *op, const struct body_range *ranges, size_t n)
{
	pg_query_array(op, PG_INT8, n);
	for (size_t i = 0; i < n; i++)
		pg_query_element_int(op, ranges[i].first);
	pg_query_array(op, PG_INT8, n);
	for (size_t i = 0; i < n; i++)
		pg_query_element_int(op, ranges[i].last);
	pg_mail_before(op, UINT64_MAX, UINT64_MAX);
}

int
pg_mail_ack(struct store *st, const uint8_t *id,
    const struct body_range *ranges, size_t ranges_n, uint32_t *n)
{
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op, PG_ACK);

	if (op) {
		pg_query_id(op, id);
		ask_ack(op, ranges, ranges_n);
		pg_query_int(op, STORE_ACK_MAX - *n);
		pg_mail_limits(op, &pg_of(st)->limits);
		r = pg_call_submit(pg_of(st), call, op);
	}
	if (r == 0 || (r == REASON_BUSY && call->held))
		*n += (uint32_t)pg_query_get(call->held, 0, 1);
	return r;
}

void
pg_mail_wait(struct store *st, const uint8_t *id, uint32_t ms)
{
	struct pg *pg = pg_of(st);
	struct store_call *call;
	struct pg_op *op;

	if (!pg->loop || pg_call_begin(pg, &call, &op, PG_WAIT) != 0)
		return;
	pg_query_id(op, id);
	pg_query_int(op, (uint64_t)pg->number);
	pg_query_int(op, clock_wall_ms() + ms);
	/* whoever is not told of it has the poll to rely on */
	if (pg_call_submit(pg, call, op) < 0)
		return;
}

/* Pieces go with the table of their day, unless they would stay for long. */
static void
ask_overdue(struct pg_op *op, const struct store_limits *l, uint64_t now)
{
	const uint64_t pieces =
	    l->chunk_ttl_ms > now ? 0 : now - l->chunk_ttl_ms;

	pg_query_array(op, PG_INT8, 3);
	pg_query_element_int(op,
	    l->message_ttl_ms > now ? 0 : now - l->message_ttl_ms);
	pg_query_element_int(op, pieces);
	pg_query_element_int(op, l->chunk_ttl_ms < CLOCK_DAY ? pieces : 0);
}

int
pg_mail_sweep(struct store *st, uint64_t now, bool *more)
{
	struct pg *pg = pg_of(st);
	const struct store_limits *l = &pg->limits;
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg, &call, &op, PG_SWEEP);

	if (op) {
		pg_query_id(op, pg->swept);
		ask_overdue(op, l, now);
		pg_query_int(op, SWEEP_PAGE);
		pg_query_int(op, SWEEP_MAX);
		pg_mail_limits(op, l);
		r = pg_call_submit(pg, call, op);
	}
	if (r != 0)
		return r;
	*more = pg_query_copy(call->held, 0, 6, pg->swept, ID_LEN);
	if (*more)
		return 0;
	memset(pg->swept, 0, ID_LEN);
	pg_days_ask(pg);
	return pg->loop ? pg_store_census(pg) : 0;
}
