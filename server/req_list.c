/* SPDX-License-Identifier: ISC */
/* 1101: a page of the registered clients. */
#include <string.h>

#include "server/serve.h"
#include "server/turn.h"

struct page {
	struct serve *sv;
	const struct session *ss;
	size_t left; /* entries that still fit */
	int r;
};

static bool
add(void *arg, const struct body_client *c)
{
	struct page *p = arg;
	uint8_t entry[BODY_CLIENT_LEN];

	if (memcmp(c->id, p->ss->id, ID_LEN) == 0)
		return true;
	body_pack_client(entry, c);
	p->r = buf_put(p->sv->page, entry, sizeof(entry));
	return p->r == 0 && --p->left > 0;
}

int
req_list(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	struct page p = { .sv = sv, .ss = ss };
	struct body_list q;
	int r;

	r = body_unpack_list(&q, in, len);
	if (r < 0)
		return r;
	p.left = (sv->max_frame - FRAME_REPLY_LEN) / BODY_CLIENT_LEN;
	if (p.left > q.limit)
		p.left = q.limit;
	buf_clear(sv->page);
	r = store_list(sv->store, &q, add, &p);
	if (r == 0)
		r = p.r;
	if (r != 0)
		return r;
	turn_reply(sv, ss, CODE_LIST, buf_peek(sv->page), buf_len(sv->page));
	return 0;
}
