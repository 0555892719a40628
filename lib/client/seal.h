/* SPDX-License-Identifier: ISC */
/*
 * The step of a session that a message takes, inside the caller's
 * transaction: no bytes of it leave before that is committed.
 */
#ifndef CLIENT_SEAL_H
#define CLIENT_SEAL_H

#include "base/buf.h"
#include "client/client.h"
#include "state/outbox.h"
#include "state/peers.h"
#include "wire/plain.h"

/* Whether a session with p may be used; one that needs a reset may not. */
int seal_has_session(struct client *c, const struct peer *p,
    bool *has) MUST_USE;

/*
 * Append the ciphertext of a new message to content and save the session; it
 * gets its number and a row of the outbox, p and *row are filled in and saved.
 * ERR_NO_SESSION, with nothing changed.
 */
int seal_message(struct client *c, struct peer *p, struct plain *m,
    struct buf *content, struct outbox *row) MUST_USE;

/* The same for a row that was PLAIN, whose body stands in m. */
int seal_queued(struct client *c, struct peer *p, struct plain *m,
    struct buf *content, int64_t n) MUST_USE;

/*
 * The relay has refused row o: a no-op takes its number, or where there is no
 * session any more nothing does.
 */
int seal_refused(struct client *c, const struct outbox *o) MUST_USE;

/* A message that begins now: a new id, and the time. */
void seal_begin(struct plain *m, enum plain_kind kind);

#endif
