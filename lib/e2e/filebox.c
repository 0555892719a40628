/* SPDX-License-Identifier: ISC */
#include "e2e/filebox.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "wire/plain.h"

#define LABEL_FILE "sentinel-file-v3" /* hashed with its terminator */
#define TAG_LEN    crypto_aead_xchacha20poly1305_ietf_ABYTES
#define FLAG_FINAL 1

enum {
	CHUNK_FLAGS = 2,
	CHUNK_FILE = CHUNK_FLAGS + 2,
	CHUNK_INDEX = CHUNK_FILE + ID_LEN,
	CHUNK_NONCE = CHUNK_INDEX + 8,
	CHUNK_BODY = CHUNK_NONCE + FILEBOX_NONCE_LEN,
};
_Static_assert(CHUNK_NONCE == FILEBOX_HEADER_LEN, "chunk");
_Static_assert(CHUNK_BODY + TAG_LEN == FILEBOX_OVERHEAD, "chunk");
_Static_assert(sizeof(crypto_generichash_state) ==
	sizeof(struct filebox_digest),
    "digest");

#define AD_LEN (sizeof(LABEL_FILE) + 2 * ID_LEN + FILEBOX_HEADER_LEN)

static const uint8_t magic[2] = { 0x03, 0x20 };

uint64_t
filebox_chunks(uint64_t size, uint32_t chunk_size)
{
	uint64_t padded = plain_padme(size);

	return padded == 0 ? 1 : (padded - 1) / chunk_size + 1;
}

uint32_t
filebox_chunk_len(uint64_t size, uint32_t chunk_size, uint64_t index)
{
	uint64_t left = plain_padme(size) - index * chunk_size;

	return left < chunk_size ? (uint32_t)left : chunk_size;
}

bool
filebox_is_index(uint64_t index, uint32_t chunk_size)
{
	return index < FILE_SIZE_MAX / chunk_size;
}

static void
make_ad(uint8_t ad[static AD_LEN], const uint8_t from[static ID_LEN],
    const uint8_t to[static ID_LEN],
    const uint8_t header[static FILEBOX_HEADER_LEN])
{
	memcpy(ad, LABEL_FILE, sizeof(LABEL_FILE));
	ad += sizeof(LABEL_FILE);
	memcpy(ad, from, ID_LEN);
	memcpy(ad + ID_LEN, to, ID_LEN);
	memcpy(ad + 2 * ID_LEN, header, FILEBOX_HEADER_LEN);
}

void
filebox_seal(uint8_t *out, const struct filebox_header *head,
    const uint8_t key[static KEY_LEN], const uint8_t from[static ID_LEN],
    const uint8_t to[static ID_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[static FILEBOX_NONCE_LEN])
{
	uint8_t ad[AD_LEN];

	memcpy(out, magic, sizeof(magic));
	le_put16(out + CHUNK_FLAGS, head->final ? FLAG_FINAL : 0);
	memcpy(out + CHUNK_FILE, head->file_id, ID_LEN);
	le_put64(out + CHUNK_INDEX, head->index);
	memcpy(out + CHUNK_NONCE, nonce, FILEBOX_NONCE_LEN);
	make_ad(ad, from, to, out);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + CHUNK_BODY, NULL, in,
	    len, ad, sizeof(ad), NULL, nonce, key);
}

int
filebox_peek(struct filebox_header *out, const uint8_t *in, size_t len)
{
	uint16_t flags;

	if (len < FILEBOX_OVERHEAD || len > FILEBOX_OVERHEAD + CHUNK_MAX)
		return err_set(ERR_PROTOCOL, "chunk of %zu bytes", len);
	flags = le_get16(in + CHUNK_FLAGS);
	if (memcmp(in, magic, sizeof(magic)) != 0 || (flags & ~FLAG_FINAL) != 0)
		return err_set(ERR_PROTOCOL, "malformed chunk");
	memcpy(out->file_id, in + CHUNK_FILE, ID_LEN);
	out->index = le_get64(in + CHUNK_INDEX);
	out->final = flags == FLAG_FINAL;
	return 0;
}

int
filebox_open(uint8_t *out, const uint8_t key[static KEY_LEN],
    const uint8_t from[static ID_LEN], const uint8_t to[static ID_LEN],
    const uint8_t *in, size_t len)
{
	uint8_t ad[AD_LEN];

	make_ad(ad, from, to, in);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
		in + CHUNK_BODY, len - CHUNK_BODY, ad, sizeof(ad),
		in + CHUNK_NONCE, key) != 0)
		return err_set(ERR_UNDECRYPTABLE,
		    "a chunk does not authenticate");
	return 0;
}

/* The state is libsodium's own type, which nobody above has to know. */
static crypto_generichash_state *
state_of(struct filebox_digest *d)
{
	return (crypto_generichash_state *)(void *)d->state;
}

void
filebox_digest_init(struct filebox_digest *d)
{
	crypto_generichash_init(state_of(d), NULL, 0, FILEBOX_DIGEST_LEN);
}

void
filebox_digest_add(struct filebox_digest *d, const uint8_t *in, size_t len)
{
	crypto_generichash_update(state_of(d), in, len);
}

void
filebox_digest_end(struct filebox_digest *d,
    uint8_t out[static FILEBOX_DIGEST_LEN])
{
	crypto_generichash_final(state_of(d), out, FILEBOX_DIGEST_LEN);
}
