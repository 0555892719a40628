/* SPDX-License-Identifier: ISC */
#include "crypto/hkdf.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/secret.h"

void
hkdf_hmac(uint8_t out[static HKDF_HASH_LEN], const uint8_t *key, size_t key_len,
    const uint8_t *in, size_t in_len)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, key, key_len);
	crypto_auth_hmacsha256_update(&st, in, in_len);
	crypto_auth_hmacsha256_final(&st, out);
	secret_wipe(&st, sizeof(st));
}

void
hkdf(uint8_t *out, size_t out_len, const uint8_t *salt, size_t salt_len,
    const uint8_t *ikm, size_t ikm_len, const uint8_t *info, size_t info_len)
{
	crypto_auth_hmacsha256_state st;
	uint8_t prk[HKDF_HASH_LEN];
	uint8_t block[HKDF_HASH_LEN];
	size_t block_len = 0; /* T(0) is empty, RFC 5869 2.3 */

	assert(out_len <= HKDF_OUT_MAX);
	hkdf_hmac(prk, salt, salt_len, ikm, ikm_len);
	for (uint8_t i = 1; out_len > 0; i++) {
		const size_t n =
		    out_len < sizeof(block) ? out_len : sizeof(block);

		crypto_auth_hmacsha256_init(&st, prk, sizeof(prk));
		crypto_auth_hmacsha256_update(&st, block, block_len);
		crypto_auth_hmacsha256_update(&st, info, info_len);
		crypto_auth_hmacsha256_update(&st, &i, 1);
		crypto_auth_hmacsha256_final(&st, block);
		block_len = sizeof(block);
		memcpy(out, block, n);
		out += n;
		out_len -= n;
	}
	secret_wipe(&st, sizeof(st));
	secret_wipe(prk, sizeof(prk));
	secret_wipe(block, sizeof(block));
}
