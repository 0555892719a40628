/* SPDX-License-Identifier: ISC */
/*
 * The options all commands share, and the environment that stands in for
 * them: an option counts before its variable, the variable before the
 * default.
 */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/settings.h"
#include "cli/opt.h"

/* What the options of both tables write to. */
struct common {
	struct settings s;
	bool help;
	bool version;
	bool dump;
};

void common_init(struct common *c);

/* bare: those that have a meaning without a key file. */
const struct opt *common_table(bool bare);

/* What neither --help nor the dump tells of. */
const struct opt *common_hidden(void);

/*
 * Complete what no option has said.  A variable that is empty counts as
 * unset.  ERR_USAGE: one that cannot be read, by its name.
 */
int common_settle(struct settings *s) MUST_USE;

#endif
