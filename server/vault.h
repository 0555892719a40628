/* SPDX-License-Identifier: ISC */
/*
 * Locked memory for many small secrets of one size: the keys of the channels.
 * It is taken in blocks, because each block costs guard pages, and kept until
 * the end.
 */
#ifndef SERVER_VAULT_H
#define SERVER_VAULT_H

#include <stddef.h>

struct vault;

struct vault *vault_new(size_t item_len); /* NULL: no memory */
void vault_free(struct vault *v);         /* all of it; NULL is fine */

/* Zeroed memory for one item, or NULL.  vault_give wipes it. */
void *vault_take(struct vault *v);
void vault_give(struct vault *v, void *item); /* NULL is fine */

#endif
