/* SPDX-License-Identifier: ISC */
/*
 * Standard input, or another stream, line by line: each as soon as it is
 * there, in bounded memory whatever the stream holds.
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum lines_got {
	LINES_LINE,
	LINES_LONG,    /* one over the limit, which is left out */
	LINES_NOTHING, /* there is none yet */
	LINES_END,
};

struct lines;

/*
 * Lines of at most max bytes that end with that byte, or with the stream; fd
 * is borrowed, name is for the error text.  NULL: no memory.
 */
struct lines *lines_new(int fd, const char *name, char end, size_t max);
void lines_free(struct lines *l); /* NULL is fine */

/*
 * The next line without its end, borrowed until the next call.  Without wait,
 * LINES_NOTHING where the stream has no whole one now.  ERR_IO.
 */
int lines_next(struct lines *l, bool wait, enum lines_got *got,
    const uint8_t **line, size_t *len) MUST_USE;

#endif
