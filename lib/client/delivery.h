/* SPDX-License-Identifier: ISC */
/*
 * What earlier commands have left in the outbox, by whichever command reaches
 * the relay: texts that waited for relay or session, and messages whose
 * answer was lost, as the same bytes; in order for each peer.
 */
#ifndef CLIENT_DELIVERY_H
#define CLIENT_DELIVERY_H

#include "client/client.h"
#include "state/peers.h"

/*
 * Deliver all of it, unless another process is at it (FILE.flush).  What the
 * relay is too busy for stays, and with it what comes after it for that peer;
 * so does what it cannot take for its size; what it refuses is dropped.  The
 * channel is bound; ERR_UNREACHABLE when it broke.
 */
int delivery_flush(struct client *c) MUST_USE;

/*
 * Before a message to that peer: the no-ops that stand for refused ones, so
 * that its numbers have no gap.  As long as the relay does not take them, it
 * would not take the message: its reason.
 */
int delivery_lead(struct client *c, const uint8_t peer[static ID_LEN]) MUST_USE;

/*
 * One step, if it is time for one, towards a session with a peer for whom
 * texts wait: a request, or what answers one.
 */
int delivery_approach(struct client *c, const struct peer *p) MUST_USE;

#endif
