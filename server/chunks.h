/* SPDX-License-Identifier: ISC */
/*
 * Contents of type 4, which are pieces of files, in plain files beside the
 * database: they are large, and come and go in runs (HACKING.md has the
 * figures).
 *
 * A directory holds segments, named by their numbers.  A content is appended
 * to the newest segment and synced before the row that names its place is
 * committed.  A content whose row is gone leaves a hole; a segment goes with
 * its last content.  Most go so, and soon, so that holes are given back only
 * when there are many, or at the end.  What belongs to the open group is
 * undone with it.
 * A crash may leave the contents of one group behind, until their segment
 * goes; a segment that no row names is removed at the start.
 */
#ifndef SERVER_CHUNKS_H
#define SERVER_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct chunks;

/* Where a content is: segment u64 | offset u64 | length u32, big-endian. */
#define CHUNKS_PLACE_LEN 20

struct chunks_place {
	uint64_t segment;
	uint64_t offset;
	uint32_t len;
};

/* Packed places sort by age. */
void chunks_pack(uint8_t out[static CHUNKS_PLACE_LEN],
    const struct chunks_place *p);
void chunks_unpack(struct chunks_place *out,
    const uint8_t in[static CHUNKS_PLACE_LEN]);

/* The directory is made when it is missing.  ERR_IO, ERR_NOMEM. */
int chunks_open(struct chunks **out, const char *dir) MUST_USE;
void chunks_close(struct chunks *c); /* gives back holes; NULL is fine */

/*
 * At the start: claim each place that a row names, ascending, and then start,
 * which removes what was not claimed.  ERR_NOMEM, ERR_IO.
 */
int chunks_claim(struct chunks *c, const struct chunks_place *p) MUST_USE;
int chunks_start(struct chunks *c) MUST_USE;

/*
 * Append to the open group.  ERR_BUSY: it could not be written, for want of
 * space or otherwise, and nothing has changed; ERR_NOMEM.
 */
int chunks_put(struct chunks *c, struct chunks_place *out, const uint8_t *bytes,
    uint32_t len) MUST_USE;

/* p->len bytes; ERR_IO when they are not there. */
int chunks_get(struct chunks *c, uint8_t *out,
    const struct chunks_place *p) MUST_USE;

/* The row goes with the open group.  ERR_NOMEM. */
int chunks_drop(struct chunks *c, const struct chunks_place *p) MUST_USE;

/*
 * Make the contents of the open group durable; ERR_IO: nothing can be said
 * about them, and it must not be tried again.
 */
int chunks_sync(struct chunks *c) MUST_USE;

/* The open group was committed, or is lost. */
void chunks_keep(struct chunks *c);
void chunks_undo(struct chunks *c);

/* What all of it takes on the disk. */
uint64_t chunks_bytes(const struct chunks *c);

/*
 * Give back segments, and holes when there are many, between two groups; the
 * space of a segment is free a moment later, or after the next turn.  And give
 * back all there is, holes too, and wait for it.
 */
void chunks_rest(struct chunks *c);
void chunks_compact(struct chunks *c);

/*
 * While held nothing is given back: what a row named when it began is there
 * until it ends.
 */
void chunks_hold(struct chunks *c, bool held);

#endif
