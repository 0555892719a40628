/* SPDX-License-Identifier: ISC */
/*
 * Text on its way out.  What a reader would take for something else, and what
 * a terminal would obey, leaves as an escape; what is not UTF-8, and NUL where
 * it is not escaped, as U+FFFD, one for each byte.
 */
#ifndef CLI_ESCAPE_H
#define CLI_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

enum escape_style {
	ESCAPE_JSON, /* between the quotes of a JSON string */
	ESCAPE_RAW,  /* only UTF-8 */
	ESCAPE_TSV,  /* as jq's @tsv: tab, newline, carriage return, \ */
	/*
	 * For people: \t, \n, \r, and \uXXXX or \UXXXXXXXX for the rest of
	 * what text_is_control tells, and for all that is not ASCII where the
	 * locale is not UTF-8: there it would be other characters, C1 among
	 * them.
	 */
	ESCAPE_TEXT,
	ESCAPE_TSV_TEXT, /* both */
};

/* Append; 0, ERR_NOMEM, or ERR_INTERNAL when the buffer's ceiling is met. */
int escape_put(struct buf *to, enum escape_style style, const void *bytes,
    size_t len) MUST_USE;

/* What LC_ALL, LC_CTYPE or LANG, the first that is set, says of characters. */
bool escape_is_utf8(void);

#endif
