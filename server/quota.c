/* SPDX-License-Identifier: ISC */
#include "server/quota.h"

#include "wire/codes.h"

enum quota_kind
quota_kind(uint8_t type)
{
	return type == MESSAGE_CHUNK ? QUOTA_PIECES : QUOTA_TEXTS;
}

/* Rounded up: half of 1 is 1. */
static uint64_t
divide(uint64_t limit, unsigned part)
{
	return limit / part + (limit % part != 0);
}

bool
quota_fits(const struct store_limits *limits, enum quota_kind kind,
    struct quota held, uint32_t len, unsigned part)
{
	uint64_t bytes = held.bytes + len;

	if (kind == QUOTA_PIECES)
		return bytes + (held.n + 1) * QUOTA_PIECE <=
		    divide(limits->chunk_bytes, part);
	return held.n < divide(limits->messages, part) &&
	    bytes <= divide(limits->message_bytes, part);
}
