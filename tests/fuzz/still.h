/* SPDX-License-Identifier: ISC */
/*
 * What stands in the place of the relay's own, in a target linked with
 * --wrap=rate_new: a clock that goes on when it is told to, in the place of
 * base/clock, and tables of rates for a few: those for thousands were most of
 * a run.
 */
#ifndef FUZZ_STILL_H
#define FUZZ_STILL_H

#include <stdint.h>

#define STILL_START 1700000000000ULL /* unix ms */

extern uint64_t still_elapsed; /* ms since then */

#endif
