/* SPDX-License-Identifier: ISC */
/* Files and streams, with partial reads and writes dealt with. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

/*
 * Append everything up to end of file on fd to b.  ERR_USAGE when it is more
 * than b has room for, ERR_IO.  name is for the error text.
 */
int file_slurp(struct buf *b, int fd, const char *name) MUST_USE;

/* What there is, waiting for it: 1..len bytes, or 0 at the end.  ERR_IO. */
int file_read_some(int fd, void *out, size_t len, size_t *got,
    const char *name) MUST_USE;

/* All len bytes, whatever the pieces; ERR_IO. */
int file_write(int fd, const void *bytes, size_t len,
    const char *name) MUST_USE;

/*
 * Up to len bytes from fd, fewer only at the end of the file; from offset, or
 * with FILE_HERE from where fd stands.  Nothing else sees what may be a secret.
 * ERR_IO.
 */
#define FILE_HERE UINT64_MAX
int file_read(int fd, void *out, size_t len, uint64_t offset, size_t *got,
    const char *name) MUST_USE;

/* All len bytes at offset, which the disk may begin with; ERR_IO. */
int file_write_at(int fd, const void *bytes, size_t len, uint64_t offset,
    const char *name) MUST_USE;

/*
 * from..to was written: let the disk begin with what has become a whole MiB,
 * so that little is left for the sync.
 */
void file_write_out(int fd, uint64_t from, uint64_t to);

/*
 * Make path, 0600, whole or not at all, never replacing; durable with its
 * name on return.  ERR_EXISTS, ERR_IO.
 */
int file_create(const char *path, const void *bytes, size_t len) MUST_USE;

/* The same in the place of what may be there.  ERR_IO: that is as it was. */
int file_replace(const char *path, const void *bytes, size_t len) MUST_USE;

/* That path is in its directory outlives a power cut from here on.  ERR_IO. */
int file_sync_name(const char *path) MUST_USE;

/* The directories above path, made durably, 0700, where missing; ERR_IO. */
int file_make_parents(const char *path) MUST_USE;

#endif
