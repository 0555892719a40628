/* SPDX-License-Identifier: ISC */
/*
 * From the inbox to whoever is to have it, oldest first: somebody who reads
 * what is printed, or a handler.  Needs no relay and no lock but the key
 * file's, which is free whenever somebody else is at work.
 */
#ifndef CLIENT_DELIVER_H
#define CLIENT_DELIVER_H

#include "client/client.h"
#include "client/pull.h"
#include "state/inbox.h"

/* What is to be delivered; the rest waits.  Borrowed. */
struct deliver_filter {
	struct inbox_filter rows;
	const uint8_t *reply_to; /* messages that answer this id; NULL = all */
};

struct deliver;

int deliver_new(struct deliver **out, struct client *c,
    const struct deliver_filter *f) MUST_USE;
void deliver_free(struct deliver *d); /* NULL is fine */

/* Takes an entry, which is borrowed for the call. */
struct deliver_reader {
	int (*take)(void *arg, const struct pull_item *item);
	void *arg;
};

/*
 * Print up to max entries: a page is committed as shown, then taken one by
 * one, then committed as done.  *n counts what was taken, always.  Where take
 * fails, that entry stays shown and those behind it as they were.
 */
int deliver_print(struct deliver *d, uint64_t max,
    const struct deliver_reader *to, uint64_t *n) MUST_USE;

/* The same without a change, and the same of dead letters. */
int deliver_peek(struct deliver *d, uint64_t max,
    const struct deliver_reader *to, uint64_t *n) MUST_USE;
int deliver_dead(struct deliver *d, uint64_t max,
    const struct deliver_reader *to, uint64_t *n) MUST_USE;

/*
 * Dead letters of these ids are no more; all of them in one commit.
 * ERR_USAGE: one is no id.
 */
int deliver_forget(struct deliver *d, char *const ids[], size_t n) MUST_USE;

enum deliver_verdict {
	DELIVER_DONE,
	DELIVER_DEAD,  /* never again: a dead letter */
	DELIVER_AGAIN, /* later, and its peer's next ones after it */
};

struct deliver_handler {
	int (*handle)(void *arg, const struct pull_item *item,
	    enum deliver_verdict *verdict);
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
int deliver_handle(struct deliver *d, uint64_t max,
    const struct deliver_handler *to, uint64_t *n) MUST_USE;

/* ERR_PARTIAL where one of them so far did not end with DELIVER_DONE. */
int deliver_verdict(const struct deliver *d) MUST_USE;

/* How long until one is due again: ms, CLOCK_NEVER where none waits. */
int deliver_due_in(struct deliver *d, uint64_t *ms) MUST_USE;

#endif
