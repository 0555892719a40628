/* SPDX-License-Identifier: ISC */
/* 1104: messages of the caller's mailbox, now or when one comes. */
#include "base/clock.h"
#include "server/metrics.h"
#include "server/quota.h"
#include "server/serve.h"
#include "server/turn.h"

struct page {
	struct buf *out;
	int r;
};

static bool
add(void *arg, const struct body_message *m)
{
	struct page *p = arg;
	uint8_t head[PULL_ITEM_LEN];

	body_pack_message(head, m);
	p->r = buf_put(p->out, head, sizeof(head));
	if (p->r == 0)
		p->r = buf_put(p->out, m->content, m->content_len);
	if (p->r == 0)
		metrics.turn.delivered[quota_kind(m->type)]++;
	return p->r == 0;
}

int
req_pull_try(struct serve *sv, struct session *ss, bool *answered)
{
	const uint32_t most = sv->max_frame - FRAME_REPLY_LEN;
	struct page p = { .out = sv->page };
	struct body_pull q = ss->pull;
	int r;

	if (q.max_bytes == 0 || q.max_bytes > most)
		q.max_bytes = most;
	buf_clear(sv->page);
	r = store_pull(sv->store, ss->id, &q, add, &p);
	if (r == 0)
		r = p.r;
	if (r != 0)
		return r;
	*answered = buf_len(sv->page) > 0;
	if (*answered)
		turn_reply(sv, ss, CODE_PULL, buf_peek(sv->page),
		    buf_len(sv->page));
	return 0;
}

int
req_pull(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	struct body_pull q;
	bool answered;
	int r;

	r = body_unpack_pull(&q, in, len);
	if (r < 0)
		return r;
	ss->pull = q;
	r = req_pull_try(sv, ss, &answered);
	if (r != 0 || answered)
		return r;
	if (q.wait_ms == 0) {
		turn_reply(sv, ss, CODE_PULL, NULL, 0);
		return 0;
	}
	ss->wait_until = clock_deadline(q.wait_ms);
	turn_wait(sv, ss);
	return 0;
}
