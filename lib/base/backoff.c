/* SPDX-License-Identifier: ISC */
#include "base/backoff.h"

#include "base/secret.h"

uint64_t
backoff_ms(uint64_t tries, uint64_t first_ms, uint64_t most_ms)
{
	uint64_t ms = first_ms;
	uint32_t random;

	for (; tries > 0 && ms < most_ms; tries--)
		ms *= 2;
	if (ms > most_ms)
		ms = most_ms;
	secret_random(&random, sizeof(random));
	return ms - ms / 2 + random % (ms / 2 + 1);
}
