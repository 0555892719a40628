/* SPDX-License-Identifier: ISC */
/*
 * Fetching chunks: pages of the mailbox with everything in them, of which
 * those of type 4 go to receive_chunk.  The next page is asked for before this
 * one is worked on.
 */
#ifndef CLIENT_COLLECT_H
#define CLIENT_COLLECT_H

#include "client/arriving.h"
#include "client/client.h"

struct collect;

/* As arriving_new. */
int collect_new(struct collect **out, struct client *c, const char *dir,
    uint64_t max_size) MUST_USE;
void collect_free(struct collect *k); /* NULL is fine */

/*
 * Finish what is whole, if anything.  Else a few windows of chunks, or all
 * there are: taken in, committed, acknowledged, and finished what is whole by
 * then.
 * When nothing is there, wait up to wait_ms at the relay, for anything.
 * *got: there was something, be it a message that the other cursor has to
 * fetch.
 */
int collect_some(struct collect *k, uint64_t wait_ms, bool *got) MUST_USE;

/* A manifest has come: chunks that were passed over may be of use now. */
void collect_rewind(struct collect *k);

const struct arriving *collect_files(const struct collect *k);

#endif
