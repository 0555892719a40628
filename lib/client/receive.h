/* SPDX-License-Identifier: ISC */
/* One chunk of a file that is arriving: is it what it should be? */
#ifndef CLIENT_RECEIVE_H
#define CLIENT_RECEIVE_H

#include "client/arriving.h"
#include "wire/body.h"

/*
 * Take a message of type 4.  *taken: to be acknowledged after the next
 * arriving_commit; else it stays at the relay.
 */
int receive_chunk(struct arriving *a, const struct body_message *m,
    bool *taken) MUST_USE;

#endif
