/* SPDX-License-Identifier: ISC */
/*
 * The key file: one SQLite database per identity that holds everything a
 * client must remember (protocol: The key file; sentinel-keyfile(5)).  This
 * module opens and makes it and guards its transactions; own, peers,
 * handshake, session, outbox and inbox read and write its tables.
 *
 * The file must be private: a regular file of the caller's, no access for
 * group or others, one link; else ERR_INSECURE.  Keys, texts and names are
 * encrypted under the data key, bound to file, table, column and row; the data
 * key is encrypted under a passphrase, when there is one.
 *
 * Every change happens between keyfile_begin and keyfile_commit; what was
 * committed is on the disk.  While another process holds the file, calls wait
 * up to lock_timeout_ms, then answer ERR_LOCKED.  Damage: ERR_CORRUPT; the
 * disk: ERR_IO.
 */
#ifndef STATE_KEYFILE_H
#define STATE_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/passphrase.h"
#include "wire/addr.h"
#include "wire/limits.h"

struct db;
struct keyfile;

struct keyfile_self {
	char name[NAME_SIZE];
	uint8_t id[ID_LEN];
	uint8_t identity_pk[KEY_LEN];
	uint64_t issued_at; /* the highest a bundle was ever dated, 0: none */
	struct addr relay;  /* hosts_n 0: none; its key is the pin */
	uint64_t last_contact; /* unix ms, 0: never */
};

#define KEYFILE_PATH_SIZE 4096

/*
 * file, else $XDG_DATA_HOME or ~/.local/share and /sentinel/IDENTITY.key,
 * identity NULL = "default".  ERR_USAGE: identity is not a name, or no home.
 */
int keyfile_path(char out[static KEYFILE_PATH_SIZE], const char *file,
    const char *identity) MUST_USE;

/*
 * Make path with a fresh identity of that name and an own key pair in state
 * next, durable on return; the file appears whole or not at all.
 * ERR_EXISTS when there is one.  pass NULL: without a passphrase.
 */
int keyfile_create(struct keyfile **out, const char *path, const char *name,
    const struct addr *relay, const struct passphrase *pass,
    uint64_t lock_timeout_ms) MUST_USE;

/* What else than a fresh identity a new key file can be made of. */
struct keyfile_origin {
	const char *name;
	const struct addr *relay;
	const uint8_t *seed; /* Ed25519; NULL: a fresh one */
	/* what it begins with besides, in the one transaction; NULL: nothing */
	int (*fill)(void *arg, struct keyfile *draft);
	void *arg;
};
int keyfile_create_from(struct keyfile **out, const char *path,
    const struct keyfile_origin *from, const struct passphrase *pass,
    uint64_t lock_timeout_ms) MUST_USE;

/* What it takes to get at a key file. */
struct keyfile_access {
	uint64_t lock_timeout_ms;
	/*
	 * Asked when the file has a passphrase; out is in secret memory.
	 * NULL: there is nobody to ask.
	 */
	int (*ask)(void *arg, struct passphrase *out);
	void *arg;
};

/*
 * A file of an older format is brought up to this one.  ERR_NO_KEYFILE,
 * ERR_INSECURE, ERR_CORRUPT (also a newer format), ERR_IO; ERR_PASSPHRASE:
 * wrong, or needed and not to be had.  A process opens a file once at a
 * time: to open and close it again would let go of the locks of the first.
 */
int keyfile_open(struct keyfile **out, const char *path,
    const struct keyfile_access *access) MUST_USE;
/*
 * Whether opening it has found an older copy of itself in its place.  All
 * sessions were given up then: no message key may be used a second time.
 */
bool keyfile_was_put_back(const struct keyfile *kf);
void keyfile_close(struct keyfile *kf); /* NULL is fine; rolls back */

/*
 * Set, change or (pass NULL) remove the passphrase, in a transaction of its
 * own.  When there was none before, the data key has stood there in the
 * clear: all is encrypted under a fresh one, and other processes that have
 * the file open get ERR_LOCKED from then on.  ERR_PASSPHRASE: empty.
 */
int keyfile_set_passphrase(struct keyfile *kf,
    const struct passphrase *pass) MUST_USE;
int keyfile_has_passphrase(struct keyfile *kf, bool *has) MUST_USE;

const char *keyfile_name(const struct keyfile *kf); /* its path, borrowed */
struct db *keyfile_db(struct keyfile *kf);          /* for this floor alone */

/* ERR_IO for a file that may only be read: before anything is sent. */
int keyfile_check_writable(struct keyfile *kf) MUST_USE;

int keyfile_begin(struct keyfile *kf) MUST_USE; /* BEGIN IMMEDIATE */
int keyfile_commit(struct keyfile *kf) MUST_USE;
/* Without a transaction open: no effect. */
void keyfile_rollback(struct keyfile *kf);

/* Look at all of it, whether it is whole.  ERR_CORRUPT. */
int keyfile_verify(struct keyfile *kf) MUST_USE;

/*
 * FILE.pull: who fetches from the relay.  Held until keyfile_unlock_pull or
 * close; ERR_LOCKED at once when another process has it.
 */
int keyfile_lock_pull(struct keyfile *kf) MUST_USE;
void keyfile_unlock_pull(struct keyfile *kf);

/* FILE.flush: who delivers the outbox; *got tells, without waiting. */
int keyfile_try_flush(struct keyfile *kf, bool *got) MUST_USE;
void keyfile_unlock_flush(struct keyfile *kf);

int keyfile_get_self(struct keyfile *kf, struct keyfile_self *out) MUST_USE;
/* The Ed25519 seed; the caller wipes it. */
int keyfile_get_seed(struct keyfile *kf, uint8_t seed[static KEY_LEN]) MUST_USE;

int keyfile_set_name(struct keyfile *kf, const char *name) MUST_USE;
int keyfile_set_relay(struct keyfile *kf, const struct addr *relay) MUST_USE;
int keyfile_set_issued_at(struct keyfile *kf, uint64_t issued_at) MUST_USE;
int keyfile_set_contact(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
