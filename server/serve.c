/* SPDX-License-Identifier: ISC */
#include "server/serve.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/hub.h"
#include "server/metrics.h"
#include "server/notice.h"
#include "server/turn.h"
#include "wire/frame.h"

#define ACK_MAX   (ACK_RANGES_MAX * BODY_RANGE_LEN)
#define BLOCK_MAX (BLOCK_OPS_MAX * BODY_BLOCK_LEN)

/* What a request may be; sizes beyond are refused before they are read. */
static const struct row {
	uint16_t code;
	enum rate_kind rate; /* the narrowest that it counts for */
	serve_fn fn;
	uint32_t min;
	uint32_t max;
} rows[] = {
	{ CODE_REGISTER, RATE_DIRECTORY, req_register, BODY_REGISTER_MIN,
	    BODY_REGISTER_MAX },
	{ CODE_LIST, RATE_DIRECTORY, req_list, 0, BODY_LIST_MAX },
	{ CODE_KEY, RATE_REQUESTS, req_key, ID_LEN, ID_LEN },
	{ CODE_SEND, RATE_REQUESTS, req_send, SEND_HEAD_LEN + 1,
	    SEND_HEAD_LEN + CONTENT_MAX },
	{ CODE_PULL, RATE_REQUESTS, req_pull, 0, BODY_PULL_LEN },
	{ CODE_ACK, RATE_REQUESTS, req_ack, 0, ACK_MAX },
	{ CODE_UNREGISTER, RATE_REQUESTS, req_unregister, 0, 0 },
	{ CODE_BLOCK, RATE_REQUESTS, req_block, 0, BLOCK_MAX },
};

int
serve_start(struct serve *sv, struct store *store,
    const struct serve_config *config)
{
	int r;

	*sv = (struct serve){
		.store = store,
		.hub = hub_new(),
		.page = buf_new_open(FRAME_MAX),
		.limits = config->limits,
		.max_frame = (uint32_t)config->limits->max_frame,
		.registration = config->registration,
		.invite_key = config->invite_key,
	};
	TAILQ_INIT(&sv->held[0]);
	TAILQ_INIT(&sv->held[1]);
	TAILQ_INIT(&sv->woken);
	r = pace_start(&sv->pace, sv->limits);
	if (r == 0 && (!sv->hub || !sv->page))
		r = err_set(ERR_NOMEM, "relay");
	if (r < 0)
		serve_stop(sv);
	return r;
}

void
serve_limit(struct serve *sv, enum serve_registration registration)
{
	sv->max_frame = (uint32_t)sv->limits->max_frame;
	sv->registration = registration;
	pace_limit(&sv->pace, sv->limits);
}

void
serve_stop(struct serve *sv)
{
	hub_free(sv->hub);
	buf_free(sv->page);
	pace_stop(&sv->pace);
	sv->hub = NULL;
	sv->page = NULL;
}

/* Whether another channel of ss->id would be one too many. */
static bool
is_crowded(struct serve *sv, const struct session *ss)
{
	uint64_t n = 0;

	for (struct session *other = hub_first(sv->hub, ss->id); other;
	     other = hub_next(other))
		n++;
	return n >= sv->limits->max_client_connections;
}

int
serve_open(struct serve *sv, struct session *ss,
    const uint8_t id[static ID_LEN], const uint8_t static_pk[static KEY_LEN],
    const uint8_t origin[static ORIGIN_LEN])
{
	memset(ss, 0, sizeof(*ss));
	memcpy(ss->id, id, ID_LEN);
	memcpy(ss->static_pk, static_pk, KEY_LEN);
	memcpy(ss->origin, origin, ORIGIN_LEN);
	return serve_bind(sv, ss);
}

int
serve_bind(struct serve *sv, struct session *ss)
{
	struct body_key k;
	bool known;
	int r;

	store_ask(sv->store, &ss->asker);
	r = store_find(sv->store, &k, ss->id);
	store_ask(sv->store, NULL);
	ss->parked = r == STORE_LATER;
	if (ss->parked)
		return r;
	store_forget(sv->store, &ss->asker);
	if (r < 0)
		return r;
	ss->unsure = r != 0 && r != REASON_UNKNOWN_CLIENT;
	known =
	    r == 0 && memcmp(k.bundle.static_pk, ss->static_pk, KEY_LEN) == 0;
	ss->crowded = known && is_crowded(sv, ss);
	ss->bound = known && !ss->crowded;
	if (ss->bound)
		hub_add(sv->hub, ss);
	if (ss->crowded)
		notice_put_client(NOTICE_CLIENT_CONNECTIONS, ss->origin, ss->id,
		    clock_mono_ms());
	return 0;
}

struct session *
serve_told(struct store_asker *asker)
{
	struct session *ss = (struct session *)(void *)((char *)asker -
	    offsetof(struct session, asker));

	ss->parked = false;
	return ss;
}

void
serve_close(struct serve *sv, struct session *ss)
{
	turn_forget(sv, ss);
	if (ss->bound)
		hub_remove(ss);
	ss->bound = false;
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
	if (ss->crowded)
		return REASON_RATE_LIMITED;
	if (ss->unsure)
		return REASON_BUSY;
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
handle(struct serve *sv, struct session *ss, const struct row *row,
    const uint8_t *in, size_t len)
{
	int r = 0;

	store_ask(sv->store, &ss->asker);
	if (ss->bound)
		r = store_seen(sv->store, ss->id, clock_wall_ms());
	if (r == 0)
		r = row->fn(sv, ss, in, len);
	store_ask(sv->store, NULL);
	ss->parked = r == STORE_LATER;
	if (!ss->parked && !ss->waiting)
		store_forget(sv->store, &ss->asker);
	return r;
}

/* False: not yet. */
static bool
answer(struct serve *sv, struct session *ss, const struct row *row,
    const uint8_t *in, size_t len)
{
	int r;

	metrics_begin();
	r = handle(sv, ss, row, in, len);
	if (ss->parked)
		return false;
	if (r > 0)
		turn_refuse(sv, ss, (enum reason)r, NULL);
	else if (r == ERR_PROTOCOL)
		turn_refuse(sv, ss, REASON_MALFORMED, err_last()->message);
	else if (r < 0)
		turn_refuse(sv, ss, REASON_BUSY, NULL);
	if (!ss->bound)
		ss->closing = true;
	if (ss->last)
		turn_finish(sv, ss);
	return true;
}

/* Whether a request may be read that has just begun; 9000 if not. */
static bool
admit(struct serve *sv, struct session *ss, const struct frame_request *req,
    const struct row *row)
{
	uint64_t wait = 0;

	if (ss->bound)
		wait = pace_ask(&sv->pace, ss, row ? row->rate : RATE_REQUESTS,
		    FRAME_REQUEST_LEN + req->size);

	if (wait > 0)
		turn_put_off(sv, ss, wait);
	else if (!row)
		turn_refuse(sv, ss, REASON_UNSUPPORTED, NULL);
	else if (req->size < row->min || req->size > row->max)
		turn_refuse(sv, ss, REASON_MALFORMED, NULL);
	else
		return true;
	return false;
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
	turn_wait_over(sv, ss);
	ss->code = req.code;
	reason = check_header(sv, ss, &req);
	if (reason == REASON_TOO_LARGE)
		notice_count(NOTICE_FRAME);
	if (reason != 0) {
		turn_refuse(sv, ss, (enum reason)reason, NULL);
		ss->closing = true;
		return len;
	}
	row = find_row(req.code);
	if ((ss->frame == 0 || !row) && !admit(sv, ss, &req, row)) {
		ss->closing = !ss->bound;
		ss->skip = req.size;
		ss->frame = req.size;
		return FRAME_REQUEST_LEN;
	}
	ss->frame = FRAME_REQUEST_LEN + req.size;
	if (len < ss->frame)
		return 0;
	if (!answer(sv, ss, row, in + FRAME_REQUEST_LEN, req.size))
		return 0;
	ss->frame = 0;
	return FRAME_REQUEST_LEN + req.size;
}
