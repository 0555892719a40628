/* SPDX-License-Identifier: ISC */
/*
 * One figure: taken in rounds, each followed by the raw limits, because the
 * machine is not the same for long; then printed as one JSON line.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rawpg.h"
#include "stage.h"

#define FIGURE_ROUNDS   3
#define FIGURE_ROUND_NS 700000000ULL
#define FIGURE_RAW_NS   300000000ULL

struct figure {
	const struct stage *stage;
	const char *limit; /* the raw limit that the ratio is against */
	json_t *row, *raw; /* what is printed, and the limits in it */

	struct rawpg_cost server_before;
	uint64_t began_ns, cpu_before, syncs_before; /* of this round */
	uint64_t done, ns, cpu_ns, server_ns, syncs; /* of all rounds */
	double rate;                                 /* of the last round */
	unsigned batch; /* done a sync, or a commit, of it; 1 at least */

	float *ms; /* how long each took */
	size_t ms_n, ms_cap;
	double ratios[FIGURE_ROUNDS];
	size_t ratios_n;
};

void figure_init(struct figure *f, const struct stage *stage, const char *what,
    size_t n, const char *limit);

/* One more field of the line. */
void figure_text(struct figure *f, const char *name, const char *text);
void figure_number(struct figure *f, const char *name, double number);

/* Around a round, in which so many were done. */
void figure_begin(struct figure *f);
void figure_end(struct figure *f, uint64_t done);

/* Whether the round goes on. */
bool figure_goes_on(const struct figure *f);

/* One took so long. */
void figure_note(struct figure *f, uint64_t ns);

/* A raw limit of this round, a second: the best of them is printed. */
void figure_raw(struct figure *f, const char *name, double per_second);

/* Print the line, and give everything back. */
void figure_print(struct figure *f);

#endif
