/* SPDX-License-Identifier: ISC */
#include "client/page.h"

#include "base/err.h"
#include "wire/codes.h"

#define ACKS_MAX     ((size_t)ACK_RANGES_MAX * BODY_RANGE_LEN)
#define ACKS_AT_ONCE 16 /* requests */

int
page_init(struct page *p, bool no_chunks)
{
	*p = (struct page){ .kept = buf_new_open(FRAME_MAX),
		.ranges = buf_new(FRAME_MAX),
		.no_chunks = no_chunks };
	if (p->kept && p->ranges)
		return 0;
	page_wipe(p);
	return err_set(ERR_NOMEM, "no memory for a page");
}

void
page_wipe(struct page *p)
{
	buf_free(p->kept);
	buf_free(p->ranges);
	*p = (struct page){ .kept = NULL };
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
	const uint8_t *at = p->bytes;
	size_t left = p->len;
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

	p->bytes = reply.payload;
	p->len = reply.len;
	p->last = p->after;
	if (r == 0)
		r = page_each(p, check, &p->last);
	if (r < 0)
		p->len = 0;
	return r;
}

int
page_keep(struct page *p)
{
	int r;

	buf_clear(p->kept);
	r = buf_put(p->kept, p->bytes, p->len);
	p->bytes = buf_peek(p->kept);
	p->len = buf_len(p->kept);
	return r;
}

bool
page_is_empty(const struct page *p)
{
	return p->len == 0;
}

void
page_pass(struct page *p)
{
	p->after = p->last;
}

void
page_rewind(struct page *p)
{
	p->len = 0;
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
	p->due = p->acks_len = 0;
}

int
page_mark(struct page *p)
{
	int r = end_run(p);

	if (r == 0)
		p->due = buf_len(p->ranges);
	return r;
}

static size_t
one_request(size_t len)
{
	return len < ACKS_MAX ? len : ACKS_MAX;
}

int
page_send_acks(struct page *p, struct client *c)
{
	int r = 0;

	p->acks_len = 0;
	for (int n = 0; n < ACKS_AT_ONCE && r == 0; n++) {
		size_t len = one_request(p->due - p->acks_len);

		if (len == 0)
			break;

		r = chan_put(client_chan(c), CODE_ACK,
		    buf_peek(p->ranges) + p->acks_len, len, NULL, 0);
		p->acks_len += len;
	}
	return r;
}

/* Each answer is taken, so that the channel goes on after a refusal. */
int
page_await_acks(struct page *p, struct client *c)
{
	struct err_info why = { .code = 0 };
	struct chan_reply reply;
	int first = 0;

	while (p->acks_len > 0) {
		size_t len = one_request(p->acks_len);
		int r = chan_get(client_chan(c), &reply, 0);

		if (first == 0 && r == 0) {
			buf_drop(p->ranges, len);
			p->due -= len;
		}
		if (first == 0 && r < 0)
			why = *err_last();
		if (first == 0)
			first = r;
		p->acks_len -= len;
	}
	if (first < 0)
		err_restore(&why);
	return first;
}

void
page_hung_up(struct page *p)
{
	p->acks_len = p->len = 0;
}

int
page_acknowledge(struct page *p, struct client *c)
{
	int r = page_mark(p);

	while (r == 0 && p->due > 0) {
		r = page_send_acks(p, c);
		if (r == 0)
			r = page_await_acks(p, c);
	}
	return r;
}
