/* SPDX-License-Identifier: ISC */
#include <malloc.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "server/conn.h"
#include "server/notice.h"

#define TRIM_MS 1000

static bool
is_from(const struct conn *c, const uint8_t origin[static ORIGIN_LEN])
{
	return memcmp(c->origin, origin, ORIGIN_LEN) == 0;
}

/* The oldest from there, when no more may come. */
static struct conn *
oldest_of_many(struct conn_set *cs, const uint8_t origin[static ORIGIN_LEN])
{
	struct conn *oldest = NULL, *c;
	uint64_t n = 0;

	TAILQ_FOREACH(c, &cs->unbound, link) {
		if (!is_from(c, origin))
			continue;
		if (!oldest)
			oldest = c;
		n++;
	}
	return n >= cs->limits->max_source_unbound ? oldest : NULL;
}

/* Any of those that have not said hello yet; when all have, any of all. */
static struct conn *
any(struct conn_set *cs, uint32_t dice)
{
	size_t silent = 0, skip;
	struct conn *c;

	TAILQ_FOREACH(c, &cs->unbound, link)
		silent += c->state == CONN_HELLO;
	skip = dice % (silent > 0 ? silent : cs->unbound_n);
	TAILQ_FOREACH(c, &cs->unbound, link) {
		if ((silent == 0 || c->state == CONN_HELLO) && skip-- == 0)
			break;
	}
	return c;
}

/* Never more than half of all there may be: the others are for clients. */
static uint64_t
most_unbound(const struct conn_set *cs)
{
	uint64_t half = (cs->max + 1) / 2;

	return cs->limits->max_unbound < half ? cs->limits->max_unbound : half;
}

struct conn *
conn_limit_victim(struct conn_set *cs, const uint8_t origin[static ORIGIN_LEN])
{
	const uint64_t max = most_unbound(cs), early = max / 4 * 3;
	struct conn *oldest = oldest_of_many(cs, origin);
	uint32_t dice[2];

	if (oldest) {
		notice_put(NOTICE_SOURCE_UNBOUND, origin, loop_now(cs->loop));
		return oldest;
	}
	secret_random(dice, sizeof(dice));
	if (cs->unbound_n < early ||
	    dice[0] % (max - early) >= cs->unbound_n - early)
		return NULL;
	notice_put(NOTICE_UNBOUND, origin, loop_now(cs->loop));
	return any(cs, dice[1]);
}

void
conn_limit_count(struct conn *c)
{
	struct conn_set *cs = c->set;
	size_t now = buf_size(c->raw) + buf_size(c->frames) +
	    buf_size(c->session.held[0].replies) +
	    buf_size(c->session.held[1].replies) + sender_size(&c->out);

	cs->buffers += now;
	cs->buffers -= c->counted;
	c->counted = now;
	cs->untrimmed = true;
	if (!conn_limit_may_grow(cs))
		cs->was_short = true;
}

bool
conn_limit_may_grow(const struct conn_set *cs)
{
	return cs->buffers <= cs->limits->max_buffers;
}

/* What c holds, times the ms for which it has not moved. */
static uint64_t
weight(const struct conn *c)
{
	uint64_t now = loop_now(c->set->loop), since = now;

	if (c->out.moved_at != 0)
		since = c->out.moved_at;
	else if (c->partial_at != 0)
		since = c->partial_at;
	return c->counted * (now - since + 1);
}

static struct conn *
heavier(struct conn *than, const struct conn_list *list)
{
	struct conn *c;

	TAILQ_FOREACH(c, list, link) {
		if (c->counted > 0 && (!than || weight(c) > weight(than)))
			than = c;
	}
	return than;
}

struct conn *
conn_limit_hoarder(struct conn_set *cs)
{
	const uint64_t max = cs->limits->max_buffers;

	if (cs->buffers <= max / 8 * 7)
		return NULL;
	return heavier(heavier(NULL, &cs->unbound), &cs->bound);
}

/* malloc keeps it where anything that lives stands behind it. */
static void
on_trim(void *arg)
{
	struct conn_set *cs = arg;

	malloc_trim(0);
	cs->untrimmed = false;
}

int
conn_limit_start(struct conn_set *cs)
{
	cs->trim = (struct loop_timer){ .fn = on_trim, .arg = cs };
	return loop_timer_add(cs->loop, &cs->trim, CLOCK_NEVER);
}

void
conn_limit_trim(struct conn_set *cs)
{
	if (cs->untrimmed && cs->trim.at == CLOCK_NEVER)
		loop_timer_set(cs->loop, &cs->trim,
		    loop_now(cs->loop) + TRIM_MS);
}
