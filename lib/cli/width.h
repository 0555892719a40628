/* SPDX-License-Identifier: ISC */
/* How many columns of a terminal text takes. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stddef.h>

/*
 * Of bytes without controls: 2 for a wide character, 0 for one that stands
 * upon another or nowhere, else 1; whatever the locale.
 */
size_t width_text(const void *bytes, size_t len);

#endif
