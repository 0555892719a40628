/* SPDX-License-Identifier: ISC */
#include "wire/bundle.h"

#include <string.h>

void
bundle_pack(uint8_t out[static BUNDLE_LEN], const struct bundle *b)
{
	memcpy(out, b, BUNDLE_LEN);
}

void
bundle_unpack(struct bundle *b, const uint8_t in[static BUNDLE_LEN])
{
	memcpy(b, in, BUNDLE_LEN);
}
