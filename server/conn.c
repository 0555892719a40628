/* SPDX-License-Identifier: ISC */
#include "server/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/transport.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/notice.h"
#include "server/turn.h"
#include "server/vault.h"

#define LINGER_MS 1000

int
conn_start(struct conn_set *cs, struct loop *loop, struct serve *serve,
    const uint8_t *relay_sk, size_t max)
{
	*cs = (struct conn_set){
		.loop = loop,
		.serve = serve,
		.keys = vault_new(sizeof(struct transport)),
		.scratch = malloc(CONN_READ_SCRATCH),
		.limits = serve->limits,
		.max = max,
	};
	TAILQ_INIT(&cs->unbound);
	TAILQ_INIT(&cs->bound);
	if (cs->keys)
		cs->begun = vault_take(cs->keys);
	if (cs->begun && cs->scratch && conn_limit_start(cs) == 0) {
		transport_begin(cs->begun, relay_sk);
		return 0;
	}
	conn_stop(cs);
	return err_set(ERR_NOMEM, "connections");
}

static void
drop(struct conn *c, enum metrics_end why)
{
	struct conn_set *cs = c->set;

	metrics.ended[why]++;
	if (c->state < CONN_OPEN)
		metrics.handshakes[METRICS_HANDSHAKE_FAILED]++;
	if (c->unbound) {
		TAILQ_REMOVE(&cs->unbound, c, link);
		cs->unbound_n--;
	} else {
		TAILQ_REMOVE(&cs->bound, c, link);
	}
	cs->n--;
	cs->buffers -= c->counted;
	serve_close(cs->serve, &c->session);
	loop_timer_remove(cs->loop, &c->timer);
	loop_remove(cs->loop, &c->watch);
	close(c->watch.fd);
	vault_give(cs->keys, c->keys);
	buf_free(c->raw);
	buf_free(c->frames);
	sender_clear(&c->out);
	free(c);
}

void
conn_stop(struct conn_set *cs)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&cs->unbound)) || (c = TAILQ_FIRST(&cs->bound)))
		drop(c, METRICS_END_STOPPED);
	loop_timer_remove(cs->loop, &cs->trim);
	vault_free(cs->keys);
	free(cs->scratch);
	cs->keys = NULL;
	cs->scratch = NULL;
}

bool
conn_has_room(const struct conn *c)
{
	size_t held = 0;

	for (size_t i = 0; i < ARRAY_LEN(c->session.held); i++) {
		const struct buf *replies = c->session.held[i].replies;

		held += replies ? buf_len(replies) : 0;
	}
	return !c->session.parked &&
	    held + sender_pending(&c->out) + FRAME_MAX + FRAME_REPLY_LEN <=
	    c->set->limits->max_output;
}

bool
conn_is_amid(const struct session *ss)
{
	const struct conn *c = (const struct conn *)(const void *)ss;

	return c && c->partial_at != 0;
}

/* All is sent, the close included. */
static int
finish(struct conn *c)
{
	if (c->peer_ended || shutdown(c->watch.fd, SHUT_WR) < 0)
		return err_set(ERR_UNREACHABLE, "closed");
	c->state = CONN_LINGER;
	c->linger_due = loop_now(c->set->loop) + LINGER_MS;
	return 0;
}

static int
flush(struct conn *c)
{
	uint64_t now = loop_now(c->set->loop);
	int r = sender_flush(&c->out, c->watch.fd, c->keys, now);

	if (r == 0 && c->ending && sender_pending(&c->out) == 0) {
		c->ending = false;
		c->state = CONN_LAST;
		r = sender_put_close(&c->out, c->keys);
		if (r == 0)
			r = sender_flush(&c->out, c->watch.fd, c->keys, now);
	}
	if (r < 0 || sender_pending(&c->out) > 0)
		return r;
	/* while output waited, nothing was expected of the other side */
	c->active_at = now;
	if (c->partial_at != 0)
		c->partial_at = now;
	return c->state == CONN_LAST ? finish(c) : 0;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* For a frame begun. */
static uint64_t
allowance(const struct conn *c)
{
	return (uint64_t)c->session.frame * 1000 /
	    c->set->limits->transfer_rate;
}

static uint64_t
due_open(const struct conn *c)
{
	const struct limits *limits = c->set->limits;
	const struct session *ss = &c->session;
	bool sending = sender_pending(&c->out) > 0;

	if (c->stalled && conn_has_room(c))
		return loop_now(c->set->loop);
	if (!ss->bound && !ss->closing)
		return c->born + limits->bind_timeout;
	if (ss->waiting && sending)
		return earlier(ss->wait_until, sender_due(&c->out));
	if (ss->waiting)
		return ss->wait_until;
	if (sending)
		return sender_due(&c->out);
	if (c->partial_at != 0)
		return c->partial_at + limits->transfer_grace + allowance(c);
	return c->active_at + limits->idle_timeout;
}

static uint64_t
life_end(const struct conn *c)
{
	return c->born + c->set->limits->connection_life;
}

/* When something must have happened. */
static uint64_t
due(const struct conn *c)
{
	switch (c->state) {
	case CONN_HELLO:
	case CONN_FINISH:
	case CONN_BIND:
		return c->born + c->set->limits->bind_timeout;
	case CONN_OPEN:
		if (c->session.parked)
			return CLOCK_NEVER; /* the store keeps its own */
		return earlier(due_open(c), life_end(c));
	case CONN_LAST:
		return sender_due(&c->out);
	case CONN_LINGER:
		return c->linger_due;
	}
	return 0;
}

static bool
wants_input(const struct conn *c)
{
	if (c->state >= CONN_LAST)
		return c->state == CONN_LINGER;
	return !c->stalled && !c->session.closing && conn_has_room(c) &&
	    conn_limit_may_grow(c->set);
}

/*
 * What to wait for next.  A timer that would come too early is left alone,
 * and set again when it does.
 */
static void
arrange(struct conn *c)
{
	bool reads = wants_input(c);
	bool writes = sender_pending(&c->out) > 0;
	uint64_t at = due(c);

	loop_want(c->set->loop, &c->watch,
	    (reads ? LOOP_READ : 0) | (writes ? LOOP_WRITE : 0));
	if (at < c->timer.at)
		loop_timer_set(c->set->loop, &c->timer, at);
}

static enum metrics_end
why(const struct conn *c, int r)
{
	static const struct {
		int code;
		enum metrics_end why;
	} causes[] = {
		{ ERR_UNREACHABLE, METRICS_END_HUNG_UP },
		{ ERR_TIMEOUT, METRICS_END_TIMEOUT },
		{ ERR_DENIED, METRICS_END_RATE },
		{ ERR_NOMEM, METRICS_END_MEMORY },
		{ ERR_BUSY, METRICS_END_STORE },
		{ ERR_IO, METRICS_END_STORE },
	};

	if (c->session.kicked)
		return METRICS_END_KICKED;
	if (c->peer_ended || c->state == CONN_LINGER)
		return METRICS_END_CLOSED;
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		if (causes[i].code == r)
			return causes[i].why;
	}
	return METRICS_END_PROTOCOL;
}

/* What every callback ends with. */
static void
end(struct conn *c, int r)
{
	if (r == 0) {
		conn_limit_count(c);
		arrange(c);
		return;
	}
	if (log_is_on(LOG_DEBUG) && pace_line(&c->set->serve->pace, c->origin))
		log_fault(LOG_DEBUG, "connection_ended");
	drop(c, why(c, r));
}

static void
count_expiry(const struct conn *c, uint64_t now)
{
	const bool open = c->state == CONN_OPEN;

	if (c->state < CONN_OPEN)
		notice_count(NOTICE_BIND_TIMEOUT);
	else if (open && now >= life_end(c))
		notice_count(NOTICE_CONNECTION_LIFE);
	else if (c->partial_at != 0 || sender_pending(&c->out) > 0)
		notice_count(NOTICE_TRANSFER_RATE);
	else if (open)
		notice_count(NOTICE_IDLE_TIMEOUT);
}

/* Its time is over; what follows depends on what it was doing. */
static int
expire(struct conn *c)
{
	uint64_t now = loop_now(c->set->loop);
	struct session *ss = &c->session;

	if (c->state == CONN_OPEN && ss->waiting && ss->wait_until <= now) {
		turn_wait_over(c->set->serve, ss);
		return 0;
	}
	count_expiry(c, now);
	if (c->state != CONN_OPEN || ss->closing ||
	    (now < life_end(c) &&
		(c->partial_at != 0 || sender_pending(&c->out) > 0)))
		return err_set(ERR_TIMEOUT, "too slow");
	turn_finish(c->set->serve, ss);
	return 0;
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;
	int r = 0;

	if (c->stalled && conn_has_room(c)) {
		if (conn_limit_may_grow(c->set))
			r = conn_read_again(c);
	} else if (due(c) <= loop_now(c->set->loop)) {
		r = expire(c);
	}
	end(c, r);
}

static void
on_ready(void *arg, unsigned events)
{
	struct conn *c = arg;
	int r = 0;

	events &= c->watch.events;
	if (events == 0)
		r = err_set(ERR_UNREACHABLE, "hung up");
	if (events & LOOP_WRITE)
		r = flush(c);
	if (r == 0 && (events & LOOP_READ) && wants_input(c)) {
		r = conn_read(c);
		/* a handshake has nothing that must be durable first */
		if (r == 0 && c->state != CONN_OPEN)
			r = flush(c);
	}
	end(c, r);
}

static int
set_up(struct conn *c)
{
	struct conn_set *cs = c->set;
	const int on = 1;
	int r;

	setsockopt(c->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->keys = vault_take(cs->keys);
	if (!c->keys)
		return err_set(ERR_NOMEM, "connection");
	r = loop_add(cs->loop, &c->watch);
	if (r == 0)
		r = loop_timer_add(cs->loop, &c->timer, due(c));
	return r;
}

void
conn_accept(struct conn_set *cs, int fd,
    const uint8_t origin[static ORIGIN_LEN])
{
	struct conn *c = NULL, *victim = conn_limit_victim(cs, origin);

	if (victim)
		drop(victim, METRICS_END_CROWDED);
	if (cs->n < cs->max)
		c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->set = cs;
	memcpy(c->origin, origin, ORIGIN_LEN);
	c->out.limits = cs->limits;
	c->watch = (struct loop_fd){ fd, LOOP_READ, on_ready, c };
	c->timer = (struct loop_timer){ .fn = on_timer, .arg = c };
	c->born = loop_now(cs->loop);
	c->unbound = true;
	TAILQ_INSERT_TAIL(&cs->unbound, c, link);
	cs->unbound_n++;
	cs->n++;
	metrics.accepted++;
	if (cs->n == cs->max)
		notice_put(NOTICE_CONNECTIONS, origin, c->born);
	if (set_up(c) < 0)
		drop(c, METRICS_END_MEMORY);
}

void
conn_look(struct conn_set *cs)
{
	struct conn *c = TAILQ_FIRST(&cs->bound);

	for (; c; c = TAILQ_NEXT(c, link))
		turn_look(cs->serve, &c->session);
}

void
conn_told(struct conn_set *cs, struct store_asker *asker)
{
	struct session *ss = serve_told(asker);
	struct conn *c = (struct conn *)(void *)ss;
	int r = 0;

	if (ss->waiting) {
		turn_look(cs->serve, ss);
		return;
	}
	if (c->state == CONN_BIND)
		r = conn_read_bind(c);
	if (r == 0)
		r = conn_read_again(c);
	end(c, r < 0 ? r : 0);
}

static int
let_go(struct conn *c, struct held *held)
{
	struct session *ss = &c->session;
	struct buf *replies = held->replies;
	const bool last = !turn_holds(ss);
	int r = 0;

	held->replies = NULL;
	held->n = 0;
	if (replies) {
		pace_reply(&c->set->serve->pace, ss, buf_len(replies));
		r = sender_take(&c->out, replies);
	}
	if (ss->failed)
		r = err_set(ERR_NOMEM, "reply");
	if (last && ss->closing && c->state == CONN_OPEN)
		c->ending = true;
	if (r == 0)
		r = flush(c);
	/* others wait for this end, it cannot wait for its reader */
	if (r == 0 && last && ss->kicked && c->state < CONN_LINGER)
		r = err_set(ERR_UNREACHABLE, "kicked");
	return r;
}

static void
arrange_all(struct conn_set *cs)
{
	struct conn *c;

	TAILQ_FOREACH(c, &cs->bound, link) {
		arrange(c);
	}
	TAILQ_FOREACH(c, &cs->unbound, link) {
		arrange(c);
	}
}

/* What was not read in this turn for want of memory is in the next. */
static void
keep_to_budget(struct conn_set *cs)
{
	struct conn *c;

	if (!cs->was_short)
		return;
	notice_put(NOTICE_BUFFERS, NULL, loop_now(cs->loop));
	while ((c = conn_limit_hoarder(cs)))
		drop(c, METRICS_END_MEMORY);
	cs->was_short = false;
	arrange_all(cs);
}

void
conn_release(struct conn_set *cs)
{
	struct session *ss;
	struct held *held;

	while ((ss = turn_next(cs->serve, &held))) {
		struct conn *c = (struct conn *)(void *)ss;

		end(c, let_go(c, held));
	}
	keep_to_budget(cs);
	conn_limit_trim(cs);
}

void
conn_drain(struct conn_set *cs)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&cs->unbound); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state < CONN_OPEN)
			drop(c, METRICS_END_STOPPED);
		else if (c->state == CONN_OPEN)
			turn_finish(cs->serve, &c->session);
	}
	TAILQ_FOREACH(c, &cs->bound, link) {
		if (c->state == CONN_OPEN)
			turn_finish(cs->serve, &c->session);
	}
}
