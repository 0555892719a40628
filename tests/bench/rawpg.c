/* SPDX-License-Identifier: ISC */
#include "rawpg.h"

#include "raw.h"
#include "stage.h"

#ifdef WITH_LIBPQ
#include <libpq-fe.h>

#define UNDER_WAY 2

static PGconn *
join(const char *conninfo)
{
	PGconn *c = PQconnectdb(conninfo);

	if (PQstatus(c) != CONNECTION_OK) {
		fprintf(stderr, "%s", PQerrorMessage(c));
		exit(1);
	}
	return c;
}

static void
run(PGconn *c, const char *sql)
{
	PGresult *res = PQexec(c, sql);

	MUST(PQresultStatus(res) == PGRES_COMMAND_OK);
	PQclear(res);
}

/* --- rows ------------------------------------------------------------------
 */

struct batch {
	char clients[RAWPG_BATCH_MAX * 40];
	char ids[RAWPG_BATCH_MAX * 24];
	char contents[RAWPG_BATCH_MAX * (2 * RAW_CONTENT_LEN + 8)];
};

static void
fill(struct batch *b, unsigned rows, unsigned mailboxes, uint64_t first)
{
	size_t c = 0, i = 0, t = 0;

	for (unsigned n = 0; n < rows; n++) {
		const char *comma = n > 0 ? "," : "{";

		c += (size_t)snprintf(b->clients + c, sizeof(b->clients) - c,
		    "%s00000000-0000-8000-8000-%012u", comma, n % mailboxes);
		i += (size_t)snprintf(b->ids + i, sizeof(b->ids) - i, "%s%llu",
		    comma, (unsigned long long)first + n);
		t += (size_t)snprintf(b->contents + t, sizeof(b->contents) - t,
		    "%s\"\\\\x%0*d\"", comma, 2 * RAW_CONTENT_LEN, 0);
	}
	memcpy(b->clients + c, "}", 2);
	memcpy(b->ids + i, "}", 2);
	memcpy(b->contents + t, "}", 2);
}

static void
put(PGconn *c, unsigned rows, unsigned mailboxes, uint64_t first)
{
	static struct batch b;
	const char *values[] = { b.clients, b.ids, b.contents };

	fill(&b, rows, mailboxes, first);
	MUST(PQsendQueryPrepared(c, "put", 3, values, NULL, NULL, 0));
	MUST(PQpipelineSync(c));
	MUST(PQflush(c) >= 0);
}

/* Through the next Sync. */
static void
hear(PGconn *c)
{
	for (;;) {
		PGresult *res = PQgetResult(c);
		const ExecStatusType status = PQresultStatus(res);

		PQclear(res);
		MUST(!res || status == PGRES_COMMAND_OK ||
		    status == PGRES_PIPELINE_SYNC);
		if (res && status == PGRES_PIPELINE_SYNC)
			return;
	}
}

static void
prepare(PGconn *c)
{
	PGresult *res;

	run(c, "DROP TABLE IF EXISTS bench_raw");
	run(c,
	    "CREATE TABLE bench_raw (to_client uuid, id bigint,"
	    " from_client uuid, type smallint, stored_at bigint,"
	    " content bytea, PRIMARY KEY (to_client, id));"
	    "ALTER TABLE bench_raw ALTER content SET STORAGE EXTERNAL");
	res = PQprepare(c, "put",
	    "INSERT INTO bench_raw SELECT t, i, t, 3, 1700000000000, c"
	    " FROM unnest($1::uuid[], $2::bigint[], $3::bytea[])"
	    " AS x (t, i, c)",
	    0, NULL);
	MUST(PQresultStatus(res) == PGRES_COMMAND_OK);
	PQclear(res);
	MUST(PQenterPipelineMode(c));
}

double
rawpg_inserts(const char *conninfo, unsigned rows, unsigned mailboxes,
    uint64_t ns)
{
	PGconn *c = join(conninfo);
	uint64_t begin, done = 0, asked = 0, took;

	rows = rows < RAWPG_BATCH_MAX ? rows : RAWPG_BATCH_MAX;
	run(c, "SET client_min_messages = error");
	prepare(c);
	begin = raw_now_ns();
	do {
		for (; asked < done + UNDER_WAY; asked++)
			put(c, rows, mailboxes, asked * rows);
		hear(c);
		done++;
	} while (raw_now_ns() - begin < ns);
	took = raw_now_ns() - begin;
	for (uint64_t n = done; n < asked; n++)
		hear(c);
	MUST(PQexitPipelineMode(c));
	run(c, "DROP TABLE bench_raw");
	PQfinish(c);
	return (double)(done * rows) * 1e9 / (double)took;
}

/* --- what it costs ----------------------------------------------------------
 */

/* In ns, for a tick of the clock is as long as many sends. */
static uint64_t
cpu_of(const char *pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0; /* on another machine, or it has just ended */
	if (fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

struct rawpg_cost
rawpg_cost(const char *conninfo)
{
	struct rawpg_cost cost = { 0 };
	PGresult *res;
	PGconn *c;

	if (!conninfo)
		return cost;
	c = join(conninfo);
	res = PQexec(c,
	    "SELECT pid, pg_snapshot_xmax(pg_current_snapshot())"
	    " FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
	MUST(PQresultStatus(res) == PGRES_TUPLES_OK);
	for (int n = 0; n < PQntuples(res); n++) {
		cost.cpu_ns += cpu_of(PQgetvalue(res, n, 0));
		cost.commits = strtoull(PQgetvalue(res, n, 1), NULL, 10);
	}
	PQclear(res);
	PQfinish(c);
	return cost;
}

#else

double
rawpg_inserts(const char *conninfo, unsigned rows, unsigned mailboxes,
    uint64_t ns)
{
	(void)conninfo;
	(void)rows;
	(void)mailboxes;
	(void)ns;
	return 0;
}

struct rawpg_cost
rawpg_cost(const char *conninfo)
{
	(void)conninfo;
	return (struct rawpg_cost){ 0 };
}

#endif
