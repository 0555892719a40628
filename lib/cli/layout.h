/* SPDX-License-Identifier: ISC */
/* How each type of record looks with --text: a row of cells a type. */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "cli/cell.h"

/* The cells of a type of record; NULL when it has no form but JSON. */
const struct cell *layout_find(const char *type);

#endif
