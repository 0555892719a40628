/* SPDX-License-Identifier: ISC */
#include "server/pg_unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "server/log.h"

/* SQLSTATE, or a class of them; of several that fit, the first. */
static const struct {
	const char *state;
	enum pg_unit_end end;
} ends[] = {
	{ "08", PG_UNIT_DOUBT },    /* connection */
	{ "57P0", PG_UNIT_DOUBT },  /* shut down, crashed */
	{ "57014", PG_UNIT_DOUBT }, /* cancelled, perhaps after it */
	{ "25006", PG_UNIT_DOUBT }, /* read-only: not the primary */
	{ "40001", PG_UNIT_AGAIN }, { "40P01", PG_UNIT_AGAIN }, /* deadlock */
	{ "55P03", PG_UNIT_AGAIN }, /* a lock, for too long */
	{ "53", PG_UNIT_BUSY },     /* no disk, memory, connections */
};

struct pg_unit *
pg_unit_new(const struct pg_op *first)
{
	struct pg_unit *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->query = first->query;
	u->merged = pg_query_table[first->query].merged && !first->alone;
	TAILQ_INIT(&u->ops);
	return u;
}

void
pg_unit_free(struct pg_unit *u)
{
	PQclear(u->rows);
	free(u);
}

bool
pg_unit_takes(const struct pg_unit *u, const struct pg_op *op)
{
	return u->merged && u->query == op->query && !op->alone &&
	    u->n < PG_UNIT_OPS &&
	    u->bytes + buf_len(op->bytes) <= PG_UNIT_BYTES;
}

enum pg_unit_end
pg_unit_judge(const PGresult *rows)
{
	const char *state;

	if (!rows)
		return PG_UNIT_DOUBT;
	if (PQresultStatus(rows) == PGRES_TUPLES_OK ||
	    PQresultStatus(rows) == PGRES_COMMAND_OK)
		return PG_UNIT_DONE;
	state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);
	for (size_t i = 0; state && i < ARRAY_LEN(ends); i++) {
		if (strncmp(state, ends[i].state, strlen(ends[i].state)) == 0)
			return ends[i].end;
	}
	return state ? PG_UNIT_FAILED : PG_UNIT_DOUBT;
}

void
pg_unit_refused(const PGresult *rows)
{
	static struct log_pace failed;

	(void)err_set(ERR_IO, "PostgreSQL: %s %s",
	    PQresultErrorField(rows, PG_DIAG_SQLSTATE),
	    PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY));
	log_fault_often(LOG_ERROR, "database_refused", &failed);
}
