/* SPDX-License-Identifier: ISC */
/* What connections to the database need of the world outside the sandbox. */
#ifndef SERVER_PG_REACH_H
#define SERVER_PG_REACH_H

#include "base/attr.h"
#include "server/sandbox.h"

/*
 * Its ports, the files that conninfo or the environment name, and where names
 * of hosts are looked up.  ERR_USAGE, ERR_NOMEM.
 */
int pg_reach_find(struct sandbox_outside *out, const char *conninfo) MUST_USE;

#endif
