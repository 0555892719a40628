/* SPDX-License-Identifier: ISC */
#include "client/page.h"

#include "base/err.h"
#include "wire/codes.h"

int
page_init(struct page *p, bool no_chunks)
{
	*p = (struct page){ .bytes = buf_new(FRAME_MAX),
		.ranges = buf_new(FRAME_MAX),
		.no_chunks = no_chunks };
	if (p->bytes && p->ranges)
		return 0;
	page_wipe(p);
	return err_set(ERR_NOMEM, "no memory for a page");
}

void
page_wipe(struct page *p)
{
	buf_free(p->bytes);
	buf_free(p->ranges);
	*p = (struct page){ .bytes = NULL };
}

int
page_ask(struct page *p, struct client *c, uint64_t wait_ms)
{
	struct body_pull ask = { .after = p->after, .no_chunks = p->no_chunks };
	uint8_t payload[BODY_PULL_LEN];

	ask.wait_ms =
	    wait_ms < PULL_WAIT_MAX ? (uint32_t)wait_ms : PULL_WAIT_MAX;
	body_pack_pull(payload, &ask);
	return chan_put(client_chan(c), CODE_PULL, payload, sizeof(payload),
	    NULL, 0);
}

int
page_each(const struct page *p,
    int (*each)(void *arg, const struct body_message *m), void *arg)
{
	const uint8_t *at = buf_peek(p->bytes);
	size_t left = buf_len(p->bytes);
	struct body_message m;
	int r = 0;

	while (r == 0 && left > 0) {
		r = body_unpack_message(&m, &at, &left);
		if (r == 0)
			r = each(arg, &m);
	}
	return r;
}

static int
check(void *arg, const struct body_message *m)
{
	uint32_t *last = arg;

	if (m->id <= *last)
		return err_set(ERR_PROTOCOL, "message ids that do not ascend");
	*last = m->id;
	return 0;
}

int
page_get(struct page *p, struct client *c, uint64_t wait_ms)
{
	struct chan_reply reply = { 0 };
	int r = chan_get(client_chan(c), &reply,
	    wait_ms < PULL_WAIT_MAX ? wait_ms : PULL_WAIT_MAX);

	buf_clear(p->bytes);
	p->last = p->after;
	if (r == 0)
		r = buf_put(p->bytes, reply.payload, reply.len);
	if (r == 0)
		r = page_each(p, check, &p->last);
	if (r < 0)
		buf_clear(p->bytes);
	return r;
}

bool
page_is_empty(const struct page *p)
{
	return buf_len(p->bytes) == 0;
}

void
page_pass(struct page *p)
{
	p->after = p->last;
}

void
page_rewind(struct page *p)
{
	buf_clear(p->bytes);
	page_forget_taken(p);
	p->after = p->last = 0;
}

static int
end_run(struct page *p)
{
	uint8_t packed[BODY_RANGE_LEN];

	if (p->run.first == 0)
		return 0;
	body_pack_range(packed, &p->run);
	p->run.first = 0;
	return buf_put(p->ranges, packed, sizeof(packed));
}

int
page_take(struct page *p, uint32_t id)
{
	int r;

	if (p->run.first != 0 && id == p->run.last + 1) {
		p->run.last = id;
		return 0;
	}
	r = end_run(p);
	if (r == 0)
		p->run = (struct body_range){ id, id };
	return r;
}

void
page_forget_taken(struct page *p)
{
	buf_clear(p->ranges);
	p->run.first = 0;
}

int
page_acknowledge(struct page *p, struct client *c)
{
	const size_t most = (size_t)ACK_RANGES_MAX * BODY_RANGE_LEN;
	struct chan_reply reply;
	size_t len;
	int r = end_run(p);

	while (r == 0 && buf_len(p->ranges) > 0) {
		len = buf_len(p->ranges) < most ? buf_len(p->ranges) : most;
		r = chan_call(client_chan(c), &reply, CODE_ACK,
		    buf_peek(p->ranges), len);
		if (r == 0)
			buf_drop(p->ranges, len);
	}
	return r;
}
