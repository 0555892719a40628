/* SPDX-License-Identifier: ISC */
/*
 * The yardstick where the store is PostgreSQL: rows of messages, without
 * counters, limits or answers, a statement for each batch, two of them under
 * way; and what the server's processes take for anything, if they are here.
 */
#ifndef BENCH_RAWPG_H
#define BENCH_RAWPG_H

#include <stdint.h>

#define RAWPG_BATCH_MAX 100

/* Rows a second, into a table of its own, which is removed again. */
double rawpg_inserts(const char *conninfo, unsigned rows_a_batch,
    unsigned mailboxes, uint64_t ns);

struct rawpg_cost {
	uint64_t cpu_ns;  /* of all its processes but the one that is asked */
	uint64_t commits; /* of what has changed something */
};

/* All zero where conninfo is NULL. */
struct rawpg_cost rawpg_cost(const char *conninfo);

#endif
