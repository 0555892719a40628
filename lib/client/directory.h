/* SPDX-License-Identifier: ISC */
/* What the relay says of others, and what is believed: steps 2, 3 and 6. */
#ifndef CLIENT_DIRECTORY_H
#define CLIENT_DIRECTORY_H

#include "client/client.h"
#include "state/peers.h"
#include "wire/body.h"

/*
 * All registered clients but oneself, or the one of that name (NULL: all),
 * page by page; stops at the first negative answer of each and returns it.
 */
int directory_list(struct client *c, const char *name,
    int (*each)(void *arg, const struct body_client *b), void *arg) MUST_USE;

enum directory_status {
	DIRECTORY_PINNED,
	DIRECTORY_UNCHANGED,
	DIRECTORY_UPDATED,
};

/*
 * Fetch, check and pin the bundle of who: a UUID, an alias, or a name that
 * the relay resolves.  ERR_UNKNOWN_PEER: not at the relay.  ERR_PEER_CHANGED:
 * another identity under a pinned name (the hint tells its fingerprint), or an
 * older bundle than the one held.
 * ERR_PROTOCOL: it does not verify.
 */
int directory_fetch(struct client *c, const char *who, struct peer *out,
    enum directory_status *status) MUST_USE;

/* The same by id, for a peer that is pinned already. */
int directory_refresh(struct client *c,
    const uint8_t id[static ID_LEN]) MUST_USE;

/* The checked bundle of whoever has that name at the relay; pins nothing. */
int directory_ask(struct client *c, const char *name,
    struct body_key *out) MUST_USE;

/*
 * Inside a transaction: pin a checked bundle, or judge it by the one that is
 * pinned.
 */
int directory_keep(struct client *c, const struct body_key *got,
    struct peer *out, enum directory_status *status) MUST_USE;

#endif
