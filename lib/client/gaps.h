/* SPDX-License-Identifier: ISC */
/*
 * Sequence numbers of a page: which ones were passed over and did not come
 * after all before the page ended.
 */
#ifndef CLIENT_GAPS_H
#define CLIENT_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/limits.h"

#define GAPS_MAX     64                 /* runs told a page; more are not */
#define GAPS_SEQ_MAX ((1ULL << 53) - 1) /* what JSON can carry */

struct gap {
	uint8_t peer[ID_LEN];
	uint64_t first, last;
};

struct gaps {
	size_t n;
	struct gap gap[GAPS_MAX];
};

/*
 * Message seq of a peer has come where *expect was due.  A smaller one in the
 * first message of a session starts anew (the peer was restored).
 */
void gaps_note(struct gaps *g, const uint8_t peer[static ID_LEN],
    uint64_t *expect, uint64_t seq, bool first);

#endif
