/* SPDX-License-Identifier: ISC */
/*
 * A pull from its first page to its end: what the inbox holds is delivered,
 * then page after page of the mailbox, until there is no more, what was
 * waited for has come, or for ever.
 *
 * One thing at a time, in one thread: while the relay holds a request open
 * nothing is due, and while an entry is delivered nothing is fetched.  Every
 * step is committed before the next begins, so that a signal may end it
 * anywhere.
 */
#ifndef CLIENT_FOLLOW_H
#define CLIENT_FOLLOW_H

#include "client/answer.h"
#include "client/handover.h"
#include "client/pull.h"

#define FOLLOW_NO_WAIT (CLOCK_NEVER - 1)

struct follow_plan {
	/*
	 * For the first; or FOLLOW_NO_WAIT.  A channel that breaks meanwhile
	 * gives way to another one, once in a row.
	 */
	uint64_t wait_ms;
	uint64_t count; /* entries, then it ends */
	/*
	 * Until then, whatever the relay does: one that goes away is looked
	 * for with growing pauses, and told of (trouble) where it does not
	 * come back at once.
	 */
	bool forever;
	enum answer_mode answer;
	const struct handover_handler
	    *handler; /* NULL: the reader takes them */
	struct handover_reader reader;
	void (*trouble)(int r);
};

/*
 * *delivered counts, always.  In the end what pull_verdict says, and unless it
 * goes on for ever handover_verdict.
 */
int follow_run(struct client *c, struct pull *p, struct handover *out,
    const struct follow_plan *plan, uint64_t *delivered) MUST_USE;

#endif
