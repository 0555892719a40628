/* SPDX-License-Identifier: ISC */
#include "server/serve.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/hub.h"
#include "server/log.h"
#include "wire/frame.h"

#define BUSY_RETRY_MS 1000
#define SEEN_EVERY_MS (60ULL * 60 * 1000)

/* What a request may be; sizes beyond are refused before they are read. */
static const struct row {
	uint16_t code;
	serve_fn fn;
	uint32_t min;
	uint32_t max;
} rows[] = {
	{ CODE_REGISTER, req_register, BODY_REGISTER_MIN, BODY_REGISTER_MAX },
	{ CODE_LIST, req_list, 0, BODY_LIST_MAX },
	{ CODE_KEY, req_key, ID_LEN, ID_LEN },
	{ CODE_SEND, req_send, SEND_HEAD_LEN + 1, SEND_HEAD_LEN + CONTENT_MAX },
	{ CODE_PULL, req_pull, 0, BODY_PULL_LEN },
	{ CODE_ACK, req_ack, 0, ACK_RANGES_MAX *BODY_RANGE_LEN },
	{ CODE_UNREGISTER, req_unregister, 0, 0 },
	{ CODE_BLOCK, req_block, 0, BLOCK_OPS_MAX *BODY_BLOCK_LEN },
};

static const char *const texts[] = {
	[REASON_MALFORMED] = "malformed request",
	[REASON_UNSUPPORTED] = "not supported",
	[REASON_NOT_REGISTERED] = "not registered",
	[REASON_DENIED] = "denied",
	[REASON_NAME_TAKEN] = "the name is taken",
	[REASON_UNKNOWN_CLIENT] = "unknown client",
	[REASON_MAILBOX_FULL] = "the mailbox is full",
	[REASON_RATE_LIMITED] = "too many requests",
	[REASON_TOO_LARGE] = "too large",
	[REASON_BUSY] = "busy, try again",
	[REASON_INTERNAL] = "internal error",
	[REASON_CLOSED] = "registration is closed",
	[REASON_INVITE] = "invalid invite",
	[REASON_STALE] = "stale bundle",
};

int
serve_start(struct serve *sv, struct store *store, uint32_t max_frame,
    enum serve_registration registration)
{
	*sv = (struct serve){
		.store = store,
		.hub = hub_new(),
		.page = buf_new(FRAME_MAX),
		.max_frame = max_frame,
		.registration = registration,
	};
	TAILQ_INIT(&sv->held);
	TAILQ_INIT(&sv->woken);
	if (!sv->hub || !sv->page) {
		serve_stop(sv);
		return err_set(ERR_NOMEM, "relay");
	}
	return 0;
}

void
serve_stop(struct serve *sv)
{
	hub_free(sv->hub);
	buf_free(sv->page);
	sv->hub = NULL;
	sv->page = NULL;
}

int
serve_open(struct serve *sv, struct session *ss,
    const uint8_t id[static ID_LEN], const uint8_t static_pk[static KEY_LEN])
{
	struct body_key k;
	int r = store_find(sv->store, &k, id);

	if (r < 0)
		return r;
	memset(ss, 0, sizeof(*ss));
	memcpy(ss->id, id, ID_LEN);
	memcpy(ss->static_pk, static_pk, KEY_LEN);
	ss->bound =
	    r == 0 && memcmp(k.bundle.static_pk, static_pk, KEY_LEN) == 0;
	if (ss->bound)
		hub_add(sv->hub, ss);
	return 0;
}

static void
unlist(struct serve *sv, struct session *ss)
{
	if (ss->listed)
		TAILQ_REMOVE(&sv->held, ss, held_link);
	ss->listed = false;
}

static void
enlist(struct serve *sv, struct session *ss)
{
	if (!ss->listed)
		TAILQ_INSERT_TAIL(&sv->held, ss, held_link);
	ss->listed = true;
}

static void
stop_waiting(struct serve *sv, struct session *ss)
{
	if (ss->woken)
		TAILQ_REMOVE(&sv->woken, ss, woken_link);
	ss->woken = ss->waiting = false;
}

void
serve_close(struct serve *sv, struct session *ss)
{
	stop_waiting(sv, ss);
	unlist(sv, ss);
	if (ss->bound)
		hub_remove(ss);
	ss->bound = false;
	buf_free(ss->held);
	ss->held = NULL;
}

static int
put_frame(struct session *ss, uint16_t code, const void *payload, size_t len)
{
	const struct frame_reply rep = { .version = WIRE_VERSION,
		.code = code,
		.size = (uint32_t)len };
	uint8_t head[FRAME_REPLY_LEN];
	int r;

	assert(len <= FRAME_MAX - FRAME_REPLY_LEN);
	if (!ss->held)
		ss->held = buf_new(SERVE_HELD_MAX);
	if (!ss->held)
		return err_set(ERR_NOMEM, "reply");
	frame_pack_reply(head, &rep);
	r = buf_put(ss->held, head, sizeof(head));
	if (r == 0 && len > 0)
		r = buf_put(ss->held, payload, len);
	return r;
}

static void
put_reply(struct serve *sv, struct session *ss, uint16_t code,
    const void *payload, size_t len)
{
	if (put_frame(ss, code, payload, len) < 0)
		ss->failed = ss->closing = true;
	ss->held_n++;
	enlist(sv, ss);
}

void
serve_reply(struct serve *sv, struct session *ss, enum code code,
    const void *payload, size_t len)
{
	put_reply(sv, ss, (uint16_t)(code + CODE_REPLY), payload, len);
}

static void
refuse(struct serve *sv, struct session *ss, enum reason reason,
    const char *text)
{
	struct body_error e = { .reason = (uint16_t)reason };
	uint8_t payload[BODY_ERROR_MAX];
	size_t len;

	if (reason == REASON_BUSY)
		e.retry_after_ms = BUSY_RETRY_MS;
	snprintf(e.text, sizeof(e.text), "%s", text ? text : texts[reason]);
	body_pack_error(payload, &len, &e);
	put_reply(sv, ss, CODE_ERROR, payload, len);
}

/* 0, or the reason for which the header alone ends the channel. */
static int
check_header(const struct serve *sv, const struct session *ss,
    const struct frame_request *req)
{
	uint32_t max = ss->bound ? sv->max_frame : FRAME_UNBOUND_MAX;

	if (req->version != WIRE_VERSION)
		return REASON_UNSUPPORTED;
	if (req->size > max - FRAME_REQUEST_LEN)
		return REASON_TOO_LARGE;
	if (memcmp(req->id, ss->id, ID_LEN) != 0)
		return REASON_DENIED;
	if (!ss->bound && req->code != CODE_REGISTER)
		return REASON_NOT_REGISTERED;
	return 0;
}

static const struct row *
find_row(uint16_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].code == code)
			return &rows[i];
	}
	return NULL;
}

static int
note_seen(struct serve *sv, struct session *ss)
{
	uint64_t now = clock_wall_ms();

	if (!ss->bound || now < ss->seen_at + SEEN_EVERY_MS)
		return 0;
	ss->seen_at = now;
	return store_seen(sv->store, ss->id, now);
}

static void
answer(struct serve *sv, struct session *ss, const struct row *row,
    const uint8_t *in, size_t len)
{
	int r = note_seen(sv, ss);

	if (r >= 0)
		r = row->fn(sv, ss, in, len);
	if (r > 0)
		refuse(sv, ss, (enum reason)r, NULL);
	else if (r == ERR_PROTOCOL)
		refuse(sv, ss, REASON_MALFORMED, err_last()->message);
	else if (r < 0)
		refuse(sv, ss, REASON_BUSY, NULL);
	if (!ss->bound)
		ss->closing = true;
}

/* A request that is not read: its payload goes by. */
static size_t
pass_by(struct session *ss, size_t len)
{
	size_t n = len < ss->skip ? len : ss->skip;

	ss->skip -= (uint32_t)n;
	if (ss->skip == 0)
		ss->frame = 0;
	return n;
}

size_t
serve_frame(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	struct frame_request req;
	const struct row *row;
	int reason;

	if (ss->closing)
		return len;
	if (ss->skip > 0)
		return pass_by(ss, len);
	if (len < FRAME_REQUEST_LEN)
		return 0;
	frame_unpack_request(&req, in);
	serve_wait_over(sv, ss);
	reason = check_header(sv, ss, &req);
	if (reason != 0) {
		refuse(sv, ss, (enum reason)reason, NULL);
		ss->closing = true;
		return len;
	}
	row = find_row(req.code);
	if (!row || req.size < row->min || req.size > row->max) {
		refuse(sv, ss, row ? REASON_MALFORMED : REASON_UNSUPPORTED,
		    NULL);
		ss->closing = !ss->bound;
		ss->skip = req.size;
		ss->frame = req.size;
		return FRAME_REQUEST_LEN;
	}
	ss->frame = FRAME_REQUEST_LEN + req.size;
	if (len < ss->frame)
		return 0;
	ss->frame = 0;
	answer(sv, ss, row, in + FRAME_REQUEST_LEN, req.size);
	return FRAME_REQUEST_LEN + req.size;
}

void
serve_wait_over(struct serve *sv, struct session *ss)
{
	if (!ss->waiting)
		return;
	stop_waiting(sv, ss);
	serve_reply(sv, ss, CODE_PULL, NULL, 0);
}

void
serve_finish(struct serve *sv, struct session *ss)
{
	serve_wait_over(sv, ss);
	ss->closing = true;
	enlist(sv, ss);
}

void
serve_kick_others(struct serve *sv, struct session *ss)
{
	struct session *other, *next;

	for (other = hub_first(sv->hub, ss->id); other; other = next) {
		next = hub_next(other);
		if (other == ss)
			continue;
		serve_finish(sv, other);
		other->kicked = true;
		TAILQ_REMOVE(&sv->held, other, held_link);
		TAILQ_INSERT_HEAD(&sv->held, other, held_link);
	}
}

void
serve_wake(struct serve *sv, const uint8_t id[static ID_LEN])
{
	struct session *ss;

	for (ss = hub_first(sv->hub, id); ss; ss = hub_next(ss)) {
		if (!ss->waiting || ss->woken)
			continue;
		ss->woken = true;
		TAILQ_INSERT_TAIL(&sv->woken, ss, woken_link);
	}
}

static void
wake(struct serve *sv, bool committed)
{
	struct session *ss;

	while ((ss = TAILQ_FIRST(&sv->woken))) {
		bool answered = false;

		TAILQ_REMOVE(&sv->woken, ss, woken_link);
		ss->woken = false;
		/* a failure of the store shows when the turn is settled */
		if (committed && req_pull_try(sv, ss, &answered) == 0)
			ss->waiting = !answered;
	}
}

/* None of what this turn's replies say came about. */
static void
take_back(struct serve *sv)
{
	struct session *ss;

	TAILQ_FOREACH(ss, &sv->held, held_link) {
		unsigned n = ss->held_n;

		if (ss->held)
			buf_clear(ss->held);
		for (ss->held_n = 0; ss->held_n < n;)
			refuse(sv, ss, REASON_BUSY, NULL);
	}
}

int
serve_settle(struct serve *sv)
{
	int r = store_commit(sv->store);

	wake(sv, r == 0);
	if (r == 0)
		r = store_commit(sv->store); /* of nothing, if all is well */
	if (r == 0)
		return 0;
	log_fault(LOG_ERROR, "group_lost");
	take_back(sv);
	return r == ERR_IO ? r : 0;
}

struct session *
serve_next_held(struct serve *sv)
{
	struct session *ss = TAILQ_FIRST(&sv->held);

	if (ss)
		unlist(sv, ss);
	return ss;
}
