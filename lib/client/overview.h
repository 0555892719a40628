/* SPDX-License-Identifier: ISC */
/* What the key file holds, in numbers; the relay is not asked. */
#ifndef CLIENT_OVERVIEW_H
#define CLIENT_OVERVIEW_H

#include "client/client.h"
#include "state/census.h"

struct overview {
	struct census census;
	uint64_t peers, verified, blocked;
};

int overview_take(struct client *c, struct overview *out) MUST_USE;

#endif
