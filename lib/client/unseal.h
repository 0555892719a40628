/* SPDX-License-Identifier: ISC */
/*
 * One ratcheted message under its session: find the session and a stored
 * message key, decrypt, save what the step has changed.  Inside the caller's
 * transaction.
 */
#ifndef CLIENT_UNSEAL_H
#define CLIENT_UNSEAL_H

#include "base/buf.h"
#include "client/client.h"
#include "wire/body.h"

struct unseal; /* scratch memory for keys and plaintext */

int unseal_new(struct unseal **out, struct client *c) MUST_USE;
void unseal_free(struct unseal *u); /* NULL is fine */

enum unseal_result {
	UNSEAL_OK,
	UNSEAL_DUPLICATE,
	UNSEAL_UNDECRYPTABLE,
	UNSEAL_TOO_FAR,
	UNSEAL_MALFORMED,
	UNSEAL_NO_SESSION,
};

/*
 * *first: nothing had been decrypted before in that session, and it is the
 * active one.  It is set on UNSEAL_OK; on anything else nothing has changed.
 */
int unseal_message(struct unseal *u, const struct body_message *m,
    enum unseal_result *result, bool *first) MUST_USE;

/* The plaintext of the last UNSEAL_OK; borrowed until the next message. */
const struct buf *unseal_plain(const struct unseal *u);

#endif
