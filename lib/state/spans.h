/* SPDX-License-Identifier: ISC */
/*
 * Which chunks of a file there are: a set of numbers kept as runs, so that a
 * file of any size that comes in order costs 16 bytes, and a peer that leaves
 * holes on purpose meets a limit instead of our memory.  Pure.
 */
#ifndef STATE_SPANS_H
#define STATE_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define SPANS_MAX        256 /* runs */
#define SPANS_RUN_LEN    16
#define SPANS_PACKED_MAX (SPANS_MAX * SPANS_RUN_LEN)

struct spans {
	size_t n;
	struct spans_run {
		uint64_t first, last;
	} run[SPANS_MAX]; /* ascending, with gaps between */
};

bool spans_has(const struct spans *s, uint64_t number);

/* false, and nothing changes, when that would need one run too many. */
bool spans_add(struct spans *s, uint64_t number);

/* 0..end-1 and nothing else? */
bool spans_is_whole(const struct spans *s, uint64_t end);

/* The first number that is missing. */
uint64_t spans_missing(const struct spans *s);

/* first 8 | last 8, for each run; unpacking what cannot be: ERR_CORRUPT. */
void spans_pack(uint8_t out[static SPANS_PACKED_MAX], size_t *len,
    const struct spans *s);
int spans_unpack(struct spans *s, const uint8_t *in, size_t len) MUST_USE;

#endif
