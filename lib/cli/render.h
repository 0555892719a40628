/* SPDX-License-Identifier: ISC */
/*
 * How records look to programs: JSON, or chosen fields, appended to a buffer
 * (for people see cli/cell.h).  Control and bidi characters leave as \uXXXX
 * wherever a terminal may read them.  A tree never holds a string that is not
 * UTF-8 or has a NUL.
 *
 * All answer 0, ERR_NOMEM, or ERR_INTERNAL when the buffer's ceiling is met.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "cli/escape.h"

/* No record is longer: a text of 1 MiB, each byte of it escaped, is 8. */
#define RENDER_MAX (32U << 20)

enum render_flags {
	RENDER_INDENT = 1,
	RENDER_COLOR = 2,
};

/* One line without its end, or several with RENDER_INDENT. */
int render_json(struct buf *out, json_t *tree, unsigned flags) MUST_USE;

/* A value without quotes; nothing for null, compact JSON for several. */
int render_bare(struct buf *out, json_t *j, enum escape_style style) MUST_USE;

/*
 * paths: see field_is_list.  One: the raw value, as jq -r prints it (-c when
 * it is made of several).  Several: values escaped and separated as by jq's
 * @tsv.  Missing and null are empty.  safe: for a terminal.
 */
int render_get(struct buf *out, json_t *tree, const char *paths,
    bool safe) MUST_USE;

#endif
