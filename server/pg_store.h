/* SPDX-License-Identifier: ISC */
/* The store on a PostgreSQL database, which several relays may share. */
#ifndef SERVER_PG_STORE_H
#define SERVER_PG_STORE_H

#include "base/attr.h"
#include "server/store.h"

/*
 * conninfo: of libpq, "KEY=VALUE ..." or a URI.  Connects and waits for it;
 * makes the schema where it is missing.  The highest timeline that was seen is
 * kept in key.timeline; NULL: in memory alone.  ERR_USAGE, ERR_CORRUPT, ERR_IO,
 * ERR_NOMEM.
 */
int pg_store_open(struct store **out, const char *conninfo, const char *key,
    const struct store_limits *limits) MUST_USE;

#endif
