/* SPDX-License-Identifier: ISC */
/*
 * Growable bytes with a ceiling: the only memory of ours that grows.  Bytes
 * are appended at the end and consumed from the front.  What a block leaves
 * behind when it grows or is freed is wiped, so a buffer may hold plaintext.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

/* An empty buffer that never holds more than max bytes; NULL: no memory. */
struct buf *buf_new(size_t max);
/* The same for what is no secret, as ciphertext: nothing of it is wiped. */
struct buf *buf_new_open(size_t max);
void buf_free(struct buf *b); /* NULL is fine */

/* Drop the contents, keep the memory. */
void buf_clear(struct buf *b);

/* The bytes not yet consumed; borrowed until the next call on b. */
const uint8_t *buf_peek(const struct buf *b);
size_t buf_len(const struct buf *b);

/* What it takes of the memory; b NULL: nothing. */
size_t buf_size(const struct buf *b);

/* How many more bytes fit under the ceiling. */
size_t buf_room(const struct buf *b);

/*
 * Append.  ERR_NOMEM, or ERR_INTERNAL when the ceiling would be passed; the
 * contents are then as before.
 */
int buf_put(struct buf *b, const void *bytes, size_t len) MUST_USE;

/*
 * Make room for len bytes at the end and lend it; buf_commit(b, n) with
 * n <= len then adds what was written there.
 */
int buf_reserve(struct buf *b, uint8_t **out, size_t len) MUST_USE;
void buf_commit(struct buf *b, size_t len);

/* Consume len bytes (at most buf_len) from the front. */
void buf_drop(struct buf *b, size_t len);

#endif
