/* SPDX-License-Identifier: ISC */
/*
 * Messages on their way to the relay: up to FLIGHT_MAX rows of the outbox,
 * committed before, are sent one after the other without waiting, their
 * answers are read in that order, and one commit notes them all.
 */
#ifndef CLIENT_FLIGHT_H
#define CLIENT_FLIGHT_H

#include "base/buf.h"
#include "base/err.h"
#include "client/client.h"
#include "state/outbox.h"

#define FLIGHT_MAX   CHAN_ASKED_MAX
#define FLIGHT_BYTES (4U << 20) /* no further message beyond */

struct flight_message {
	struct outbox row;
	struct buf *content; /* what the row holds */
	int sent;            /* 0, or how it failed, */
	struct err_info why; /* as err_last() had it */
	bool refused;        /* by the relay's own word, */
	bool put_off;        /* for having asked too often */
};

struct flight {
	size_t n;
	struct flight_message message[FLIGHT_MAX];
};

struct flight *flight_new(void); /* NULL: no memory */
void flight_free(struct flight *f);
void flight_clear(struct flight *f);

/* Another message, empty; there is room until flight_is_full. */
int flight_add(struct flight *f, struct flight_message **out) MUST_USE;
bool flight_is_full(const struct flight *f);
void flight_drop_last(struct flight *f);

/* Whether the relay takes a content of that length; the channel is bound. */
bool flight_fits(struct client *c, size_t len);

/*
 * Send them and hear what the relay says, which goes to sent, why and refused
 * of each; nothing is committed.  A channel that the relay has closed in good
 * order did nothing with what it had not answered: that goes over a new one.
 * After any other break the channel is of no more use, and what was not
 * answered may have arrived: ERR_UNREACHABLE, ERR_PROTOCOL.  What is put off is
 * sent again when the relay says, in its order, as long as each is taken within
 * --timeout.
 */
void flight_talk(struct client *c, struct flight_message *m, size_t n);

/*
 * The same, and note it in the outbox: what was not answered is in doubt, what
 * was refused gives way to a no-op; with keep, what the relay is too busy for
 * is in doubt, too.  When that cannot be committed, it is the failure of all
 * that had gone well.
 */
void flight_send(struct client *c, struct flight_message *m, size_t n,
    bool keep);

#endif
