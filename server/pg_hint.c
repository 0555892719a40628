/* SPDX-License-Identifier: ISC */
#include "server/pg_hint.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "server/pg.h"

#define CHANNEL_SIZE 24
#define DEADLINE_MS  5000

static void
name_channel(char out[static CHANNEL_SIZE], int32_t relay)
{
	snprintf(out, CHANNEL_SIZE, "sentinel_%d", (int)relay);
}

void
pg_hint_send(struct pg_hint *h, const char *sql, const char *const *values,
    int n)
{
	PGconn *c = h->link.c;

	if (PQsendQueryParams(c, sql, n, NULL, values, NULL, NULL, 0) != 1 ||
	    PQpipelineSync(c) != 1) {
		pg_link_fail(&h->link, NULL);
		return;
	}
	h->under_way++;
	h->link.due = clock_mono_ms() + DEADLINE_MS;
}

static void
on_up(void *arg)
{
	struct pg_hint *h = arg;
	char channel[CHANNEL_SIZE], sql[CHANNEL_SIZE + 16];

	name_channel(channel, h->link.pg->number);
	snprintf(sql, sizeof(sql), "LISTEN %s", channel);
	pg_hint_send(h, sql, NULL, 0);
	pg_days_ask(h->link.pg);
}

static void
on_down(void *arg)
{
	struct pg_hint *h = arg;

	h->under_way = 0;
}

void
pg_hint_take(struct pg_hint *h, const char *text)
{
	const struct store *st = &h->link.pg->store;
	char hex[TEXT_HEX_SIZE(ID_LEN)];
	uint8_t id[ID_LEN];

	for (; strlen(text) >= 2 * ID_LEN; text += 2 * ID_LEN) {
		snprintf(hex, sizeof(hex), "%s", text);
		if (text_unhex(id, ID_LEN, hex) < 0)
			return;
		if (st->mail)
			st->mail(st->told_arg, id);
	}
}

static void
on_input(void *arg)
{
	struct pg_hint *h = arg;
	PGnotify *notice;

	while (h->under_way > 0 && !PQisBusy(h->link.c)) {
		PGresult *res = PQgetResult(h->link.c);

		h->under_way -= PQresultStatus(res) == PGRES_PIPELINE_SYNC;
		if (res && PQresultStatus(res) == PGRES_FATAL_ERROR)
			pg_unit_refused(res);
		PQclear(res);
	}
	if (h->under_way == 0)
		h->link.due = CLOCK_NEVER;
	while ((notice = PQnotifies(h->link.c))) {
		pg_hint_take(h, notice->extra);
		PQfreemem(notice);
	}
}

void
pg_hint_init(struct pg_hint *h, struct pg *pg)
{
	*h = (struct pg_hint){
		.link = { .pg = pg,
		    .name = "hints",
		    .on_up = on_up,
		    .on_input = on_input,
		    .on_down = on_down,
		    .arg = h },
	};
}

void
pg_hint_add(struct pg_hint *h, int32_t relay, const uint8_t id[static ID_LEN])
{
	if (h->n == PG_HINTS_MAX)
		return;
	h->hints[h->n].relay = relay;
	memcpy(h->hints[h->n++].id, id, ID_LEN);
}

/* All that are for the relay of the first one. */
static void
notify(struct pg_hint *h)
{
	char channel[CHANNEL_SIZE], ids[PG_HINTS_MAX * 2 * ID_LEN + 1];
	const char *const values[] = { channel, ids };
	const int32_t relay = h->hints[0].relay;
	unsigned left = 0, n = 0;

	name_channel(channel, relay);
	for (unsigned i = 0; i < h->n; i++) {
		if (h->hints[i].relay == relay)
			text_hex(ids + 2 * ID_LEN * n++, h->hints[i].id,
			    ID_LEN);
		else
			h->hints[left++] = h->hints[i];
	}
	h->n = left;
	pg_hint_send(h,
	    "SELECT set_config('synchronous_commit', 'off', true),"
	    " pg_notify($1, $2)",
	    values, 2);
}

void
pg_hint_flush(struct pg_hint *h)
{
	if (h->n == 0)
		return;
	while (h->n > 0 && h->link.state == PG_LINK_UP)
		notify(h);
	h->n = 0; /* without a connection they are lost */
	pg_link_arrange(&h->link);
}
