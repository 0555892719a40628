/* SPDX-License-Identifier: ISC */
/*
 * A key file in a directory of its own, for the tests of the state floor:
 * cmocka's setup and teardown, and what several of them ask.
 */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/keyfile.h"

#define SCRATCH_NOW 1700000000000ULL /* unix ms */

struct scratch {
	char dir[64];
	char path[96]; /* of the key file of "alice" */
	struct keyfile *kf;
};

/* Setup: *state is a struct scratch with an open key file. */
int scratch_setup(void **state);
/* Setup: only the directory. */
int scratch_setup_bare(void **state);
/* Closes the key file and removes the directory with all that is in it. */
int scratch_teardown(void **state);

/*
 * Put a key file made of a dump in tests/unit/vectors in the place of that
 * of alice, closed.
 */
void scratch_restore(struct scratch *s, const char *dump);

/* Open the key file, which has no passphrase: keyfile_open's answer. */
int scratch_open(struct scratch *s, uint64_t lock_timeout_ms);

/* Close the key file, if it is open, and open it again; both succeed. */
void scratch_reopen(struct scratch *s);
void scratch_close(struct scratch *s);

/* Begin and commit, which must succeed. */
void scratch_begin(struct scratch *s);
void scratch_commit(struct scratch *s);

/* An id whose bytes all are n. */
struct scratch_id {
	uint8_t bytes[ID_LEN];
};
struct scratch_id scratch_id(uint8_t n);

/* All bytes of a file, to be freed. */
uint8_t *scratch_read(const char *path, size_t *len);
void scratch_write(const char *path, const uint8_t *bytes, size_t len);

/* Fails unless those are all bytes of the file. */
void scratch_unchanged(const char *path, const uint8_t *bytes, size_t len);

/* Whether the bytes stand anywhere in a file of the directory. */
bool scratch_has(const struct scratch *s, const void *bytes, size_t len);

/* What the inbox and the outbox hold that is not done. */
size_t scratch_inbox(const struct scratch *s);
size_t scratch_outbox(const struct scratch *s);

/* Names in the directory, without . and .. */
size_t scratch_count(const struct scratch *s);

/*
 * The one number or blob a query on the closed key file gives, past our own
 * code; blobs go to out, at most cap bytes.
 */
int64_t scratch_sql(const struct scratch *s, const char *sql);
size_t scratch_sql_blob(const struct scratch *s, const char *sql, uint8_t *out,
    size_t cap);

/* fn in a child process, which must come back with 0. */
void scratch_fork(void (*fn)(struct scratch *s), struct scratch *s);

#endif
