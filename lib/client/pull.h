/* SPDX-License-Identifier: ISC */
/*
 * Receiving: a page of the mailbox is judged and committed to the inbox in
 * one transaction, then acknowledged; from there handover.h goes on.
 */
#ifndef CLIENT_PULL_H
#define CLIENT_PULL_H

#include "client/book.h"
#include "client/client.h"
#include "e2e/filebox.h"
#include "state/inbox.h"
#include "state/outdir.h"
#include "wire/plain.h"

/* What this run has taken in, without duplicates and what was dropped. */
struct pull_tally {
	size_t messages;      /* that are what they should be */
	size_t undecryptable; /* that are not */
};

struct pull; /* a run over the mailbox; holds FILE.pull */

/*
 * ERR_LOCKED at once when another command is pulling.  What the key file has
 * kept for long enough is forgotten, or told.
 */
int pull_open(struct pull **out, struct client *c) MUST_USE;
void pull_close(struct pull *p); /* NULL is fine */

/*
 * From now on take files into the directory, which is made when it is
 * missing: pull_fetch then takes a window of chunks where no message waits.
 * Without it a file is only offered, and its chunks stay at the relay.
 * max_size: what is larger is refused, and its chunks dropped.
 */
int pull_keep_files(struct pull *p, const char *dir,
    uint64_t max_size) MUST_USE;

/*
 * Where a file that could not be taken in was begun, or NULL; whether one had
 * no room on the disk (its chunks stay).
 */
const char *pull_elsewhere(const struct pull *p);
bool pull_lacks_room(const struct pull *p);

/*
 * Take one page into the inbox, waiting up to wait_ms (at most a minute) at
 * the relay for it.  *got: whether there was anything.
 */
int pull_fetch(struct pull *p, uint64_t wait_ms, bool *got) MUST_USE;

/*
 * Go back to the front of the mailbox: what was not acknowledged, for the
 * channel broke or it was over a cap, comes again.
 */
int pull_rewind(struct pull *p) MUST_USE;

/*
 * What is wrong with what this run has taken in, if it is nothing else: 0,
 * ERR_PARTIAL, ERR_UNDECRYPTABLE, ERR_IO where a file had no room.
 */
int pull_verdict(const struct pull *p) MUST_USE;

/* Of a file that came, is offered, or will not come. */
struct pull_file {
	uint64_t sent_at;
	uint64_t size; /* PLAIN_SIZE_UNKNOWN where it is not known */
	uint8_t digest[FILEBOX_DIGEST_LEN]; /* of one that came */
	char error[32];                     /* of one that will not: a word */
	char name[FILENAME_SIZE];           /* safe, and where it is */
	char path[OUTDIR_PATH_SIZE + FILENAME_SIZE]; /* absolute */
};

/* One entry of the inbox, ready to print; bytes are borrowed for the call. */
struct pull_item {
	struct inbox row;
	struct peer peer;
	bool known;
	bool redelivered;
	enum book_session session; /* of key events */
	uint64_t sent_at;          /* of messages */
	struct plain_text text;    /* of messages */
	bool authenticated;        /* of key requests */
	uint64_t first, last;      /* of gaps */
	char error[32];            /* of undecryptable ones: a stable word */
	struct pull_file file;     /* of the three kinds of files */
};

#endif
