/* SPDX-License-Identifier: ISC */
/* Fields of a record by their paths: "from.name", "missing.0", "id,body". */
#ifndef CLI_FIELD_H
#define CLI_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One path or several with commas between them, none of them with a hole. */
bool field_is_list(const char *paths);

/*
 * The value at a.b.c, borrowed, or NULL.  A part that is a number counts the
 * items of an array from 0.
 */
json_t *field_find(json_t *tree, const char *path, size_t len);

#endif
