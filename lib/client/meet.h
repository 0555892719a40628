/* SPDX-License-Identifier: ISC */
/*
 * The whole handshake for people who want it done: bundles, requests, answers
 * and finishes as the state of each peer asks, with as many rounds over the
 * mailbox as there is time for.  What else comes out of it waits in the inbox.
 */
#ifndef CLIENT_MEET_H
#define CLIENT_MEET_H

#include "base/err.h"
#include "client/client.h"
#include "client/exchange.h"

/* A peer to meet, and how far it has come. */
struct meet {
	struct exchange last; /* its peer; the last step taken with it */
	bool begun;           /* there was such a step */
	bool established;
	int failed; /* 0, or why nothing more is done for this peer */
	struct err_info why;
};

/* Find who in the key file, or fetch and pin it; as directory_fetch. */
int meet_find(struct client *c, const char *who, struct meet *out) MUST_USE;

/*
 * Take every step that is possible now; then, for wait_ms, each that comes to
 * be.  Answers nobody but these peers.  While another command fetches the
 * mailbox, it watches the key file for what that one takes in.  What a relay
 * has against one peer is kept with that peer; any other failure ends it.
 */
int meet_all(struct client *c, struct meet *m, size_t n,
    uint64_t wait_ms) MUST_USE;

#endif
