/* SPDX-License-Identifier: ISC */
/*
 * What a store holds and has held, in numbers: every implementation keeps
 * them up, and store.h hands them out as they were committed.
 */
#ifndef SERVER_FIGURES_H
#define SERVER_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#define FIGURES_KINDS 2 /* of messages: an enum quota_kind */

struct figures {
	uint64_t clients; /* registered */
	uint64_t held[FIGURES_KINDS];
	uint64_t held_bytes[FIGURES_KINDS]; /* contents */

	/* since it was opened */
	uint64_t stored[FIGURES_KINDS];
	uint64_t deleted[FIGURES_KINDS]; /* by their client */
	uint64_t expired[FIGURES_KINDS];
};

/* A message of this type has come; or is gone, by itself or not. */
void figures_in(struct figures *f, uint8_t type, uint32_t len);
void figures_out(struct figures *f, uint8_t type, uint32_t len, bool expired);

enum figures_part {
	FIGURES_DATABASE,
	FIGURES_LOG,
	FIGURES_PIECES, /* of files */
	FIGURES_PARTS,
};

/* What it takes on the disk. */
struct figures_size {
	uint64_t bytes[FIGURES_PARTS];
};

#endif
