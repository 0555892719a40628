/* SPDX-License-Identifier: ISC */
/*
 * Token buckets, and a bounded table of them.  A bucket holds only the time
 * at which it will be full again, so that nothing has to refill it.
 *
 * Where it needs room the table forgets a bucket that is full, or nearest to
 * it: a client or address that does little loses nothing by it.  A few thousand
 * that come and go stay within a sixteenth of the table.
 */
#ifndef SERVER_RATE_H
#define SERVER_RATE_H

#include <stddef.h>
#include <stdint.h>

#define RATE_KEY_LEN 16 /* a client id or a network address */
#define RATE_KEYS    65536
#define RATE_FEW     4096 /* where buckets fill in seconds */

/* How fast buckets fill, and how much is in a full one. */
struct rate {
	uint64_t per_s;    /* > 0 */
	uint64_t burst_ms; /* the time in which an empty one fills */
};

struct bucket {
	uint64_t full_at; /* monotonic ns */
};

/* A rate whose bucket holds n. */
struct rate rate_of(uint64_t per_s, uint64_t n);

/* 0, or the ms until there is one in b; 0 of a full one in any case. */
uint64_t rate_wait(const struct bucket *b, const struct rate *r,
    uint64_t now_ms);

/* Take n out; more than is in it is a debt. */
void rate_take(struct bucket *b, const struct rate *r, uint64_t now_ms,
    uint64_t n);

/* What one client or address has used up. */
enum rate_kind {
	RATE_REQUESTS,
	RATE_BYTES,
	RATE_DIRECTORY,
	RATE_REGISTRATIONS,
	RATE_HANDSHAKES,
	RATE_PAUSE, /* nothing is taken before it is full */
	RATE_LINES, /* of the log */
	RATE_KINDS,
};

struct rate_table;

/* For about so many keys, at least 16; NULL: no memory. */
struct rate_table *rate_new(size_t keys);
void rate_free(struct rate_table *t); /* NULL is fine */

/* The RATE_KINDS buckets of key; borrowed until the next call. */
struct bucket *rate_find(struct rate_table *t,
    const uint8_t key[static RATE_KEY_LEN], uint64_t now_ms);

#endif
