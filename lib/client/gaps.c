/* SPDX-License-Identifier: ISC */
#include "client/gaps.h"

#include <string.h>

static void
add(struct gaps *g, const uint8_t peer[static ID_LEN], uint64_t first,
    uint64_t last)
{
	struct gap *gap;

	if (g->n == GAPS_MAX)
		return;
	gap = &g->gap[g->n++];
	memcpy(gap->peer, peer, ID_LEN);
	gap->first = first;
	gap->last = last;
}

/* A late one: take it out of the run it was missing from. */
static void
fill(struct gaps *g, const uint8_t peer[static ID_LEN], uint64_t seq)
{
	for (size_t i = 0; i < g->n; i++) {
		struct gap *gap = &g->gap[i];
		struct gap was = *gap;

		if (memcmp(was.peer, peer, ID_LEN) != 0 || seq < was.first ||
		    seq > was.last)
			continue;
		*gap = g->gap[--g->n];
		if (seq > was.first)
			add(g, peer, was.first, seq - 1);
		if (seq < was.last)
			add(g, peer, seq + 1, was.last);
		return;
	}
}

void
gaps_note(struct gaps *g, const uint8_t peer[static ID_LEN], uint64_t *expect,
    uint64_t seq, bool first)
{
	if (seq < *expect && !first) {
		fill(g, peer, seq);
		return;
	}
	if (seq > *expect)
		add(g, peer, *expect, seq - 1);
	*expect = seq + 1;
}
