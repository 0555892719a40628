/* SPDX-License-Identifier: ISC */
/* The metrics that nobody counts, looked at when somebody asks for them. */
#ifndef SERVER_GAUGES_H
#define SERVER_GAUGES_H

#include "base/attr.h"
#include "server/relay.h"
#include "server/scrape.h"

struct conn_set;

/* What is looked at is the caller's, and to be there before the loop runs. */
struct gauges {
	const struct conn_set *conns;
	struct store *const *store;
	struct scrape scrape;
	struct addr_host at;
};

/* Where config wants it, if it does: then g->at is where they are told. */
int gauges_start(struct gauges *g, struct loop *loop,
    const struct relay_config *config) MUST_USE;
void gauges_stop(struct gauges *g);

#endif
