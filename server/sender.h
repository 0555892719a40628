/* SPDX-License-Identifier: ISC */
/*
 * The way out of one connection: frame bytes that may leave are sealed into
 * records, a bounded amount at a time, and sent as the socket takes them.
 * Nothing is kept in memory while there is nothing to send.
 */
#ifndef SERVER_SENDER_H
#define SERVER_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "net/transport.h"
#include "server/limits.h"

struct sender {
	const struct limits *limits; /* set once */
	struct buf *frames;          /* not sealed yet; NULL = none */
	struct buf *wire;  /* sealed, or of the handshake; NULL = none */
	uint64_t all_by;   /* monotonic ms; 0 = the socket takes all */
	uint64_t some_by;  /* and before that, something */
	uint64_t moved_at; /* when it took something, or was first full */
};

/* Zeroed but for the limits it is empty.  Gives the memory back. */
void sender_clear(struct sender *s);

/* Bytes that wait, and the memory they take. */
size_t sender_pending(const struct sender *s);
size_t sender_size(const struct sender *s);

/*
 * When a reader is too slow for what waits: nothing taken for the grace of the
 * limits, or less than their rate on the whole.
 */
uint64_t sender_due(const struct sender *s);

/* Bytes in clear, before there is a channel; ERR_NOMEM. */
int sender_put_clear(struct sender *s, const void *bytes, size_t len) MUST_USE;

/* Frames; the buffer is taken.  ERR_NOMEM. */
int sender_take(struct sender *s, struct buf *frames) MUST_USE;

/* The orderly close, after all frames were sealed; ERR_NOMEM, ERR_PROTOCOL. */
int sender_put_close(struct sender *s, struct transport *t) MUST_USE;

/*
 * Seal and send until nothing is left or the socket takes no more.  t is of
 * no matter before there is a channel.  ERR_UNREACHABLE: broken.
 */
int sender_flush(struct sender *s, int fd, struct transport *t,
    uint64_t now) MUST_USE;

#endif
