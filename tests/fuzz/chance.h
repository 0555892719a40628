/* SPDX-License-Identifier: ISC */
/* A counter for chance: each draw is the next number, again and again. */
#ifndef FUZZ_CHANCE_H
#define FUZZ_CHANCE_H

#include <stdint.h>

void chance_start(void); /* libsodium, too */

/* The next draw is of n + 1. */
void chance_go_on_from(uint32_t n);

#endif
