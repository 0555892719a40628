/* SPDX-License-Identifier: ISC */
/*
 * Sending: the channel first, then one commit with the ciphertext in the
 * outbox, then the bytes, then one commit when the relay has answered.
 */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

#include "client/client.h"
#include "state/peers.h"
#include "wire/plain.h"

struct talk_sent {
	struct peer peer;
	uint8_t id[ID_LEN];
	uint64_t seq;
	uint64_t sent_at;
	size_t size;
};

/*
 * Send a text.  On success the relay has committed it.  ERR_NO_SESSION, and
 * what channel and relay answer; ERR_PROTOCOL for one that the relay has said
 * is too large.  When the answer to this text never came err_in_doubt is set,
 * and the next talk_flush delivers it.
 */
int talk_send(struct client *c, const char *who, const uint8_t *text,
    size_t len, struct talk_sent *out) MUST_USE;

/* A message that others compose, such as a file's manifest. */
struct talk_note {
	uint8_t kind; /* enum plain_kind */
	const uint8_t *body;
	size_t len;
	/* What else happens in the commit that seals it; NULL: nothing. */
	int (*also)(void *arg, struct keyfile *kf, const struct talk_sent *s);
	void *arg;
};

/*
 * Seal a note and commit it to the outbox; nothing is sent.  The channel is
 * bound.  ERR_NO_SESSION, what also answers.
 */
int talk_put(struct client *c, const uint8_t to[static ID_LEN],
    const struct talk_note *note, struct talk_sent *out) MUST_USE;

/*
 * Deliver a message of the outbox now, if that was not done yet.  It stays
 * there when the relay is busy or away; when it is refused, now or before,
 * the row is gone: ERR_DENIED, or the relay's reason.
 */
int talk_deliver(struct client *c, const uint8_t to[static ID_LEN],
    const uint8_t message_id[static ID_LEN]) MUST_USE;

/*
 * Deliver what earlier commands left in doubt, in order, unless another
 * process is at it.  What the relay is too busy for, or cannot take for its
 * size, stays; what it refuses is dropped.
 */
int talk_flush(struct client *c) MUST_USE;

/* One 1103 and its answer. */
int talk_post(struct client *c, const uint8_t to[static ID_LEN], uint8_t type,
    const uint8_t *content, size_t len) MUST_USE;

#endif
