/* SPDX-License-Identifier: ISC */
/*
 * What there is in the store when it is opened; from then on it is counted.
 *
 * The counters of all mailboxes are summed up at once.  The texts that they
 * are behind by, up to 15 each, have to be looked for in the mailboxes one by
 * one, which takes seconds where there are a million of them: that is done a
 * part at a time, by the sweep, in the order of their IDs.  What the census
 * has not come to yet is kept as it counts on: a mailbox that is used adds
 * what it is behind by, and its counters are written with every group.
 */
#ifndef SERVER_STORE_SQLITE_CENSUS_H
#define SERVER_STORE_SQLITE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

struct mailbox;
struct store_sqlite;

struct store_sqlite_census {
	bool under_way;
	bool again; /* a group was lost meanwhile: what was summed is void */
	uint8_t after[ID_LEN]; /* up to here it has come */
};

/* The sum; again, when a group is lost before the census is over. */
int store_sqlite_census_begin(struct store_sqlite *s) MUST_USE;

/* Go on, if it is under way. */
int store_sqlite_census_go_on(struct store_sqlite *s) MUST_USE;

/* Whether m is still before it. */
bool store_sqlite_census_awaits(const struct store_sqlite *s,
    const struct mailbox *m);

/* m, which it awaits, was behind by so much. */
void store_sqlite_census_add(struct store_sqlite *s, uint64_t n,
    uint64_t bytes);

#endif
