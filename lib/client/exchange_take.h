/* SPDX-License-Identifier: ISC */
/*
 * Handshake messages as they come out of the mailbox (steps 5, 8 and 10),
 * judged by the rules of the protocol's state machine.  Everything here runs
 * inside the caller's transaction and sends nothing.
 */
#ifndef CLIENT_EXCHANGE_TAKE_H
#define CLIENT_EXCHANGE_TAKE_H

#include "client/client.h"
#include "state/handshake.h"
#include "state/own.h"
#include "state/peers.h"

#define EXCHANGE_TAKE_STRANGERS_PULL 16  /* new unknown senders a pull */
#define EXCHANGE_TAKE_STRANGERS_MAX  256 /* in all */

/* What became of a message. */
enum exchange_outcome {
	EXCHANGE_DROPPED,   /* no effect, no record */
	EXCHANGE_REQUESTED, /* a new key request */
	EXCHANGE_RECEIVED,  /* the peer's symmetric key */
	EXCHANGE_RESEND,    /* repeated: send what the row holds again */
	EXCHANGE_MALFORMED,
	EXCHANGE_STALE_BUNDLE,
	EXCHANGE_LEFT, /* over a cap: stays at the relay */
};

struct exchange_event {
	enum exchange_outcome outcome;
	uint8_t hsid[ID_LEN];
	bool authenticated;       /* of a request */
	bool established;         /* of a key: the session stands */
	enum handshake_role role; /* whose cached message to send again */
};

/*
 * A message of type 1 or 2 from a peer.  strangers counts the new
 * senders without a bundle that this pull has taken in.
 */
int exchange_take_request(struct client *c, const uint8_t from[static ID_LEN],
    const uint8_t *in, size_t len, size_t *strangers,
    struct exchange_event *out) MUST_USE;
int exchange_take_key(struct client *c, const uint8_t from[static ID_LEN],
    const uint8_t *in, size_t len, struct exchange_event *out) MUST_USE;

/*
 * Does the type 1 of a pinned peer authenticate, is it news (rules 2 and 9),
 * and who gives way when both sides have asked (rule 3)?  On
 * EXCHANGE_REQUESTED the peer's last_init_ts has moved and *ts is set.
 */
int exchange_take_judge(struct client *c, struct peer *p, const uint8_t *in,
    size_t len, uint64_t *ts, struct exchange_event *out) MUST_USE;

/*
 * Was this type 1 made with a newer bundle of a pinned peer than the one
 * held, without which it cannot be judged?
 */
int exchange_take_wants_bundle(struct client *c,
    const uint8_t from[static ID_LEN], const uint8_t *in, size_t len,
    bool *wants) MUST_USE;

/* One side of a handshake as the prologue names it. */
void exchange_take_own_party(struct shake_party *out, struct client *c,
    const struct own *own);
void exchange_take_peer_party(struct shake_party *out, const struct peer *p,
    uint64_t issued_at);

#endif
