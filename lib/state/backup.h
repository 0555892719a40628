/* SPDX-License-Identifier: ISC */
/*
 * A backup: who a key file belongs to, its relay and its peers, under a
 * passphrase of its own, in one small file (sentinel-keyfile(5)).  There is no
 * session, handshake, message or X25519 key in it, so that none can be used a
 * second time; what is made of it gets new ones.
 *
 *	"SNTLBKP1" | file 16 | ops 4 | mem_kib 4 | salt 16 | data key 72 | box
 *
 * The data key is locked as that of a key file (pwlock.h), the box is that of
 * a column (colbox.h): table "backup", column "content", row 1.  Each byte is
 * authenticated by one of them, or is one of the first eight.
 */
#ifndef STATE_BACKUP_H
#define STATE_BACKUP_H

#include "base/buf.h"
#include "state/keyfile.h"

#define BACKUP_MAX (64 * 1024 * 1024)

/* What a backup is of. */
struct backup_info {
	uint8_t id[ID_LEN];
	uint8_t identity_pk[KEY_LEN];
	char name[NAME_SIZE];
	struct addr relay;
	uint64_t made_at; /* unix ms */
	uint64_t peers;
};

/*
 * Append the backup of a key file as it is at the time now to out, whose
 * ceiling is BACKUP_MAX.  ERR_USAGE: over it; ERR_PASSPHRASE: empty.
 */
int backup_make(struct keyfile *kf, const struct passphrase *pass, uint64_t now,
    struct buf *out, struct backup_info *info) MUST_USE;

/*
 * ERR_CORRUPT when that is no backup, or asks for what no passphrase of ours
 * costs: to be known before somebody is asked for it.
 */
int backup_check(const uint8_t *in, size_t len) MUST_USE;

/*
 * Make the key file path out of a backup, under the same passphrase.  Who had
 * a session needs a new one; own keys are made, to be dated and registered
 * later than all that were before.  ERR_EXISTS, ERR_CORRUPT; ERR_PASSPHRASE:
 * a wrong one, or a damaged data key.  Of a failure nothing is left.
 */
int backup_restore(const char *path, const uint8_t *in, size_t len,
    const struct passphrase *pass, struct backup_info *info) MUST_USE;

#endif
