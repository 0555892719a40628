/* SPDX-License-Identifier: ISC */
/*
 * Invites: what somebody needs who is new to a relay that does not take
 * everybody.  One is
 *
 *	nonce 16 | expires u64 | the first 16 bytes of BLAKE2b-256
 *
 * in base64url, 54 characters; the hash is of what stands before it, under a
 * key that only this relay's secret leads to.  So a relay knows its invites
 * without having kept them; which were used is the store's to remember.
 */
#ifndef SERVER_INVITE_H
#define SERVER_INVITE_H

#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

#define INVITE_NONCE_LEN 16

struct invite {
	uint8_t nonce[INVITE_NONCE_LEN];
	uint64_t expires; /* unix ms */
};

/* The key for invites of a relay with this secret. */
void invite_key(uint8_t key[static KEY_LEN],
    const uint8_t relay_sk[static KEY_LEN]);

void invite_pack(char out[static INVITE_LEN + 1], const struct invite *invite,
    const uint8_t key[static KEY_LEN]);

/* ERR_DENIED: not made with this key. */
int invite_unpack(struct invite *invite, const char *text,
    const uint8_t key[static KEY_LEN]) MUST_USE;

#endif
