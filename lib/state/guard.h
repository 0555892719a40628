/* SPDX-License-Identifier: ISC */
/*
 * What stands around the key file: whether it is private, and the lock files
 * beside it.  Internal to this floor.
 */
#ifndef STATE_GUARD_H
#define STATE_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Read the first len bytes of a file (zeros where it is shorter) that must be
 * regular, the caller's, with one link and no access for others.  Never
 * hangs, never changes anything.  ERR_NO_KEYFILE, ERR_INSECURE, ERR_IO.
 *
 * It closes the file again: call it before SQLite has it open.
 */
int guard_check(const char *path, uint8_t *header, size_t len) MUST_USE;

/*
 * Lock PATH.SUFFIX, made when it is missing, without waiting; *fd holds the
 * lock until it is closed.  ERR_LOCKED, ERR_IO.
 */
int guard_lock(int *fd, const char *path, const char *suffix) MUST_USE;

#endif
