/* SPDX-License-Identifier: ISC */
#include "crypto/ident.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/noise.h"
#include "wire/id.h"

/* The labels are hashed and signed with their terminator. */
#define LABEL_ID     "sentinel-client-id-v3"
#define LABEL_BUNDLE "sentinel-bundle-v3"
#define LABEL_SAFETY "sentinel-safety-v3:" /* but this one */

/* label | id | three keys | issued_at 8 | name_len 1 | name */
#define SIGNED_MAX \
	(sizeof(LABEL_BUNDLE) + ID_LEN + 3 * KEY_LEN + 8 + 1 + NAME_MAX_LEN)

#define SAFETY_ROUNDS 5200
#define SAFETY_GROUPS 6
#define SAFETY_HALF   (IDENT_SAFETY_LEN / 2)

static uint8_t *
put(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return at + len;
}

static bool
name_is_fit(const char *name)
{
	const size_t len = strnlen(name, NAME_SIZE);

	for (size_t i = 0; i < len; i++) {
		if (name[i] < 0x21 || name[i] > 0x7e)
			return false;
	}
	return len >= 1 && len <= NAME_MAX_LEN;
}

static size_t
signed_bytes(uint8_t out[static SIGNED_MAX], const struct bundle *b,
    const uint8_t id[static ID_LEN], uint64_t issued_at, const char *name)
{
	const uint8_t name_len = (uint8_t)strlen(name);
	uint8_t *at = out;

	at = put(at, LABEL_BUNDLE, sizeof(LABEL_BUNDLE));
	at = put(at, id, ID_LEN);
	at = put(at, b->identity_pk, KEY_LEN);
	at = put(at, b->static_pk, KEY_LEN);
	at = put(at, b->prekey_pk, KEY_LEN);
	le_put64(at, issued_at);
	at = put(at + 8, &name_len, 1);
	at = put(at, name, name_len);
	return (size_t)(at - out);
}

void
ident_public(uint8_t pk[static KEY_LEN], const uint8_t seed[static KEY_LEN])
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(pk, sk, seed);
	secret_wipe(sk, sizeof(sk));
}

void
ident_id(uint8_t id[static ID_LEN], const uint8_t pk[static KEY_LEN])
{
	uint8_t in[sizeof(LABEL_ID) + KEY_LEN];
	uint8_t h[crypto_hash_sha256_BYTES];

	put(put(in, LABEL_ID, sizeof(LABEL_ID)), pk, KEY_LEN);
	crypto_hash_sha256(h, in, sizeof(in));
	h[6] = (h[6] & 0x0f) | 0x80; /* version 8, RFC 9562 5.8 */
	h[8] = (h[8] & 0x3f) | 0x80;
	memcpy(id, h, ID_LEN);
}

void
ident_fingerprint(char out[static 65], const uint8_t pk[static KEY_LEN])
{
	uint8_t h[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(h, pk, KEY_LEN);
	text_hex(out, h, sizeof(h));
}

void
ident_sign(struct bundle *b, const uint8_t seed[static KEY_LEN],
    uint64_t issued_at, const char *name)
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
	uint8_t pk[KEY_LEN], id[ID_LEN], in[SIGNED_MAX];
	size_t len;

	assert(name_is_fit(name));
	crypto_sign_seed_keypair(pk, sk, seed);
	assert(memcmp(pk, b->identity_pk, KEY_LEN) == 0);
	ident_id(id, pk);
	len = signed_bytes(in, b, id, issued_at, name);
	crypto_sign_detached(b->signature, NULL, in, len, sk);
	secret_wipe(sk, sizeof(sk));
}

int
ident_check(const struct bundle *b, const uint8_t id[static ID_LEN],
    uint64_t issued_at, const char *name)
{
	uint8_t own_id[ID_LEN], in[SIGNED_MAX];
	size_t len;

	if (!name_is_fit(name))
		return err_set(ERR_PROTOCOL, "bundle: name");
	ident_id(own_id, b->identity_pk);
	if (memcmp(own_id, id, ID_LEN) != 0)
		return err_set(ERR_PROTOCOL, "bundle: not of this id");
	len = signed_bytes(in, b, id, issued_at, name);
	if (crypto_sign_verify_detached(b->signature, in, len,
		b->identity_pk) != 0)
		return err_set(ERR_PROTOCOL, "bundle: signature");
	if (noise_is_low_order(b->static_pk) ||
	    noise_is_low_order(b->prekey_pk))
		return err_set(ERR_PROTOCOL, "bundle: key of low order");
	return 0;
}

/* Six groups of five digits. */
static void
digits(char out[static SAFETY_HALF + 1], const uint8_t *p)
{
	for (int i = 0; i < SAFETY_GROUPS; i++, p += 5) {
		const uint64_t v = (uint64_t)p[0] << 32 | (uint64_t)p[1] << 24 |
		    (uint64_t)p[2] << 16 | (uint64_t)p[3] << 8 | p[4];

		snprintf(out + 5 * i, 6, "%05u", (unsigned)(v % 100000));
	}
}

/* h = SHA-512(in | key); in may be h. */
static void
safety_round(uint8_t h[static crypto_hash_sha512_BYTES], const uint8_t *in,
    size_t in_len, const uint8_t *key, size_t key_len)
{
	crypto_hash_sha512_state st;

	crypto_hash_sha512_init(&st);
	crypto_hash_sha512_update(&st, in, in_len);
	crypto_hash_sha512_update(&st, key, key_len);
	crypto_hash_sha512_final(&st, h);
}

/* What one side contributes. */
static void
safety_half(char out[static SAFETY_HALF + 1], const uint8_t pk[static KEY_LEN])
{
	uint8_t key[1 + KEY_LEN] = { 0x05 };
	uint8_t first[2 + sizeof(key) + sizeof(LABEL_SAFETY) + ID_TEXT_SIZE];
	uint8_t id[ID_LEN], h[crypto_hash_sha512_BYTES];
	char uuid[ID_TEXT_SIZE];
	uint8_t *at;

	memcpy(key + 1, pk, KEY_LEN);
	ident_id(id, pk);
	id_text(uuid, id);
	at = put(first, "\0", 2);
	at = put(at, key, sizeof(key));
	at = put(at, LABEL_SAFETY, strlen(LABEL_SAFETY));
	at = put(at, uuid, strlen(uuid));
	safety_round(h, first, (size_t)(at - first), key, sizeof(key));
	for (int i = 1; i < SAFETY_ROUNDS; i++)
		safety_round(h, h, sizeof(h), key, sizeof(key));
	digits(out, h);
}

void
ident_safety(char out[static IDENT_SAFETY_LEN + 1],
    const uint8_t pk_a[static KEY_LEN], const uint8_t pk_b[static KEY_LEN])
{
	char a[SAFETY_HALF + 1], b[SAFETY_HALF + 1];
	bool a_first;

	safety_half(a, pk_a);
	safety_half(b, pk_b);
	a_first = strcmp(a, b) < 0;
	memcpy(out, a_first ? a : b, SAFETY_HALF);
	memcpy(out + SAFETY_HALF, a_first ? b : a, sizeof(b));
}
