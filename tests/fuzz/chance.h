/* SPDX-License-Identifier: ISC */
/* A counter for chance: each draw is of bytes that are all one more. */
#ifndef FUZZ_CHANCE_H
#define FUZZ_CHANCE_H

#include <stdint.h>

void chance_start(void); /* libsodium, too */

/* The next draw is of bytes n + 1. */
void chance_go_on_from(uint8_t n);

#endif
