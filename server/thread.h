/* SPDX-License-Identifier: ISC */
/*
 * A thread that does one thing, which takes its time and needs nobody: so that
 * the loop need not wait for a disk, or a resolver.  It takes no signals.
 */
#ifndef SERVER_THREAD_H
#define SERVER_THREAD_H

#include <stdbool.h>

#include "base/attr.h"

/* What it does, and answers; it may not touch what others change meanwhile. */
typedef int (*thread_fn)(void *arg);

struct thread;

/* ERR_NOMEM, ERR_IO. */
int thread_new(struct thread **out, thread_fn fn) MUST_USE;
void thread_free(struct thread *t); /* waits for it; NULL is fine */

/* Readable from the end of a run until thread_end. */
int thread_fd(const struct thread *t);

/*
 * Call the function with arg.  The last run must have been ended.  ERR_NOMEM:
 * there can be no thread.
 */
int thread_begin(struct thread *t, void *arg) MUST_USE;

/* Whether there is a run that was not ended, and whether it is over. */
bool thread_is_begun(const struct thread *t);
bool thread_is_over(const struct thread *t);

/* Wait for the run, and have what the function answered. */
int thread_end(struct thread *t);

#endif
