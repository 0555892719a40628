/* SPDX-License-Identifier: ISC */
/*
 * Readers of handshake messages: the first byte picks one of five, the rest
 * is the message.  A refusal must leave the state as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* X25519 ignores the three lowest bits. */
static const uint8_t key_a[KEY_LEN] = { 8 }, key_b[KEY_LEN] = { 16 };
static const uint8_t fresh_a[KEY_LEN] = { 24 }, fresh_b[KEY_LEN] = { 32 };

/* Honest messages between both sides, up to the one that is fuzzed. */
static void
advance(struct noise side[static 2], int turns)
{
	static const uint8_t *const fresh[] = { fresh_a, fresh_b, NULL };
	uint8_t m[256], payload[256];
	size_t m_len, payload_len;

	for (int i = 0; i < turns; i++) {
		if (noise_write(&side[i % 2], m, &m_len, NULL, 0, fresh[i]) !=
			0 ||
		    noise_read(&side[1 - i % 2], payload, &payload_len, m,
			m_len) != 0)
			abort();
	}
}

static void
begin(struct noise side[static 2], enum noise_pattern pattern)
{
	uint8_t pk_a[KEY_LEN], pk_b[KEY_LEN];
	const bool kk = pattern == NOISE_KK;

	noise_public(pk_a, key_a);
	noise_public(pk_b, key_b);
	noise_init(&side[0], pattern, true, NULL, 0, key_a, kk ? pk_b : NULL);
	noise_init(&side[1], pattern, false, NULL, 0, key_b, kk ? pk_a : NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct {
		enum noise_pattern pattern;
		int turns;
	} readers[] = { { NOISE_XX, 0 }, { NOISE_XX, 1 }, { NOISE_XX, 2 },
		{ NOISE_KK, 0 }, { NOISE_KK, 1 } };
	static uint8_t payload[NOISE_MESSAGE_MAX];
	struct noise side[2], before, *reader;
	size_t payload_len, overhead, i;

	if (len == 0)
		return 0;
	i = data[0] % (sizeof(readers) / sizeof(readers[0]));
	begin(side, readers[i].pattern);
	advance(side, readers[i].turns);
	reader = &side[1 - readers[i].turns % 2];
	overhead = noise_overhead(reader);
	memcpy(&before, reader, sizeof(before));
	if (noise_read(reader, payload, &payload_len, data + 1, len - 1) != 0) {
		if (memcmp(&before, reader, sizeof(before)) != 0)
			abort();
	} else if (payload_len != len - 1 - overhead) {
		abort();
	}
	return 0;
}
