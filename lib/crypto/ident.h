/* SPDX-License-Identifier: ISC */
/*
 * Identities: the Ed25519 key that a client is, the id and the fingerprint
 * that follow from it, the bundle it signs, and the number two people
 * compare.  Pure; the identity key signs bundles and nothing else.
 */
#ifndef CRYPTO_IDENT_H
#define CRYPTO_IDENT_H

#include <stdint.h>

#include "base/attr.h"
#include "wire/bundle.h"
#include "wire/limits.h"

#define IDENT_SAFETY_LEN 60 /* digits of a safety number */

/* Ed25519 public key of a seed (RFC 8032 5.1.5). */
void ident_public(uint8_t pk[static KEY_LEN],
    const uint8_t seed[static KEY_LEN]);

/* UUIDv8 of SHA-256("sentinel-client-id-v3" 00 || identity key). */
void ident_id(uint8_t id[static ID_LEN], const uint8_t pk[static KEY_LEN]);

/* SHA-256 of the identity key, for people, as 64 hex digits. */
void ident_fingerprint(char out[static 65], const uint8_t pk[static KEY_LEN]);

/* Sign b (its identity_pk must be the seed's) with a name and a time. */
void ident_sign(struct bundle *b, const uint8_t seed[static KEY_LEN],
    uint64_t issued_at, const char *name);

/*
 * id is the identity key's, the signature holds for name and issued_at, no
 * key is of low order.  ERR_PROTOCOL, with what is wrong.
 */
int ident_check(const struct bundle *b, const uint8_t id[static ID_LEN],
    uint64_t issued_at, const char *name) MUST_USE;

/* 60 digits, the same from both sides. */
void ident_safety(char out[static IDENT_SAFETY_LEN + 1],
    const uint8_t pk_a[static KEY_LEN], const uint8_t pk_b[static KEY_LEN]);

#endif
