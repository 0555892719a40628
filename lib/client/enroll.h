/* SPDX-License-Identifier: ISC */
/* Registering at the relay, step 1, and the way back. */
#ifndef CLIENT_ENROLL_H
#define CLIENT_ENROLL_H

#include "client/client.h"
#include "state/own.h"

/*
 * Make the key file when there is none, under a passphrase unless pass is
 * NULL, and register it under name.  *again: the relay has confirmed this
 * identity before.  ERR_EXISTS: the name is taken, or the key file has another.
 */
int enroll_register(struct client *c, const char *name,
    const struct passphrase *pass, bool *again) MUST_USE;

/*
 * Have the relay forget this identity: name, keys, blocks and the messages
 * that wait there.  The key file keeps identity, peers and sessions, and can be
 * registered again, also under another name.  Fine where that was so before;
 * name NULL: whatever it is, else ERR_EXISTS when it is another one.
 */
int enroll_unregister(struct client *c, const char *name) MUST_USE;

/*
 * 1100 for the next pair, over a channel that says who calls; on success it
 * is the current one.
 */
int enroll_next(struct client *c, const struct own *own) MUST_USE;

#endif
