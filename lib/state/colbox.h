/* SPDX-License-Identifier: ISC */
/*
 * Boxes for the secret columns of the key file (protocol: The key file):
 *
 *	nonce 24 | XChaCha20-Poly1305 ciphertext | tag 16
 *
 * with a random nonce.  A box is bound to its file, table, column and row and
 * opens nowhere else.  Pure; the caller owns all memory.
 */
#ifndef STATE_COLBOX_H
#define STATE_COLBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

#define COLBOX_OVERHEAD 40
#define COLBOX_ROW_SIZE 128
#define COLBOX_TAG_LEN  16

/* The data key of one file; lives in secret_new memory. */
struct colbox_key {
	uint8_t file[ID_LEN]; /* its file_uuid */
	uint8_t key[KEY_LEN];
};

/* Where a box stands. */
struct colbox_place {
	const char *table;
	const char *column;
	char row[COLBOX_ROW_SIZE]; /* primary key as text, parts joined by : */
};

/* Append a part to the row: lower-case hex, or decimal digits. */
void colbox_add_bytes(struct colbox_place *at, const uint8_t *bytes,
    size_t len);
void colbox_add_number(struct colbox_place *at, int64_t n);

/* Writes len + COLBOX_OVERHEAD bytes. */
void colbox_seal(uint8_t *out, const struct colbox_key *k,
    const struct colbox_place *at, const uint8_t *in, size_t len);

/*
 * Writes len - COLBOX_OVERHEAD bytes, or nothing and ERR_CORRUPT: too short,
 * damaged, or made for another place.
 */
int colbox_open(uint8_t *out, const struct colbox_key *k,
    const struct colbox_place *at, const uint8_t *in, size_t len) MUST_USE;

/*
 * What a text is found by whose column is a box: equal for equal texts, and
 * tells nothing without the data key.  The first bytes of HMAC-SHA256 under
 * HKDF-SHA256(no salt, data key, D("sentinel-name-v3") || file_uuid).
 */
void colbox_tag(uint8_t out[static COLBOX_TAG_LEN], const struct colbox_key *k,
    const char *text);

#endif
