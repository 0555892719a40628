/* SPDX-License-Identifier: ISC */
/*
 * Receiving files into a directory.  Chunks come in any order and from any
 * number of files; what is committed before what is acknowledged or seen:
 *
 *	1. chunks are decrypted, judged, and written to hidden partial files
 *	2. fdatasync of these; then one commit with the chunks they hold as
 *	   spans in their rows; then the caller acknowledges   (receive_commit)
 *	3. a file that is whole and whose digest is right is cut to its size
 *	   and synced; a commit says how it is to be called; it is renamed; a
 *	   commit puts it into the inbox and empties its row   (receive_finish)
 *
 * A crash between any two of these is made up for by the next command: it
 * writes chunks again, and finds a renamed file by its inode.  What its sender
 * has done wrong ends a file: no part is left, the inbox says why, later
 * chunks are dropped.  What anybody could have forged is dropped alone.
 */
#ifndef CLIENT_RECEIVE_H
#define CLIENT_RECEIVE_H

#include "client/client.h"
#include "wire/body.h"

#define RECEIVE_WINDOW (16 * 1024 * 1024) /* bytes between two commits */

struct receive;

/* dir is made when it is missing; files larger than max_size are refused. */
int receive_new(struct receive **out, struct client *c, const char *dir,
    uint64_t max_size) MUST_USE;
void receive_free(struct receive *rc); /* NULL is fine; commits nothing */

/*
 * Take a message of type 4.  *taken: to be acknowledged after the next
 * receive_commit; else it stays at the relay.
 */
int receive_chunk(struct receive *rc, const struct body_message *m,
    bool *taken) MUST_USE;

/* Bytes written since the last commit. */
size_t receive_uncommitted(const struct receive *rc);

int receive_commit(struct receive *rc) MUST_USE;

/*
 * After a commit: files that are whole get their names, those that have come
 * to an end otherwise are given up, also when nothing came for 30 days.  *any:
 * there was one of either kind.
 */
int receive_finish(struct receive *rc, bool *any) MUST_USE;

/* See pull.h. */
const char *receive_elsewhere(const struct receive *rc);
bool receive_lacks_room(const struct receive *rc);

#endif
