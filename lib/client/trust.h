/* SPDX-License-Identifier: ISC */
/* Accepting a key that has changed: exactly the one that somebody vouches for.
 */
#ifndef CLIENT_TRUST_H
#define CLIENT_TRUST_H

#include "client/client.h"
#include "state/peers.h"

/*
 * Who, a peer of the key file, has a new identity at the relay.  When its
 * fingerprint (64 hex digits) is the one given, name and alias move to it; it
 * is a new peer, pinned and not verified.  The old one stays without a name
 * and receives under its sessions until they expire.  ERR_PEER_CHANGED: the
 * relay has another one, and nothing has changed; ERR_USAGE.
 */
int trust_peer(struct client *c, const char *who, const char *fingerprint,
    struct peer *out) MUST_USE;

/*
 * Pin another key, 43 characters, for the relay of the key file, which is not
 * asked.  ERR_USAGE.
 */
int trust_relay(struct client *c, const char *key) MUST_USE;

#endif
