/* SPDX-License-Identifier: ISC */
/*
 * A record as text for people, cell by cell.  Values are escaped as by
 * ESCAPE_TEXT, so nothing that a peer or the relay has chosen can end a line,
 * move a cursor or look like a mark.  Columns have fixed places: no record
 * waits for another, however long a listing is.
 */
#ifndef CLI_CELL_H
#define CLI_CELL_H

#include <jansson.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

enum cell_kind {
	CELL_END,
	CELL_VALUE,  /* as it is, compact JSON when it is made of several */
	CELL_BODY,   /* a text, without the newlines at its end */
	CELL_WORD,   /* of a script's vocabulary: "request_sent" has a blank */
	CELL_PARTY,  /* an object: its alias, name, id, or ? */
	CELL_CLOCK,  /* a time, see human_clock */
	CELL_AGO,    /* a time, see human_ago */
	CELL_BYTES,  /* a number, see human_bytes */
	CELL_GROUPS, /* digits, a blank after every fifth */
	CELL_MARK,   /* a boolean, as a check mark or a question mark */
	CELL_IF,     /* nothing but its words, when true */
};

/* A value that is absent or null takes its words with it. */
struct cell {
	enum cell_kind kind;
	unsigned at; /* the column where it begins, if that is not passed yet */
	const char *before; /* words; a newline begins another line */
	const char *path;   /* see field_find */
	const char *after;  /* words; NULL = none */
};

/*
 * Append the record without a newline at the end.  cells ends with CELL_END,
 * now is Unix time in ms.  ERR_NOMEM, ERR_INTERNAL (the buffer is full).
 */
int cell_put(struct buf *out, const struct cell *cells, json_t *record,
    uint64_t now) MUST_USE;

#endif
