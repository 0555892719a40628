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
#include "server/loop.h"
#include "server/sender.h"
#include "server/serve.h"

#define CONN_UNBOUND_MAX 256

struct vault;

enum conn_state {
	CONN_HELLO,  /* preamble and message 1 to come */
	CONN_FINISH, /* message 3 to come */
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
	size_t n;
	size_t max;
	size_t unbound_n;
	struct conn_list unbound; /* the oldest first */
	struct conn_list bound;
};

/* ERR_NOMEM.  loop and serve must outlive the set. */
int conn_start(struct conn_set *cs, struct loop *loop, struct serve *serve,
    const uint8_t *relay_sk, size_t max) MUST_USE;

/* Drop them all and give the memory back; zeroed: nothing. */
void conn_stop(struct conn_set *cs);

/*
 * A new connection, whose descriptor is taken.  Over CONN_UNBOUND_MAX that
 * are not bound, the one that has taken longest makes room.
 */
void conn_accept(struct conn_set *cs, int fd);

/* Let go what the sessions hold. */
void conn_release(struct conn_set *cs);

/* Answer what was asked, then close; what is in its handshake is dropped. */
void conn_drain(struct conn_set *cs);

/* Whether another reply may be made; the largest still fits then. */
bool conn_has_room(const struct conn *c);

/*
 * conn_read.c: bytes from the socket to the session; a negative code: drop
 * the connection.  conn_read_again takes up what a stalled one has kept.
 */
#define CONN_READ_SCRATCH (256 * 1024)
int conn_read(struct conn *c) MUST_USE;
int conn_read_again(struct conn *c) MUST_USE;

#endif
