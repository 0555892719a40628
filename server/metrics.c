/* SPDX-License-Identifier: ISC */
#include "server/metrics.h"

#include <string.h>

#include "base/clock.h"

#define US 1000ULL
#define MS (1000 * US)

struct metrics metrics;

const uint64_t metrics_bounds_ns[METRICS_BUCKETS - 1] = {
	50 * US,
	100 * US,
	250 * US,
	500 * US,
	1 * MS,
	2500 * US,
	5 * MS,
	10 * MS,
	25 * MS,
	50 * MS,
	100 * MS,
	250 * MS,
	1000 * MS,
};

void
metrics_begin(void)
{
	if (metrics.turn.begun_ns == 0)
		metrics.turn.begun_ns = clock_mono_ns();
}

static size_t
place(uint16_t code)
{
	const size_t other = METRICS_REQUESTS - 1;
	size_t at = (size_t)code - CODE_REGISTER;

	return code >= CODE_REGISTER && at < other ? at : other;
}

void
metrics_answer(uint16_t code, unsigned result)
{
	metrics_begin();
	metrics.turn.requests[place(code)][result]++;
	metrics.turn.answers++;
}

void
metrics_time(struct metrics_histogram *h, uint64_t ns, uint64_t n)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS - 1 && ns > metrics_bounds_ns[i])
		i++;
	h->counts[i] += n;
	h->sum_ns += ns * n;
}

/* What a turn has of one code. */
static void
add(const struct metrics_turn *t, size_t code, bool lost)
{
	for (size_t i = 0; i < METRICS_RESULTS; i++)
		metrics.requests[code][lost ? REASON_BUSY : i] +=
		    t->requests[code][i];
}

static void
settle(struct metrics_turn *t, bool lost)
{
	if (t->begun_ns == 0)
		return;
	for (size_t i = 0; i < METRICS_REQUESTS; i++)
		add(t, i, lost);
	for (size_t i = 0; !lost && i < FIGURES_KINDS; i++)
		metrics.delivered[i] += t->delivered[i];
	if (t->answers > 0)
		metrics_time(&metrics.request_time,
		    clock_mono_ns() - t->begun_ns, t->answers);
	memset(t, 0, sizeof(*t));
}

void
metrics_settle(bool lost)
{
	metrics.groups_lost += lost;
	settle(&metrics.turn, lost);
}

void
metrics_depart(void)
{
	metrics.under_way = metrics.turn;
	memset(&metrics.turn, 0, sizeof(metrics.turn));
}

void
metrics_land(bool lost)
{
	metrics.groups_lost += lost;
	settle(&metrics.under_way, lost);
}
