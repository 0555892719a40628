/* SPDX-License-Identifier: ISC */
#include "server/pg_link.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/log.h"
#include "server/pg.h"
#include "server/thread.h"

#define CONNECT_MS  3000   /* to be up */
#define RETRY_MS    100ULL /* after the first failure; doubled */
#define RETRY_MAX   2000
#define ERRORS_SIZE 256

/*
 * A lock that is held for long is another relay's in trouble; and who waits
 * for one ends when we have gone.  Tables may be young: no plan that reads all
 * of one is kept because it was small.
 */
static const char greeting[] =
    "SELECT " PG_FENCE_ASK ","
    " set_config('lock_timeout', '4s', false),"
    " set_config('client_connection_check_interval', '2s', false),"
    " set_config('plan_cache_mode', 'force_generic_plan', false),"
    " set_config('enable_seqscan', 'off', false),"
    " set_config('enable_hashjoin', 'off', false),"
    " set_config('enable_mergejoin', 'off', false)";

void
pg_link_params(const char *names[static PG_LINK_PARAMS],
    const char *values[static PG_LINK_PARAMS], const PQconninfoOption *given)
{
	static const char *const usual[][2] = {
		{ "application_name", "sentinel-relay" },
		{ "client_encoding", "UTF8" },
		{ "connect_timeout", "2" },
		{ "tcp_user_timeout", "3000" },
		{ "keepalives_idle", "5" },
		{ "keepalives_interval", "2" },
		{ "keepalives_count", "2" },
		{ "target_session_attrs", "read-write" },
		{ "gssencmode", "disable" },
	};
	size_t n = 0;

	for (; n < ARRAY_LEN(usual); n++) {
		names[n] = usual[n][0];
		values[n] = usual[n][1];
	}
	for (; given->keyword && n < PG_LINK_PARAMS - 1; given++) {
		names[n] = given->keyword;
		values[n] = given->val;
		n += given->val != NULL;
	}
	assert(!given->keyword);
	names[n] = values[n] = NULL;
}

static void
on_notice(void *arg, const PGresult *res)
{
	const char *severity =
	    PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	struct pg_link *l = arg;

	if (!severity || strcmp(severity, "WARNING") != 0)
		return;
	l->warned = true;
	log_event(LOG_WARN, "database_warning",
	    &(struct log_field){ "message", text ? text : "" }, 1);
}

static void
unwatch(struct pg_link *l)
{
	if (l->watched)
		loop_remove(l->pg->loop, &l->watch);
	l->watched = false;
}

/* None before each server has had its turn. */
static uint64_t
backoff(unsigned failures, unsigned servers)
{
	const unsigned rounds = failures / servers;
	const uint64_t ms = RETRY_MS << (rounds < 5 ? rounds : 5);

	if (failures % servers != 0)
		return 0;
	return ms < RETRY_MAX ? ms : RETRY_MAX;
}

void
pg_link_fail(struct pg_link *l, const char *why)
{
	const bool was_up = l->state == PG_LINK_UP;
	const uint64_t now = clock_mono_ms();
	char text[ERRORS_SIZE];
	const struct log_field fields[] = { { "connection", l->name },
		{ "message", text } };
	size_t n;

	snprintf(text, sizeof(text), "%s", why ? why : PQerrorMessage(l->c));
	n = strcspn(text, "\n");
	text[n] = '\0';
	(void)err_set(ERR_IO, "PostgreSQL: %s", text);
	if (was_up || l->failures == 0 || l->state == PG_LINK_GREETING)
		log_event(LOG_WARN, "database_lost", fields, ARRAY_LEN(fields));
	unwatch(l);
	PQfinish(l->c);
	l->c = NULL;
	l->state = PG_LINK_DOWN;
	l->due = now + backoff(l->failures++, pg_hosts_count(l->pg->conninfo));
	if (l->down_at == 0)
		l->down_at = now;
	l->on_down(l->arg);
	pg_link_arrange(l);
}

/* On a thread, for libpq looks up the name here. */
static int
start(void *arg)
{
	const char *names[PG_LINK_PARAMS], *values[PG_LINK_PARAMS];
	struct pg_link *l = arg;
	PQconninfoOption *given = pg_hosts_pick(l->pg->conninfo, l->server);

	if (!given)
		return ERR_NOMEM;
	pg_link_params(names, values, given);
	l->started = PQconnectStartParams(names, values, 0);
	PQconninfoFree(given);
	return l->started ? 0 : ERR_NOMEM;
}

static void
go_ahead(struct pg_link *l, int started)
{
	l->c = l->started;
	l->started = NULL;
	l->due = clock_mono_ms() + CONNECT_MS;
	l->state = PG_LINK_CONNECTING;
	l->wants = PGRES_POLLING_WRITING;
	if (started < 0 || PQstatus(l->c) == CONNECTION_BAD)
		pg_link_fail(l, started < 0 ? "no memory" : NULL);
}

static void
begin(struct pg_link *l)
{
	/* a connection that was lost counts as one, and nobody is to blame */
	l->server = l->failures > 0 ? l->failures - 1 : 0;
	l->state = PG_LINK_STARTING;
	l->due = CLOCK_NEVER;
	if (!l->pg->loop)
		go_ahead(l, start(l));
	else if (thread_begin(l->starter, l) < 0)
		pg_link_fail(l, "no thread");
}

static bool
send_greeting(struct pg_link *l)
{
	bool sent = PQsetnonblocking(l->c, 1) == 0 &&
	    PQenterPipelineMode(l->c) == 1 &&
	    PQsendQueryParams(l->c, greeting, 0, NULL, NULL, NULL, NULL, 0);

	for (int q = PG_NONE + 1; sent && q < PG_QUERIES; q++) {
		const enum pg_query query = (enum pg_query)q;
		const int n = pg_query_args(query);
		Oid types[PG_ARGS_MAX];
		char name[PG_NAME_SIZE];

		for (int i = 0; i < n; i++)
			types[i] = pg_query_type(query, i);
		pg_query_name(name, query);
		sent = PQsendPrepare(l->c, name, pg_query_table[q].sql, n,
			   types) == 1;
	}
	return sent && PQpipelineSync(l->c) == 1;
}

static void
greet(struct pg_link *l)
{
	PQsetNoticeReceiver(l->c, on_notice, l);
	l->state = PG_LINK_GREETING;
	if (!send_greeting(l))
		pg_link_fail(l, NULL);
}

/* NULL: it may be used. */
static const char *
check_server(struct pg_link *l, const PGresult *res)
{
	return pg_fence_check(&l->pg->fence, PQgetvalue(res, 0, 0),
		   PQgetvalue(res, 0, 1)) < 0
	    ? err_last()->message
	    : NULL;
}

static void
become_up(struct pg_link *l)
{
	if (l->down_at != 0)
		log_event(LOG_INFO, "database_found",
		    &(struct log_field){ "connection", l->name }, 1);
	l->state = PG_LINK_UP;
	l->due = CLOCK_NEVER;
	l->down_at = 0;
	l->failures = 0;
	l->warned = false;
	l->on_up(l->arg);
}

/* One of the results of the greeting; false: no more are to be read. */
static bool
take_greeting(struct pg_link *l, PGresult *res)
{
	const char *wrong = NULL;
	bool over = false;

	switch ((int)PQresultStatus(res)) {
	case PGRES_TUPLES_OK:
		wrong = check_server(l, res);
		break;
	case PGRES_COMMAND_OK:
		break;
	case PGRES_PIPELINE_SYNC:
		over = true;
		break;
	default:
		wrong = PQresultErrorMessage(res);
	}
	if (wrong)
		pg_link_fail(l, wrong);
	else if (over)
		become_up(l);
	return !wrong && !over;
}

static void
read_greeting(struct pg_link *l)
{
	bool more = true;

	while (more && !PQisBusy(l->c)) {
		PGresult *res = PQgetResult(l->c);

		if (res)
			more = take_greeting(l, res);
		PQclear(res);
	}
}

static void
go_on(struct pg_link *l)
{
	l->wants = PQconnectPoll(l->c);
	if (l->wants == PGRES_POLLING_FAILED)
		pg_link_fail(l, NULL);
	else if (l->wants == PGRES_POLLING_OK)
		greet(l);
}

static void
step(struct pg_link *l)
{
	if (l->state == PG_LINK_STARTING) {
		unwatch(l);
		go_ahead(l, thread_end(l->starter));
	} else if (l->state == PG_LINK_CONNECTING) {
		unwatch(l); /* it may go on with another socket */
		go_on(l);
	} else if (PQconsumeInput(l->c) != 1) {
		pg_link_fail(l, NULL);
	} else if (l->state == PG_LINK_GREETING) {
		read_greeting(l);
	} else {
		l->on_input(l->arg);
	}
}

/* What is to be awaited, of a connection that is not down. */
static unsigned
wanted(struct pg_link *l)
{
	if (l->state == PG_LINK_STARTING)
		return LOOP_READ;
	if (l->state == PG_LINK_CONNECTING)
		return l->wants == PGRES_POLLING_READING ? LOOP_READ
							 : LOOP_WRITE;
	return LOOP_READ | (PQflush(l->c) == 1 ? LOOP_WRITE : 0);
}

void
pg_link_arrange(struct pg_link *l)
{
	const bool is_down = l->state == PG_LINK_DOWN;
	const unsigned events = is_down ? 0 : wanted(l);

	if (!l->pg->loop)
		return;
	loop_timer_set(l->pg->loop, &l->timer, l->due);
	if (is_down)
		return;
	if (l->watched) {
		loop_want(l->pg->loop, &l->watch, events);
		return;
	}
	l->watch.fd = l->c ? PQsocket(l->c) : thread_fd(l->starter);
	l->watch.events = events;
	l->watched = loop_add(l->pg->loop, &l->watch) == 0;
}

static void
on_ready(void *arg, unsigned events)
{
	struct pg_link *l = arg;

	(void)events;
	step(l);
	pg_link_arrange(l);
}

static void
on_timer(void *arg)
{
	struct pg_link *l = arg;

	if (clock_mono_ms() < l->due)
		;
	else if (l->state == PG_LINK_DOWN)
		begin(l);
	else
		pg_link_fail(l, "no answer in time");
	pg_link_arrange(l);
}

int
pg_link_start(struct pg_link *l)
{
	int r;

	l->watch = (struct loop_fd){ .fn = on_ready, .arg = l };
	l->timer = (struct loop_timer){ .fn = on_timer, .arg = l };
	r = thread_new(&l->starter, start);
	if (r == 0)
		r = loop_timer_add(l->pg->loop, &l->timer, l->due);
	if (r == 0)
		pg_link_arrange(l);
	return r;
}

void
pg_link_stop(struct pg_link *l)
{
	unwatch(l);
	if (l->pg && l->pg->loop)
		loop_timer_remove(l->pg->loop, &l->timer);
	thread_free(l->starter);
	l->starter = NULL;
	PQfinish(l->started);
	l->started = NULL;
	PQfinish(l->c);
	l->c = NULL;
	l->state = PG_LINK_DOWN;
}

int
pg_link_wait(struct pg_link *l, uint64_t deadline)
{
	const unsigned events = wanted(l);
	struct pollfd fd = { .fd = PQsocket(l->c),
		.events = (short)((events & LOOP_READ ? POLLIN : 0) |
		    (events & LOOP_WRITE ? POLLOUT : 0)) };
	const uint64_t now = clock_mono_ms();

	if (now >= deadline || poll(&fd, 1, (int)(deadline - now)) == 0)
		pg_link_fail(l, "no answer in time");
	else
		step(l);
	return l->state == PG_LINK_DOWN ? ERR_IO : 0;
}

static int
open_one(struct pg_link *l, uint64_t deadline)
{
	int r = 0;

	begin(l);
	if (l->state == PG_LINK_DOWN)
		return ERR_IO;
	while (r == 0 && l->state != PG_LINK_UP)
		r = pg_link_wait(l, deadline);
	return r;
}

int
pg_link_open(struct pg_link *l, uint64_t deadline)
{
	const unsigned hosts = pg_hosts_count(l->pg->conninfo);
	int r = ERR_IO;

	/* none was lost: each failure is the next one's turn */
	for (l->failures = 1; r < 0 && l->failures <= hosts;)
		r = open_one(l, deadline);
	return r;
}
