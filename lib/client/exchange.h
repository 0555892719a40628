/* SPDX-License-Identifier: ISC */
/*
 * The end-to-end handshake as steps of commands: request (4) and send (7 and
 * 9).  What a pull does with handshake messages stands in exchange_take.
 */
#ifndef CLIENT_EXCHANGE_H
#define CLIENT_EXCHANGE_H

#include "client/client.h"
#include "state/handshake.h"
#include "state/peers.h"

#define EXCHANGE_RESEND_MS (10 * 60 * 1000)

/* What a step did, for its record. */
struct exchange {
	struct peer peer;
	uint8_t hsid[ID_LEN];
	bool sent; /* false: the answer is here already, nothing was sent */
};

/* Step 4.  ERR_UNKNOWN_PEER: fetch first. */
int exchange_request(struct client *c, const char *who,
    struct exchange *out) MUST_USE;

/* Steps 7 and 9, as the state asks; ERR_NO_SESSION: nothing to answer. */
int exchange_send(struct client *c, const char *who,
    struct exchange *out) MUST_USE;

/*
 * Send the cached message of (peer, role) again, unless that was done within
 * EXCHANGE_RESEND_MS; a pending request as exchange_request would.  Outside a
 * transaction.
 */
int exchange_resend(struct client *c, const uint8_t peer[static ID_LEN],
    enum handshake_role role) MUST_USE;

/*
 * A pending request made with a former static key of ours gives way to a new
 * one; another, or none: no effect.
 */
int exchange_renew(struct client *c,
    const uint8_t peer[static ID_LEN]) MUST_USE;

#endif
