/* SPDX-License-Identifier: ISC */
/*
 * How far a key file had come, in a file beside it, so that a copy of it that
 * is put back is noticed before it is used: it would take keys a second time.
 * SQLite counts the transactions of a file in its header; after each commit
 * that number goes to PATH.mark:
 *
 *	file_uuid 16 | count 4 | its complement 4
 *
 * The mark is written after the commit and not synced, so it may be behind the
 * file, and never before it.  It is read before the file for the same reason.
 * It is a help: one that is missing, spoilt or cannot be written is none, and
 * no failure.  Internal to this floor.
 */
#ifndef STATE_MARK_H
#define STATE_MARK_H

#include "state/db.h"
#include "state/keyfile.h"

struct mark {
	uint8_t file[ID_LEN];
	uint32_t count;
};

/* False where there is none. */
bool mark_read(struct mark *out, const char *path);

/* After a commit: how far the file has come by it. */
void mark_note(struct db *db);

/*
 * Was the file, which had that count when it was opened, further when the mark
 * was written?  *put_back tells; then all sessions are given up.
 */
int mark_judge(struct keyfile *kf, const struct mark *m, uint32_t count,
    bool *put_back) MUST_USE;

#endif
