/* SPDX-License-Identifier: ISC */
/*
 * Standard output as something that is read, or not: what a pipe still holds
 * when its reader goes away is lost, so that nothing counts as printed before
 * the reader has taken it.
 */
#ifndef CLI_OUTLET_H
#define CLI_OUTLET_H

#include <stddef.h>

#include "base/attr.h"

/* From now on a reader that is gone is a failed write (errno EPIPE). */
void outlet_start(void);

/* Bytes as they are; escaped on a terminal.  ERR_IO, ERR_NOMEM. */
int outlet_write(const void *bytes, size_t len) MUST_USE;

/*
 * Wait until all that was written is taken: at once but for a pipe.  ERR_IO
 * with EPIPE when the reader went away before.
 */
int outlet_drain(void) MUST_USE;

/*
 * A command that ends with r, its own work being done: where that is a reader
 * that went away, it ends by SIGPIPE, as the shell expects it.
 */
void outlet_end(int r);

#endif
