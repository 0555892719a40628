/* SPDX-License-Identifier: ISC */
/*
 * How far a transfer is, on stderr: a bar on a terminal once half a second has
 * passed, or a JSON line each second.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

#include "base/settings.h"

#define PROGRESS_MODES "auto|bar|json|never"

/*
 * mode: one of PROGRESS_MODES; auto, or NULL, is a bar on a terminal and else
 * nothing.  tool is borrowed for good.
 */
void progress_setup(const struct settings *s, const char *tool,
    const char *mode);

/* done of total bytes of what is called name; total UINT64_MAX: unknown. */
void progress_show(const char *name, uint64_t done, uint64_t total);

/* That is over: take the bar away. */
void progress_end(void);

#endif
