/* SPDX-License-Identifier: ISC */
/*
 * What a command is to send, taken from its operands, -m and standard input:
 * one letter for each text and recipient, in order, a group at a time.  What
 * cannot be read as a letter is one that has failed, and the rest goes on.
 */
#ifndef CLI_LETTERS_H
#define CLI_LETTERS_H

#include "base/err.h"
#include "cli/order.h"

#define LETTERS_MAX 64 /* a group */

enum letters_form {
	LETTERS_WHOLE, /* one text: message, or all of standard input */
	LETTERS_LINES, /* a text a line */
	LETTERS_NUL,   /* a text up to each NUL */
	LETTERS_BATCH, /* order.h a line */
};

/* Borrowed until letters_close. */
struct letters_source {
	enum letters_form form;
	const char *const *peers; /* none with LETTERS_BATCH */
	size_t peers_n;
	const char *message;       /* NULL: standard input */
	const char *id, *reply_to; /* of every letter but LETTERS_BATCH's */
	bool chomp;                /* a newline at the end is left out */
	size_t text_max;
};

/* NULL where there is none. */
struct letter {
	uint64_t line; /* from 1; 0 with LETTERS_WHOLE */
	const struct order_ref *ref;
	const char *to;
	const uint8_t *text;
	size_t len;
	const char *id, *reply_to;
	int failed; /* and why tells */
	struct err_info why;
};

struct letters;

/* ERR_USAGE: standard input is a terminal; the one text is too long. */
int letters_open(struct letters **out,
    const struct letters_source *src) MUST_USE;
void letters_close(struct letters *l); /* NULL is fine */

/*
 * The next group, borrowed until the next call: waits for its first letter,
 * and takes what else is there without waiting.  *n 0: the end.  ERR_IO.
 */
int letters_take(struct letters *l, const struct letter **out,
    size_t *n) MUST_USE;

#endif
