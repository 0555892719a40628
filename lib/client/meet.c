/* SPDX-License-Identifier: ISC */
#include "client/meet.h"

#include "base/clock.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/directory.h"
#include "client/pull.h"
#include "state/handshake.h"
#include "wire/id.h"

#define WATCH_MS  50 /* between two looks at the key file */
#define TURNS_MAX 4

int
meet_find(struct client *c, const char *who, struct meet *out)
{
	enum directory_status status;
	int r;

	*out = (struct meet){ .begun = false };
	r = book_find(c, who, &out->last.peer);
	if (r == ERR_UNKNOWN_PEER)
		r = directory_fetch(c, who, &out->last.peer, &status);
	return r;
}

/* A refusal concerns one peer; what cannot be judged has been dropped. */
static int
settle(struct meet *m, int r)
{
	m->begun |= r == 0;
	if (r == ERR_NO_SESSION)
		return 0;
	if (r != ERR_DENIED && r != ERR_BUSY && r != ERR_UNKNOWN_PEER &&
	    r != ERR_PEER_CHANGED)
		return r;
	m->failed = r;
	m->why = *err_last();
	return 0;
}

static int
take_step(struct client *c, struct meet *m,
    int (*step)(struct client *c, const char *who, struct exchange *out))
{
	struct exchange x = m->last;
	char uuid[ID_TEXT_SIZE];
	int r;

	id_text(uuid, x.peer.id);
	r = step(c, uuid, &x);
	if (r == 0)
		m->last = x;
	return settle(m, r);
}

/* Answer and finish; a finish goes first, and an answer may be worth nothing.
 */
static int
answer(struct client *c, struct meet *m)
{
	enum book_session s;
	int r = book_session(c, m->last.peer.id, &s);

	for (int turns = 0; r == 0 && !m->failed && turns < TURNS_MAX &&
	     (s == BOOK_REQUEST_RECEIVED || s == BOOK_KEY_RECEIVED);
	     turns++) {
		r = take_step(c, m, exchange_send);
		if (r == 0)
			r = book_session(c, m->last.peer.id, &s);
	}
	m->established = r == 0 && s == BOOK_ESTABLISHED;
	return r;
}

/* *open: how many are still to be waited for. */
static int
answer_all(struct client *c, struct meet *m, size_t n, size_t *open)
{
	int r = 0;

	*open = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (m[i].failed || m[i].established)
			continue;
		r = answer(c, &m[i]);
		*open += !m[i].failed && !m[i].established;
	}
	return r;
}

/* Has the peer had time enough to finish what we have answered? */
static int
is_stuck(struct client *c, const struct meet *m, bool *stuck)
{
	struct handshake h;
	bool found;
	int r = handshake_get(client_keyfile(c), m->last.peer.id,
	    HANDSHAKE_RESPONDER, &h, &found);

	*stuck = r == 0 && found && h.at + EXCHANGE_RESEND_MS < clock_wall_ms();
	secret_wipe(&h, sizeof(h));
	return r;
}

/* Where there was nothing to answer: ask, or say again what was not heard. */
static int
begin(struct client *c, struct meet *m)
{
	enum book_session s;
	bool asks = true;
	int r = book_session(c, m->last.peer.id, &s);

	if (r == 0 && s == BOOK_KEY_SENT) {
		r = take_step(c, m, exchange_send);
		if (r == 0)
			r = is_stuck(c, m, &asks);
	}
	asks &= !m->failed;
	return r == 0 && asks ? take_step(c, m, exchange_request) : r;
}

static int
begin_all(struct client *c, struct meet *m, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!m[i].failed && !m[i].established && !m[i].begun)
			r = begin(c, &m[i]);
	}
	return r;
}

/* All that is in the mailbox, into the inbox. */
static int
drain(struct pull *p, uint64_t wait_ms)
{
	bool got;
	int r = pull_fetch(p, wait_ms, &got);

	while (r == 0 && got)
		r = pull_fetch(p, 0, &got);
	return r;
}

/* Another command fetches; the relay is not kept waiting meanwhile. */
static void
watch(struct client *c, uint64_t wait_ms)
{
	client_hang_up(c);
	clock_sleep(wait_ms < WATCH_MS ? wait_ms : WATCH_MS);
}

/*
 * A round over the mailbox, or where it is not ours to fetch, a while.  One
 * pull for all of them: it knows what it has left at the relay.
 */
static int
look(struct client *c, struct pull **p, uint64_t wait_ms)
{
	int r = *p ? 0 : pull_open(p, c);

	if (r == 0)
		return drain(*p, wait_ms);
	if (r != ERR_LOCKED)
		return r;
	watch(c, wait_ms);
	return 0;
}

static uint64_t
time_left(uint64_t deadline)
{
	int left = clock_left(deadline);

	return left < 0 ? CLOCK_NEVER : (uint64_t)left;
}

static int
meet(struct client *c, struct meet *m, size_t n, uint64_t deadline,
    struct pull **p)
{
	size_t open;
	uint64_t left;
	int r = answer_all(c, m, n, &open);

	if (r == 0 && open > 0)
		r = look(c, p, 0);
	if (r == 0 && open > 0)
		r = answer_all(c, m, n, &open);
	if (r == 0)
		r = begin_all(c, m, n);
	while (r == 0 && open > 0 && (left = time_left(deadline)) > 0) {
		r = look(c, p, left);
		if (r == 0)
			r = answer_all(c, m, n, &open);
	}
	return r;
}

int
meet_all(struct client *c, struct meet *m, size_t n, uint64_t wait_ms)
{
	struct pull *p = NULL;
	int r = meet(c, m, n, clock_deadline(wait_ms), &p);

	pull_close(p);
	return r;
}
