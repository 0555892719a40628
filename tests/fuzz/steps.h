/* SPDX-License-Identifier: ISC */
/*
 * A relay without sockets, taken through what clients may do in any order:
 * requests good and bad, clocks that go on, limits that change, restarts.  All
 * that it answers is held against the shadow (shadow.h); a difference aborts.
 * The clock of the program is the one of the steps.
 */
#ifndef FUZZ_STEPS_H
#define FUZZ_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store.h"

/* A store that is empty when it is opened first. */
struct steps_store {
	int (*open)(struct store **out, const struct store_limits *limits);
	bool lasts; /* what is committed is there when it is opened again */
};

#define STEP_LEN 8 /* bytes: what, which channel, and six that say how */
#define STEP_MAX 400

void steps_run(const struct steps_store *kind, const uint8_t *in, size_t len);

#endif
