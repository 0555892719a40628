/* SPDX-License-Identifier: ISC */
/* How long to wait before something is tried again. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/*
 * first_ms after no try in vain, doubling with each, at most most_ms; of that,
 * at random from half to all, so that many who wait do not come at once.
 */
uint64_t backoff_ms(uint64_t tries, uint64_t first_ms, uint64_t most_ms);

#endif
