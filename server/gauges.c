/* SPDX-License-Identifier: ISC */
#include "server/gauges.h"

#include "base/clock.h"
#include "server/conn.h"
#include "server/metrics.h"

static void
on_scrape(void *arg)
{
	static struct log_pace failed;
	struct gauges *g = arg;

	metrics.connections = g->conns->n;
	metrics.unbound = g->conns->unbound_n;
	metrics.buffers = g->conns->buffers;
	metrics.store = *store_figures(*g->store);
	if (store_size(*g->store, &metrics.size) < 0)
		log_fault_often(LOG_WARN, "store_size", &failed);
}

int
gauges_start(struct gauges *g, struct loop *loop,
    const struct relay_config *config)
{
	const struct scrape_config scrape = {
		.at = config->metrics,
		.remote = config->metrics_remote,
		.fn = on_scrape,
		.arg = g,
	};

	metrics.started_s = clock_wall_ms() / 1000;
	if (!config->metrics)
		return 0;
	return scrape_start(&g->scrape, &g->at, loop, &scrape);
}

void
gauges_stop(struct gauges *g)
{
	scrape_stop(&g->scrape);
}
