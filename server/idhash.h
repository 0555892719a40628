/* SPDX-License-Identifier: ISC */
/*
 * A hash of client ids for the relay's tables.  Ids are hashes themselves,
 * but whoever makes keys can choose among many, so the bits used are mixed
 * with a salt of the process.
 */
#ifndef SERVER_IDHASH_H
#define SERVER_IDHASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/le.h"
#include "wire/limits.h"

static inline size_t
idhash(const uint8_t id[static ID_LEN], uint64_t salt)
{
	uint64_t h = (le_get64(id) ^ salt) * 0x9e3779b97f4a7c15u;

	h = (h ^ (h >> 32) ^ le_get64(id + 8)) * (salt | 1);
	return (size_t)(h >> 32);
}

#endif
