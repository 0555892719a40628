/* SPDX-License-Identifier: ISC */
/*
 * Messages on their way out.  A row is committed, with its ciphertext, in the
 * transaction that advances the ratchet and before the bytes leave; what is
 * sent again is the same bytes.  A finished row loses its content at once
 * and keeps its id for OUTBOX_KEEP_MS, to know a repetition.
 *
 *	PLAIN -> SEALED -> DONE
 *	         SEALED -> IN_DOUBT -> DONE
 *	         SEALED, IN_DOUBT -> REFUSED -> DONE
 */
#ifndef STATE_OUTBOX_H
#define STATE_OUTBOX_H

#include "base/buf.h"
#include "base/clock.h"
#include "state/keyfile.h"

#define OUTBOX_KEEP_MS (30 * CLOCK_DAY)

enum outbox_state {
	OUTBOX_SEALED = 1,   /* somebody is sending it, or died */
	OUTBOX_IN_DOUBT = 2, /* the answer was lost */
	OUTBOX_DONE = 3,
	OUTBOX_PLAIN = 4,   /* a text's body, for which there is no session */
	OUTBOX_REFUSED = 5, /* now a no-op, goes before the next message */
};

struct outbox {
	int64_t n;
	uint8_t peer[ID_LEN];
	uint8_t message_id[ID_LEN];
	uint64_t seq; /* of no meaning while PLAIN */
	uint8_t type; /* of message */
	enum outbox_state state;
	uint64_t at; /* unix ms */
};

/* Adds in state OUTBOX_SEALED, or as PLAIN; o->n and o->state are set. */
int outbox_add(struct keyfile *kf, struct outbox *o, const uint8_t *content,
    size_t len) MUST_USE;
int outbox_add_plain(struct keyfile *kf, struct outbox *o, const uint8_t *body,
    size_t len) MUST_USE;

int outbox_find(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t message_id[static ID_LEN], struct outbox *out,
    bool *found) MUST_USE;

/* The content of a row appended to out; nothing when it is done by now. */
int outbox_read(struct keyfile *kf, int64_t n, struct buf *out) MUST_USE;

/*
 * What is to be delivered: rows in doubt, PLAIN ones, and those sealed before
 * sealed_before (their senders are dead).  First the peers, ascending, after
 * *peer; then the rows of one, oldest first, after number `after`, the PLAIN
 * ones only with_plain.
 */
int outbox_next_peer(struct keyfile *kf, uint8_t peer[static ID_LEN],
    uint64_t sealed_before, bool *found) MUST_USE;
int outbox_next_due(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    int64_t after, uint64_t sealed_before, bool with_plain, struct outbox *out,
    bool *found) MUST_USE;

/* The first row of a peer after that number that is in that state, not DONE. */
int outbox_next_in(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    int64_t after, enum outbox_state state, struct outbox *out,
    bool *found) MUST_USE;

/* A PLAIN row gets its number and its ciphertext. */
int outbox_seal(struct keyfile *kf, int64_t n, uint64_t seq,
    const uint8_t *content, size_t len) MUST_USE;

/* The relay has it: content gone, id kept. */
int outbox_done(struct keyfile *kf, int64_t n) MUST_USE;
/* No effect on other rows than SEALED ones. */
int outbox_doubt(struct keyfile *kf, int64_t n) MUST_USE;
/*
 * The relay refused it: no trace is left, or only its sequence number, told
 * by the no-op that takes its place under an id of its own.
 */
int outbox_drop(struct keyfile *kf, int64_t n) MUST_USE;
int outbox_refuse(struct keyfile *kf, int64_t n,
    const uint8_t message_id[static ID_LEN], const uint8_t *content,
    size_t len) MUST_USE;

int outbox_expire(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
