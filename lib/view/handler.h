/* SPDX-License-Identifier: ISC */
/* A program that is run for each entry of the inbox (sentinel-pull(1)). */
#ifndef VIEW_HANDLER_H
#define VIEW_HANDLER_H

#include <stdbool.h>

#include "base/attr.h"
#include "client/handover.h"

struct handler {
	char **argv; /* ends with a NULL */
	bool raw;    /* the text of a message alone, not its record */
	uint64_t max_tries;
};

/*
 * The handle of a struct handover_handler, whose arg is a struct handler: run
 * it to its end; that status 0 is done, 100 is dead, and what else is to be
 * tried again is told as a warning.
 */
int handler_run(void *arg, const struct pull_item *item,
    enum handover_verdict *verdict) MUST_USE;

#endif
