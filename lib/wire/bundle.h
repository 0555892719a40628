/* SPDX-License-Identifier: ISC */
/*
 * The 160-byte public key of a client: three keys and a signature, layout
 * only (crypto/ident signs and checks it).
 *
 *	identity_pk 32 | static_pk 32 | prekey_pk 32 | signature 64
 */
#ifndef WIRE_BUNDLE_H
#define WIRE_BUNDLE_H

#include <stdint.h>

#include "wire/limits.h"

struct bundle {
	uint8_t identity_pk[KEY_LEN]; /* Ed25519 */
	uint8_t static_pk[KEY_LEN];   /* X25519, Noise */
	uint8_t prekey_pk[KEY_LEN];   /* X25519 */
	uint8_t signature[SIG_LEN];
};

_Static_assert(sizeof(struct bundle) == BUNDLE_LEN, "bundle has no padding");

void bundle_pack(uint8_t out[static BUNDLE_LEN], const struct bundle *b);
void bundle_unpack(struct bundle *b, const uint8_t in[static BUNDLE_LEN]);

#endif
