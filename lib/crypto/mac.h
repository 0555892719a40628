/* SPDX-License-Identifier: ISC */
/* Keyed BLAKE2b (RFC 7693) of 32 bytes. */
#ifndef CRYPTO_MAC_H
#define CRYPTO_MAC_H

#include <stddef.h>
#include <stdint.h>

#include "wire/limits.h"

#define MAC_LEN 32

void mac(uint8_t out[static MAC_LEN], const uint8_t key[static KEY_LEN],
    const uint8_t *in, size_t in_len);

#endif
