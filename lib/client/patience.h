/* SPDX-License-Identifier: ISC */
/*
 * How long a transfer puts up with a relay that is busy, full or away: until
 * nothing has got on for --timeout.
 */
#ifndef CLIENT_PATIENCE_H
#define CLIENT_PATIENCE_H

#include "client/client.h"

struct patience {
	struct client *client;
	uint64_t deadline; /* monotonic; 0: nothing is wrong */
	unsigned tries;    /* since then */
};

void patience_init(struct patience *p, struct client *c);

/* Something has got on. */
void patience_renew(struct patience *p);

/*
 * r is what went wrong.  ERR_BUSY: sleep for as long as the relay has asked
 * for; ERR_UNREACHABLE: make a new channel.  0: try again.  Otherwise, and
 * when it has lasted for too long or would: r.
 */
int patience_wait(struct patience *p, int r) MUST_USE;

#endif
