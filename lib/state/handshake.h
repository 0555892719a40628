/* SPDX-License-Identifier: ISC */
/*
 * Handshakes that are under way: per peer at most one as initiator, one as
 * responder, one request not answered yet; and the hsids that are finished.
 * What must not be lost between two commands stands here, committed before
 * the bytes leave (protocol: End-to-end handshake).
 */
#ifndef STATE_HANDSHAKE_H
#define STATE_HANDSHAKE_H

#include "e2e/shake.h"
#include "state/keyfile.h"

enum handshake_role { HANDSHAKE_INITIATOR = 1, HANDSHAKE_RESPONDER = 2 };

enum handshake_stage {
	HANDSHAKE_REQUESTED = 1, /* initiator: type 1 sent (step 4) */
	HANDSHAKE_ANSWERED = 2,  /* initiator: answer received (step 8) */
	HANDSHAKE_FINISHED = 3,  /* initiator: finish sent (step 9), kept to
				    be sent again until the peer is heard */
	HANDSHAKE_OPEN = 4,      /* responder: answer sent (step 7) */
};

struct handshake {
	uint8_t peer[ID_LEN];
	enum handshake_role role;
	enum handshake_stage stage;
	uint8_t hsid[ID_LEN];
	union { /* by role; nothing once FINISHED */
		struct shake_pending pending;
		struct shake_open open;
	};
	uint8_t sent[SHAKE_ANSWER_LEN]; /* what this side sent last */
	uint8_t sent_len;
	uint8_t answer[SHAKE_ANSWER_LEN]; /* initiator, ANSWERED: as received */
	uint64_t ts;                      /* of the type 1 */
	uint64_t at;                      /* unix ms: made */
	uint64_t sent_at;                 /* unix ms: sent last */
};

int handshake_get(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    enum handshake_role role, struct handshake *out, bool *found) MUST_USE;
/* Insert or replace the row of (peer, role). */
int handshake_put(struct keyfile *kf, const struct handshake *h) MUST_USE;
int handshake_drop(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    enum handshake_role role) MUST_USE;
/* The next peer, after *peer, whose answer is awaited; ascending. */
int handshake_next_requested(struct keyfile *kf, uint8_t peer[static ID_LEN],
    bool *found) MUST_USE;

/*
 * The next peer, after *peer, with whom a step is to be taken: who has asked
 * or answered, or whose sessions have to be made anew; ascending.
 */
int handshake_next_open(struct keyfile *kf, uint8_t peer[static ID_LEN],
    bool *found) MUST_USE;

/* A type 1 that waits for an answer (or for its sender's bundle). */
struct handshake_request {
	uint8_t peer[ID_LEN];
	uint8_t hsid[ID_LEN];
	uint8_t content[SHAKE_REQUEST_LEN];
	bool authenticated;
	uint64_t ts; /* 0 until authenticated */
	uint64_t at; /* unix ms */
};

int handshake_get_request(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    struct handshake_request *out, bool *found) MUST_USE;
int handshake_put_request(struct keyfile *kf,
    const struct handshake_request *q) MUST_USE;
int handshake_drop_request(struct keyfile *kf,
    const uint8_t peer[static ID_LEN]) MUST_USE;
/* Requests that are not authenticated, of all peers. */
int handshake_count_strangers(struct keyfile *kf, size_t *n) MUST_USE;

/* The last 8 finished hsids of a peer, as responder. */
int handshake_add_done(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t hsid[static ID_LEN], uint64_t now) MUST_USE;
int handshake_is_done(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t hsid[static ID_LEN], bool *done) MUST_USE;

/*
 * Forget what is too old: pending handshakes and unanswered requests after 7
 * days, half-open and finished ones after 37.
 */
int handshake_expire(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
