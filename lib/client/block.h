/* SPDX-License-Identifier: ISC */
/*
 * Whom the relay takes nothing from (protocol: 1107).  The mark in the key
 * file says so only while the relay is known to refuse the peer: it is set
 * after the relay's answer, and taken away before the relay is asked.
 */
#ifndef CLIENT_BLOCK_H
#define CLIENT_BLOCK_H

#include "client/client.h"
#include "state/peers.h"

/*
 * Have what the peer sends refused, or taken again; also where that was so
 * before.  When the relay is away nothing changes.  Where its answer is lost
 * the peer is not marked, and the same again settles it.
 */
int block_peer(struct client *c, const char *who, bool block,
    struct peer *out) MUST_USE;

/* Tell a relay that has just registered this identity whom it refuses. */
int block_renew(struct client *c) MUST_USE;

#endif
