/* SPDX-License-Identifier: ISC */
/*
 * The chunks a file travels in (protocol: Files), each a box of its own under
 * the file's key:
 *
 *	03 20 | flags 2 | file_id 16 | index 8 | nonce 24 | ciphertext | tag 16
 *
 * The first 28 bytes are the header and are authenticated together with
 * sender and recipient.  All chunks but the final one, flag bit 0, are of
 * the same size; the stream is padded with zeros to plain_padme(size).  What
 * describes a file and what ends it are messages, wire/plain.h.  Pure.
 */
#ifndef E2E_FILEBOX_H
#define E2E_FILEBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

#define FILEBOX_HEADER_LEN 28
#define FILEBOX_NONCE_LEN  24
#define FILEBOX_OVERHEAD   (FILEBOX_HEADER_LEN + FILEBOX_NONCE_LEN + 16)
#define FILEBOX_DIGEST_LEN 32
#define FILEBOX_CHUNK_LEN  262144 /* of the files sent */

struct filebox_header {
	uint8_t file_id[ID_LEN];
	uint64_t index;
	bool final;
};

/* How many chunks a file of that size makes, padding included; at least 1. */
uint64_t filebox_chunks(uint64_t size, uint32_t chunk_size);

/* Length of one of them, index < filebox_chunks. */
uint32_t filebox_chunk_len(uint64_t size, uint32_t chunk_size, uint64_t index);

/* May a chunk of that index be part of a file at all?  (2^62 bytes.) */
bool filebox_is_index(uint64_t index, uint32_t chunk_size);

/*
 * Encrypt len bytes into out[len + FILEBOX_OVERHEAD].  nonce: fresh random
 * bytes, for each encryption its own.
 */
void filebox_seal(uint8_t *out, const struct filebox_header *head,
    const uint8_t key[static KEY_LEN], const uint8_t from[static ID_LEN],
    const uint8_t to[static ID_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[static FILEBOX_NONCE_LEN]);

/* Layout alone; ERR_PROTOCOL: size, magic, a flag that is not known. */
int filebox_peek(struct filebox_header *out, const uint8_t *in,
    size_t len) MUST_USE;

/*
 * Decrypt what filebox_peek has accepted into out[len - FILEBOX_OVERHEAD].
 * ERR_UNDECRYPTABLE: it does not authenticate; nothing is written.
 */
int filebox_open(uint8_t *out, const uint8_t key[static KEY_LEN],
    const uint8_t from[static ID_LEN], const uint8_t to[static ID_LEN],
    const uint8_t *in, size_t len) MUST_USE;

/* BLAKE2b-256 of a file, as `b2sum -l 256` prints it, piece by piece. */
struct filebox_digest {
	_Alignas(64) uint8_t state[384]; /* libsodium's */
};
void filebox_digest_init(struct filebox_digest *d);
void filebox_digest_add(struct filebox_digest *d, const uint8_t *in,
    size_t len);
void filebox_digest_end(struct filebox_digest *d,
    uint8_t out[static FILEBOX_DIGEST_LEN]);

#endif
