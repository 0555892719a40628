/* SPDX-License-Identifier: ISC */
/* Taking a peer out of the key file. */
#ifndef STATE_FORGET_H
#define STATE_FORGET_H

#include "state/keyfile.h"

/*
 * Whatever names that peer in any table is gone: pin and names, sessions and
 * their keys, handshakes, messages both ways.  Inside the caller's
 * transaction; no effect on a peer that is not known.
 */
int forget_peer(struct keyfile *kf, const uint8_t peer[static ID_LEN]) MUST_USE;

#endif
