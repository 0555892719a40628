/* SPDX-License-Identifier: ISC */
#include "state/pwlock.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(PWLOCK_BOX_LEN == NONCE_LEN + KEY_LEN + TAG_LEN,
    "size of a wrapped data key");
_Static_assert(PWLOCK_SALT_LEN == crypto_pwhash_argon2id_SALTBYTES,
    "size of a salt");

static const char label[] = "sentinel-keyfile-v3";

#define AD_LEN (sizeof(label) + ID_LEN + 4 + 4 + PWLOCK_SALT_LEN)

static void
bind_lock(uint8_t ad[static AD_LEN], const struct colbox_key *k,
    const struct pwlock *l)
{
	memcpy(ad, label, sizeof(label));
	ad += sizeof(label);
	memcpy(ad, k->file, ID_LEN);
	le_put32(ad + ID_LEN, l->ops);
	le_put32(ad + ID_LEN + 4, l->mem_kib);
	memcpy(ad + ID_LEN + 8, l->salt, PWLOCK_SALT_LEN);
}

/* The key that a passphrase gives; the caller wipes it. */
static int
derive(uint8_t kek[static KEY_LEN], const struct pwlock *l,
    const struct passphrase *pass)
{
	if (crypto_pwhash_argon2id(kek, KEY_LEN, pass->bytes, pass->len,
		l->salt, l->ops, (size_t)l->mem_kib * 1024,
		crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return err_set(ERR_NOMEM, "%u MiB to try a passphrase",
		    l->mem_kib / 1024);
	return 0;
}

int
pwlock_seal(struct pwlock *out, const struct colbox_key *k,
    const struct passphrase *pass)
{
	struct pwlock l = { .ops = PWLOCK_OPS,
		.mem_kib = PWLOCK_MEM,
		.box_len = PWLOCK_BOX_LEN };
	uint8_t kek[KEY_LEN], ad[AD_LEN];
	int r;

	if (!pass) {
		*out = (struct pwlock){ .box_len = KEY_LEN };
		memcpy(out->box, k->key, KEY_LEN);
		return 0;
	}
	if (pass->len == 0)
		return err_set(ERR_PASSPHRASE, "an empty passphrase");
	secret_random(l.salt, sizeof(l.salt));
	secret_random(l.box, NONCE_LEN);
	r = derive(kek, &l, pass);
	if (r < 0)
		return r;
	bind_lock(ad, k, &l);
	crypto_aead_xchacha20poly1305_ietf_encrypt(l.box + NONCE_LEN, NULL,
	    k->key, KEY_LEN, ad, sizeof(ad), NULL, l.box, kek);
	secret_wipe(kek, sizeof(kek));
	*out = l;
	return 0;
}

int
pwlock_check(const struct pwlock *l)
{
	if (l->ops == 0 && l->mem_kib == 0 && l->box_len == KEY_LEN)
		return 0;
	if (l->ops < PWLOCK_OPS_MIN || l->ops > PWLOCK_OPS_MAX ||
	    l->mem_kib < PWLOCK_MEM_MIN || l->mem_kib > PWLOCK_MEM_MAX ||
	    l->box_len != PWLOCK_BOX_LEN)
		return err_set(ERR_CORRUPT, "no data key");
	return 0;
}

int
pwlock_open(struct colbox_key *k, const struct pwlock *l,
    const struct passphrase *pass)
{
	uint8_t kek[KEY_LEN], ad[AD_LEN];
	int r;

	r = pwlock_check(l);
	if (r < 0)
		return r;
	if (l->ops == 0) {
		memcpy(k->key, l->box, KEY_LEN);
		return 0;
	}
	assert(pass);
	r = derive(kek, l, pass);
	if (r < 0)
		return r;
	bind_lock(ad, k, l);
	r = crypto_aead_xchacha20poly1305_ietf_decrypt(k->key, NULL, NULL,
	    l->box + NONCE_LEN, sizeof(l->box) - NONCE_LEN, ad, sizeof(ad),
	    l->box, kek);
	secret_wipe(kek, sizeof(kek));
	return r == 0 ? 0 : err_set(ERR_PASSPHRASE, "not the passphrase");
}
