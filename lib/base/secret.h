/* SPDX-License-Identifier: ISC */
/*
 * Memory for keys and plaintext, randomness, and comparison in constant time
 * (libsodium underneath).  A block of secret_new is locked, fenced by guard
 * pages, left out of core dumps and wiped when freed; it costs a few pages,
 * so group what lives together in one struct.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Once per process, before anything else of libsodium; ERR_INTERNAL. */
int secret_start(void) MUST_USE;

/* Zeroed, locked memory, or NULL.  Free with secret_free, which wipes. */
void *secret_new(size_t len);
void secret_free(void *p); /* NULL is fine */

/*
 * Whether all of them so far could be locked, and so none can have got to the
 * disk; the limit of locked memory may be too low.
 */
bool secret_is_locked(void);

/* Wipe memory the caller keeps, such as a key on the stack. */
void secret_wipe(void *p, size_t len);

/* len unpredictable bytes. */
void secret_random(void *out, size_t len);

/* Equal, in time that depends on len alone. */
bool secret_equal(const void *a, const void *b, size_t len);

#endif
