/* SPDX-License-Identifier: ISC */
/*
 * New own keys (protocol: Public-key bundle; End-to-end handshake, rule 11).
 * The new pair stands as next in the key file before it is registered, and
 * becomes the current one with the relay's answer; former pairs serve the
 * handshakes that were begun with them.
 */
#ifndef CLIENT_ROTATE_H
#define CLIENT_ROTATE_H

#include "client/client.h"

/*
 * Register a new signed prekey, with_static also a new static key: then own
 * requests that are not answered yet are made anew.  What an earlier run has
 * begun, whose answer was lost, is completed instead.  ERR_EXISTS: the relay
 * has a newer bundle of this identity, or finds this one dated ahead.
 */
int rotate_keys(struct client *c, bool with_static) MUST_USE;

/*
 * Complete what an earlier run, or a restored key file, has begun, if there is
 * anything; without a
 * channel open, and none is open on return.  That the relay refuses it is a
 * failure only where there is no current pair to go on with.
 */
int rotate_resume(struct client *c) MUST_USE;

#endif
