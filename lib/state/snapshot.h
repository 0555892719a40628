/* SPDX-License-Identifier: ISC */
/*
 * What a backup holds (backup.h), as bytes: layout only.
 *
 *	made 8 | seed 32 | issued 8 | name | relay 2+n | peers 4 | peers
 *
 * a name being its length 1 | bytes, the relay its address with the pinned
 * key as text; and a peer
 *
 *	id 16 | flags 1 | first seen 8 | next seq 8 | expect seq 8 |
 *	last init ts 8 | last sent ts 8 | length 2 | pin (peers.h)
 *
 * Flags: 1 blocked, 2 had a session.  The memory is the caller's.
 */
#ifndef STATE_SNAPSHOT_H
#define STATE_SNAPSHOT_H

#include "base/buf.h"
#include "state/peers.h"

struct snapshot {
	uint64_t made_at; /* unix ms */
	uint8_t seed[KEY_LEN];
	uint64_t issued_at; /* as of struct keyfile_self */
	char name[NAME_SIZE];
	struct addr relay;
	uint32_t peers_n;
	/* what is unread of the peers; borrowed */
	const uint8_t *rest;
	size_t rest_len;
};

/*
 * Append the part before the peers, then each of the peers_n.  A peer that
 * needs a reset had a session.  ERR_NOMEM; ERR_INTERNAL over the buffer's
 * ceiling.
 */
int snapshot_put(struct buf *out, const struct snapshot *s) MUST_USE;
int snapshot_put_peer(struct buf *out, const struct peer *p) MUST_USE;

/* All of it is looked at, and borrowed as rest.  ERR_CORRUPT. */
int snapshot_get(struct snapshot *out, const uint8_t *in, size_t len) MUST_USE;

/* The next peer; peers_n calls succeed, and no further one is made. */
int snapshot_get_peer(struct snapshot *s, struct peer *out) MUST_USE;

#endif
