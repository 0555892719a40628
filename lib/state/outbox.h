/* SPDX-License-Identifier: ISC */
/*
 * Messages on their way out.  A row is committed, with its ciphertext, in the
 * transaction that advances the ratchet and before the bytes leave; what is
 * sent again is the same bytes.  A finished row loses its content at once
 * and keeps its id for OUTBOX_KEEP_MS, to know a repetition.
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
};

struct outbox {
	int64_t n;
	uint8_t peer[ID_LEN];
	uint8_t message_id[ID_LEN];
	uint64_t seq;
	uint8_t type; /* of message */
	enum outbox_state state;
	uint64_t at; /* unix ms */
};

/* Adds in state OUTBOX_SEALED; o->n is set. */
int outbox_add(struct keyfile *kf, struct outbox *o, const uint8_t *content,
    size_t len) MUST_USE;

int outbox_find(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t message_id[static ID_LEN], struct outbox *out,
    bool *found) MUST_USE;

/* The content of a row appended to out; nothing when it is done by now. */
int outbox_read(struct keyfile *kf, int64_t n, struct buf *out) MUST_USE;

/*
 * The first row after *n to deliver: in doubt, or sealed before
 * sealed_before (its sender is dead).  Oldest first.
 */
int outbox_next(struct keyfile *kf, int64_t after, uint64_t sealed_before,
    struct outbox *out, bool *found) MUST_USE;

/* The relay has it: content gone, id kept. */
int outbox_done(struct keyfile *kf, int64_t n) MUST_USE;
int outbox_doubt(struct keyfile *kf, int64_t n) MUST_USE;
/* The relay refused it: no trace is left. */
int outbox_drop(struct keyfile *kf, int64_t n) MUST_USE;

/* Rows not done. */
int outbox_count(struct keyfile *kf, size_t *n) MUST_USE;
int outbox_expire(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
