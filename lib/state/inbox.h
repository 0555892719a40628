/* SPDX-License-Identifier: ISC */
/*
 * What has come in and is acknowledged to the relay: messages and events, in
 * the order of their arrival, until they were printed or handled.  A row is
 * new, then shown (committed before it is printed), then done; a finished row
 * loses its record at once and keeps its id for INBOX_KEEP_MS, so that nothing
 * is taken in twice.  What a handler has given up is dead, and stays until it
 * is forgotten by hand.
 */
#ifndef STATE_INBOX_H
#define STATE_INBOX_H

#include "base/buf.h"
#include "base/clock.h"
#include "state/keyfile.h"

#define INBOX_KEEP_MS  (30 * CLOCK_DAY)
#define INBOX_PAGE_MAX 64
#define INBOX_RETRY_MS (5 * 60 * 1000) /* a retry is at most so far away */

/* Kinds, as bits: a filter is a set of them. */
enum inbox_kind {
	INBOX_MESSAGE = 1,
	INBOX_FILE = 2,
	INBOX_KEY_REQUEST = 4,
	INBOX_KEY_RECEIVED = 8,
	INBOX_GAP = 16,
	INBOX_UNDECRYPTABLE = 32,
	INBOX_FILE_OFFER = 64,
	INBOX_FILE_REFUSED = 128, /* a file that will not come */
};

enum inbox_state {
	INBOX_NEW = 1,
	INBOX_SHOWN = 2,
	INBOX_DONE = 3,
	INBOX_DEAD = 4,
};

struct inbox {
	int64_t n;
	uint8_t peer[ID_LEN];
	uint8_t message_id[ID_LEN];
	uint64_t seq; /* 0 where there is none */
	enum inbox_kind kind;
	enum inbox_state state;
	uint64_t at;    /* unix ms: received */
	uint64_t tries; /* that a handler has begun */
};

struct inbox_filter {
	unsigned kinds;      /* set of inbox_kind; 0 = all */
	const uint8_t *peer; /* NULL = all */
};

/*
 * Add in state INBOX_NEW; i->n is set.  *fresh is false, and nothing
 * changes, when (peer, kind, message_id) was there before.
 */
int inbox_add(struct keyfile *kf, struct inbox *i, const uint8_t *record,
    size_t len, bool *fresh) MUST_USE;

/*
 * Up to max rows, neither done nor dead, that pass the filter, after row
 * number after; the same of dead ones.
 */
int inbox_page(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    struct inbox *out, size_t max, size_t *n) MUST_USE;
int inbox_dead(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    struct inbox *out, size_t max, size_t *n) MUST_USE;

/*
 * The first row of inbox_page whose peer has nothing that waits to be tried
 * again.  A time further away than INBOX_RETRY_MS is that of another clock,
 * and holds nobody up.
 */
int inbox_due(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    uint64_t now, struct inbox *out, bool *found) MUST_USE;

/* When the next row that waits then is due; CLOCK_NEVER where none does. */
int inbox_next_due(struct keyfile *kf, uint64_t now, uint64_t *at) MUST_USE;

/* The record of a row appended to out; nothing when it is done by now. */
int inbox_read(struct keyfile *kf, int64_t n, struct buf *out) MUST_USE;

/* Whatever it waited for, it does not any more. */
int inbox_set(struct keyfile *kf, int64_t n, enum inbox_state state) MUST_USE;

/* It is SHOWN to a handler once more. */
int inbox_try(struct keyfile *kf, int64_t n) MUST_USE;
/* Not again before a time, in unix ms; all of them again at once. */
int inbox_wait(struct keyfile *kf, int64_t n, uint64_t next_try) MUST_USE;
int inbox_wait_no_more(struct keyfile *kf) MUST_USE;

/* Dead ones of that id are done. */
int inbox_forget(struct keyfile *kf,
    const uint8_t message_id[static ID_LEN]) MUST_USE;

int inbox_expire(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
