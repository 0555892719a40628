/* SPDX-License-Identifier: ISC */
/*
 * Handshakes that go on by themselves while somebody pulls: requests are
 * answered, answers finished, and sessions that are of no more use asked for
 * anew; with those peers only whom the user lets.
 */
#ifndef CLIENT_ANSWER_H
#define CLIENT_ANSWER_H

#include "client/client.h"

enum answer_mode {
	ANSWER_NONE,
	ANSWER_VERIFIED, /* peers whose safety number was compared */
	ANSWER_KNOWN,    /* peers in the key file */
	ANSWER_ANY,      /* whoever asks: fetched and pinned first */
};

struct answer;

int answer_new(struct answer **out, struct client *c,
    enum answer_mode mode) MUST_USE;
void answer_free(struct answer *a); /* NULL is fine */

/*
 * Take every step that is open.  Never one with a peer that is blocked.  What
 * fails for one peer alone is left for good; where the relay is away or busy,
 * the step is said again by the next call.  ERR_UNREACHABLE, and what is wrong
 * with more than one peer.
 */
int answer_all(struct answer *a) MUST_USE;

#endif
