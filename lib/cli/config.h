/* SPDX-License-Identifier: ISC */
/*
 * The file of --config: options of a program, one a line,
 *
 *	long-option = value
 *
 * with blank lines, and comments on lines of their own that begin with "#".
 * What was given on the command line wins.  Flags belong there alone.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stddef.h>

#include "base/attr.h"
#include "cli/opt.h"

#define CONFIG_MAX (1024 * 1024) /* bytes of a file */

/*
 * Read path into what set->given has not: its length of set's rows.  self: the
 * row that names the file, which may not stand in one.  *text holds what the
 * values point to, and is to be freed after them.  ERR_USAGE names file and
 * line; ERR_IO, ERR_NOMEM.
 */
int config_read(char **text, const struct opt_set *set, const char *self,
    const char *path) MUST_USE;

/* The same of text[0..len], which ends with a NUL and is taken apart. */
int config_parse(const struct opt_set *set, const char *self, const char *path,
    char *text, size_t len) MUST_USE;

#endif
