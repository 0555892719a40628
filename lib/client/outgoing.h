/* SPDX-License-Identifier: ISC */
/*
 * A file on its way to one peer: its row in the key file, its key, and the two
 * messages around its chunks.  The order of commits is told in sendfile.h.
 */
#ifndef CLIENT_OUTGOING_H
#define CLIENT_OUTGOING_H

#include "client/patience.h"
#include "client/source.h"
#include "client/upload.h"
#include "state/files.h"
#include "state/peers.h"

/* What all recipients have in common. */
struct outgoing_file {
	struct client *client;
	struct source source;
	struct patience patience;
	const char *name;
	bool fresh; /* begin anew */
	bool require_verified;
};

/* One recipient; holds a key. */
struct outgoing {
	const char *who; /* as the user calls it */
	bool known;      /* peer is set */
	struct peer peer;
	struct files row;
	uint8_t key[KEY_LEN];
	uint64_t resumed; /* chunks */
	struct upload_line line;
};

/*
 * Find the peer, and the row that an earlier command has left, or commit a
 * new one with the manifest.
 */
int outgoing_open(struct outgoing_file *file, struct outgoing *o) MUST_USE;

/* Until the relay has it.  A row whose manifest is refused is dropped. */
int outgoing_deliver_manifest(struct outgoing_file *file,
    struct outgoing *o) MUST_USE;

/* Commit that the relay has all chunks below that index. */
int outgoing_save(struct outgoing_file *file, struct outgoing *o,
    uint64_t settled) MUST_USE;

/* Commit the END, of a source that was read to its end; then deliver it. */
int outgoing_put_end(struct outgoing_file *file, struct outgoing *o) MUST_USE;
int outgoing_deliver_end(struct outgoing_file *file,
    struct outgoing *o) MUST_USE;

/* The user knows; a file sent again is a new one. */
int outgoing_drop(struct outgoing_file *file, struct outgoing *o) MUST_USE;

#endif
