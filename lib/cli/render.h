/* SPDX-License-Identifier: ISC */
/*
 * How records look: JSON, chosen fields, or a line for people, appended to a
 * buffer.  Control and bidi characters leave as \uXXXX wherever a terminal
 * may read them.  A tree never holds a string that is not UTF-8 or has a NUL.
 *
 * All answer 0, ERR_NOMEM, or ERR_INTERNAL when the buffer's ceiling is met.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

/* No record is longer: a text of 1 MiB, each byte of it escaped, is 8. */
#define RENDER_MAX (32U << 20)

enum render_flags {
	RENDER_INDENT = 1,
	RENDER_COLOR = 2,
};

/* One line without its end, or several with RENDER_INDENT. */
int render_json(struct buf *out, json_t *tree, unsigned flags) MUST_USE;

/* The values, "v" left out, with blanks between them. */
int render_values(struct buf *out, json_t *tree) MUST_USE;

/* Of the form a.b or a,b.c: what render_get understands. */
bool render_is_paths(const char *paths);

/*
 * One path: the raw value, as jq -r prints it.  Several: values escaped and
 * separated as by jq's @tsv.  Missing and null are empty.  safe: for a
 * terminal.
 */
int render_get(struct buf *out, json_t *tree, const char *paths,
    bool safe) MUST_USE;

/* Bytes as text for a terminal; what is not UTF-8 as U+FFFD. */
int render_text(struct buf *out, const void *bytes, size_t len) MUST_USE;

/* Bytes as UTF-8 without NUL, U+FFFD for each byte that had to go. */
int render_utf8(struct buf *out, const void *bytes, size_t len) MUST_USE;

#endif
