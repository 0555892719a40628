/* SPDX-License-Identifier: ISC */
#include "server/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "server/idhash.h"

#define SLOTS 8192 /* a power of two */

LIST_HEAD(slot, session);

struct hub {
	uint64_t salt;
	struct slot slots[SLOTS];
};

struct hub *
hub_new(void)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h)
		secret_random(&h->salt, sizeof(h->salt));
	return h;
}

void
hub_free(struct hub *h)
{
	free(h);
}

static struct slot *
slot_of(struct hub *h, const uint8_t id[static ID_LEN])
{
	return &h->slots[idhash(id, h->salt) & (SLOTS - 1)];
}

void
hub_add(struct hub *h, struct session *ss)
{
	LIST_INSERT_HEAD(slot_of(h, ss->id), ss, hub_link);
}

void
hub_remove(struct session *ss)
{
	LIST_REMOVE(ss, hub_link);
}

/* ss or the first after it that is bound to id. */
static struct session *
seek(struct session *ss, const uint8_t id[static ID_LEN])
{
	while (ss && memcmp(ss->id, id, ID_LEN) != 0)
		ss = LIST_NEXT(ss, hub_link);
	return ss;
}

struct session *
hub_first(struct hub *h, const uint8_t id[static ID_LEN])
{
	return seek(LIST_FIRST(slot_of(h, id)), id);
}

struct session *
hub_next(struct session *ss)
{
	return seek(LIST_NEXT(ss, hub_link), ss->id);
}
