/* SPDX-License-Identifier: ISC */
#include "state/colbox.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/hkdf.h"

#define NONCE_LEN  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN    crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NAME_LIMIT 32 /* bytes of a table or column name */

_Static_assert(COLBOX_OVERHEAD == NONCE_LEN + TAG_LEN, "size of a box");
_Static_assert(KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    "size of a key");

static const char label[] = "sentinel-column-v3";
static const char tag_label[] = "sentinel-name-v3";

struct ad {
	uint8_t bytes[sizeof(label) + ID_LEN + 2 * (1 + NAME_LIMIT) + 2 +
	    COLBOX_ROW_SIZE];
	size_t len;
};

static void
add_part(struct colbox_place *at, const char *text)
{
	const size_t len = strlen(at->row);
	int n;

	n = snprintf(at->row + len, sizeof(at->row) - len, "%s%s",
	    len > 0 ? ":" : "", text);
	assert(n > 0 && (size_t)n < sizeof(at->row) - len);
}

void
colbox_add_bytes(struct colbox_place *at, const uint8_t *bytes, size_t len)
{
	char hex[COLBOX_ROW_SIZE];

	assert(TEXT_HEX_SIZE(len) <= sizeof(hex));
	text_hex(hex, bytes, len);
	add_part(at, hex);
}

void
colbox_add_number(struct colbox_place *at, int64_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, n);
	add_part(at, digits);
}

static void
put(struct ad *ad, const void *bytes, size_t len)
{
	memcpy(ad->bytes + ad->len, bytes, len);
	ad->len += len;
}

static void
put_name(struct ad *ad, const char *name)
{
	const size_t len = strlen(name);

	assert(len <= NAME_LIMIT);
	ad->bytes[ad->len++] = (uint8_t)len;
	put(ad, name, len);
}

static void
bind_place(struct ad *ad, const struct colbox_key *k,
    const struct colbox_place *at)
{
	const size_t len = strlen(at->row);

	ad->len = 0;
	put(ad, label, sizeof(label));
	put(ad, k->file, sizeof(k->file));
	put_name(ad, at->table);
	put_name(ad, at->column);
	le_put16(ad->bytes + ad->len, (uint16_t)len);
	ad->len += 2;
	put(ad, at->row, len);
}

void
colbox_seal(uint8_t *out, const struct colbox_key *k,
    const struct colbox_place *at, const uint8_t *in, size_t len)
{
	struct ad ad;

	bind_place(&ad, k, at);
	secret_random(out, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, NULL, in,
	    len, ad.bytes, ad.len, NULL, out, k->key);
}

int
colbox_open(uint8_t *out, const struct colbox_key *k,
    const struct colbox_place *at, const uint8_t *in, size_t len)
{
	struct ad ad;

	bind_place(&ad, k, at);
	if (len < COLBOX_OVERHEAD ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
		in + NONCE_LEN, len - NONCE_LEN, ad.bytes, ad.len, in,
		k->key) != 0)
		return err_set(ERR_CORRUPT, "%s.%s does not open", at->table,
		    at->column);
	return 0;
}

void
colbox_tag(uint8_t out[static COLBOX_TAG_LEN], const struct colbox_key *k,
    const char *text)
{
	uint8_t info[sizeof(tag_label) + ID_LEN], key[KEY_LEN];
	uint8_t mac[HKDF_HASH_LEN];

	memcpy(info, tag_label, sizeof(tag_label));
	memcpy(info + sizeof(tag_label), k->file, ID_LEN);
	hkdf(key, sizeof(key), (const uint8_t *)"", 0, k->key, KEY_LEN, info,
	    sizeof(info));
	hkdf_hmac(mac, key, sizeof(key), (const uint8_t *)text, strlen(text));
	memcpy(out, mac, COLBOX_TAG_LEN);
	secret_wipe(key, sizeof(key));
	secret_wipe(mac, sizeof(mac));
}
