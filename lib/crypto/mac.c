/* SPDX-License-Identifier: ISC */
#include "crypto/mac.h"

#include <sodium.h>

void
mac(uint8_t out[static MAC_LEN], const uint8_t key[static KEY_LEN],
    const uint8_t *in, size_t in_len)
{
	crypto_generichash(out, MAC_LEN, in, in_len, key, KEY_LEN);
}
