/* SPDX-License-Identifier: ISC */
/*
 * What the files of the PostgreSQL store share.
 *
 *	pg_store.c   the store: opened, started, closed
 *	pg_clients.c, pg_mail.c  the calls of the seam
 *	pg_call.c    a call, from its question to its answer
 *	pg_query.c   statements, their arguments, what comes back
 *	pg_pipe.c    calls in their order through one connection
 *	pg_unit.c    of these, what is one transaction
 *	pg_wait.c    the same for who waits for each of them
 *	pg_hint.c    who waits at another relay is told
 *	pg_days.c    tables of pieces come and go
 *	pg_link.c    a connection, and the next when it is gone
 *	pg_fence.c   no server that was replaced
 *	pg_schema.c  what stands in the database
 *	pg_reach.c   what the sandbox has to leave open for it
 *
 * There are two pipes.  The writer has one flight of transactions under way
 * while the next gathers, so that a commit carries as many messages as have
 * come during the one before.  The reader asks at once.  Before the store is
 * started all calls go through the writer, each is waited for, and a commit is
 * what ends their transaction.
 */
#ifndef SERVER_PG_H
#define SERVER_PG_H

#include "server/pg_fence.h"
#include "server/pg_hint.h"
#include "server/pg_link.h"
#include "server/pg_query.h"
#include "server/pg_unit.h"
#include "server/store_ops.h"

struct pg_pipe {
	struct pg *pg;
	struct pg_link link;
	bool reads;
	struct pg_ops waiting;
	struct pg_units flying; /* sent, in this order */
	size_t n;               /* of operations in both */
	size_t bytes;           /* of their arguments */
	uint64_t rest_until;    /* nothing is sent before */
};

/* When clients were seen, as far as it fits. */
#define PG_SEEN_MAX 4096

struct pg_seen {
	uint8_t id[ID_LEN];
	uint64_t at;
};

struct pg {
	struct store store; /* first: the seam hands out its address */
	char *conninfo;
	struct loop *loop; /* NULL: it is not started */
	struct store_limits limits;
	struct pg_pipe writer, reader;
	struct pg_hint hint;
	struct loop_timer tick; /* while calls are under way */
	struct store_call now;  /* of nobody */
	struct pg_fence fence;
	char *fence_path;
	int32_t number;        /* of this relay, among those on the database */
	bool open;             /* a transaction, before the store is started */
	bool lost;             /* and it has failed */
	uint64_t size;         /* of the database, when it was looked at */
	uint8_t swept[ID_LEN]; /* how far the sweep has come */
	struct pg_seen seen[PG_SEEN_MAX];
};

static inline struct pg *
pg_of(struct store *st)
{
	return (struct pg *)(void *)st;
}

/*
 * The next call of whoever asks.  *op set: it is new, its arguments are to be
 * added, then pg_call_submit says how it goes.  Else the answer, or
 * STORE_LATER.
 */
int pg_call_begin(struct pg *pg, struct store_call **call, struct pg_op **op,
    enum pg_query query) MUST_USE;
int pg_call_submit(struct pg *pg, struct store_call *call,
    struct pg_op *op) MUST_USE;

/* No answer is there any more. */
void pg_call_clear(struct store_call *call);

/* Calls are under way: look after their time, in so many ms at the latest. */
#define PG_TICK_MS 250
void pg_store_tick(struct pg *pg, uint64_t ms);

/* What is there by now is asked for, and kept. */
int pg_store_census(struct pg *pg) MUST_USE;

/* Whether nothing more may come. */
bool pg_store_is_full(const struct pg *pg);

/*
 * A call is over: figures are kept, and its asker told.  op is taken, and rows
 * if they are the answer; NULL: it has failed.
 */
void pg_call_done(struct pg *pg, struct pg_op *op, int answer, PGresult **rows,
    int row);

/* Its asker is told that it takes too long; it goes on. */
void pg_call_give_up(struct pg *pg, struct pg_op *op);

/* pg_pipe.c: calls wait in it, go and come back; see above. */
void pg_pipe_init(struct pg_pipe *p, struct pg *pg, bool reads);
void pg_pipe_put(struct pg_pipe *p, struct pg_op *op);
void pg_pipe_kick(struct pg_pipe *p);
void pg_pipe_expire(struct pg_pipe *p, uint64_t now);
void pg_pipe_close(struct pg_pipe *p);

/* Whether no more calls are taken. */
bool pg_pipe_is_full(const struct pg_pipe *p);

/*
 * pg_wait.c, before the store is started: one call, whose rows are the
 * caller's; then the end of the transaction.  ERR_BUSY: it is lost; ERR_IO.
 */
int pg_wait_run(struct pg *pg, struct pg_op *op, PGresult **rows) MUST_USE;
int pg_wait_commit(struct pg *pg) MUST_USE;

/* pg_clients.c and pg_mail.c: the calls of the seam. */
int pg_clients_find(struct store *st, struct body_key *out,
    const uint8_t *id) MUST_USE;
int pg_clients_list(struct store *st, const struct body_list *q,
    store_client_fn fn, void *arg) MUST_USE;
int pg_clients_enrol(struct store *st, const struct body_key *c,
    const struct invite *invite, uint64_t now) MUST_USE;
int pg_clients_unregister(struct store *st, const uint8_t *id) MUST_USE;
int pg_clients_block(struct store *st, const uint8_t *id,
    const struct body_block *ops, size_t n) MUST_USE;
int pg_clients_seen(struct store *st, const uint8_t *id, uint64_t now) MUST_USE;
int pg_mail_put(struct store *st, const struct body_send *m,
    const uint8_t *from, uint64_t now) MUST_USE;
int pg_mail_pull(struct store *st, const uint8_t *id, const struct body_pull *q,
    store_message_fn fn, void *arg) MUST_USE;
int pg_mail_ack(struct store *st, const uint8_t *id,
    const struct body_range *ranges, size_t ranges_n, uint32_t *n) MUST_USE;
void pg_mail_wait(struct store *st, const uint8_t *id, uint32_t ms);
void pg_mail_limits(struct pg_op *op, const struct store_limits *l);
void pg_mail_before(struct pg_op *op, uint64_t texts, uint64_t pieces);
int pg_mail_sweep(struct store *st, uint64_t now, bool *more) MUST_USE;

/*
 * pg_days.c: tables for the pieces of the days that come, and none for those
 * that are overdue, if the connection for hints is there; else another time.
 */
void pg_days_ask(struct pg *pg);

#endif
