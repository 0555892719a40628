/* SPDX-License-Identifier: ISC */
/* What the key file knows of peers, without asking the relay. */
#ifndef CLIENT_BOOK_H
#define CLIENT_BOOK_H

#include "client/client.h"
#include "crypto/ident.h"
#include "state/peers.h"

/* How far the handshake with a peer has come, for people and scripts. */
enum book_session {
	BOOK_NONE,
	BOOK_REQUEST_SENT,
	BOOK_REQUEST_RECEIVED,
	BOOK_KEY_SENT,
	BOOK_KEY_RECEIVED,
	BOOK_ESTABLISHED,
	BOOK_RESET_NEEDED,
};

/* The stable word, "request_sent". */
const char *book_session_word(enum book_session s);

int book_session(struct client *c, const uint8_t id[static ID_LEN],
    enum book_session *out) MUST_USE;

/*
 * ERR_NO_SESSION, "what PEER", with the step that comes next: what the state
 * of the handshake asks for.
 */
int book_no_session(struct client *c, const struct peer *p, const char *what);

/*
 * A name that is safe as a file name and leads to this peer, or its UUID.  In
 * records the relay's goes first, for people the alias.
 */
const char *book_name(const struct peer *p, char uuid[static ID_TEXT_SIZE]);
const char *book_call(const struct peer *p, char uuid[static ID_TEXT_SIZE]);

/* A UUID, alias or name in the key file; ERR_UNKNOWN_PEER with a hint. */
int book_find(struct client *c, const char *who, struct peer *out) MUST_USE;

/* The id alone: any UUID, or whoever book_find finds. */
int book_find_id(struct client *c, const char *who,
    uint8_t id[static ID_LEN]) MUST_USE;

/* By id; *known false leaves out zeroed but for the id. */
int book_get(struct client *c, const uint8_t id[static ID_LEN],
    struct peer *out, bool *known) MUST_USE;

/*
 * May that id be called by the name a relay gives it?  Not when the name is
 * no name of ours, or resolves to somebody else.
 */
int book_fits(struct client *c, const uint8_t id[static ID_LEN],
    const char *name, bool *fits) MUST_USE;

/* All peers, by name; the first negative answer of each ends it. */
int book_each(struct client *c, int (*each)(void *arg, const struct peer *p),
    void *arg) MUST_USE;

/* The own bundle as registered; *found false before. */
int book_own_bundle(struct client *c, struct bundle *out, uint64_t *issued_at,
    bool *found) MUST_USE;

void book_safety(struct client *c, const struct peer *p,
    char out[static IDENT_SAFETY_LEN + 1]);

/*
 * Mark p verified when number (spaces ignored) is its safety number, else
 * ERR_NOT_VERIFIED.  book_unverify takes the mark away.
 */
int book_verify(struct client *c, struct peer *p, const char *number) MUST_USE;
int book_unverify(struct client *c, struct peer *p) MUST_USE;

/* ERR_NOT_VERIFIED unless p, whom the user calls who, is. */
int book_require_verified(const struct peer *p, const char *who) MUST_USE;

/*
 * Call p by a second name, which goes before those that relays give; its own
 * name takes the alias away.  ERR_USAGE: no name of ours; ERR_EXISTS: it
 * leads to another peer.
 */
int book_alias(struct client *c, struct peer *p, const char *name) MUST_USE;

/* Note whether the relay refuses what p sends. */
int book_block(struct client *c, struct peer *p, bool blocked) MUST_USE;

/*
 * Take p and all that it has sent or was sent out of the key file, and what
 * has come of its files out of their directories.
 */
int book_forget(struct client *c, struct peer *p) MUST_USE;

#endif
