/* SPDX-License-Identifier: ISC */
/*
 * A message of any kind at both ends of a fixed session, and the same bytes
 * as a stored session.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/noise.h"
#include "e2e/ratchet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* X25519 ignores the three lowest bits. */
static const uint8_t key_a[KEY_LEN] = { 8 }, key_b[KEY_LEN] = { 16 };
static const uint8_t fresh[KEY_LEN] = { 24 };

static void
try_open(const struct ratchet *r, const uint8_t *data, size_t len)
{
	static uint8_t out[1 << 20];
	struct ratchet now, before;
	struct ratchet_skips skips;
	struct ratchet_header hd;

	if (len > sizeof(out) || ratchet_peek(&hd, data, len) != 0)
		return;
	memcpy(&now, r, sizeof(now));
	memcpy(&before, r, sizeof(before));
	if (ratchet_open(&now, &skips, out, key_a, key_b, data, len, NULL,
		fresh) == RATCHET_OK) {
		if (memcmp(&now, &before, sizeof(now)) == 0)
			abort();
	} else if (memcmp(&now, &before, sizeof(now)) != 0) {
		abort();
	}
}

static void
try_unpack(const uint8_t *data, size_t len)
{
	uint8_t packed[RATCHET_PACKED_MAX];
	struct ratchet r;
	size_t packed_len;

	if (ratchet_unpack(&r, data, len) != 0)
		return;
	ratchet_pack(packed, &packed_len, &r);
	if (packed_len != len || memcmp(packed, data, len) != 0)
		abort();
}

static void
begin(struct ratchet *a, struct ratchet *b)
{
	uint8_t pk_a[KEY_LEN], pk_b[KEY_LEN];

	noise_public(pk_a, key_a);
	noise_public(pk_b, key_b);
	if (ratchet_init_a(a, key_a, key_a, key_a, key_b, key_a, pk_b) != 0 ||
	    ratchet_init_b(b, key_a, key_a, key_a, key_b, key_b, pk_a, fresh) !=
		0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct ratchet a, b;

	if (!b.has_ckr)
		begin(&a, &b);
	try_open(&a, data, len);
	try_open(&b, data, len);
	try_unpack(data, len);
	return 0;
}
