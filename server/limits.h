/* SPDX-License-Identifier: ISC */
/*
 * What connections may cost the relay: counts, times, bytes and rates.  Each
 * is an option of sentinel-relay with the name given here.  What a store may
 * hold is in store.h.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stdint.h>

struct limits {
	/* connections */
	uint64_t max_connections;
	uint64_t max_client_connections;
	uint64_t max_unbound;
	uint64_t max_source_unbound; /* from one address */
	uint64_t bind_timeout;       /* all times: ms */
	uint64_t idle_timeout;
	uint64_t connection_life;

	/* bytes */
	uint64_t max_frame;      /* of a request on a bound channel */
	uint64_t transfer_rate;  /* the slowest there may be, a second */
	uint64_t transfer_grace; /* before that counts */
	uint64_t max_output;     /* answers that wait for one connection */
	uint64_t max_buffers;    /* of all connections */

	/* rates, a second */
	uint64_t request_rate; /* of one client, like the next two */
	uint64_t byte_rate;
	uint64_t directory_rate;     /* of 1100 and 1101 */
	uint64_t rate_burst;         /* the ms that may come at once */
	uint64_t registration_rate;  /* of one address */
	uint64_t registration_burst; /* the number that may come at once */
	uint64_t handshake_rate;     /* of one address, too */
	uint64_t handshake_burst;
};

/* What they are without options. */
extern const struct limits limits_default;

#endif
