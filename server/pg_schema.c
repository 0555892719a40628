/* SPDX-License-Identifier: ISC */
#include "server/pg_schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/pg_link.h"

/* Two relays that start at once wait for one another. */
static const char begin[] = "BEGIN; SELECT pg_advisory_xact_lock(5570843)";
static const char table[] =
    "CREATE TABLE IF NOT EXISTS sentinel_version (version int NOT NULL)";
static const char ask[] = "SELECT coalesce(max(version), 0)"
			  " FROM sentinel_version";

static int
failed(PGconn *c)
{
	const char *text = PQerrorMessage(c);

	return err_set(ERR_IO, "PostgreSQL: %.*s", (int)strcspn(text, "\n"),
	    text);
}

static int
run(PGconn *c, const char *sql)
{
	PGresult *res = PQexec(c, sql);
	const ExecStatusType status = PQresultStatus(res);

	PQclear(res);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
	    ? 0
	    : failed(c);
}

static int
version(PGconn *c, int *out)
{
	PGresult *res = PQexec(c, ask);
	const bool told = PQresultStatus(res) == PGRES_TUPLES_OK;

	if (told)
		*out = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return told ? 0 : failed(c);
}

static int
go_up(PGconn *c, int from)
{
	char sql[80];
	int r = 0;

	if (from > PG_SCHEMA_VERSION)
		return err_set(ERR_CORRUPT,
		    "the database is of version %d, this relay of %d", from,
		    PG_SCHEMA_VERSION);
	if (from == PG_SCHEMA_VERSION)
		return 0;
	for (; r == 0 && from < PG_SCHEMA_VERSION; from++) {
		const char *const *part = pg_schema_sql_steps[from];

		for (; r == 0 && *part; part++)
			r = run(c, *part);
	}
	snprintf(sql, sizeof(sql),
	    "DELETE FROM sentinel_version;"
	    "INSERT INTO sentinel_version VALUES (%d)",
	    PG_SCHEMA_VERSION);
	return r == 0 ? run(c, sql) : r;
}

/* Nothing is made on one that was replaced. */
static int
check_server(PGconn *c, struct pg_fence *f)
{
	PGresult *res = PQexec(c, "SELECT " PG_FENCE_ASK);
	int r = PQresultStatus(res) == PGRES_TUPLES_OK
	    ? pg_fence_check(f, PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1))
	    : failed(c);

	PQclear(res);
	return r;
}

/* So that there is one for what comes first. */
static int
make_days(PGconn *c)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "SELECT sentinel_days(%" PRIu64 ", 0)",
	    clock_wall_ms());
	return run(c, sql);
}

static int
make(PGconn *c, struct pg_fence *f)
{
	int from = 0, r;

	if (PQstatus(c) != CONNECTION_OK)
		return failed(c);
	PQsetErrorVerbosity(c, PQERRORS_TERSE);
	r = check_server(c, f);
	if (r == 0)
		r = run(c, "SET client_min_messages = error");
	if (r == 0)
		r = run(c, begin);
	if (r == 0)
		r = run(c, table);
	if (r == 0)
		r = version(c, &from);
	if (r == 0)
		r = go_up(c, from);
	if (r == 0)
		r = run(c, "COMMIT");
	return r == 0 ? make_days(c) : r;
}

static int
connect_to(const char *conninfo, unsigned nth, struct pg_fence *f)
{
	const char *names[PG_LINK_PARAMS], *values[PG_LINK_PARAMS];
	PQconninfoOption *given = pg_hosts_pick(conninfo, nth);
	PGconn *c = NULL;
	int r;

	if (given) {
		pg_link_params(names, values, given);
		c = PQconnectdbParams(names, values, 0);
	}
	PQconninfoFree(given);
	r = c ? make(c, f) : err_set(ERR_NOMEM, "PostgreSQL");
	PQfinish(c);
	return r;
}

static int
check_conninfo(const char *conninfo)
{
	char *wrong = NULL;
	PQconninfoOption *options = PQconninfoParse(conninfo, &wrong);
	int r = 0;

	if (!options)
		r = err_set(ERR_USAGE, "PostgreSQL: %.*s",
		    wrong ? (int)strcspn(wrong, "\n") : 0, wrong ? wrong : "");
	PQfreemem(wrong);
	PQconninfoFree(options);
	return r;
}

int
pg_schema_make(const char *conninfo, struct pg_fence *f)
{
	const unsigned hosts = pg_hosts_count(conninfo);
	int r = check_conninfo(conninfo);

	if (r < 0)
		return r;
	r = ERR_IO;
	for (unsigned i = 0; r == ERR_IO && i < hosts; i++)
		r = connect_to(conninfo, i, f);
	return r;
}
