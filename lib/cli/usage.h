/* SPDX-License-Identifier: ISC */
/* What a command tells about itself on stdout, all of it from its tables. */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "base/attr.h"
#include "cli/app.h"

/* --help of the program, or of verb; common: the options all share. */
void usage_help(const struct app *app, const struct app_verb *verb,
    const struct opt *common);

/*
 * The tables as one line of JSON, for completions and tests:
 * {"program","synopsis","brief","options":[{"letter","name","arg","help"}...],
 * "common":[...],"verbs":[{"name","synopsis","brief","options"}...]}
 * ERR_NOMEM.
 */
int usage_dump(const struct app *app, const struct opt *common) MUST_USE;

#endif
