/* SPDX-License-Identifier: ISC */
#include "crypto/noise.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "crypto/hkdf.h"

enum token { END, E, S, EE, ES, SE, SS };

#define MESSAGES_MAX 3
#define TOKENS_MAX   5 /* END included */
/* Before the payload: at most one e and one encrypted s. */
#define HEAD_MAX (KEY_LEN + KEY_LEN + NOISE_TAG_LEN)

/* Noise 7.5; messages 0, 2, ... are the initiator's. */
static const struct pattern {
	const char *name;   /* NOISE_HASH_LEN bytes: h itself, Noise 5.2 */
	bool statics_known; /* pre-messages "-> s" and "<- s" */
	uint8_t messages;
	uint8_t tokens[MESSAGES_MAX][TOKENS_MAX];
} patterns[] = {
	[NOISE_XX] = { "Noise_XX_25519_ChaChaPoly_SHA256", false, 3,
	    { { E }, { E, EE, S, ES }, { S, SE } } },
	[NOISE_KK] = { "Noise_KK_25519_ChaChaPoly_SHA256", true, 2,
	    { { E, ES, SS }, { E, EE, SE } } },
};

/* Which key of the initiator meets which of the responder. */
static const struct {
	bool initiator_s;
	bool responder_s;
} meets[] = {
	[EE] = { false, false },
	[ES] = { false, true },
	[SE] = { true, false },
	[SS] = { true, true },
};

static void
mix_hash(struct noise *ns, const uint8_t *data, size_t len)
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, ns->h, sizeof(ns->h));
	crypto_hash_sha256_update(&st, data, len);
	crypto_hash_sha256_final(&st, ns->h);
}

static void
set_key(struct noise_cipher *c, const uint8_t key[static KEY_LEN])
{
	memcpy(c->key, key, KEY_LEN);
	c->n = 0;
	c->has_key = true;
}

static void
mix_key(struct noise *ns, const uint8_t ikm[static KEY_LEN])
{
	uint8_t k[NOISE_HASH_LEN + KEY_LEN];

	hkdf(k, sizeof(k), ns->ck, sizeof(ns->ck), ikm, KEY_LEN, NULL, 0);
	memcpy(ns->ck, k, NOISE_HASH_LEN);
	set_key(&ns->cipher, k + NOISE_HASH_LEN);
	secret_wipe(k, sizeof(k));
}

static int
mix_dh(struct noise *ns, enum token t)
{
	const bool own_s =
	    ns->initiator ? meets[t].initiator_s : meets[t].responder_s;
	const bool their_s =
	    ns->initiator ? meets[t].responder_s : meets[t].initiator_s;
	uint8_t shared[KEY_LEN];
	const int r = noise_dh(shared, own_s ? ns->s_sk : ns->e_sk,
	    their_s ? ns->rs : ns->re);

	if (r == 0)
		mix_key(ns, shared);
	secret_wipe(shared, sizeof(shared));
	return r;
}

/* What the cipher adds to a plaintext, now. */
static size_t
tag_len(const struct noise *ns)
{
	return ns->cipher.has_key ? NOISE_TAG_LEN : 0;
}

static int
encrypt_and_hash(struct noise *ns, uint8_t *out, const uint8_t *in, size_t len)
{
	const size_t out_len = len + tag_len(ns);
	int r = 0;

	if (ns->cipher.has_key)
		r = noise_encrypt(&ns->cipher, out, ns->h, sizeof(ns->h), in,
		    len);
	else if (len > 0)
		memcpy(out, in, len);
	if (r == 0)
		mix_hash(ns, out, out_len);
	return r;
}

/* out takes len - tag_len(ns) bytes. */
static int
decrypt_and_hash(struct noise *ns, uint8_t *out, const uint8_t *in, size_t len)
{
	uint8_t h[NOISE_HASH_LEN];

	memcpy(h, ns->h, sizeof(h));
	mix_hash(ns, in, len); /* first: out may be in */
	if (ns->cipher.has_key)
		return noise_decrypt(&ns->cipher, out, h, sizeof(h), in, len);
	if (len > 0)
		memmove(out, in, len);
	return 0;
}

/* The tokens of the next message, or NULL when it is not ours to handle. */
static const uint8_t *
tokens(const struct noise *ns, bool writing)
{
	const struct pattern *p = &patterns[ns->pattern];
	const bool initiators = ns->turn % 2 == 0;

	if (ns->turn >= p->messages || (initiators == ns->initiator) != writing)
		return NULL;
	return p->tokens[ns->turn];
}

static int
write_token(struct noise *ns, enum token t, uint8_t *out, size_t *at)
{
	int r;

	if (t == E) {
		memcpy(out + *at, ns->e_pk, KEY_LEN);
		*at += KEY_LEN;
		mix_hash(ns, ns->e_pk, KEY_LEN);
		return 0;
	}
	if (t == S) {
		const size_t len = KEY_LEN + tag_len(ns);

		assert(!sodium_is_zero(ns->s_sk, KEY_LEN));
		r = encrypt_and_hash(ns, out + *at, ns->s_pk, KEY_LEN);
		*at += len;
		return r;
	}
	return mix_dh(ns, t);
}

static int
read_token(struct noise *ns, enum token t, const uint8_t *in, size_t *at)
{
	if (t == E) {
		memcpy(ns->re, in + *at, KEY_LEN);
		*at += KEY_LEN;
		mix_hash(ns, ns->re, KEY_LEN);
		return 0;
	}
	if (t == S) {
		const uint8_t *s = in + *at;
		const size_t len = KEY_LEN + tag_len(ns);

		*at += len;
		return decrypt_and_hash(ns, ns->rs, s, len);
	}
	return mix_dh(ns, t);
}

void
noise_set_static(struct noise *ns, const uint8_t s_sk[static KEY_LEN])
{
	memcpy(ns->s_sk, s_sk, KEY_LEN);
	noise_public(ns->s_pk, s_sk);
}

void
noise_init(struct noise *ns, enum noise_pattern pattern, bool initiator,
    const uint8_t *prologue, size_t prologue_len, const uint8_t *s_sk,
    const uint8_t *rs)
{
	const struct pattern *p = &patterns[pattern];

	assert(p->statics_known == (rs != NULL));
	memset(ns, 0, sizeof(*ns));
	ns->pattern = pattern;
	ns->initiator = initiator;
	memcpy(ns->h, p->name, sizeof(ns->h));
	memcpy(ns->ck, ns->h, sizeof(ns->ck));
	mix_hash(ns, prologue, prologue_len);
	if (s_sk)
		noise_set_static(ns, s_sk);
	if (rs) {
		memcpy(ns->rs, rs, KEY_LEN);
		mix_hash(ns, initiator ? ns->s_pk : ns->rs, KEY_LEN);
		mix_hash(ns, initiator ? ns->rs : ns->s_pk, KEY_LEN);
	}
}

int
noise_write(struct noise *ns, uint8_t *out, size_t *out_len,
    const uint8_t *payload, size_t payload_len, const uint8_t *e_sk)
{
	const uint8_t *t = tokens(ns, true);
	const size_t overhead = noise_overhead(ns);
	uint8_t head[HEAD_MAX];
	struct noise next; /* secret copy */
	size_t at = 0;
	int r;

	if (!t || payload_len > NOISE_MESSAGE_MAX - overhead)
		return err_set(ERR_PROTOCOL, "handshake: out of turn, or long");
	assert((*t == E) == (e_sk != NULL));
	next = *ns;
	if (e_sk) {
		memcpy(next.e_sk, e_sk, KEY_LEN);
		noise_public(next.e_pk, e_sk);
	}
	for (r = 0; r == 0 && *t != END; t++)
		r = write_token(&next, *t, head, &at);
	if (r != 0)
		goto out;
	r = encrypt_and_hash(&next, out + at, payload, payload_len);
	if (r != 0)
		goto out;
	memcpy(out, head, at);
	*out_len = overhead + payload_len;
	next.turn++;
	*ns = next;
out:
	secret_wipe(&next, sizeof(next));
	return r;
}

int
noise_read(struct noise *ns, uint8_t *payload, size_t *payload_len,
    const uint8_t *in, size_t len)
{
	const uint8_t *t = tokens(ns, false);
	const size_t overhead = noise_overhead(ns);
	struct noise next; /* secret copy */
	size_t at = 0;
	int r;

	if (!t || len < overhead || len > NOISE_MESSAGE_MAX)
		return err_set(ERR_PROTOCOL, "handshake: out of turn, or size");
	next = *ns;
	for (r = 0; r == 0 && *t != END; t++)
		r = read_token(&next, *t, in, &at);
	if (r != 0)
		goto out;
	r = decrypt_and_hash(&next, payload, in + at, len - at);
	if (r != 0)
		goto out;
	*payload_len = len - overhead;
	next.turn++;
	*ns = next;
out:
	secret_wipe(&next, sizeof(next));
	return r;
}

size_t
noise_overhead(const struct noise *ns)
{
	size_t tag = tag_len(ns);
	size_t len = 0;

	if (noise_is_done(ns))
		return 0;
	for (const uint8_t *t = patterns[ns->pattern].tokens[ns->turn];
	     *t != END; t++) {
		if (*t == E)
			len += KEY_LEN;
		else if (*t == S)
			len += KEY_LEN + tag;
		else
			tag = NOISE_TAG_LEN; /* a DH gives the cipher a key */
	}
	return len + tag;
}

bool
noise_is_done(const struct noise *ns)
{
	return ns->turn == patterns[ns->pattern].messages;
}

/* HKDF(ck, "", 3) of Noise 4.3. */
static void
final_keys(const struct noise *ns, uint8_t k[static 3 * KEY_LEN])
{
	assert(noise_is_done(ns));
	hkdf(k, 3 * KEY_LEN, ns->ck, sizeof(ns->ck), NULL, 0, NULL, 0);
}

void
noise_split(const struct noise *ns, struct noise_cipher *c1,
    struct noise_cipher *c2)
{
	uint8_t k[3 * KEY_LEN];

	final_keys(ns, k);
	set_key(c1, k);
	set_key(c2, k + KEY_LEN);
	secret_wipe(k, sizeof(k));
}

void
noise_export(const struct noise *ns, uint8_t out[static NOISE_HASH_LEN])
{
	uint8_t k[3 * KEY_LEN];

	final_keys(ns, k);
	memcpy(out, k + 2 * KEY_LEN, NOISE_HASH_LEN);
	secret_wipe(k, sizeof(k));
}

/* The AEAD nonce for n; false when n is the last, which is reserved. */
static bool
nonce(uint8_t out[static crypto_aead_chacha20poly1305_ietf_NPUBBYTES],
    const struct noise_cipher *c)
{
	assert(c->has_key);
	memset(out, 0, 4);
	le_put64(out + 4, c->n);
	return c->n != UINT64_MAX;
}

int
noise_encrypt(struct noise_cipher *c, uint8_t *out, const uint8_t *ad,
    size_t ad_len, const uint8_t *in, size_t len)
{
	uint8_t npub[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	if (!nonce(npub, c))
		return err_set(ERR_PROTOCOL, "all nonces are used up");
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad,
	    ad_len, NULL, npub, c->key);
	c->n++;
	return 0;
}

int
noise_decrypt(struct noise_cipher *c, uint8_t *out, const uint8_t *ad,
    size_t ad_len, const uint8_t *in, size_t len)
{
	uint8_t npub[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	/* without an output it only verifies: a forgery leaves out alone */
	if (!nonce(npub, c) ||
	    crypto_aead_chacha20poly1305_ietf_decrypt(NULL, NULL, NULL, in, len,
		ad, ad_len, npub, c->key) != 0)
		return err_set(ERR_PROTOCOL, "does not authenticate");
	crypto_stream_chacha20_ietf_xor_ic(out, in, len - NOISE_TAG_LEN, npub,
	    1, c->key);
	c->n++;
	return 0;
}

int
noise_dh(uint8_t out[static KEY_LEN], const uint8_t sk[static KEY_LEN],
    const uint8_t pk[static KEY_LEN])
{
	uint8_t shared[KEY_LEN];
	int r = 0;

	if (crypto_scalarmult(shared, sk, pk) == 0)
		memcpy(out, shared, KEY_LEN);
	else
		r = err_set(ERR_PROTOCOL, "public key of low order");
	secret_wipe(shared, sizeof(shared));
	return r;
}

bool
noise_is_low_order(const uint8_t pk[static KEY_LEN])
{
	static const uint8_t any[KEY_LEN]; /* as clamped: 2^254 */
	uint8_t shared[KEY_LEN];

	return crypto_scalarmult(shared, any, pk) != 0;
}

void
noise_public(uint8_t pk[static KEY_LEN], const uint8_t sk[static KEY_LEN])
{
	crypto_scalarmult_base(pk, sk);
}
