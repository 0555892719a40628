/* SPDX-License-Identifier: ISC */
/*
 * Pages of the own mailbox, one after the other, and the acknowledgement of
 * what was taken from them.
 */
#ifndef CLIENT_PAGE_H
#define CLIENT_PAGE_H

#include "base/buf.h"
#include "client/client.h"
#include "wire/body.h"

struct page {
	const uint8_t *bytes; /* a 2104 payload, the channel's or kept */
	size_t len;
	struct buf *kept;
	struct buf *ranges;    /* what to acknowledge, packed */
	struct body_range run; /* being built; first 0: none */
	size_t due;            /* of ranges, to be acknowledged now */
	size_t acks_len;       /* of those, sent and not confirmed yet */
	uint32_t after;        /* ids up to here are passed */
	uint32_t last;         /* of the page that is here */
	bool no_chunks;
};

int page_init(struct page *p, bool no_chunks) MUST_USE;
void page_wipe(struct page *p); /* a zeroed one is fine */

/*
 * 1104: ask for what comes after p->after, and take the answer in.  Between
 * the two the former page can still be read; it is gone with the next answer
 * of whatever kind, unless it is kept.  ERR_PROTOCOL: ids that do not ascend.
 */
int page_ask(struct page *p, struct client *c, uint64_t wait_ms) MUST_USE;
int page_get(struct page *p, struct client *c, uint64_t wait_ms) MUST_USE;
int page_keep(struct page *p) MUST_USE;

bool page_is_empty(const struct page *p);

/* Call each with every message, until it fails. */
int page_each(const struct page *p,
    int (*each)(void *arg, const struct body_message *m), void *arg) MUST_USE;

/* Go past the page, which can still be read; back to before the first. */
void page_pass(struct page *p);
void page_rewind(struct page *p);

/* Acknowledge this id when the time has come; ids that ascend. */
int page_take(struct page *p, uint32_t id) MUST_USE;
void page_forget_taken(struct page *p);

/* 1105 for all that was taken, in as many requests as it needs. */
int page_acknowledge(struct page *p, struct client *c) MUST_USE;

/* The time has come for what was taken up to here. */
int page_mark(struct page *p) MUST_USE;

/*
 * 1105 for that, in two halves, between which the answer to an earlier page_ask
 * may be read, and the next asked for.  What is not sent at once, or not
 * confirmed, is left for the next call.
 */
int page_send_acks(struct page *p, struct client *c) MUST_USE;
int page_await_acks(struct page *p, struct client *c) MUST_USE;

/* The channel is gone, and with it the page and what was to be awaited. */
void page_hung_up(struct page *p);

#endif
