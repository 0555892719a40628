/* SPDX-License-Identifier: ISC */
/* Partial files: what each is called, and those in other directories. */
#ifndef CLIENT_PARTS_H
#define CLIENT_PARTS_H

#include "client/client.h"
#include "state/files.h"

/*
 * By what id the directory knows the part of f.  A file's own id is its
 * sender's choice, and the relay sees it: peers who use the same one, and
 * recipients who share a directory, still have parts of their own.
 */
void parts_id(uint8_t out[static ID_LEN], struct client *c,
    const struct files *f);

/*
 * Take away the part of f in the directory it was begun in, if that is still
 * there; ERR_IO.
 */
int parts_drop(struct client *c, const struct files *f) MUST_USE;

/* The same for all files of a peer, up to the first that fails. */
int parts_drop_all(struct client *c,
    const uint8_t peer[static ID_LEN]) MUST_USE;

#endif
