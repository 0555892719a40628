/* SPDX-License-Identifier: ISC */
/*
 * What the files of the SQLite store share.  Its tables:
 *
 *	clients    number, ID, userName, publicKey, issuedAt, lastSeen
 *	mailboxes  ID, client, nextMessage and counters: they are behind by the
 *	           texts whose ID is nextMessage or above
 *	messages   toClient, ID, fromClient, type, storedAt, content (of
 *	           type 4 the place, see chunks.h)
 *	blocks     client, blocked
 *	shares     client, kind, sender, messages, bytes (store_sqlite_count.c)
 *	invites    nonce, expires: those that were used
 *
 * Clients have a small number, by which the other tables name them.  A row in
 * clients is never deleted, so that neither its number nor the message ids of
 * its mailbox come up again; userName is NULL once it has unregistered.  What
 * changes with every message stands in mailboxes, small and apart from names
 * and keys: fewer pages to write in a commit.
 */
#ifndef SERVER_STORE_SQLITE_H
#define SERVER_STORE_SQLITE_H

#include "base/attr.h"
#include "server/chunks.h"
#include "server/loop.h"
#include "server/mailbox.h"
#include "server/quota.h"
#include "server/sql.h"
#include "server/store_ops.h"
#include "server/store_sqlite_census.h"
#include "server/store_sqlite_plan.h"

/* What is known of the room that is left, see store_sqlite_space.c. */
struct store_sqlite_room {
	uint64_t granted; /* bytes that may be taken without another look */
	bool full;
};

struct store_sqlite_space {
	uint64_t looked_at; /* 0: look before anything is taken */
	uint64_t pending;   /* what the open group takes at most */
	struct store_sqlite_room rooms[2]; /* for each kind: rows, and pieces */
	bool compact;                      /* the log is to be given back */
};

struct store_sqlite {
	struct store store; /* first: the seam hands out its address */
	struct sql *sql;
	struct mailbox_table *boxes;
	struct chunks *chunks;
	struct store_limits limits;
	struct store_sqlite_space space;
	struct store_sqlite_census census;
	int64_t swept;         /* rows that the sweep has gone through */
	struct backup *backup; /* to be gone on with, or NULL */
	char *path;            /* of the database */
	uint8_t *piece;        /* CONTENT_MAX bytes: one content, read back */
	bool pieces_changed;   /* by the open group */
	uint64_t submitted_ns; /* the group under way */
	struct loop_fd synced; /* has landed */
};

static inline struct store_sqlite *
store_sqlite_of(struct store *st)
{
	return (struct store_sqlite *)(void *)st;
}

/*
 * The mailbox of a registered client, else REASON_UNKNOWN_CLIENT; borrowed
 * until the next call.
 */
int store_sqlite_mailbox(struct store_sqlite *s, struct mailbox **out,
    const uint8_t id[static ID_LEN]) MUST_USE;

/* Bring the tables up to what is kept in memory; the commit tells, too. */
int store_sqlite_write_changed(struct store_sqlite *s);

/* To be called when a counter of m was changed. */
void store_sqlite_counted(struct store_sqlite *s, struct mailbox *m);

/* The same of one text more: its row tells that too, so they can wait. */
void store_sqlite_has_one_more(struct store_sqlite *s, struct mailbox *m);

/* What is known of a mailbox that may be at hand is no longer so. */
void store_sqlite_registered(struct store_sqlite *s,
    const uint8_t id[static ID_LEN]);

/*
 * REASON_BUSY: there is no room for another row with len bytes, which are in
 * the row or a piece beside it.
 */
int store_sqlite_space_take(struct store_sqlite *s, enum quota_kind kind,
    uint32_t len) MUST_USE;

/* The open group was committed, or is lost. */
void store_sqlite_space_settle(struct store_sqlite *s, bool lost);

/* Give back what a full store can do without, between two groups.  ERR_IO. */
int store_sqlite_space_compact(struct store_sqlite *s) MUST_USE;

/*
 * REASON_MAILBOX_FULL: m is full, or holds as much of this sender (a client's
 * number) as it may.
 */
int store_sqlite_count_admit(struct store_sqlite *s, struct mailbox *m,
    int64_t sender, const struct body_send *msg) MUST_USE;

/*
 * A content of this type and length has come from sender, or is gone; and when
 * all are gone that were to go.
 */
int store_sqlite_count_in(struct store_sqlite *s, struct mailbox *m,
    int64_t sender, uint8_t type, uint32_t len) MUST_USE;
int store_sqlite_count_out(struct store_sqlite *s, struct mailbox *m,
    int64_t sender, uint8_t type, uint32_t len) MUST_USE;
int store_sqlite_count_thin_out(struct store_sqlite *s,
    struct mailbox *m) MUST_USE;

/* A blob of exactly len bytes; anything else is damage. */
int store_sqlite_bytes(struct store_sqlite *s, enum store_sqlite_query q, int i,
    void *out, size_t len) MUST_USE;

/* REASON_INVITE when it was used; and use it, in the open group. */
int store_sqlite_invites_check(struct store_sqlite *s,
    const struct invite *invite) MUST_USE;
int store_sqlite_invites_use(struct store_sqlite *s,
    const struct invite *invite, uint64_t now) MUST_USE;

/* The calls of the seam, see store.h. */
int store_sqlite_clients_find(struct store *st, struct body_key *out,
    const uint8_t *id) MUST_USE;
int store_sqlite_clients_list(struct store *st, const struct body_list *q,
    store_client_fn fn, void *arg) MUST_USE;
int store_sqlite_clients_enrol(struct store *st, const struct body_key *c,
    const struct invite *invite, uint64_t now) MUST_USE;
int store_sqlite_clients_unregister(struct store *st,
    const uint8_t *id) MUST_USE;
int store_sqlite_clients_block(struct store *st, const uint8_t *id,
    const struct body_block *op) MUST_USE;
int store_sqlite_mail_put(struct store *st, const struct body_send *m,
    const uint8_t *from, uint64_t now) MUST_USE;
int store_sqlite_mail_pull(struct store *st, const uint8_t *id,
    const struct body_pull *q, store_message_fn fn, void *arg) MUST_USE;
int store_sqlite_mail_ack(struct store *st, const uint8_t *id,
    const struct body_range *range, uint32_t *n) MUST_USE;
int store_sqlite_sweep(struct store *st, uint64_t now, bool *more) MUST_USE;
int store_sqlite_space_size(struct store *st,
    struct figures_size *out) MUST_USE;

/*
 * store_sqlite_backup.c; and end one that is under way, before the store is
 * closed.
 */
int store_sqlite_backup(struct store *st, bool *more) MUST_USE;
void store_sqlite_backup_end(struct store_sqlite *s);

/* Tell s->chunks of all that is in it; once, at the start. */
int store_sqlite_mail_claim(struct store_sqlite *s) MUST_USE;

#endif
