/* SPDX-License-Identifier: ISC */
/* How much of everything the key file holds, for people and monitoring. */
#ifndef STATE_CENSUS_H
#define STATE_CENSUS_H

#include "state/keyfile.h"

struct census {
	/* sessions, and handshakes by how far they are */
	uint64_t active, previous, reset_needed;
	uint64_t request_sent, request_received, key_sent, key_received;
	/* entries that are not printed; dead: given up by their handler */
	uint64_t inbox_new, inbox_shown, inbox_dead, inbox_oldest;
	/* messages that the relay has not confirmed; queued: never sent yet */
	uint64_t outbox_queued, outbox_sealed, outbox_in_doubt, outbox_oldest;
};

/* All of one moment; the oldest are unix ms, 0 where there is none. */
int census_take(struct keyfile *kf, struct census *out) MUST_USE;

#endif
