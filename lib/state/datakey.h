/* SPDX-License-Identifier: ISC */
/*
 * The data key of a key file: locked in its header row (pwlock.h), open in
 * db->key.  A file has one at a time, counted by its generation, so that a
 * process that holds a former one notices.  Internal to this floor.
 */
#ifndef STATE_DATAKEY_H
#define STATE_DATAKEY_H

#include "state/db.h"
#include "state/keyfile.h"

/* Read it, with the help of access when there is a passphrase. */
int datakey_load(struct db *db, const struct keyfile_access *access) MUST_USE;

/* Whether the header row has it under a passphrase. */
int datakey_is_locked(struct db *db, bool *locked) MUST_USE;

/* Lock db->key into the header row; pass NULL: no passphrase. */
int datakey_store(struct db *db, const struct passphrase *pass) MUST_USE;

/*
 * Put a fresh one in the place of db->key and seal all there is under it.
 * The former one is the caller's then, to be put back when the transaction
 * does not come to its end; it is NULL when this fails.
 */
int datakey_renew(struct keyfile *kf, struct colbox_key **former) MUST_USE;
void datakey_put_back(struct db *db, struct colbox_key *former);

/* ERR_LOCKED: the file has another by now than db->key. */
int datakey_check(struct db *db) MUST_USE;

#endif
