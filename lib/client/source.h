/* SPDX-License-Identifier: ISC */
/*
 * A file that is to be sent, chunk after chunk from its beginning: a regular
 * file, whose size is known and must stay, or a stream that ends when it
 * ends.  Never more than one chunk is read ahead of what is sent.
 */
#ifndef CLIENT_SOURCE_H
#define CLIENT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "client/worker.h"
#include "state/outdir.h"

struct source {
	int fd;
	bool is_stream;
	char path[OUTDIR_PATH_SIZE]; /* absolute; of a stream: "-" */
	uint64_t device, inode;      /* of a regular file */
	uint64_t modified;           /* ns; 0 for a stream */
	uint64_t mtime;              /* the same in unix ms, 0 before 1970 */
	uint64_t size;               /* PLAIN_SIZE_UNKNOWN until it has ended */
	uint32_t chunk_size;
	uint64_t index; /* of the next chunk */
	uint64_t taken; /* bytes read */
	bool has_ahead; /* of a stream: one byte of the next chunk */
	uint8_t ahead;
	struct worker *worker; /* from source_cut on */
	struct filebox_digest digest;
};

/*
 * path "-" is standard input.  ERR_USAGE: neither that nor a regular file, or
 * a larger one than can be sent; ERR_IO.  On failure there is nothing to close.
 */
int source_open(struct source *s, const char *path) MUST_USE;
void source_close(struct source *s);

/* In what pieces; before the first source_next.  ERR_NOMEM. */
int source_cut(struct source *s, uint32_t chunk_size) MUST_USE;

/*
 * The next chunk, padding included, borrowed until the one after it.  With the
 * final one s->size is known.  ERR_IO: it cannot be read, or is no longer what
 * it was.
 */
int source_next(struct source *s, const uint8_t **out, uint32_t *len,
    bool *final) MUST_USE;

/* BLAKE2b-256 of all bytes read. */
int source_digest(struct source *s,
    uint8_t out[static FILEBOX_DIGEST_LEN]) MUST_USE;

#endif
