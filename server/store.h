/* SPDX-License-Identifier: ISC */
/*
 * What the relay remembers: clients, their mailboxes, their blocks.  This is
 * the seam between the request handlers and a database; they know nothing
 * below it.  Every call names one mailbox (the client it is about), so that a
 * store may be spread by it.
 *
 * Answers: 0; or > 0, an enum reason: the request is refused and nothing was
 * changed; or < 0, an enum err: the store failed.  Out-parameters are written
 * only on 0.
 *
 * Changes gather in one open group and mean nothing until store_commit: after
 * a failure the whole group is gone, and with it everything answered since
 * the last commit.  What is read includes the open group.
 *
 * A store may be one that answers later: store_later.h.
 */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "server/figures.h"
#include "server/invite.h"
#include "server/store_later.h"
#include "wire/body.h"

struct sandbox_outside;
struct store;

/* What it may hold; of one sender, half of what a mailbox may. */
struct store_limits {
	uint64_t messages;       /* of types 1 to 3 in one mailbox */
	uint64_t message_bytes;  /* their contents */
	uint64_t message_ttl_ms; /* how long they are kept */
	uint64_t requests;       /* of type 1, from one sender */
	uint64_t chunk_bytes;    /* of type 4 in one mailbox, see quota.h */
	uint64_t chunk_ttl_ms;
	uint64_t store_bytes;  /* all of it on the disk */
	uint64_t free_percent; /* of the disk, to be left to others */
};

/* What a relay has that is told nothing, and one without limits. */
extern const struct store_limits store_limits_usual;
extern const struct store_limits store_limits_none;

#define STORE_BLOCKS_MAX 10000 /* of one client */
#define STORE_ACK_MAX    32768 /* messages, by one request */

/* Called per row; false = no more. */
typedef bool (*store_client_fn)(void *arg, const struct body_client *c);
typedef bool (*store_message_fn)(void *arg, const struct body_message *m);

/* Once, before any is opened: SQLite need not count its memory. */
void store_spare_counting(void);

/*
 * "sqlite:PATH", "postgresql:CONNINFO" (pg_store.h, which see for key, the path
 * of the relay's key).  limits NULL: none.
 * ERR_USAGE, ERR_LOCKED, ERR_CORRUPT, ERR_IO, ERR_NOMEM.
 */
int store_open(struct store **out, const char *where, const char *key,
    const struct store_limits *limits) MUST_USE;

/* Where all its files are, the caller's to free.  ERR_USAGE, ERR_NOMEM. */
int store_directory(char **out, const char *where, const char *key) MUST_USE;

/* What it needs outside the sandbox.  ERR_USAGE, ERR_IO, ERR_NOMEM. */
int store_outside(struct sandbox_outside *out, const char *where) MUST_USE;

/* Other limits from now on; what is over one stays. */
void store_limit(struct store *st, const struct store_limits *limits);

/* Gives up what is not committed.  NULL is fine. */
void store_close(struct store *st);

/* REASON_UNKNOWN_CLIENT also for one that has unregistered. */
int store_find(struct store *st, struct body_key *out,
    const uint8_t id[static ID_LEN]) MUST_USE;

/*
 * The registered clients with an id above q->after, ascending; with q->name,
 * the one of that name.  q->limit is the caller's to count.
 */
int store_list(struct store *st, const struct body_list *q, store_client_fn fn,
    void *arg) MUST_USE;

/*
 * Register, or replace what is registered under c->id.  REASON_NAME_TAKEN;
 * REASON_STALE: one with a later issued_at is held, or another of the same;
 * REASON_BUSY: the store is full.  The same again is done without effect.
 */
int store_register(struct store *st, const struct body_key *c,
    uint64_t now) MUST_USE;

/*
 * The same of a client that is new, with an invite, which is used up by it.
 * REASON_INVITE: it was.
 */
int store_register_invited(struct store *st, const struct body_key *c,
    const struct invite *invite, uint64_t now) MUST_USE;

/*
 * Forget name, key, mailbox and blocks; message ids go on where they were.
 * REASON_BUSY: of a mailbox with more than STORE_ACK_MAX messages, so many are
 * gone, and the client has to ask again.
 */
int store_unregister(struct store *st,
    const uint8_t id[static ID_LEN]) MUST_USE;

/*
 * Whom id takes nothing from, or again; whoever that is.  REASON_BUSY: the
 * store is full; REASON_DENIED: so many are blocked that no more may be.
 * Neither keeps a block from being taken away.
 */
int store_block(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_block *op) MUST_USE;

/* One after the other, up to the first that is refused. */
int store_block_all(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_block *ops, size_t n) MUST_USE;

/*
 * Append to the mailbox of m->to.  REASON_UNKNOWN_CLIENT, REASON_DENIED
 * (blocked), REASON_MAILBOX_FULL (a limit, or the last message id, is
 * reached), REASON_BUSY (the store is full); ERR_BUSY alone: this one cannot
 * be stored, the group stands.
 */
int store_put(struct store *st, const struct body_send *m,
    const uint8_t from[static ID_LEN], uint64_t now) MUST_USE;

/*
 * The messages of id after q->after, ascending, all or without type 4: as many
 * as have room in q->max_bytes with PULL_ITEM_LEN each, and one in any case; 0
 * is no bound.
 */
int store_pull(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_pull *q, store_message_fn fn, void *arg) MUST_USE;

/*
 * Delete those of one range that are there, and add their number to *n.
 * REASON_BUSY: *n, which counts all ranges of a request, came to
 * STORE_ACK_MAX, that many are gone, and the rest has to be asked for again.
 * A store may go on beyond, if nobody waits for it.
 */
int store_ack(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_range *range, uint32_t *n) MUST_USE;

/* Of all ranges of a request, which may be none; *n is set. */
int store_ack_all(struct store *st, const uint8_t id[static ID_LEN],
    const struct body_range *ranges, size_t ranges_n, uint32_t *n) MUST_USE;

/* id was here at this time; kept in memory until a group is committed. */
int store_seen(struct store *st, const uint8_t id[static ID_LEN],
    uint64_t now) MUST_USE;

/*
 * Make the open group durable; 0 also when there is none.  ERR_BUSY: the
 * group is lost, the store is well (no space, no memory).  ERR_IO: nothing
 * can be said about it, the process must end and open it again.
 */
int store_commit(struct store *st) MUST_USE;

/* Housekeeping that may take a while, between two groups.  ERR_IO. */
int store_rest(struct store *st) MUST_USE;

/*
 * Delete some of what has been kept for its time, in the open group; *more:
 * call again after a commit.
 */
int store_sweep(struct store *st, uint64_t now, bool *more) MUST_USE;

/*
 * Copy what is committed to where it can be taken from while the store is
 * open: a part each time, between two groups, and *more until it is there.  All
 * that was committed when it began is in it.  A failure ends it, and leaves the
 * copy there was before.  ERR_USAGE: no copies of such a store; ERR_IO,
 * ERR_NOMEM.
 */
int store_backup(struct store *st, bool *more) MUST_USE;

/* What was committed; borrowed until the store is closed. */
const struct figures *store_figures(const struct store *st);

int store_size(struct store *st, struct figures_size *out) MUST_USE;

int store_sqlite_open(struct store **out, const char *path,
    const struct store_limits *limits) MUST_USE;

/* Nothing durable, for tests: the first message of a mailbox is first_id. */
int store_mem_open(struct store **out, uint32_t first_id,
    const struct store_limits *limits) MUST_USE;

#endif
