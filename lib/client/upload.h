/* SPDX-License-Identifier: ISC */
/*
 * Chunks on their way to the relay: a window of boxes that were sent and are
 * not answered yet, each kept until it is, so that a relay that restarts or
 * is busy gets the same bytes again.  Memory is taken once.
 */
#ifndef CLIENT_UPLOAD_H
#define CLIENT_UPLOAD_H

#include "base/err.h"
#include "client/client.h"

#define UPLOAD_WINDOW 32 /* chunks */

/* One recipient's file, owned by the caller. */
struct upload_line {
	uint8_t to[ID_LEN];
	uint64_t next; /* index of the next chunk to send */
	int failed;    /* 0, or how the relay refused it */
	struct err_info why;
};

struct upload;

/* Boxes of at most box_size bytes. */
int upload_new(struct upload **out, struct client *c, size_t box_size) MUST_USE;
void upload_free(struct upload *u); /* NULL is fine */

/* Lend the memory for one box, waiting for an answer when all is in use. */
int upload_box(struct upload *u, uint8_t **box) MUST_USE;

/*
 * Send the box lent last, of len bytes, as line's chunk number line->next,
 * which goes up.  What the relay refuses for good ends the line: failed is
 * set and the rest of it is dropped.  ERR_UNREACHABLE only after patience_wait
 * has given up.
 */
int upload_send(struct upload *u, struct upload_line *line,
    size_t len) MUST_USE;

/* Wait until all is answered. */
int upload_settle(struct upload *u) MUST_USE;

/* Chunks of the line below this index are at the relay. */
uint64_t upload_settled(const struct upload *u, const struct upload_line *line);

#endif
