/* SPDX-License-Identifier: ISC */
/*
 * The directory that received files go to.  It is opened once, and everything
 * happens under its descriptor: names have one component, no symbolic link
 * is followed, nothing is replaced.  What has not come whole is a hidden
 * file, .sentinel-<id>.part, of mode 0600.
 *
 * ERR_IO for what the file system refuses.
 */
#ifndef STATE_OUTDIR_H
#define STATE_OUTDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/filename.h"
#include "wire/limits.h"

#define OUTDIR_PATH_SIZE 4096

struct outdir;

/* It is made, 0700, when it is missing, and so are those above it. */
int outdir_open(struct outdir **out, const char *path) MUST_USE;
/* Only when it is there. */
int outdir_enter(struct outdir **out, const char *path) MUST_USE;
void outdir_close(struct outdir *d); /* NULL is fine */

/* Its path, absolute and without symbolic links; borrowed. */
const char *outdir_path(const struct outdir *d);

/* Bytes that may still be written: what is free less 5 % of the disk. */
int outdir_room(const struct outdir *d, uint64_t *bytes) MUST_USE;

/*
 * The partial file of that id, open for reading and writing.  *fd is -1 when
 * there is none, or something else has its name, and make is false; with
 * make it is new and empty, durably there, and whatever had the name is gone.
 */
int outdir_open_part(const struct outdir *d, const uint8_t id[static ID_LEN],
    bool make, int *fd) MUST_USE;
int outdir_drop_part(const struct outdir *d,
    const uint8_t id[static ID_LEN]) MUST_USE; /* none is fine */

/* Bytes of the disk that it takes; 0 when there is none. */
uint64_t outdir_part_room(const struct outdir *d,
    const uint8_t id[static ID_LEN]);

/*
 * Take away partial files of our own that nobody has written to for so long:
 * those of key files that do not know of them any more.  Both in ms, the
 * former unix time.
 */
void outdir_sweep(const struct outdir *d, uint64_t now, uint64_t age);

/* The inode of what has that name, 0 when there is none. */
int outdir_inode(const struct outdir *d, const char *name,
    uint64_t *inode) MUST_USE;

/* The first stand-in of name (filename_number) that is free now. */
int outdir_pick(const struct outdir *d, const char *name,
    char out[static FILENAME_SIZE]) MUST_USE;

/*
 * Give the partial file of that id its name, durably.  ERR_EXISTS: somebody
 * was faster, nothing has changed.  *same is false when it was not the file of
 * that inode, which the caller has open, but what somebody has put in its
 * place.
 */
int outdir_publish(const struct outdir *d, const uint8_t id[static ID_LEN],
    uint64_t inode, const char *name, bool *same) MUST_USE;

#endif
