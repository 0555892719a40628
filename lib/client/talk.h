/* SPDX-License-Identifier: ISC */
/*
 * Single messages that others compose: handshake steps, which have no row in
 * the outbox, and a file's manifest and end.  Texts are sent by batch.h.
 */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

#include "client/client.h"
#include "wire/plain.h"

struct talk_sent {
	uint8_t id[ID_LEN];
	uint64_t seq;
	uint64_t sent_at;
};

struct talk_note {
	uint8_t kind; /* enum plain_kind */
	const uint8_t *body;
	size_t len;
	/* What else happens in the commit that seals it. */
	int (*also)(void *arg, struct keyfile *kf, const struct talk_sent *s);
	void *arg;
};

/*
 * Seal a note and commit it to the outbox; before it leaves only what
 * delivery_lead sends.  The channel is bound.  ERR_NO_SESSION, what also
 * answers; ERR_PROTOCOL: larger than this relay takes.
 */
int talk_put(struct client *c, const uint8_t to[static ID_LEN],
    const struct talk_note *note, struct talk_sent *out) MUST_USE;

/*
 * Deliver a message of the outbox now, if that was not done yet.  It stays
 * there when the relay is busy or away; when it is refused, now or before,
 * it is gone: ERR_DENIED, or the relay's reason.
 */
int talk_deliver(struct client *c, const uint8_t to[static ID_LEN],
    const uint8_t message_id[static ID_LEN]) MUST_USE;

/* One 1103 and its answer. */
int talk_post(struct client *c, const uint8_t to[static ID_LEN], uint8_t type,
    const uint8_t *content, size_t len) MUST_USE;

#endif
