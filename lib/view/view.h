/* SPDX-License-Identifier: ISC */
/*
 * The records of the commands (sentinel-json(5)), made of the client floor's
 * structs: one function a record, each prints one line.  ERR_IO, ERR_NOMEM.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "cli/letters.h"
#include "client/archive.h"
#include "client/batch.h"
#include "client/book.h"
#include "client/checkup.h"
#include "client/exchange.h"
#include "client/meet.h"
#include "client/overview.h"
#include "client/pull.h"
#include "client/sendfile.h"
#include "wire/body.h"

struct record;

/* status: "registered", "already_registered", "unregistered". */
int view_registration(struct client *c, const char *status) MUST_USE;

/* An entry of the relay's list, beside what is known locally. */
int view_client(struct client *c, const struct body_client *b) MUST_USE;

/* status: "pinned", "listed", "verified", ... */
int view_peer(struct client *c, const struct peer *p,
    const char *status) MUST_USE;

/* Oneself. */
int view_identity(struct client *c) MUST_USE;

/* p NULL: the own fingerprint; else the safety number with p. */
int view_fingerprint(struct client *c, const struct peer *p) MUST_USE;

/* step: "requested", "key_sent". */
int view_exchange(struct client *c, const struct exchange *x,
    const char *step) MUST_USE;

/* A peer that was to be met: "established", "requested", "failed". */
int view_meet(struct client *c, const struct meet *m) MUST_USE;

/* status: "trusted". */
int view_relay(struct client *c, const char *status) MUST_USE;

/* status: "saved", "restored". */
int view_backup(const struct backup_info *b, const char *status,
    const char *file, const char *keyfile) MUST_USE;

int view_status(struct client *c, const struct overview *o) MUST_USE;

/* A line of sentinel-status --check. */
int view_check(const struct checkup *f) MUST_USE;

/* What has become of a letter. */
int view_sent(const struct batch_item *s, const struct letter *l) MUST_USE;

/* status "accepted", or "failed" with the error that s->why tells. */
int view_file_sent(const struct sendfile_sent *s) MUST_USE;

/*
 * An entry of the inbox, whatever its kind; the word for that, and which ones
 * --type takes for a word (0: none); its record, for record_emit or
 * record_free.
 */
int view_item(const struct pull_item *item) MUST_USE;
const char *view_item_type(const struct pull_item *item);
unsigned view_item_kinds(const char *type); /* set of enum inbox_kind */
struct record *view_item_record(const struct pull_item *item);

#endif
