/* SPDX-License-Identifier: ISC */
/* Which sessions are bound to which client: a hash table of lists. */
#ifndef SERVER_HUB_H
#define SERVER_HUB_H

#include <stdint.h>

#include "server/serve.h"

struct hub;

struct hub *hub_new(void);    /* NULL: no memory */
void hub_free(struct hub *h); /* NULL is fine; the sessions are yours */

void hub_add(struct hub *h, struct session *ss);
void hub_remove(struct session *ss);

/* The sessions bound to id, one after the other; NULL at the end. */
struct session *hub_first(struct hub *h, const uint8_t id[static ID_LEN]);
struct session *hub_next(struct session *ss);

#endif
