/* SPDX-License-Identifier: ISC */
/*
 * Sending texts, a group at a time.  What is committed when:
 *
 *	1. the channel is bound; what is left in the outbox is delivered, and
 *	   the no-ops of refused messages (delivery.h)
 *	2. one commit: a step of its session and a row of the outbox for each
 *	3. all of them leave, then all answers are heard (flight.h)
 *	4. one commit: how each went
 *
 * A failure before 2 leaves nothing behind; with queue the texts are then
 * committed as they are, for a later command.  An item fails alone, but what
 * is wrong with channel or key file is so for all of a group.
 */
#ifndef CLIENT_BATCH_H
#define CLIENT_BATCH_H

#include "base/err.h"
#include "client/client.h"
#include "client/flight.h"
#include "state/peers.h"

#define BATCH_MAX FLIGHT_MAX /* items a group */

enum batch_status {
	BATCH_OPEN, /* not known yet */
	BATCH_ACCEPTED,
	BATCH_QUEUED,    /* for a later command */
	BATCH_DUPLICATE, /* of an id that was given before; not sent again */
	BATCH_FAILED,    /* failed and why tell */
};

struct batch_item {
	/* by the caller, borrowed; NULL: none */
	const char *who;
	const uint8_t *text;
	size_t len;
	const char *id, *reply_to;

	enum batch_status status;
	int failed;
	struct err_info why;
	bool known; /* peer is set */
	struct peer peer;
	uint8_t message_id[ID_LEN];
	bool sealed; /* seq is set */
	uint64_t seq;
	uint64_t sent_at;

	/* private */
	uint8_t reply_id[ID_LEN];
	size_t place; /* 1 + its message in the flight; 0: none */
	bool adopted; /* the message is an earlier one with that id */
	bool led;     /* its peer's no-ops are through, or its failure */
	bool behind;  /* texts that were queued go first */
};

struct batch_rules {
	bool queue;               /* keep it where it cannot go out now */
	bool require_verified;    /* else ERR_NOT_VERIFIED */
	const char *content_type; /* of all texts; NULL: none */
};

struct batch;

/* Borrows c and rules.  ERR_USAGE: no content type. */
int batch_new(struct batch **out, struct client *c,
    const struct batch_rules *rules) MUST_USE;
void batch_free(struct batch *b); /* NULL is fine */

/*
 * Up to BATCH_MAX items, those that are BATCH_FAILED already left out, and
 * how each went.  After a group for which the relay was away, others fail or
 * are queued at once for the channel's timeout.  ERR_NO_SESSION,
 * ERR_UNKNOWN_PEER, ERR_USAGE, the relay's reasons, ...; where it is not known
 * whether a message goes out, its why says so (err_in_doubt).
 *
 * Answers 0, or what has failed for this group and would for the next: the
 * key file, or a relay that is there and not ours.
 */
int batch_send(struct batch *b, struct batch_item *items, size_t n) MUST_USE;

#endif
