/* SPDX-License-Identifier: ISC */
/*
 * What the files of the SQLite store share.  Its tables:
 *
 *	clients    number, ID, userName, publicKey, issuedAt, lastSeen
 *	mailboxes  client, nextMessage and counters
 *	messages   toClient, ID, fromClient, type, storedAt, content (of
 *	           type 4 the place, see chunks.h)
 *	blocks     client, blocked
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
#include "server/mailbox.h"
#include "server/sql.h"
#include "server/store.h"

struct store_sqlite {
	struct store store; /* first: the seam hands out its address */
	struct sql *sql;
	struct mailbox_table *boxes;
	struct chunks *chunks;
	struct store_limits limits;
	uint8_t *piece; /* CONTENT_MAX bytes: one content, read back */
};

enum store_sqlite_query {
	QUERY_FIND,
	QUERY_LIST,
	QUERY_LIST_NAME,
	QUERY_NAME_OWNER,
	QUERY_REGISTER,
	QUERY_ADD_MAILBOX,
	QUERY_FORGET_CLIENT,
	QUERY_FORGET_MESSAGES,
	QUERY_FORGET_BLOCKS,
	QUERY_MAILBOX,
	QUERY_SET_COUNTERS,
	QUERY_SET_SEEN,
	QUERY_BLOCK,
	QUERY_UNBLOCK,
	QUERY_IS_BLOCKED,
	QUERY_PUT,
	QUERY_PULL,
	QUERY_DELETE,
	QUERY_PLACES,
	QUERY_OLDEST,
	QUERY_IS_USED,
	QUERY_USE,
	QUERY_FORGET_USED,
	QUERY_N,
};

/* store_sqlite_plan.c */
extern const struct sql_plan store_sqlite_plan;

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

/* To be called when a counter of m was changed. */
void store_sqlite_counted(struct store_sqlite *s, struct mailbox *m);

/* What is known of a mailbox that may be at hand is no longer so. */
void store_sqlite_registered(struct store_sqlite *s,
    const uint8_t id[static ID_LEN]);

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
int store_sqlite_mail_sweep(struct store *st, uint64_t now,
    bool *more) MUST_USE;

/* Run a DELETE whose rows are told, and count them out of m; *n of them. */
int store_sqlite_mail_delete(struct store_sqlite *s, enum store_sqlite_query q,
    struct mailbox *m, uint32_t *n) MUST_USE;

/* Tell s->chunks of all that is in it; once, at the start. */
int store_sqlite_mail_claim(struct store_sqlite *s) MUST_USE;

#endif
