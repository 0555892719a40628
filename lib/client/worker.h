/* SPDX-License-Identifier: ISC */
/*
 * The one thread beside the first: it hashes the pieces of a file and writes
 * them, which costs as much as decrypting them does.
 *
 * Pieces are filled in place: a buffer is lent, the caller reads or decrypts
 * into it, and hands it over; it may go on reading it until it asks for the
 * next.
 */
#ifndef CLIENT_WORKER_H
#define CLIENT_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "e2e/filebox.h"

struct worker;

/* What is to be done with a piece. */
struct worker_task {
	size_t len;
	struct filebox_digest *digest; /* NULL: it is not hashed */
	int fd;                        /* -1: it is not written */
	uint64_t offset;
};

/* Pieces of at most piece_max bytes.  ERR_NOMEM. */
int worker_new(struct worker **out, size_t piece_max) MUST_USE;
void worker_free(struct worker *w); /* wipes the pieces; NULL is fine */

/* Lend a buffer: the same again while it was not handed over. */
uint8_t *worker_piece(struct worker *w);

/* Hand it over; digest and fd are the thread's until worker_wait. */
void worker_put(struct worker *w, const struct worker_task *task);

/*
 * Sync fd with what was handed over before, while more is.  What is lent is
 * handed over for that, empty.
 */
void worker_sync(struct worker *w, int fd);

/* Whether all that worker_sync was to do is done; wait for it, ERR_IO. */
bool worker_is_synced(struct worker *w);
int worker_await_syncs(struct worker *w) MUST_USE;

/* Wait until all is done; what is lent stays lent. */
void worker_wait(struct worker *w);

/*
 * The same.  ERR_IO, with its errno: something could not be written, at any
 * time; nothing is any more after it.
 */
int worker_settle(struct worker *w) MUST_USE;

#endif
