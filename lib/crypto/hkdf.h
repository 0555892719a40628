/* SPDX-License-Identifier: ISC */
/* HMAC-SHA256 (RFC 2104) and HKDF (RFC 5869), which libsodium 1.0.18 lacks. */
#ifndef CRYPTO_HKDF_H
#define CRYPTO_HKDF_H

#include <stddef.h>
#include <stdint.h>

#define HKDF_HASH_LEN 32
#define HKDF_OUT_MAX  (255 * HKDF_HASH_LEN)

void hkdf_hmac(uint8_t out[static HKDF_HASH_LEN], const uint8_t *key,
    size_t key_len, const uint8_t *in, size_t in_len);

/* out_len <= HKDF_OUT_MAX; salt (not NULL) and info may be empty. */
void hkdf(uint8_t *out, size_t out_len, const uint8_t *salt, size_t salt_len,
    const uint8_t *ikm, size_t ikm_len, const uint8_t *info, size_t info_len);

#endif
