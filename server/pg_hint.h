/* SPDX-License-Identifier: ISC */
/*
 * Hints between relays on one database: a client for whom a message came waits
 * at another.  They go out when the message is there, many in one notice, and
 * may be lost: whoever waits is looked after every few seconds anyway.
 */
#ifndef SERVER_PG_HINT_H
#define SERVER_PG_HINT_H

#include "server/pg_link.h"
#include "wire/limits.h"

#define PG_HINTS_MAX 200 /* in one notice, which has a bound of 8000 bytes */

struct pg_hint {
	struct pg_link link;
	unsigned under_way; /* statements */
	unsigned n;
	struct {
		int32_t relay;
		uint8_t id[ID_LEN];
	} hints[PG_HINTS_MAX];
};

void pg_hint_init(struct pg_hint *h, struct pg *pg);

/* One more, if it fits; then all that there are. */
void pg_hint_add(struct pg_hint *h, int32_t relay,
    const uint8_t id[static ID_LEN]);
void pg_hint_flush(struct pg_hint *h);

/* What a notice says: mail of the store for each id, up to what is not one. */
void pg_hint_take(struct pg_hint *h, const char *text);

/*
 * Any other statement that nobody waits for, nor asks about; its connection is
 * up.
 */
void pg_hint_send(struct pg_hint *h, const char *sql, const char *const *values,
    int n);

#endif
