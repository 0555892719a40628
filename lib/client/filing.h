/* SPDX-License-Identifier: ISC */
/*
 * What the messages about files, manifest and END, do to the key file.
 * Everything here runs inside the caller's transaction.
 */
#ifndef CLIENT_FILING_H
#define CLIENT_FILING_H

#include "base/buf.h"
#include "state/files.h"
#include "wire/body.h"
#include "wire/plain.h"

/*
 * A manifest: a row of files, together with an END that has come before it.
 * offer takes the record of its entry.  *fresh: it was not known before.
 * ERR_PROTOCOL: malformed; nothing has changed.
 */
int filing_take_manifest(struct keyfile *kf, const struct body_message *m,
    const struct plain *plain, struct buf *offer, bool *fresh) MUST_USE;

/* An END: into the row of its file, or kept until there is one. */
int filing_take_end(struct keyfile *kf, const struct body_message *m,
    const struct plain *plain) MUST_USE;

/*
 * The record of an entry for f: for the file at path/name when error is NULL
 * and it has come, else for one that is offered, or refused with that word.
 */
int filing_describe(struct buf *out, const struct files *f, const char *path,
    const char *error) MUST_USE;

#endif
