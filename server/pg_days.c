/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "server/pg.h"

#define NUMBER_SIZE 24

/* Not on the writer's: to drop a table may take as long as its files are. */
void
pg_days_ask(struct pg *pg)
{
	const uint64_t now = clock_wall_ms(), ttl = pg->limits.chunk_ttl_ms;
	char text[2][NUMBER_SIZE];
	const char *const values[] = { text[0], text[1] };

	if (pg->hint.link.state != PG_LINK_UP)
		return;
	snprintf(text[0], NUMBER_SIZE, "%" PRIu64, now);
	snprintf(text[1], NUMBER_SIZE, "%" PRIu64, ttl > now ? 0 : now - ttl);
	pg_hint_send(&pg->hint, "SELECT sentinel_days($1, $2)", values, 2);
	pg_link_arrange(&pg->hint.link);
}
