/* SPDX-License-Identifier: ISC */
/*
 * A thread that does one thing, which takes its time and needs nobody: so that
 * the loop need not wait for a disk.  It takes no signals.
 */
#ifndef SERVER_SYNCER_H
#define SERVER_SYNCER_H

#include <stdbool.h>

#include "base/attr.h"

/* What it does, and answers; it may not touch what others change meanwhile. */
typedef int (*syncer_fn)(void *arg);

struct syncer;

/* ERR_NOMEM, ERR_IO. */
int syncer_new(struct syncer **out, syncer_fn fn) MUST_USE;
void syncer_free(struct syncer *s); /* waits for it; NULL is fine */

/* Readable from the end of a run until syncer_end. */
int syncer_fd(const struct syncer *s);

/*
 * Call the function with arg.  The last run must have been ended.  ERR_NOMEM:
 * there can be no thread.
 */
int syncer_begin(struct syncer *s, void *arg) MUST_USE;

/* Whether there is a run that was not ended, and whether it is over. */
bool syncer_is_begun(const struct syncer *s);
bool syncer_is_over(const struct syncer *s);

/* Wait for the run, and have what the function answered. */
int syncer_end(struct syncer *s);

#endif
