/* SPDX-License-Identifier: ISC */
/*
 * From the inbox to whoever is to have it, oldest first: somebody who reads
 * what is printed, or a handler.  Needs no relay and no lock but the key
 * file's, which is free whenever somebody else is at work.
 */
#ifndef CLIENT_HANDOVER_H
#define CLIENT_HANDOVER_H

#include "client/client.h"
#include "client/pull.h"
#include "state/inbox.h"

/* What is to be delivered; the rest waits.  Borrowed. */
struct handover_filter {
	struct inbox_filter rows;
	const uint8_t *reply_to; /* messages that answer this id; NULL = all */
};

struct handover;

int handover_new(struct handover **out, struct client *c,
    const struct handover_filter *f) MUST_USE;
void handover_free(struct handover *h); /* NULL is fine */

/* Takes an entry, which is borrowed for the call. */
struct handover_reader {
	int (*take)(void *arg, const struct pull_item *item);
	void *arg;
};

/*
 * Print up to max entries: a page is committed as shown, then taken one by
 * one, then committed as done.  *n counts what was taken, always.  Where take
 * fails, that entry stays shown and those behind it as they were.
 */
int handover_print(struct handover *h, uint64_t max,
    const struct handover_reader *to, uint64_t *n) MUST_USE;

/* The same without a change, and the same of dead letters. */
int handover_peek(struct handover *h, uint64_t max,
    const struct handover_reader *to, uint64_t *n) MUST_USE;
int handover_dead(struct handover *h, uint64_t max,
    const struct handover_reader *to, uint64_t *n) MUST_USE;

/*
 * Dead letters of these ids are no more; all of them in one commit.
 * ERR_USAGE: one is no id.
 */
int handover_forget(struct handover *h, char *const ids[], size_t n) MUST_USE;

enum handover_verdict {
	HANDOVER_DONE,
	HANDOVER_DEAD,  /* never again: a dead letter */
	HANDOVER_AGAIN, /* later, and its peer's next ones after it */
};

struct handover_handler {
	int (*handle)(void *arg, const struct pull_item *item,
	    enum handover_verdict *verdict);
	void *arg;
	uint64_t max_tries; /* then it is a dead letter */
	/*
	 * Once: whatever waits is tried at once, and nothing twice.  Otherwise
	 * when its time has come: after 1 s, doubling to INBOX_RETRY_MS.
	 */
	bool once;
};

/*
 * Hand up to max entries that are due to a handler, one after the other.  A
 * try is committed before it begins, its outcome after.  *n counts them,
 * always: the tries where each is tried once, else those that are over.
 */
int handover_handle(struct handover *h, uint64_t max,
    const struct handover_handler *to, uint64_t *n) MUST_USE;

/* ERR_PARTIAL where one of them so far did not end with HANDOVER_DONE. */
int handover_verdict(const struct handover *h) MUST_USE;

/* How long until one is due again: ms, CLOCK_NEVER where none waits. */
int handover_due_in(struct handover *h, uint64_t *ms) MUST_USE;

#endif
