/* SPDX-License-Identifier: ISC */
/*
 * The data key under a passphrase (protocol: The key file): an Argon2id13 key
 * of the passphrase seals it with XChaCha20-Poly1305, bound to the file and
 * to the parameters.  Without a passphrase it stands there as it is.
 */
#ifndef STATE_PWLOCK_H
#define STATE_PWLOCK_H

#include "base/passphrase.h"
#include "state/colbox.h"

#define PWLOCK_SALT_LEN 16
#define PWLOCK_BOX_LEN  72 /* nonce 24 | data key 32 | tag 16 */

/* What a passphrase costs to try: of a new lock, and what is accepted. */
#define PWLOCK_OPS     3
#define PWLOCK_OPS_MIN 2
#define PWLOCK_OPS_MAX 16
#define PWLOCK_MEM     65536 /* KiB */
#define PWLOCK_MEM_MIN 32768
#define PWLOCK_MEM_MAX 2097152

/* As it stands in the header row of a key file; no secret with ops > 0. */
struct pwlock {
	uint32_t ops; /* 0: no passphrase, and mem_kib is 0 */
	uint32_t mem_kib;
	uint8_t salt[PWLOCK_SALT_LEN];
	size_t box_len; /* KEY_LEN: the data key itself */
	uint8_t box[PWLOCK_BOX_LEN];
};

/*
 * Lock the data key with a fresh salt and nonce; pass NULL: without a
 * passphrase, and the caller wipes out.  Takes about 0.2 s and 64 MiB.
 * ERR_PASSPHRASE: an empty one.  ERR_NOMEM.
 */
int pwlock_seal(struct pwlock *out, const struct colbox_key *k,
    const struct passphrase *pass) MUST_USE;

/* ERR_CORRUPT: parameters or sizes that no lock of ours can have. */
int pwlock_check(const struct pwlock *l) MUST_USE;

/*
 * The data key of the file k->file into k->key.  Nothing is allocated for
 * parameters that pwlock_check refuses.  ERR_PASSPHRASE: a wrong one, with
 * the same text whatever it was, or a damaged lock; ERR_CORRUPT; ERR_NOMEM.
 */
int pwlock_open(struct colbox_key *k, const struct pwlock *l,
    const struct passphrase *pass) MUST_USE;

#endif
