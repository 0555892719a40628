/* SPDX-License-Identifier: ISC */
/*
 * Sending one file to one or more peers: manifest, chunks, END.  What is
 * committed before what leaves:
 *
 *	1. a row of files (OPEN, spans empty) with the manifest in the outbox
 *	2. the manifest leaves; chunks leave, UPLOAD_WINDOW at a time
 *	3. the chunks that the relay has, as spans, so often that never more
 *	   than SENDFILE_COMMIT bytes have been sent that are in none
 *	4. the row ENDED, with the END in the outbox; the END leaves
 *	5. told says so to the user; the row is dropped
 *
 * A killed command is carried on by the same one: it finds the row of the
 * file by path, device, inode, time and size, reads the file from its
 * beginning for the digest, and sends the chunks that are not in spans.  Those
 * sent after the last commit are sent again, encrypted anew under a nonce of
 * their own; the recipient has the index already and drops them.  A stream
 * has no row.
 */
#ifndef CLIENT_SENDFILE_H
#define CLIENT_SENDFILE_H

#include "base/err.h"
#include "client/client.h"
#include "e2e/filebox.h"
#include "state/outdir.h"
#include "state/peers.h"

#define SENDFILE_COMMIT (16 * 1024 * 1024)

/* How a file went to a peer. */
struct sendfile_sent {
	int failed; /* 0, else why, as err_last() had it, is in why */
	struct err_info why;
	const char *who; /* as the user called the peer */
	bool known;      /* peer is set */
	struct peer peer;
	uint8_t id[ID_LEN]; /* of the file */
	uint64_t seq;       /* of its manifest */
	uint64_t sent_at;
	const char *path, *name;
	uint64_t size;
	uint8_t digest[FILEBOX_DIGEST_LEN];
	uint64_t chunks;
	uint64_t resumed; /* bytes that an earlier command had sent */
};

struct sendfile {
	const char *path; /* "-": standard input */
	const char *name; /* NULL: the last component of path */
	const char *const *peers;
	size_t peers_n;
	bool fresh;            /* begin anew, whatever was sent before */
	bool require_verified; /* else ERR_NOT_VERIFIED */
	uint64_t rate;         /* bytes a second, 0: no limit */
	/* done of total bytes were sent; total is UINT64_MAX for a stream */
	void (*progress)(void *arg, const char *name, uint64_t done,
	    uint64_t total);
	/* once for each peer, in their order */
	int (*told)(void *arg, const struct sendfile_sent *s);
	void *arg;
};

/*
 * Send it to all peers, of whom there is at least one; how it went is told
 * for each.  An error of one's own (the file, the key file, the channel) is so
 * for all of them.  Answers with what told has answered, or ERR_NOMEM.
 */
int sendfile_run(struct client *c, const struct sendfile *job) MUST_USE;

#endif
