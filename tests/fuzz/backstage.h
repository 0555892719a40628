/* SPDX-License-Identifier: ISC */
/*
 * A stage (stage.h) whose key file is always the same and stands where a
 * commit costs next to nothing, in a directory that goes with the process.
 * Who uses it is linked with cmocka.
 */
#ifndef FUZZ_BACKSTAGE_H
#define FUZZ_BACKSTAGE_H

#include "stage.h"

/* Once, with nobody pinned; and close the client, until stage_reopen. */
void backstage_make(struct stage *st);
void backstage_close(struct stage *st);

/* Nothing is in the directory any more. */
void backstage_clear(void);

/* A file there, by its name. */
void backstage_path(char *out, size_t size, const char *name);

#endif
