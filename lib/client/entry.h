/* SPDX-License-Identifier: ISC */
/*
 * Inbox records: what is kept of a message or event between taking it in and
 * printing it, as bytes.
 *
 *	message        sent_at 8 | body of the text
 *	key request    authenticated 1
 *	key received   established 1
 *	gap            first 8 | last 8
 *	undecryptable  a stable word
 *	files          sent_at 8 | size 8 | digest 32 |
 *	               word 1 + n | name 1 + n | path 2 + n
 */
#ifndef CLIENT_ENTRY_H
#define CLIENT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "client/pull.h"

int entry_pack_message(struct buf *out, uint64_t sent_at, const uint8_t *body,
    size_t len) MUST_USE;
int entry_pack_flag(struct buf *out, bool flag) MUST_USE;
int entry_pack_gap(struct buf *out, uint64_t first, uint64_t last) MUST_USE;
int entry_pack_file(struct buf *out, const struct pull_file *f) MUST_USE;
int entry_pack_error(struct buf *out, const char *word) MUST_USE;

/* Into the fields of its kind (item->row says which); ERR_CORRUPT. */
int entry_unpack(struct pull_item *item, const uint8_t *in,
    size_t len) MUST_USE;

#endif
