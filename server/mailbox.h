/* SPDX-License-Identifier: ISC */
/*
 * What the SQLite store keeps at hand of the mailboxes it touches: the row
 * number, the next message id and the counters.  They change here with every
 * message and are written once a commit; the table is bounded, and when it is
 * full the store writes what has changed and starts it again.
 */
#ifndef SERVER_MAILBOX_H
#define SERVER_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/limits.h"

#define MAILBOX_MAX 8192 /* in one table */

struct mailbox {
	uint8_t id[ID_LEN];
	bool registered;
	bool changed;          /* on the list of mailbox_take_changed */
	bool counters_changed; /* next_message and what follows it */
	bool seen_changed;
	int64_t number;        /* of the client, in every table */
	uint32_t next_message; /* the id that the next one gets */
	uint32_t uncounted;    /* messages since the counters were written */
	int64_t messages, message_bytes; /* types 1 to 3 */
	int64_t chunks, chunk_bytes;     /* type 4 */
	int64_t blocks;
	bool shared;        /* what each sender has of types 1 to 3 is kept */
	uint64_t last_seen; /* 0: not looked up */
};

struct mailbox_table;

struct mailbox_table *mailbox_new(void);    /* NULL: no memory */
void mailbox_free(struct mailbox_table *t); /* NULL is fine */

/* Borrowed until mailbox_clear; NULL when it is not there. */
struct mailbox *mailbox_find(struct mailbox_table *t,
    const uint8_t id[static ID_LEN]);

/* A copy of m, whose id is not there yet; NULL when the table is full. */
struct mailbox *mailbox_add(struct mailbox_table *t, const struct mailbox *m);

/* Note that m, of this table, has changed. */
void mailbox_touch(struct mailbox_table *t, struct mailbox *m);

/* One that has changed since it was last taken, or NULL. */
struct mailbox *mailbox_take_changed(struct mailbox_table *t);

void mailbox_clear(struct mailbox_table *t);

#endif
