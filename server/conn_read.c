/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/transport.h"
#include "server/conn.h"
#include "server/metrics.h"
#include "server/turn.h"

#define RECORD_MAX (TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX)
#define FRAMES_MAX (FRAME_MAX + TRANSPORT_BODY_MAX)

_Static_assert(CONN_READ_SCRATCH >= 2 * RECORD_MAX,
    "what is kept leaves room to read");

static size_t
length(const struct buf *b)
{
	return b ? buf_len(b) : 0;
}

/* Keep in[0..len) for later, in a buffer made the first time. */
static int
keep(struct buf **b, struct buf *(*make)(size_t), size_t max, const uint8_t *in,
    size_t len)
{
	if (len == 0)
		return 0;
	if (!*b)
		*b = make(max);
	if (!*b)
		return err_set(ERR_NOMEM, "connection");
	return buf_put(*b, in, len);
}

static int
keep_frames(struct conn *c, const uint8_t *in, size_t len)
{
	return keep(&c->frames, buf_new, FRAMES_MAX, in, len);
}

/* Serve the frames of in[0..len) while there is room; how far it got. */
static size_t
serve(struct conn *c, const uint8_t *in, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n;

		c->stalled = !conn_has_room(c);
		if (c->stalled) {
			notice_count(NOTICE_OUTPUT);
			break;
		}
		n = serve_frame(c->set->serve, &c->session, in + done,
		    len - done);
		if (n == 0) {
			c->stalled = c->session.parked;
			break;
		}
		done += n;
		if (c->session.skip > 0)
			continue;
		c->active_at = loop_now(c->set->loop);
		c->partial_at = 0;
	}
	return done;
}

/* in[0..len) follows what is kept of the stream of frames. */
static int
serve_on(struct conn *c, const uint8_t *in, size_t len)
{
	size_t n;
	int r;

	if (length(c->frames) == 0) {
		n = serve(c, in, len);
		return keep_frames(c, in + n, len - n);
	}
	r = keep_frames(c, in, len);
	if (r < 0)
		return r;
	buf_drop(c->frames, serve(c, buf_peek(c->frames), buf_len(c->frames)));
	return 0;
}

/*
 * The stages: each takes what it can from the front of in[0..len), which it
 * may change, and answers how much; 0: more is needed.
 */
static int
take_hello(struct conn *c, uint8_t *in, size_t len)
{
	uint8_t out[TRANSPORT_ANSWER_LEN], fresh_e[KEY_LEN];
	size_t n = len < TRANSPORT_PREAMBLE_LEN ? len : TRANSPORT_PREAMBLE_LEN;
	int r;

	if (memcmp(in, transport_preamble, n) != 0) {
		metrics.handshakes[METRICS_HANDSHAKE_FAILED]++;
		c->state = CONN_LAST;
		r = sender_put_clear(&c->out, transport_refusal,
		    FRAME_REPLY_LEN);
		return r < 0 ? r : (int)len;
	}
	if (len < TRANSPORT_HELLO_LEN)
		return 0;
	/* without a key nothing can be said of it but the end */
	if (!pace_handshake(&c->set->serve->pace, c->origin))
		return err_set(ERR_DENIED, "too many handshakes");
	secret_random(fresh_e, sizeof(fresh_e));
	*c->keys = *c->set->begun;
	r = transport_answer(c->keys, out, in, c->set->serve->max_frame,
	    clock_wall_ms(), fresh_e);
	secret_wipe(fresh_e, sizeof(fresh_e));
	if (r == 0)
		r = sender_put_clear(&c->out, out, sizeof(out));
	c->state = CONN_FINISH;
	return r < 0 ? r : TRANSPORT_HELLO_LEN;
}

static void
settle_in(struct conn *c)
{
	struct conn_set *cs = c->set;

	metrics.handshakes[METRICS_HANDSHAKE_OK]++;
	c->state = CONN_OPEN;
	c->active_at = loop_now(cs->loop);
	if (!c->session.bound) {
		c->partial_at = c->active_at; /* its one request is due */
		return;
	}
	TAILQ_REMOVE(&cs->unbound, c, link);
	TAILQ_INSERT_TAIL(&cs->bound, c, link);
	c->unbound = false;
	cs->unbound_n--;
}

int
conn_read_bind(struct conn *c)
{
	int r = serve_bind(c->set->serve, &c->session);

	c->stalled = r == STORE_LATER;
	if (r == 0)
		settle_in(c);
	return r;
}

static int
take_finish(struct conn *c, uint8_t *in, size_t len)
{
	uint8_t id[ID_LEN], static_pk[KEY_LEN];
	int r;

	if (len < TRANSPORT_FINISH_LEN)
		return 0;
	r = transport_read_finish(c->keys, id, static_pk, in);
	if (r == 0)
		r = serve_open(c->set->serve, &c->session, id, static_pk,
		    c->origin);
	if (r < 0)
		return r;
	c->stalled = r == STORE_LATER;
	if (r == STORE_LATER)
		c->state = CONN_BIND;
	else
		settle_in(c);
	return TRANSPORT_FINISH_LEN;
}

static int
take_close(struct conn *c)
{
	if (length(c->frames) > 0 || c->session.skip > 0)
		return err_set(ERR_PROTOCOL, "a close inside a frame");
	c->peer_ended = true;
	turn_finish(c->set->serve, &c->session);
	return 0;
}

static int
take_record(struct conn *c, uint8_t *in, size_t len)
{
	size_t record_len, body_len;
	enum transport_kind kind;
	uint8_t *body;
	int r;

	if (c->session.closing)
		return (int)len; /* what follows the end is ignored */
	if (len < TRANSPORT_LENGTH_LEN)
		return 0;
	record_len = transport_length(in);
	if (record_len >= TRANSPORT_RECORD_MIN &&
	    len < TRANSPORT_LENGTH_LEN + record_len)
		return 0;
	r = transport_open(c->keys, &kind, &body, &body_len,
	    in + TRANSPORT_LENGTH_LEN, record_len);
	if (r == 0 && kind == TRANSPORT_FRAMES)
		r = serve_on(c, body, body_len);
	if (r == 0 && kind == TRANSPORT_CLOSE)
		r = take_close(c);
	return r < 0 ? r : (int)(TRANSPORT_LENGTH_LEN + record_len);
}

static int
take_nothing(struct conn *c, uint8_t *in, size_t len)
{
	(void)c;
	(void)in;
	return (int)len;
}

static int (*const stages[])(struct conn *, uint8_t *, size_t) = {
	[CONN_HELLO] = take_hello,
	[CONN_FINISH] = take_finish,
	[CONN_BIND] = take_nothing, /* not called: it is stalled */
	[CONN_OPEN] = take_record,
	[CONN_LAST] = take_nothing,
	[CONN_LINGER] = take_nothing,
};

/* Nothing is kept in memory while no frame is begun. */
static void
spare_frames(struct conn *c)
{
	if (length(c->frames) > 0)
		return;
	buf_free(c->frames);
	c->frames = NULL;
}

/* Go through the bytes in the scratch as far as they reach. */
static int
take(struct conn *c, size_t len)
{
	uint8_t *in = c->set->scratch;
	bool partial;

	while (len > 0 && !c->stalled) {
		int n = stages[c->state](c, in, len);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		in += n;
		len -= (size_t)n;
	}
	spare_frames(c);
	partial = c->state == CONN_OPEN &&
	    (len > 0 || length(c->frames) > 0 || c->session.skip > 0);
	if (partial && c->partial_at == 0)
		c->partial_at = loop_now(c->set->loop);
	return keep(&c->raw, buf_new_open, CONN_READ_SCRATCH, in, len);
}

/* Move what was kept of records into the scratch: how much. */
static size_t
unkeep(struct conn *c)
{
	size_t len = length(c->raw);

	if (len > 0)
		memcpy(c->set->scratch, buf_peek(c->raw), len);
	buf_free(c->raw);
	c->raw = NULL;
	return len;
}

int
conn_read(struct conn *c)
{
	size_t len = length(c->raw);
	ssize_t n = recv(c->watch.fd, c->set->scratch + len,
	    CONN_READ_SCRATCH - len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return err_sys(ERR_UNREACHABLE, "receiving");
	if (n == 0)
		return err_set(ERR_UNREACHABLE, "end of stream");
	metrics.bytes_in += (uint64_t)n;
	return take(c, unkeep(c) + (size_t)n);
}

int
conn_read_again(struct conn *c)
{
	int r;

	c->stalled = false;
	r = serve_on(c, NULL, 0);
	return r < 0 ? r : take(c, unkeep(c));
}
