/* SPDX-License-Identifier: ISC */
/*
 * Known peers: who is pinned, under what name, and how far the conversation
 * has come.  A row exists once a bundle was checked and pinned.  All but the
 * id and the numbers is encrypted; names are found by keyed tags.
 */
#ifndef STATE_PEERS_H
#define STATE_PEERS_H

#include "state/keyfile.h"
#include "wire/bundle.h"

/*
 * What the box "pin" holds:
 *
 *	verified 1 | issued_at 8 | bundle 160 | name, alias, signed name
 *
 * each name as its length 1 | bytes.
 */
#define PEERS_PIN_MIN (1 + 8 + BUNDLE_LEN)
#define PEERS_PIN_MAX (PEERS_PIN_MIN + 3 * NAME_SIZE)

struct peer {
	uint8_t id[ID_LEN];
	char name[NAME_SIZE];        /* resolves to this peer; "" = none */
	char alias[NAME_SIZE];       /* local; "" = none */
	char signed_name[NAME_SIZE]; /* in the bundle, whatever it is */
	struct bundle bundle;
	uint64_t issued_at;
	bool verified;
	bool blocked;
	bool reset_needed;      /* sessions are no more to be trusted to work */
	uint64_t first_seen;    /* unix ms */
	uint64_t next_seq;      /* of the next message to the peer */
	uint64_t expect_seq;    /* of the next message from the peer */
	uint64_t last_init_ts;  /* of the peer's newest type 1 */
	uint64_t last_sent_ts;  /* of our newest type 1 */
	unsigned undecryptable; /* in a row, under an active session */
};

/* By id; *found false when it is not known. */
int peers_get(struct keyfile *kf, const uint8_t id[static ID_LEN],
    struct peer *out, bool *found) MUST_USE;

/* By UUID text, alias or name, in this order.  ERR_UNKNOWN_PEER. */
int peers_find(struct keyfile *kf, const char *who, struct peer *out) MUST_USE;

/* The peer with that name or alias, and no UUID. */
int peers_named(struct keyfile *kf, const char *name, struct peer *out,
    bool *found) MUST_USE;

/* Insert, or replace the row with that id. */
int peers_put(struct keyfile *kf, const struct peer *p) MUST_USE;

/* All, ascending by name, then id; *out is the caller's to free. */
int peers_list(struct keyfile *kf, struct peer **out, size_t *n) MUST_USE;

/* That layout alone; packing tells its length, unpacking whether it is one. */
size_t peers_pack_pin(uint8_t out[static PEERS_PIN_MAX], const struct peer *p);
bool peers_unpack_pin(struct peer *p, const uint8_t *in, size_t len);

/* Tag all names anew, as under a new data key. */
int peers_tag_all(struct keyfile *kf) MUST_USE;

#endif
