/* SPDX-License-Identifier: ISC */
/* Backups of a key file, and key files made of them, on disk. */
#ifndef CLIENT_ARCHIVE_H
#define CLIENT_ARCHIVE_H

#include "client/client.h"
#include "state/backup.h"

/*
 * Write a backup to a new file, 0600, whole and durable or not at all.
 * ERR_EXISTS, ERR_IO, ERR_PASSPHRASE.
 */
int archive_backup(struct client *c, const char *file,
    const struct passphrase *pass, struct backup_info *out) MUST_USE;

/*
 * Make the key file that the settings name, under the passphrase they give
 * for the backup; its path is copied to keyfile.  ERR_EXISTS, ERR_CORRUPT,
 * ERR_PASSPHRASE, ERR_IO: nothing is left.
 */
int archive_restore(const struct settings *s, const char *file,
    char keyfile[static KEYFILE_PATH_SIZE], struct backup_info *out) MUST_USE;

#endif
