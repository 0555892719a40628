/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/err.h"
#include "server/pg.h"

#define WAIT_MS 30000

/* The next result, which may be none; NULL also when the connection is gone. */
static PGresult *
next(struct pg_link *l)
{
	const uint64_t deadline = clock_mono_ms() + WAIT_MS;

	while (l->state == PG_LINK_UP && PQisBusy(l->c)) {
		if (pg_link_wait(l, deadline) < 0)
			return NULL;
	}
	return l->state == PG_LINK_UP ? PQgetResult(l->c) : NULL;
}

static int
state(const struct pg *pg)
{
	if (pg->writer.link.state != PG_LINK_UP)
		return err_set(ERR_IO, "the database is gone");
	return pg->lost ? err_set(ERR_BUSY, "the transaction is lost") : 0;
}

int
pg_wait_run(struct pg *pg, struct pg_op *op, PGresult **rows)
{
	struct pg_ops ops = TAILQ_HEAD_INITIALIZER(ops);
	struct pg_link *l = &pg->writer.link;
	PGresult *res;
	int r = state(pg);

	if (r < 0)
		return r;
	pg->open = true;
	TAILQ_INSERT_TAIL(&ops, op, link);
	if (!pg_query_send(l->c, &ops) || PQsendFlushRequest(l->c) != 1)
		return err_set(ERR_IO, "%s", PQerrorMessage(l->c));
	res = next(l);
	PQclear(next(l)); /* that was all of it */
	if (pg_unit_judge(res) == PG_UNIT_DONE) {
		*rows = res;
		return 0;
	}
	pg->lost = true;
	r = err_set(ERR_BUSY, "%s", PQresultErrorMessage(res));
	PQclear(res);
	return r;
}

int
pg_wait_commit(struct pg *pg)
{
	struct pg_link *l = &pg->writer.link;
	ExecStatusType status = PGRES_COMMAND_OK;
	int r;

	if (!pg->open)
		return 0;
	if (l->state == PG_LINK_UP && PQpipelineSync(l->c) != 1)
		pg_link_fail(l, NULL);
	while (l->state == PG_LINK_UP && status != PGRES_PIPELINE_SYNC) {
		PGresult *res = next(l);

		status = PQresultStatus(res);
		PQclear(res);
	}
	r = state(pg);
	pg->open = pg->lost = false;
	return r;
}
