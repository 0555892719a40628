/* SPDX-License-Identifier: ISC */
#include "server/vault.h"

#include <stdalign.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/secret.h"

#define ITEMS 64 /* in a block */

/* What stands in an item that nobody has. */
struct vacant {
	SLIST_ENTRY(vacant) link;
};

struct block {
	SLIST_ENTRY(block) link;
	void *memory;
};

SLIST_HEAD(vacant_list, vacant);
SLIST_HEAD(block_list, block);

struct vault {
	size_t item_len;
	struct vacant_list vacant;
	struct block_list blocks;
};

struct vault *
vault_new(size_t item_len)
{
	const size_t align = alignof(max_align_t);
	struct vault *v = calloc(1, sizeof(*v));

	if (v)
		v->item_len = (item_len + align - 1) / align * align;
	return v;
}

void
vault_free(struct vault *v)
{
	struct block *b;

	if (!v)
		return;
	while ((b = SLIST_FIRST(&v->blocks))) {
		SLIST_REMOVE_HEAD(&v->blocks, link);
		secret_free(b->memory);
		free(b);
	}
	free(v);
}

static void
put_vacant(struct vault *v, void *item)
{
	struct vacant *slot = item;

	SLIST_INSERT_HEAD(&v->vacant, slot, link);
}

static void
grow(struct vault *v)
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		return;
	b->memory = secret_new(ITEMS * v->item_len);
	if (!b->memory) {
		free(b);
		return;
	}
	SLIST_INSERT_HEAD(&v->blocks, b, link);
	for (size_t i = 0; i < ITEMS; i++)
		put_vacant(v, (unsigned char *)b->memory + i * v->item_len);
}

void *
vault_take(struct vault *v)
{
	struct vacant *slot;

	if (SLIST_EMPTY(&v->vacant))
		grow(v);
	slot = SLIST_FIRST(&v->vacant);
	if (!slot)
		return NULL;
	SLIST_REMOVE_HEAD(&v->vacant, link);
	slot->link.sle_next = NULL;
	return slot;
}

void
vault_give(struct vault *v, void *item)
{
	if (!item)
		return;
	secret_wipe(item, v->item_len);
	put_vacant(v, item);
}
