/* SPDX-License-Identifier: ISC */
/* Registering at the relay, step 1, and the way back. */
#ifndef CLIENT_ENROLL_H
#define CLIENT_ENROLL_H

#include "client/client.h"
#include "state/own.h"

/*
 * Make the key file when there is none, under a passphrase unless pass is
 * NULL, and register it under name, with an invite unless that is NULL.
 * *again: the relay has confirmed this identity before.  A relay that is busy
 * is asked again for as long as --timeout.  The address it was reached by goes
 * to the key file.  ERR_EXISTS: the name is taken, or
 * the key file has another.
 */
int enroll_register(struct client *c, const char *name,
    const struct passphrase *pass, const char *invite, bool *again) MUST_USE;

/* The invite in a file, "-" is stdin; ERR_USAGE: there is none in it. */
int enroll_read_invite(char out[static INVITE_LEN + 1],
    const char *file) MUST_USE;

/*
 * Have the relay forget this identity: name, keys, blocks and the messages
 * that wait there.  The key file keeps identity, peers and sessions, and can be
 * registered again, also under another name.  Fine where that was so before;
 * name NULL: whatever it is, else ERR_EXISTS when it is another one.
 */
int enroll_unregister(struct client *c, const char *name) MUST_USE;

/*
 * 1100 for the next pair, over a channel that says who calls; on success it
 * is the current one.  invite: NULL = none.
 */
int enroll_next(struct client *c, const struct own *own,
    const char *invite) MUST_USE;

#endif
