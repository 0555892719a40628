/* SPDX-License-Identifier: ISC */
#include "net/chan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/replies.h"
#include "net/stream.h"
#include "wire/codes.h"
#include "wire/frame.h"

enum state {
	GREETED, /* through message 2 */
	BOUND,
	CLOSED, /* the relay has said so, between replies */
	BROKEN,
};

struct chan {
	enum state state;
	uint64_t timeout_ms;
	struct stream *stream;
	struct replies *replies;
	struct transport_answer answer;
	struct addr_host host;
	size_t host_at; /* among the address's */
	uint8_t id[ID_LEN];
	uint16_t asked[CHAN_ASKED_MAX]; /* codes without a reply, a ring */
	size_t asked_at, asked_n;
	uint16_t reason;
};

/* Pass r on; a failure is the channel's end. */
static int
broken(struct chan *c, int r)
{
	if (r < 0)
		c->state = BROKEN;
	return r;
}

static uint64_t
wait_until(const struct chan *c, uint64_t extra_ms)
{
	return clock_deadline(extra_ms > CLOCK_NEVER - c->timeout_ms
		? CLOCK_NEVER
		: c->timeout_ms + extra_ms);
}

static int
check_pin(const struct chan *c, const uint8_t *pin)
{
	char met[TEXT_KEY_SIZE];

	if (!pin || secret_equal(pin, c->answer.relay_pk, KEY_LEN))
		return 0;
	text_key(met, c->answer.relay_pk);
	err_set(ERR_UNTRUSTED, "met the key %s, not the pinned one, at %s", met,
	    c->host.name);
	err_hint("somebody may sit in between: ask the relay's operator; if "
		 "that is its new key: sentinel-keys trust-relay %s%s",
	    met[0] == '-' ? "-- " : "", met);
	return ERR_UNTRUSTED;
}

int
chan_open(struct chan **out, const struct addr *a, const uint8_t *pin,
    uint64_t timeout_ms)
{
	struct chan *c = calloc(1, sizeof(*c));
	struct dial_met met;
	int r;

	if (!c)
		return err_set(ERR_NOMEM, "channel");
	c->timeout_ms = timeout_ms;
	c->replies = replies_new();
	r = c->replies ? 0 : err_set(ERR_NOMEM, "channel");
	if (r == 0)
		r = stream_open(&c->stream, &met, a, wait_until(c, 0));
	if (r < 0)
		goto out;
	c->answer = met.answer;
	c->host = a->hosts[met.host];
	c->host_at = met.host;
	r = check_pin(c, pin);
	if (r < 0)
		goto out;
	*out = c;
	c = NULL;
out:
	chan_close(c);
	return r;
}

void
chan_close(struct chan *c)
{
	if (!c)
		return;
	stream_close(c->stream, c->state == BOUND || c->state == CLOSED);
	replies_free(c->replies);
	free(c);
}

const uint8_t *
chan_relay_key(const struct chan *c)
{
	return c->answer.relay_pk;
}

uint64_t
chan_relay_time(const struct chan *c)
{
	return c->answer.relay_time;
}

size_t
chan_max_frame(const struct chan *c)
{
	return c->answer.max_frame;
}

void
chan_address(const struct chan *c, struct addr *out)
{
	*out = (struct addr){ .has_key = true, .hosts_n = 1 };
	memcpy(out->key, c->answer.relay_pk, KEY_LEN);
	out->hosts[0] = c->host;
}

size_t
chan_next_host(const struct chan *c)
{
	const bool good = (c->state == GREETED || c->state == BOUND) &&
	    c->reason != REASON_BUSY && c->reason != REASON_INTERNAL;

	return c->host_at + !good;
}

int
chan_bind(struct chan *c, const uint8_t id[static ID_LEN],
    const uint8_t static_sk[static KEY_LEN])
{
	int r;

	if (c->state != GREETED)
		return err_set(ERR_INTERNAL, "channel bound twice");
	r = stream_finish(c->stream, id, static_sk, wait_until(c, 0));
	if (r < 0)
		return broken(c, r);
	memcpy(c->id, id, ID_LEN);
	c->state = BOUND;
	return 0;
}

static int
check_bound(const struct chan *c)
{
	if (c->state == GREETED)
		return err_set(ERR_INTERNAL, "channel not bound");
	if (c->state == CLOSED)
		return err_set(ERR_UNREACHABLE, "the relay closed the channel");
	if (c->state == BROKEN)
		return err_set(ERR_UNREACHABLE, "the channel is broken");
	return 0;
}

int
chan_put(struct chan *c, uint16_t code, const uint8_t *head, size_t head_len,
    const uint8_t *body, size_t body_len)
{
	const size_t room = c->answer.max_frame - FRAME_REQUEST_LEN;
	struct frame_request request = { .version = WIRE_VERSION,
		.code = code };
	uint8_t packed[FRAME_REQUEST_LEN];
	struct stream_piece pieces[] = { { packed, sizeof(packed) },
		{ head, head_len }, { body, body_len } };
	int r;

	c->reason = 0;
	r = check_bound(c);
	if (r < 0)
		return r;
	if (head_len > room || body_len > room - head_len)
		return err_set(ERR_PROTOCOL,
		    "request over the relay's limit of %u bytes",
		    c->answer.max_frame);
	if (c->asked_n == CHAN_ASKED_MAX)
		return err_set(ERR_INTERNAL, "%u requests outstanding",
		    CHAN_ASKED_MAX);
	memcpy(request.id, c->id, ID_LEN);
	request.size = (uint32_t)(head_len + body_len);
	frame_pack_request(packed, &request);
	c->asked[(c->asked_at + c->asked_n) % CHAN_ASKED_MAX] = code;
	c->asked_n++;
	return broken(c,
	    stream_write(c->stream, pieces, ARRAY_LEN(pieces),
		wait_until(c, 0)));
}

static int
meet_close(struct chan *c)
{
	if (replies_is_amid(c->replies))
		return err_set(ERR_PROTOCOL,
		    "the relay closed the channel inside a reply");
	c->state = CLOSED;
	return err_set(ERR_UNREACHABLE,
	    "the relay closed the channel before it answered");
}

static int
read_record(struct chan *c, uint64_t deadline)
{
	enum transport_kind kind;
	uint8_t *body;
	size_t len;
	int r;

	r = stream_read(c->stream, &kind, &body, &len, deadline);
	if (r < 0 || kind == TRANSPORT_PADDING)
		return r;
	if (kind == TRANSPORT_CLOSE)
		return meet_close(c);
	return replies_add(c->replies, body, len);
}

/* A whole reply that fits the oldest request. */
static int
next_reply(struct chan *c, struct frame_reply *head, const uint8_t **payload,
    uint64_t deadline)
{
	const uint16_t asked = c->asked[c->asked_at];
	int r;

	do {
		r = replies_next(c->replies, head, payload);
		if (r == 0 && !*payload)
			r = read_record(c, deadline);
		if (r < 0)
			return r;
	} while (!*payload);
	if (head->code != asked + CODE_REPLY && head->code != CODE_ERROR)
		return err_set(ERR_PROTOCOL, "reply %u to request %u",
		    (unsigned)head->code, (unsigned)asked);
	return 0;
}

int
chan_get(struct chan *c, struct chan_reply *out, uint64_t extra_ms)
{
	struct frame_reply head;
	const uint8_t *payload;
	int r;

	c->reason = 0;
	r = check_bound(c);
	if (r < 0)
		return r;
	if (c->asked_n == 0)
		return err_set(ERR_INTERNAL, "no request outstanding");
	r = next_reply(c, &head, &payload, wait_until(c, extra_ms));
	if (r < 0)
		return c->state == CLOSED ? r : broken(c, r);
	c->asked_at = (c->asked_at + 1) % CHAN_ASKED_MAX;
	c->asked_n--;
	if (head.code == CODE_ERROR)
		return replies_refusal(&c->reason, payload, head.size);
	*out = (struct chan_reply){ head.code, payload, head.size };
	return 0;
}

/* A request was put off: sleep, unless that is too long or of no use. */
static bool
wait_out(const struct chan *c, uint64_t deadline)
{
	const uint64_t ms = err_last()->retry_after_ms;
	const int left = clock_left(deadline);

	if (c->reason != REASON_RATE_LIMITED || ms == 0 || !chan_is_idle(c) ||
	    (left >= 0 && ms > (uint64_t)left))
		return false;
	clock_sleep(ms);
	return chan_is_idle(c);
}

int
chan_call(struct chan *c, struct chan_reply *out, uint16_t code,
    const uint8_t *payload, size_t len)
{
	const uint64_t deadline = wait_until(c, 0);
	int r;

	do {
		r = chan_put(c, code, payload, len, NULL, 0);
		if (r == 0)
			r = chan_get(c, out, 0);
	} while (r == ERR_BUSY && wait_out(c, deadline));
	return r;
}

bool
chan_is_idle(const struct chan *c)
{
	return c->state == BOUND && c->asked_n == 0 &&
	    stream_is_quiet(c->stream);
}

bool
chan_is_in_doubt(const struct chan *c)
{
	return c->state == BROKEN && c->asked_n > 0;
}

uint16_t
chan_reason(const struct chan *c)
{
	return c->reason;
}
