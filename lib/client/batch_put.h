/* SPDX-License-Identifier: ISC */
/*
 * The commit before a group of texts leaves: what becomes of each of them in
 * the outbox.  Internal to batch.
 */
#ifndef CLIENT_BATCH_PUT_H
#define CLIENT_BATCH_PUT_H

#include "client/batch.h"

struct batch {
	struct client *client;
	struct keyfile *kf;
	const struct batch_rules *rules;
	struct flight *flight;
	struct buf *body;
	uint64_t away_until; /* monotonic: the relay is not called before */
	struct err_info away;
	struct err_info ended; /* what ends all of it; code 0: nothing */
};

/*
 * Each item that is still open is sealed into the flight, or queued, or found
 * to be in the outbox already, or fails.
 */
void batch_put(struct batch *b, struct batch_item *items, size_t n,
    bool connected);

/* Number and time of the row of an item. */
void batch_put_row(struct batch_item *it, const struct outbox *row);

/*
 * The item fails for r, which err_last() tells; what is wrong with key file
 * or memory ends all of it.  doubt: it may go out all the same.
 */
void batch_put_fault(struct batch *b, struct batch_item *it, int r, bool doubt);

/* The same for all that are open. */
void batch_put_faults(struct batch *b, struct batch_item *items, size_t n,
    int r);

#endif
