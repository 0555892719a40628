/* SPDX-License-Identifier: ISC */
/*
 * Connections: the bytes between a socket and its session.  Each goes through
 * the handshake, then carries records both ways, then ends; each state has a
 * deadline, and memory is taken with the bytes that arrive.
 *
 * Nothing of a turn leaves before conn_release, which is to be called when
 * turn_settle has made it durable.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attr.h"
#include "base/buf.h"
#include "server/limits.h"
#include "server/loop.h"
#include "server/origin.h"
#include "server/sender.h"
#include "server/serve.h"

struct vault;

enum conn_state {
	CONN_HELLO,  /* preamble and message 1 to come */
	CONN_FINISH, /* message 3 to come */
	CONN_BIND,   /* the store is to say whose it is */
	CONN_OPEN,
	CONN_LAST,   /* nothing is read; what is left is sent */
	CONN_LINGER, /* all is sent; what comes goes by, until the end */
};

struct conn {
	struct session session; /* first: serve hands out its address */
	struct conn_set *set;
	struct loop_fd watch;
	struct loop_timer timer;
	TAILQ_ENTRY(conn) link;

	enum conn_state state;
	bool unbound;    /* stands in the list of that name */
	bool stalled;    /* input is kept until output has gone */
	bool ending;     /* 02 goes out after what was let go */
	bool peer_ended; /* its 02 has come */

	struct transport *keys;
	struct buf *raw;    /* a record begun; NULL = none */
	struct buf *frames; /* a frame begun; NULL = none */
	struct sender out;

	uint8_t origin[ORIGIN_LEN];
	size_t counted; /* memory, as it stands in the set's sum */

	uint64_t born;       /* all times: monotonic ms */
	uint64_t active_at;  /* of the last whole request, or output */
	uint64_t partial_at; /* since when a frame is incomplete; 0 = none */
	uint64_t linger_due;
};

TAILQ_HEAD(conn_list, conn);

/* All of them. */
struct conn_set {
	struct loop *loop;
	struct serve *serve;
	struct transport *begun; /* what each connection begins with; locked */
	struct vault *keys;
	uint8_t *scratch; /* where one connection's bytes are looked at */
	const struct limits *limits;
	size_t n;
	size_t max;
	size_t unbound_n;
	uint64_t buffers; /* memory of them all */
	bool was_short;   /* of that, in this turn */
	bool untrimmed;   /* something has come or gone since the last trim */
	struct loop_timer trim;
	struct conn_list unbound; /* the oldest first */
	struct conn_list bound;
};

/*
 * ERR_NOMEM.  loop and serve must outlive the set, and so must the limits
 * that serve has; max: connections.
 */
int conn_start(struct conn_set *cs, struct loop *loop, struct serve *serve,
    const uint8_t *relay_sk, size_t max) MUST_USE;

/* Drop them all and give the memory back; zeroed: nothing. */
void conn_stop(struct conn_set *cs);

/*
 * A new connection, whose descriptor is taken.  Another that is not bound may
 * have to make room for it: conn_limit_victim.
 */
void conn_accept(struct conn_set *cs, int fd,
    const uint8_t origin[static ORIGIN_LEN]);

/* The store has an answer for one of them. */
void conn_told(struct conn_set *cs, struct store_asker *asker);

/* Look again for all that wait for messages. */
void conn_look(struct conn_set *cs);

/* Let go what the sessions hold. */
void conn_release(struct conn_set *cs);

/* Answer what was asked, then close; what is in its handshake is dropped. */
void conn_drain(struct conn_set *cs);

/* Whether more of a frame is on its way from there; ss NULL: no. */
bool conn_is_amid(const struct session *ss);

/* Whether another reply may be made; the largest still fits then. */
bool conn_has_room(const struct conn *c);

/*
 * conn_read.c: bytes from the socket to the session; a negative code: drop
 * the connection.  conn_read_again takes up what a stalled one has kept.
 */
#define CONN_READ_SCRATCH (256 * 1024)
int conn_read(struct conn *c) MUST_USE;
int conn_read_again(struct conn *c) MUST_USE;

/* What the store knows of the client of a connection in CONN_BIND. */
int conn_read_bind(struct conn *c) MUST_USE;

/*
 * conn_limit.c.  Which of those that are not bound is to go before another
 * comes from there: the oldest of as many from the same address as there may
 * be; or, the likelier the fuller it is from three quarters on, any of them,
 * before all others any that has not said hello: a good client does at once.
 * NULL: none.
 */
struct conn *conn_limit_victim(struct conn_set *cs,
    const uint8_t origin[static ORIGIN_LEN]);

/* Bring what c counts for up to date. */
void conn_limit_count(struct conn *c);

/*
 * Whether anybody may take more memory.  When not, nobody is read for the rest
 * of the turn; then the hoarder is dropped, who holds much of it and for long
 * without moving, and the next, until an eighth of it is there again: NULL.
 */
bool conn_limit_may_grow(const struct conn_set *cs);
struct conn *conn_limit_hoarder(struct conn_set *cs);

/*
 * Once a turn: what connections, and the store for them, have given back is
 * handed to the system a second later.
 */
int conn_limit_start(struct conn_set *cs) MUST_USE;
void conn_limit_trim(struct conn_set *cs);

#endif
