/* SPDX-License-Identifier: ISC */
/*
 * What a test writes to a standard descriptor, caught in memory or by a
 * terminal.  Between begin and end nothing else should write to it.
 */
#ifndef UNIT_CAPTURE_H
#define UNIT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

struct capture {
	int fd;    /* the one that is caught */
	int saved; /* where it led before */
	int from;  /* where to read what was written */
	bool tty;
};

void capture_begin(struct capture *c, int fd);

/* The descriptor is a terminal, which leaves the bytes as they are. */
void capture_begin_tty(struct capture *c, int fd);

/* The bytes, and a NUL after them; the caller frees. */
char *capture_end(struct capture *c, size_t *len);

#endif
