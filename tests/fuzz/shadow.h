/* SPDX-License-Identifier: ISC */
/*
 * A relay in its simplest form, without wire, store or sockets: what it must
 * answer is written down here a second time, from the protocol, in arrays that
 * a reader can follow.  steps.c holds the real one against it.
 */
#ifndef FUZZ_SHADOW_H
#define FUZZ_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/quota.h"
#include "server/serve.h"

#define SHADOW_PEOPLE   4
#define SHADOW_CHANNELS (3 * SHADOW_PEOPLE) /* n is person n % PEOPLE's */
#define SHADOW_MAIL     512
#define SHADOW_INVITES  3
#define SHADOW_ANSWERS  16 /* that a channel may hold */
#define SHADOW_PAGE     FRAME_MAX_LEAST

struct shadow_mail {
	unsigned from;
	uint32_t id;
	uint8_t type, fill; /* a content is all of one byte */
	uint32_t len;
	uint64_t stored_at;
};

struct shadow_person {
	uint8_t id[ID_LEN];
	bool registered;
	struct body_key key; /* as registered */
	uint32_t last_id;    /* of its messages, gone ones too */
	struct shadow_mail mail[SHADOW_MAIL];
	size_t mail_n;
	bool blocks[SHADOW_PEOPLE + 1]; /* nobody, too */
};

struct shadow_answer {
	uint16_t code;
	int reason; /* of a 9000 */
	uint8_t *payload;
	size_t len;
};

struct shadow_channel {
	uint8_t static_pk[KEY_LEN];
	bool bound, crowded, closing, kicked, waiting, woken;
	struct body_pull pull; /* the one that waits */
	uint64_t wait_until;
	struct shadow_answer answers[SHADOW_ANSWERS];
	size_t answers_n;
};

struct shadow {
	uint64_t wall, mono;
	struct store_limits limits;
	unsigned most_channels; /* of one client */
	enum serve_registration registration;
	uint64_t invite_expires[SHADOW_INVITES];
	bool invite_used[SHADOW_INVITES];
	struct shadow_person people[SHADOW_PEOPLE];
	struct shadow_channel channels[SHADOW_CHANNELS];
};

static inline unsigned
shadow_owner(unsigned channel)
{
	return channel % SHADOW_PEOPLE;
}

void shadow_open(struct shadow *m, unsigned channel,
    const uint8_t static_pk[static KEY_LEN]);
void shadow_close(struct shadow *m, unsigned channel); /* drops its answers */

/* A header that may be wrong; false: it is, and was refused. */
struct shadow_header {
	uint8_t version;
	bool is_own; /* the channel's id stands in it */
	uint16_t code;
	uint32_t size;
};
bool shadow_begin(struct shadow *m, unsigned channel,
    const struct shadow_header *h);

/*
 * The requests, each after its shadow_begin.  Whom it is about is a person, or
 * SHADOW_PEOPLE: nobody that there is.
 */
struct shadow_offer {
	struct body_key key;
	bool is_genuine; /* signed by whose it is */
	int invite;      /* -1: none, or none of this relay's */
};
void shadow_register(struct shadow *m, unsigned channel,
    const struct shadow_offer *o);
void shadow_list(struct shadow *m, unsigned channel, const struct body_list *q);
void shadow_key(struct shadow *m, unsigned channel, unsigned whose);
void shadow_send(struct shadow *m, unsigned channel, unsigned to,
    const struct shadow_mail *mail);
void shadow_pull(struct shadow *m, unsigned channel, const struct body_pull *q);
void shadow_ack(struct shadow *m, unsigned channel,
    const struct body_range *ranges, size_t n);
void shadow_block(struct shadow *m, unsigned channel, const bool *on,
    const unsigned *whom, size_t n);
void shadow_unregister(struct shadow *m, unsigned channel);

void shadow_sweep(struct shadow *m);
void shadow_wait_over(struct shadow *m, unsigned channel);
void shadow_settle(struct shadow *m); /* the turn ends: who waits is answered */

/* Messages of this kind, and their bytes, of everybody. */
void shadow_count(const struct shadow *m, enum quota_kind kind, uint64_t *n,
    uint64_t *bytes);

#endif
