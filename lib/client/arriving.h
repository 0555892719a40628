/* SPDX-License-Identifier: ISC */
/*
 * Files that are arriving in a directory: their partial files, how far each
 * is, and what becomes of them in the key file and the inbox.  Chunks are
 * judged in receive, whole files in complete.  What is committed before what
 * is acknowledged or seen:
 *
 *	1. chunks are decrypted, judged, and written to hidden partial files
 *	   (receive_chunk)
 *	2. fdatasync of these, while more is written (arriving_sync); then one
 *	   commit with the chunks they held before it as spans in their rows;
 *	   then the caller acknowledges those  (arriving_commit)
 *	3. a file that is whole and whose digest is right is cut to its size
 *	   and synced; a commit says how it is to be called; it is renamed; a
 *	   commit puts it into the inbox and empties its row  (complete_files)
 *
 * A crash between any two of these is made up for by the next command: it
 * writes chunks again, and finds a renamed file by its inode.  What its sender
 * has done wrong ends a file: no part is left, the inbox says why, later
 * chunks are dropped.  What anybody could have forged is dropped alone.
 */
#ifndef CLIENT_ARRIVING_H
#define CLIENT_ARRIVING_H

#include "base/buf.h"
#include "client/client.h"
#include "client/worker.h"
#include "e2e/filebox.h"
#include "state/files.h"
#include "state/inbox.h"

#define ARRIVING_WINDOW     (16 * 1024 * 1024) /* bytes not committed */
#define ARRIVING_SYNC       (12 * 1024 * 1024) /* of these, that are synced */
#define ARRIVING_OPEN_MAX   8                  /* files under way at once */
#define ARRIVING_STRAYS_MAX 64                 /* noted in one commit */

/* A file under way whose partial file is open. */
struct arriving_file {
	struct files row;
	struct plain_manifest m; /* borrows from row */
	int fd;
	uint64_t length;     /* of the part */
	bool dirty;          /* written to since the last sync was begun */
	bool syncing;        /* that is not committed yet */
	struct spans synced; /* the chunks of it */
	struct filebox_digest digest; /* the worker's, as fd is */
	uint64_t digested; /* chunks from the first on that go into it */
};

struct arriving_stray {
	uint8_t peer[ID_LEN];
	uint8_t file_id[ID_LEN];
};

struct arriving {
	struct client *client;
	struct keyfile *kf;
	struct outdir *dir;
	uint64_t max_size;
	struct arriving_file *open; /* ARRIVING_OPEN_MAX, secret */
	size_t open_n;
	struct arriving_stray strays[ARRIVING_STRAYS_MAX];
	size_t strays_n;
	size_t written;        /* bytes since the last sync was begun */
	size_t syncing;        /* and before, not committed yet */
	struct worker *worker; /* of chunks up to CHUNK_MAX */
	struct buf *record;
	char elsewhere[OUTDIR_PATH_SIZE];
	bool lacks_room;  /* for one file at least */
	size_t concluded; /* files */
};

/* dir is made when it is missing; files larger than max_size are refused. */
int arriving_new(struct arriving **out, struct client *c, const char *dir,
    uint64_t max_size) MUST_USE;
void arriving_free(struct arriving *a); /* NULL is fine; commits nothing */

/* One that is open, or NULL; borrowed until another is opened or ends. */
struct arriving_file *arriving_find(struct arriving *a,
    const uint8_t peer[static ID_LEN], const uint8_t file_id[static ID_LEN]);

/* Begun in another directory: remembered for the user, and left alone. */
bool arriving_is_elsewhere(struct arriving *a, const struct files *f);

/*
 * Open the part of f, which is not open.  *out stays as it is when the disk
 * has no room for the file (lacks_room is set), or when its part is gone: then
 * the file is given up.
 */
int arriving_open(struct arriving *a, const struct files *f, bool *given_up,
    struct arriving_file **out) MUST_USE;

/*
 * One commit: the row is done, and the inbox has an entry of that kind for it,
 * error being its word (NULL for INBOX_FILE).
 */
int arriving_conclude(struct arriving *a, const struct files *f,
    enum inbox_kind kind, const char *error) MUST_USE;

/* The same as INBOX_FILE_REFUSED, and the part goes; f may be of an open one.
 */
int arriving_give_up(struct arriving *a, const struct files *f,
    const char *word) MUST_USE;

/* Close it without a further word. */
void arriving_close(struct arriving *a, const struct files *f);

/* An undecryptable entry; once for each id. */
int arriving_tell_forged(struct arriving *a, const uint8_t peer[static ID_LEN],
    const uint8_t id[static ID_LEN], const char *word) MUST_USE;

/*
 * Begin to sync what was written; when that is done, or has to be waited for
 * because of what else was written, of which len bytes are to come, it is due
 * to be committed.
 */
void arriving_sync(struct arriving *a);
bool arriving_is_due(struct arriving *a, size_t len);
int arriving_commit_synced(struct arriving *a) MUST_USE;

/* Sync what was written and commit what it is. */
int arriving_commit(struct arriving *a) MUST_USE;

#endif
