/* SPDX-License-Identifier: ISC */
#include "server/turn.h"

#include <assert.h>
#include <stdio.h>

#include "base/err.h"
#include "server/hub.h"
#include "server/log.h"
#include "server/metrics.h"
#include "wire/frame.h"

#define GROUPS     2
#define TOGETHER   8    /* replies for which a thread is asked to wait */
#define RETRY_MS   1000 /* for what may pass by itself */
#define PIECES_MS  20
#define PIECES_LEN (4 * 1024 * 1024)

static const char *const texts[] = {
	[REASON_MALFORMED] = "malformed request",
	[REASON_UNSUPPORTED] = "not supported",
	[REASON_NOT_REGISTERED] = "not registered",
	[REASON_DENIED] = "denied",
	[REASON_NAME_TAKEN] = "the name is taken",
	[REASON_UNKNOWN_CLIENT] = "unknown client",
	[REASON_MAILBOX_FULL] = "the mailbox is full",
	[REASON_RATE_LIMITED] = "too much at once",
	[REASON_TOO_LARGE] = "too large",
	[REASON_BUSY] = "busy, try again",
	[REASON_INTERNAL] = "internal error",
	[REASON_CLOSED] = "registration is closed",
	[REASON_INVITE] = "invalid invite",
	[REASON_STALE] = "stale bundle",
};

static void
unlist(struct serve *sv, struct session *ss, unsigned group)
{
	struct held *h = &ss->held[group];

	if (h->listed)
		TAILQ_REMOVE(&sv->held[group], ss, held[group].link);
	h->listed = false;
}

static void
enlist(struct serve *sv, struct session *ss)
{
	struct held *h = &ss->held[sv->open];

	if (!h->listed)
		TAILQ_INSERT_TAIL(&sv->held[sv->open], ss, held[sv->open].link);
	h->listed = true;
}

static void
stop_waiting(struct serve *sv, struct session *ss)
{
	if (ss->woken)
		TAILQ_REMOVE(&sv->woken, ss, woken_link);
	metrics.waiting -= ss->waiting;
	ss->woken = ss->waiting = ss->again = false;
	store_forget(sv->store, &ss->asker);
}

void
turn_forget(struct serve *sv, struct session *ss)
{
	stop_waiting(sv, ss);
	if (sv->pieces_from == ss)
		sv->pieces_from = NULL;
	for (unsigned group = 0; group < GROUPS; group++) {
		unlist(sv, ss, group);
		buf_free(ss->held[group].replies);
		ss->held[group].replies = NULL;
	}
}

static int
pack_frame(struct serve *sv, struct held *h, uint16_t code, const void *payload,
    size_t len)
{
	const struct frame_reply rep = { .version = WIRE_VERSION,
		.code = code,
		.size = (uint32_t)len };
	uint8_t head[FRAME_REPLY_LEN];
	int r;

	assert(len <= FRAME_MAX - FRAME_REPLY_LEN);
	if (!h->replies)
		h->replies = buf_new_open(sv->limits->max_output);
	if (!h->replies)
		return err_set(ERR_NOMEM, "reply");
	frame_pack_reply(head, &rep);
	r = buf_put(h->replies, head, sizeof(head));
	if (r == 0 && len > 0)
		r = buf_put(h->replies, payload, len);
	return r;
}

static void
put_frame(struct serve *sv, struct session *ss, unsigned group, uint16_t code,
    const void *payload, size_t len)
{
	if (pack_frame(sv, &ss->held[group], code, payload, len) < 0)
		ss->failed = ss->closing = true;
}

static void
put_reply(struct serve *sv, struct session *ss, uint16_t code,
    const void *payload, size_t len)
{
	put_frame(sv, ss, sv->open, code, payload, len);
	ss->held[sv->open].n++;
	sv->replies_n++;
	enlist(sv, ss);
}

void
turn_reply(struct serve *sv, struct session *ss, enum code code,
    const void *payload, size_t len)
{
	metrics_answer((uint16_t)code, 0);
	put_reply(sv, ss, (uint16_t)(code + CODE_REPLY), payload, len);
}

void
turn_is_piece(struct serve *sv, struct session *ss, size_t len)
{
	sv->pieces_n++;
	sv->pieces_len += len;
	sv->pieces_from = ss;
}

bool
turn_may_wait(struct serve *sv, uint64_t now)
{
	if (sv->under_way || sv->pieces_n == 0 || sv->replies_n > sv->pieces_n)
		return false;
	if (sv->pieces_by == 0)
		sv->pieces_by = now + PIECES_MS;
	return sv->pieces_len < PIECES_LEN && now < sv->pieces_by;
}

static size_t
pack_refusal(uint8_t out[static BODY_ERROR_MAX], enum reason reason,
    const char *text, uint32_t retry_ms)
{
	struct body_error e = { .reason = (uint16_t)reason,
		.retry_after_ms = retry_ms };
	size_t len;

	snprintf(e.text, sizeof(e.text), "%s", text ? text : texts[reason]);
	body_pack_error(out, &len, &e);
	return len;
}

static void
refuse(struct serve *sv, struct session *ss, enum reason reason,
    const char *text, uint32_t retry_ms)
{
	uint8_t payload[BODY_ERROR_MAX];
	size_t len = pack_refusal(payload, reason, text, retry_ms);

	put_reply(sv, ss, CODE_ERROR, payload, len);
}

void
turn_refuse(struct serve *sv, struct session *ss, enum reason reason,
    const char *text)
{
	const bool passes = reason == REASON_BUSY ||
	    reason == REASON_MAILBOX_FULL || reason == REASON_RATE_LIMITED;

	metrics_answer(ss->code, reason);
	refuse(sv, ss, reason, text, passes ? RETRY_MS : 0);
}

void
turn_put_off(struct serve *sv, struct session *ss, uint64_t wait_ms)
{
	metrics_answer(ss->code, REASON_RATE_LIMITED);
	refuse(sv, ss, REASON_RATE_LIMITED, NULL,
	    wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX);
}

void
turn_wait_over(struct serve *sv, struct session *ss)
{
	if (!ss->waiting)
		return;
	stop_waiting(sv, ss);
	turn_reply(sv, ss, CODE_PULL, NULL, 0);
}

void
turn_finish(struct serve *sv, struct session *ss)
{
	if (ss->parked) {
		ss->last = true;
		return;
	}
	turn_wait_over(sv, ss);
	ss->closing = true;
	enlist(sv, ss);
}

void
turn_kick_others(struct serve *sv, struct session *ss)
{
	struct session *other, *next;

	for (other = hub_first(sv->hub, ss->id); other; other = next) {
		next = hub_next(other);
		if (other == ss)
			continue;
		other->parked = false; /* nobody is to be answered */
		turn_finish(sv, other);
		store_forget(sv->store, &other->asker);
		other->kicked = true;
		TAILQ_REMOVE(&sv->held[sv->open], other, held[sv->open].link);
		TAILQ_INSERT_HEAD(&sv->held[sv->open], other,
		    held[sv->open].link);
	}
}

void
turn_wake(struct serve *sv, const uint8_t id[static ID_LEN])
{
	struct session *ss;

	for (ss = hub_first(sv->hub, id); ss; ss = hub_next(ss))
		turn_look(sv, ss);
}

void
turn_look(struct serve *sv, struct session *ss)
{
	if (!ss->waiting || ss->woken)
		return;
	ss->woken = true;
	TAILQ_INSERT_TAIL(&sv->woken, ss, woken_link);
}

void
turn_wait(struct serve *sv, struct session *ss)
{
	ss->waiting = true;
	metrics.waiting++;
	/* what it knows by now is used up; without others, there is no more */
	store_forget(sv->store, &ss->asker);
	store_ask(sv->store, &ss->asker);
	store_wait(sv->store, ss->id, ss->pull.wait_ms);
	store_ask(sv->store, NULL);
}

static void
look(struct serve *sv, struct session *ss)
{
	bool answered = false, again = ss->again;
	int r;

	/* the answer under way may be older than what there is to see */
	ss->again = store_is_asking(&ss->asker);
	if (ss->again)
		return;
	store_ask(sv->store, &ss->asker);
	r = req_pull_try(sv, ss, &answered);
	store_ask(sv->store, NULL);
	/* a failure of the store shows when the turn is settled */
	if (r == 0 && answered)
		stop_waiting(sv, ss);
	else if (r != STORE_LATER)
		store_forget(sv->store, &ss->asker);
	if (again)
		turn_look(sv, ss);
}

static void
wake(struct serve *sv, bool committed)
{
	struct session *ss;

	while ((ss = TAILQ_FIRST(&sv->woken))) {
		TAILQ_REMOVE(&sv->woken, ss, woken_link);
		ss->woken = false;
		if (committed)
			look(sv, ss);
	}
}

/* None of what these replies say came about. */
static void
take_back(struct serve *sv, unsigned group)
{
	uint8_t payload[BODY_ERROR_MAX];
	size_t len = pack_refusal(payload, REASON_BUSY, NULL, RETRY_MS);
	struct session *ss;

	TAILQ_FOREACH(ss, &sv->held[group], held[group].link) {
		struct held *h = &ss->held[group];

		if (h->replies)
			buf_clear(h->replies);
		for (unsigned i = 0; i < h->n; i++)
			put_frame(sv, ss, group, CODE_ERROR, payload, len);
	}
}

static void
lose(struct serve *sv, unsigned group)
{
	static struct log_pace lost;

	log_fault_often(LOG_ERROR, "group_lost", &lost);
	take_back(sv, group);
}

/* The group that was under way. */
static int
land(struct serve *sv)
{
	int r = store_land(sv->store);

	if (r < 0)
		lose(sv, !sv->open);
	metrics_land(r < 0);
	sv->under_way = false;
	sv->free[!sv->open] = true;
	return r;
}

static void
begin(struct serve *sv)
{
	sv->replies_n = sv->pieces_n = 0;
	sv->pieces_len = 0;
	sv->pieces_by = 0;
	sv->pieces_from = NULL;
}

/* End the group that gathers: wait for the disk, or let it be under way. */
static int
end(struct serve *sv)
{
	const bool few = sv->replies_n < TOGETHER;
	int late, r = few ? store_commit(sv->store) : store_submit(sv->store);

	wake(sv, r >= 0);
	if (r >= 0) { /* what that has changed: nothing, if all is well */
		late = store_submit(sv->store);
		r = late != 0 ? late : r;
	}
	if (r < 0)
		lose(sv, sv->open);
	begin(sv);
	if (r != STORE_UNDER_WAY) {
		metrics_settle(r < 0);
		sv->free[sv->open] = true;
		return r;
	}
	metrics_depart();
	sv->under_way = true;
	sv->open = !sv->open;
	return 0;
}

bool
turn_has_landed(const struct serve *sv)
{
	return sv->under_way && !store_is_under_way(sv->store);
}

int
turn_settle(struct serve *sv)
{
	int r = 0, ended;

	if (turn_has_landed(sv))
		r = land(sv);
	if (sv->under_way)
		return 0;
	ended = end(sv);
	return r == ERR_IO || ended == ERR_IO ? ERR_IO : 0;
}

struct session *
turn_next(struct serve *sv, struct held **out)
{
	const unsigned order[] = { !sv->open, sv->open };

	for (size_t i = 0; i < GROUPS; i++) {
		unsigned group = order[i];
		struct session *ss = TAILQ_FIRST(&sv->held[group]);

		if (ss && sv->free[group]) {
			unlist(sv, ss, group);
			*out = &ss->held[group];
			return ss;
		}
		sv->free[group] = false;
	}
	return NULL;
}

bool
turn_holds(const struct session *ss)
{
	return ss->held[0].listed || ss->held[1].listed;
}
