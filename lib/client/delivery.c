/* SPDX-License-Identifier: ISC */
#include "client/delivery.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/exchange.h"
#include "client/flight.h"
#include "client/seal.h"
#include "e2e/ratchet.h"
#include "wire/id.h"

/* --- a session, for a peer that has none ------------------------------------
 */

/* What concerns this peer alone; a channel that broke shows again. */
static int
forgive(struct client *c, int r)
{
	const bool refused = client_chan(c) && chan_reason(client_chan(c)) != 0;

	return refused || r == ERR_NO_SESSION || r == ERR_UNKNOWN_PEER ||
		r == ERR_PEER_CHANGED || r == ERR_PROTOCOL
	    ? 0
	    : r;
}

/* Something is under way already, and is said again when it is time. */
static int
repeat(struct client *c, const struct peer *p, bool *begun)
{
	static const enum handshake_role roles[] = { HANDSHAKE_INITIATOR,
		HANDSHAKE_RESPONDER };
	struct handshake h;
	int r = 0;

	*begun = false;
	for (size_t i = 0; i < ARRAY_LEN(roles) && r == 0; i++) {
		bool found;

		r = handshake_get(client_keyfile(c), p->id, roles[i], &h,
		    &found);
		if (r < 0 || !found || h.stage == HANDSHAKE_FINISHED)
			continue;
		*begun = true;
		r = exchange_resend(c, p->id, roles[i]);
	}
	secret_wipe(&h, sizeof(h));
	return r;
}

int
delivery_approach(struct client *c, const struct peer *p)
{
	enum book_session s;
	struct exchange x;
	char who[ID_TEXT_SIZE];
	bool begun;
	int r = book_session(c, p->id, &s);

	if (r < 0 || s == BOOK_ESTABLISHED)
		return r;
	id_text(who, p->id);
	if (s == BOOK_REQUEST_RECEIVED || s == BOOK_KEY_RECEIVED)
		return forgive(c, exchange_send(c, who, &x));
	r = repeat(c, p, &begun);
	if (r == 0 && !begun)
		r = exchange_request(c, who, &x);
	return forgive(c, r);
}

/* --- one peer's rows --------------------------------------------------------
 */

struct run {
	struct client *client;
	struct keyfile *kf;
	uint64_t sealed_before;
	struct flight *flight;
	struct peer peer;
	bool has_session;
	bool stuck;   /* the relay is too busy for this peer's */
	int64_t last; /* row */
};

static size_t
size_on_wire(const struct flight_message *m)
{
	const size_t len = buf_len(m->content);

	return m->row.state == OUTBOX_PLAIN ? plain_size(len) + RATCHET_OVERHEAD
					    : len;
}

/* The next rows, as many as fly at once. */
static int
load(struct run *run)
{
	struct flight_message *m;
	struct outbox row;
	bool found = true;
	int r = 0;

	flight_clear(run->flight);
	while (r == 0 && !flight_is_full(run->flight)) {
		r = outbox_next_due(run->kf, run->peer.id, run->last,
		    run->sealed_before, run->has_session, &row, &found);
		if (r < 0 || !found)
			break;
		run->last = row.n;
		r = flight_add(run->flight, &m);
		if (r < 0)
			break;
		m->row = row;
		r = outbox_read(run->kf, row.n, m->content);
		if (r == 0 && !flight_fits(run->client, size_on_wire(m)))
			flight_drop_last(run->flight);
	}
	return r;
}

/* A body becomes the ciphertext of its message. */
static int
seal_one(struct run *run, struct flight_message *m)
{
	struct buf *content = buf_new(CONTENT_MAX);
	struct plain plain = { .kind = PLAIN_TEXT,
		.sent_at = m->row.at,
		.body = buf_peek(m->content),
		.body_len = buf_len(m->content) };
	int r = content ? 0 : err_set(ERR_NOMEM, "no memory for a message");

	memcpy(plain.message_id, m->row.message_id, ID_LEN);
	if (r == 0)
		r = seal_queued(run->client, &run->peer, &plain, content,
		    m->row.n);
	if (r < 0) {
		buf_free(content);
		return r;
	}
	buf_free(m->content);
	m->content = content;
	m->row.seq = plain.seq;
	m->row.state = OUTBOX_SEALED;
	return 0;
}

/*
 * All that is PLAIN, in one commit.  Nobody else takes these while we have
 * FILE.flush, but the peer may have been forgotten, and its rows with it.
 */
static int
seal(struct run *run)
{
	bool known = false, found = true;
	int r = keyfile_begin(run->kf);

	if (r == 0)
		r = peers_get(run->kf, run->peer.id, &run->peer, &known);
	for (size_t i = 0; i < run->flight->n && r == 0; i++) {
		struct flight_message *m = &run->flight->message[i];

		if (m->row.state != OUTBOX_PLAIN)
			continue;
		r = outbox_find(run->kf, run->peer.id, m->row.message_id,
		    &m->row, &found);
		if (r == 0 && (!known || !found))
			r = err_set(ERR_UNKNOWN_PEER, "the peer was forgotten");
		if (r == 0)
			r = seal_one(run, m);
	}
	if (r == 0)
		r = keyfile_commit(run->kf);
	keyfile_rollback(run->kf);
	return r;
}

static bool
has_plain(const struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->message[i].row.state == OUTBOX_PLAIN)
			return true;
	}
	return false;
}

static int
send(struct run *run)
{
	struct flight *f = run->flight;
	int r = 0;

	if (has_plain(f)) {
		r = delivery_lead(run->client, run->peer.id);
		if (r == 0)
			r = seal(run);
	}
	if (r < 0) {
		run->stuck = true;
		return forgive(run->client, r);
	}
	flight_send(run->client, f->message, f->n, true);
	for (size_t i = 0; i < f->n && r == 0; i++) {
		const struct flight_message *m = &f->message[i];

		run->stuck |= m->sent == ERR_BUSY && m->refused;
		if (m->sent == 0 || m->refused)
			continue;
		err_restore(&m->why);
		r = m->sent;
	}
	return r;
}

static int
look(struct run *run)
{
	bool known;
	int r = peers_get(run->kf, run->peer.id, &run->peer, &known);

	run->has_session = false;
	if (r == 0 && known)
		r = seal_has_session(run->client, &run->peer,
		    &run->has_session);
	return r;
}

/* Texts wait for a session. */
static int
approach(struct run *run)
{
	struct outbox row;
	bool found;
	int r = outbox_next_in(run->kf, run->peer.id, 0, OUTBOX_PLAIN, &row,
	    &found);

	if (r == 0 && found)
		r = delivery_approach(run->client, &run->peer);
	return r == 0 && found ? look(run) : r;
}

static int
deliver_peer(struct run *run)
{
	int r = look(run);

	if (r == 0 && !run->has_session)
		r = approach(run);
	run->last = 0;
	run->stuck = false;
	while (r == 0 && !run->stuck) {
		r = load(run);
		if (r < 0 || run->flight->n == 0)
			break;
		r = send(run);
	}
	return r;
}

static int
deliver(struct run *run)
{
	uint8_t peer[ID_LEN] = { 0 };
	bool found;
	int r;

	for (;;) {
		r = outbox_next_peer(run->kf, peer, run->sealed_before, &found);
		if (r < 0 || !found)
			return r;
		memcpy(run->peer.id, peer, ID_LEN);
		r = deliver_peer(run);
		if (r < 0)
			return r;
	}
}

int
delivery_flush(struct client *c)
{
	struct run run = { .client = c, .kf = client_keyfile(c) };
	uint64_t patience = 2 * client_settings(c)->timeout_ms;
	uint64_t now = clock_wall_ms();
	uint8_t peer[ID_LEN] = { 0 };
	bool found, got;
	int r;

	run.sealed_before = patience < now ? now - patience : 0;
	r = outbox_next_peer(run.kf, peer, run.sealed_before, &found);
	if (r < 0 || !found)
		return r;
	r = keyfile_try_flush(run.kf, &got);
	if (r < 0 || !got)
		return r;
	run.flight = flight_new();
	r = run.flight ? deliver(&run)
		       : err_set(ERR_NOMEM, "no memory for the outbox");
	flight_free(run.flight);
	keyfile_unlock_flush(run.kf);
	return r;
}

/* --- before a message -------------------------------------------------------
 */

static int
lead(struct client *c, const uint8_t peer[static ID_LEN], struct flight *f)
{
	struct flight_message *m;
	struct outbox row = { .n = 0 };
	bool found;
	int r;

	for (;;) {
		flight_clear(f);
		r = outbox_next_in(client_keyfile(c), peer, row.n,
		    OUTBOX_REFUSED, &row, &found);
		if (r < 0 || !found)
			return r;
		r = flight_add(f, &m);
		if (r < 0)
			return r;
		m->row = row;
		r = outbox_read(client_keyfile(c), row.n, m->content);
		if (r < 0)
			return r;
		flight_send(c, m, 1, false);
		if (m->sent < 0) {
			err_restore(&m->why);
			return m->sent;
		}
	}
}

int
delivery_lead(struct client *c, const uint8_t peer[static ID_LEN])
{
	struct outbox row;
	struct flight *f;
	bool found;
	int r = outbox_next_in(client_keyfile(c), peer, 0, OUTBOX_REFUSED, &row,
	    &found);

	if (r < 0 || !found)
		return r;
	f = flight_new();
	r = f ? lead(c, peer, f)
	      : err_set(ERR_NOMEM, "no memory for the outbox");
	flight_free(f);
	return r;
}
