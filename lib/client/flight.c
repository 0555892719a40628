/* SPDX-License-Identifier: ISC */
#include "client/flight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/seal.h"
#include "wire/body.h"
#include "wire/codes.h"

struct flight *
flight_new(void)
{
	return calloc(1, sizeof(struct flight));
}

void
flight_free(struct flight *f)
{
	if (!f)
		return;
	flight_clear(f);
	free(f);
}

void
flight_clear(struct flight *f)
{
	while (f->n > 0)
		flight_drop_last(f);
}

int
flight_add(struct flight *f, struct flight_message **out)
{
	struct flight_message *m = &f->message[f->n];

	assert(f->n < FLIGHT_MAX);
	*m = (struct flight_message){ .content = buf_new(CONTENT_MAX) };
	if (!m->content)
		return err_set(ERR_NOMEM, "no memory for a message");
	f->n++;
	*out = m;
	return 0;
}

void
flight_drop_last(struct flight *f)
{
	assert(f->n > 0);
	buf_free(f->message[--f->n].content);
}

bool
flight_is_full(const struct flight *f)
{
	size_t bytes = 0;

	for (size_t i = 0; i < f->n; i++)
		bytes += buf_len(f->message[i].content);
	return f->n == FLIGHT_MAX || bytes >= FLIGHT_BYTES;
}

bool
flight_fits(struct client *c, size_t len)
{
	return len + SEND_HEAD_LEN + FRAME_REQUEST_LEN <=
	    chan_max_frame(client_chan(c));
}

/* --- over the wire ---------------------------------------------------------
 */

static int
put(struct client *c, const struct flight_message *m)
{
	struct body_send b = { .type = m->row.type,
		.content = buf_peek(m->content),
		.content_len = (uint32_t)buf_len(m->content) };
	uint8_t head[SEND_HEAD_LEN];

	assert(m->row.state != OUTBOX_PLAIN);
	memcpy(b.to, m->row.peer, ID_LEN);
	body_pack_send(head, &b);
	return chan_put(client_chan(c), CODE_SEND, head, sizeof(head),
	    b.content, b.content_len);
}

/* 0, also for a refusal; else the channel is of no more use. */
static int
get(struct client *c, struct flight_message *m)
{
	struct chan *chan = client_chan(c);
	struct chan_reply reply;
	int r = chan_get(chan, &reply, 0);

	if (r == 0 &&
	    (reply.len != BODY_SENT_LEN ||
		memcmp(reply.payload, m->row.peer, ID_LEN) != 0))
		return err_set(ERR_PROTOCOL,
		    "the relay confirms another message");
	m->refused = r < 0 && chan_reason(chan) != 0;
	if (r < 0 && !m->refused)
		return r;
	m->put_off = m->refused && chan_reason(chan) == REASON_RATE_LIMITED;
	m->sent = r;
	if (r < 0)
		m->why = *err_last();
	return 0;
}

/* Over the channel as it is; *done: how many were answered. */
static int
try(struct client *c, struct flight_message *m, size_t n, size_t *done)
{
	int r = 0;

	*done = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put(c, &m[i]);
	while (r == 0 && *done < n) {
		r = get(c, &m[*done]);
		*done += r == 0;
	}
	return r;
}

static void
fail(struct flight_message *m, size_t n, int r)
{
	const struct err_info why = *err_last();

	for (size_t i = 0; i < n; i++) {
		m[i].sent = r;
		m[i].why = why;
		m[i].refused = m[i].put_off = false;
	}
}

static bool
sleep_for(const struct flight_message *m, uint64_t deadline)
{
	const uint64_t ms = m->why.retry_after_ms;
	const int left = clock_left(deadline);

	if (ms == 0 || (left >= 0 && ms > (uint64_t)left))
		return false;
	clock_sleep(ms);
	return true;
}

/* One by one, so that none overtakes another. */
static void
send_put_off(struct client *c, struct flight_message *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t deadline =
		    clock_deadline(client_settings(c)->timeout_ms);

		while (m[i].put_off) {
			size_t done;
			int r;

			if (!sleep_for(&m[i], deadline))
				return;
			r = try(c, &m[i], 1, &done);
			if (r < 0) {
				fail(&m[i], 1, r);
				return;
			}
		}
	}
}

void
flight_talk(struct client *c, struct flight_message *m, size_t n)
{
	struct flight_message *const all = m;
	const size_t all_n = n;
	bool fresh = false; /* a channel on which nothing went through yet */
	size_t done;
	int r = client_connect(c);

	while (r == 0 && n > 0) {
		r = try(c, m, n, &done);
		m += done;
		n -= done;
		if (r == 0)
			break;
		if (r == ERR_UNREACHABLE && (!fresh || done > 0) &&
		    !chan_is_in_doubt(client_chan(c))) {
			client_hang_up(c);
			r = client_connect(c);
			fresh = true;
		}
	}
	if (r < 0)
		fail(m, n, r);
	else
		send_put_off(c, all, all_n);
}

/* --- in the outbox ---------------------------------------------------------
 */

/* Somebody else may have delivered it meanwhile. */
static int
note_refused(struct client *c, const struct outbox *o)
{
	struct outbox now;
	bool found;
	int r = outbox_find(client_keyfile(c), o->peer, o->message_id, &now,
	    &found);

	if (r < 0 || !found || now.state == OUTBOX_DONE ||
	    now.state == OUTBOX_REFUSED)
		return r;
	return seal_refused(c, &now);
}

static int
note(struct client *c, const struct flight_message *m, bool keep)
{
	struct keyfile *kf = client_keyfile(c);

	if (m->sent == 0)
		return outbox_done(kf, m->row.n);
	if (m->refused && !(keep && m->sent == ERR_BUSY))
		return note_refused(c, &m->row);
	return outbox_doubt(kf, m->row.n);
}

static int
commit(struct client *c, const struct flight_message *m, size_t n, bool keep)
{
	struct keyfile *kf = client_keyfile(c);
	bool any = false;
	int r = keyfile_begin(kf);

	for (size_t i = 0; i < n && r == 0; i++) {
		r = note(c, &m[i], keep);
		any |= m[i].sent == 0;
	}
	if (r == 0 && any)
		r = keyfile_set_contact(kf, clock_wall_ms());
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

void
flight_send(struct client *c, struct flight_message *m, size_t n, bool keep)
{
	int r;

	if (n == 0)
		return;
	flight_talk(c, m, n);
	r = commit(c, m, n, keep);
	for (size_t i = 0; i < n && r < 0; i++) {
		if (m[i].sent == 0)
			fail(&m[i], 1, r);
	}
}
