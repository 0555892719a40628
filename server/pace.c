/* SPDX-License-Identifier: ISC */
#include "server/pace.h"

#include "base/clock.h"
#include "base/err.h"
#include "server/notice.h"
#include "server/serve.h"

/*
 * At least, when a client is put off: what it has sent behind is then put off,
 * too, and can come again in its order.
 */
#define PAUSE_MS 100

void
pace_limit(struct pace *p, const struct limits *l)
{
	p->rates[RATE_REQUESTS] =
	    (struct rate){ l->request_rate, l->rate_burst };
	p->rates[RATE_BYTES] = (struct rate){ l->byte_rate, l->rate_burst };
	p->rates[RATE_DIRECTORY] =
	    (struct rate){ l->directory_rate, l->rate_burst };
	p->rates[RATE_REGISTRATIONS] =
	    rate_of(l->registration_rate, l->registration_burst);
	p->rates[RATE_HANDSHAKES] =
	    rate_of(l->handshake_rate, l->handshake_burst);
	p->rates[RATE_PAUSE] = (struct rate){ 1000, 0 };
	p->rates[RATE_LINES] = rate_of(1, 1);
}

int
pace_start(struct pace *p, const struct limits *l)
{
	*p = (struct pace){ .clients = rate_new(RATE_KEYS),
		.sources = rate_new(RATE_KEYS),
		.guests = rate_new(RATE_FEW) };
	pace_limit(p, l);
	if (p->clients && p->sources && p->guests)
		return 0;
	pace_stop(p);
	return err_set(ERR_NOMEM, "rates");
}

void
pace_stop(struct pace *p)
{
	rate_free(p->clients);
	rate_free(p->sources);
	rate_free(p->guests);
	p->clients = p->sources = p->guests = NULL;
}

static uint64_t
wait_for(const struct pace *p, const struct bucket *buckets,
    enum rate_kind kind, uint64_t now)
{
	return rate_wait(&buckets[kind], &p->rates[kind], now);
}

static void
take(const struct pace *p, struct bucket *buckets, enum rate_kind kind,
    uint64_t now, uint64_t n)
{
	rate_take(&buckets[kind], &p->rates[kind], now, n);
}

/* For whatever is asked. */
static uint64_t
wait_in_general(const struct pace *p, struct bucket *b, uint64_t now)
{
	uint64_t wait = wait_for(p, b, RATE_PAUSE, now), bytes;

	if (wait > 0)
		return wait;
	wait = wait_for(p, b, RATE_REQUESTS, now);
	bytes = wait_for(p, b, RATE_BYTES, now);
	if (bytes > wait)
		wait = bytes;
	if (wait == 0)
		return 0;
	if (wait < PAUSE_MS)
		wait = PAUSE_MS;
	take(p, b, RATE_PAUSE, now, wait);
	return wait;
}

/* Which of the limits it is that a client has to wait for. */
static enum notice
reached(const struct pace *p, const struct bucket *b, enum rate_kind kind,
    uint64_t now)
{
	uint64_t requests = wait_for(p, b, RATE_REQUESTS, now);
	uint64_t bytes = wait_for(p, b, RATE_BYTES, now);

	if (bytes > requests)
		return NOTICE_BYTE_RATE;
	if (requests == 0 && kind == RATE_DIRECTORY &&
	    wait_for(p, b, RATE_DIRECTORY, now) > 0)
		return NOTICE_DIRECTORY_RATE;
	return NOTICE_RATE;
}

uint64_t
pace_ask(struct pace *p, const struct session *ss, enum rate_kind kind,
    size_t len)
{
	uint64_t now = clock_mono_ms();
	struct bucket *b = rate_find(p->clients, ss->id, now);
	uint64_t wait = wait_in_general(p, b, now);

	if (wait == 0 && kind == RATE_DIRECTORY)
		wait = wait_for(p, b, RATE_DIRECTORY, now);
	if (wait > 0) {
		notice_put_client(reached(p, b, kind, now), ss->origin, ss->id,
		    now);
		return wait;
	}
	take(p, b, RATE_REQUESTS, now, 1);
	take(p, b, RATE_BYTES, now, len);
	if (kind == RATE_DIRECTORY)
		take(p, b, RATE_DIRECTORY, now, 1);
	return 0;
}

uint64_t
pace_newcomer(struct pace *p, const struct session *ss)
{
	uint64_t now = clock_mono_ms();
	uint64_t wait = wait_for(p, rate_find(p->sources, ss->origin, now),
	    RATE_REGISTRATIONS, now);

	if (wait > 0)
		notice_put(NOTICE_REGISTRATIONS, ss->origin, now);
	return wait;
}

/* One of this kind from there, if there may be one. */
static bool
admit(const struct pace *p, struct rate_table *t, const uint8_t *origin,
    enum rate_kind kind, uint64_t now)
{
	struct bucket *b = rate_find(t, origin, now);

	if (wait_for(p, b, kind, now) > 0)
		return false;
	take(p, b, kind, now, 1);
	return true;
}

bool
pace_handshake(struct pace *p, const uint8_t origin[static ORIGIN_LEN])
{
	uint64_t now = clock_mono_ms();

	if (admit(p, p->guests, origin, RATE_HANDSHAKES, now))
		return true;
	notice_put(NOTICE_HANDSHAKES, origin, now);
	return false;
}

bool
pace_line(struct pace *p, const uint8_t origin[static ORIGIN_LEN])
{
	return admit(p, p->sources, origin, RATE_LINES, clock_mono_ms());
}

void
pace_registered(struct pace *p, const struct session *ss)
{
	uint64_t now = clock_mono_ms();

	take(p, rate_find(p->sources, ss->origin, now), RATE_REGISTRATIONS, now,
	    1);
}

void
pace_reply(struct pace *p, const struct session *ss, size_t len)
{
	uint64_t now = clock_mono_ms();

	if (ss->bound)
		take(p, rate_find(p->clients, ss->id, now), RATE_BYTES, now,
		    len);
}
