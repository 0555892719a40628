/* SPDX-License-Identifier: ISC */
#include "server/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "server/idhash.h"

#define SLOTS (2 * MAILBOX_MAX) /* half empty; a power of two */

struct mailbox_table {
	uint64_t salt;
	size_t n;
	size_t changed_n;
	struct mailbox rows[MAILBOX_MAX];
	struct mailbox *changed[MAILBOX_MAX];
	uint16_t slots[SLOTS]; /* 1-based row, 0 = empty; linear probing */
};

_Static_assert((SLOTS & (SLOTS - 1)) == 0 && MAILBOX_MAX < UINT16_MAX, "slots");

struct mailbox_table *
mailbox_new(void)
{
	struct mailbox_table *t = calloc(1, sizeof(*t));

	if (t)
		secret_random(&t->salt, sizeof(t->salt));
	return t;
}

void
mailbox_free(struct mailbox_table *t)
{
	free(t);
}

/* The slot that holds id, or the empty one where it belongs. */
static uint16_t *
slot_of(struct mailbox_table *t, const uint8_t id[static ID_LEN])
{
	size_t i = idhash(id, t->salt) & (SLOTS - 1);

	while (t->slots[i] != 0 &&
	    memcmp(t->rows[t->slots[i] - 1].id, id, ID_LEN) != 0)
		i = (i + 1) & (SLOTS - 1);
	return &t->slots[i];
}

struct mailbox *
mailbox_find(struct mailbox_table *t, const uint8_t id[static ID_LEN])
{
	uint16_t row = *slot_of(t, id);

	return row == 0 ? NULL : &t->rows[row - 1];
}

struct mailbox *
mailbox_add(struct mailbox_table *t, const struct mailbox *m)
{
	struct mailbox *row;

	if (t->n == MAILBOX_MAX)
		return NULL;
	row = &t->rows[t->n++];
	*row = *m;
	*slot_of(t, m->id) = (uint16_t)t->n;
	return row;
}

void
mailbox_touch(struct mailbox_table *t, struct mailbox *m)
{
	if (m->changed)
		return;
	m->changed = true;
	t->changed[t->changed_n++] = m;
}

struct mailbox *
mailbox_take_changed(struct mailbox_table *t)
{
	struct mailbox *m;

	if (t->changed_n == 0)
		return NULL;
	m = t->changed[--t->changed_n];
	m->changed = false;
	return m;
}

void
mailbox_clear(struct mailbox_table *t)
{
	t->n = t->changed_n = 0;
	memset(t->slots, 0, sizeof(t->slots));
}
