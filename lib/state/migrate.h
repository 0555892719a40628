/* SPDX-License-Identifier: ISC */
/*
 * Key files of older formats.  They are brought up to this one where they
 * stand, in one transaction: a copy would keep keys that are to be erased.
 * Internal to this floor.
 */
#ifndef STATE_MIGRATE_H
#define STATE_MIGRATE_H

#include "state/keyfile.h"

/*
 * No effect when the format is this one; the data key need not be loaded.
 * After a failure the file is as it was.  ERR_CORRUPT, ERR_LOCKED, ERR_IO.
 */
int migrate_run(struct keyfile *kf) MUST_USE;

#endif
