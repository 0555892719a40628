/* SPDX-License-Identifier: ISC */
/*
 * Noise rev 34 with 25519, ChaChaPoly and SHA256: the patterns XX (transport)
 * and KK (end to end), read from a table.  A state is a plain struct in the
 * caller's memory; nothing is allocated, nothing is drawn at random: the
 * caller gives the ephemeral secret, which must be fresh and used once.
 *
 * Any failure (a tag, a size, a result of all zeros, which aborts instead of
 * going on as Noise 12.1 allows) leaves the state as it was, byte for byte.
 */
#ifndef CRYPTO_NOISE_H
#define CRYPTO_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

#define NOISE_TAG_LEN     16
#define NOISE_HASH_LEN    32
#define NOISE_MESSAGE_MAX 65535

enum noise_pattern { NOISE_XX, NOISE_KK };

/* Noise 5.1: a key and a counter. */
struct noise_cipher {
	uint8_t key[KEY_LEN];
	uint64_t n;
	bool has_key;
};

/* Noise 5.2 and 5.3. */
struct noise {
	enum noise_pattern pattern;
	bool initiator;
	uint8_t turn; /* messages written and read so far */
	uint8_t ck[NOISE_HASH_LEN];
	uint8_t h[NOISE_HASH_LEN]; /* in the end the handshake hash */
	struct noise_cipher cipher;
	uint8_t s_sk[KEY_LEN], s_pk[KEY_LEN];
	uint8_t e_sk[KEY_LEN], e_pk[KEY_LEN];
	uint8_t rs[KEY_LEN], re[KEY_LEN];
};

/*
 * s_sk: own static secret.  May be NULL at an XX initiator, which must then
 * call noise_set_static before its second message.  rs: the other side's
 * static key, for KK (NULL with XX).
 */
void noise_init(struct noise *ns, enum noise_pattern pattern, bool initiator,
    const uint8_t *prologue, size_t prologue_len, const uint8_t *s_sk,
    const uint8_t *rs);
void noise_set_static(struct noise *ns, const uint8_t s_sk[static KEY_LEN]);

/*
 * Write the next message around payload: out takes noise_overhead(ns) +
 * payload_len bytes.  e_sk: the fresh ephemeral secret, NULL in a message
 * whose pattern has no e.  ERR_PROTOCOL: out of turn, too long, low order.
 */
int noise_write(struct noise *ns, uint8_t *out, size_t *out_len,
    const uint8_t *payload, size_t payload_len, const uint8_t *e_sk) MUST_USE;

/*
 * Read the next message; payload takes len - noise_overhead(ns) bytes.
 * ERR_PROTOCOL.
 */
int noise_read(struct noise *ns, uint8_t *payload, size_t *payload_len,
    const uint8_t *in, size_t len) MUST_USE;

/* Bytes that the next message adds to its payload. */
size_t noise_overhead(const struct noise *ns);

bool noise_is_done(const struct noise *ns);

/* Noise 5.2 Split, after the last message: c1 is initiator to responder. */
void noise_split(const struct noise *ns, struct noise_cipher *c1,
    struct noise_cipher *c2);

/* Third output of HKDF(ck, "", 3), whose first two are Split's. */
void noise_export(const struct noise *ns, uint8_t out[static NOISE_HASH_LEN]);

/* EncryptWithAd: out takes len + NOISE_TAG_LEN.  ERR_PROTOCOL: n is used up. */
int noise_encrypt(struct noise_cipher *c, uint8_t *out, const uint8_t *ad,
    size_t ad_len, const uint8_t *in, size_t len) MUST_USE;

/*
 * DecryptWithAd: out takes len - NOISE_TAG_LEN; may be in place.  A record
 * that does not authenticate: ERR_PROTOCOL, and n does not move.
 */
int noise_decrypt(struct noise_cipher *c, uint8_t *out, const uint8_t *ad,
    size_t ad_len, const uint8_t *in, size_t len) MUST_USE;

/* X25519; ERR_PROTOCOL when the result is all zeros (RFC 7748 6.1). */
int noise_dh(uint8_t out[static KEY_LEN], const uint8_t sk[static KEY_LEN],
    const uint8_t pk[static KEY_LEN]) MUST_USE;

/* Gives all zeros with every secret: fit for nothing. */
bool noise_is_low_order(const uint8_t pk[static KEY_LEN]);

void noise_public(uint8_t pk[static KEY_LEN], const uint8_t sk[static KEY_LEN]);

#endif
