/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a chunk under a fixed key: what opens is sealed again to the
 * same bytes; and a size, a chunk size and an index as the shape of a file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "e2e/filebox.h"
#include "wire/plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static const uint8_t key[KEY_LEN] = { 1 };
static const uint8_t from[ID_LEN] = { 2 }, to[ID_LEN] = { 3 };

static void
try_open(const uint8_t *in, size_t len)
{
	static uint8_t plain[CHUNK_MAX], again[CHUNK_MAX + FILEBOX_OVERHEAD];
	struct filebox_header head;

	if (filebox_peek(&head, in, len) != 0 ||
	    filebox_open(plain, key, from, to, in, len) != 0)
		return;
	filebox_seal(again, &head, key, from, to, plain, len - FILEBOX_OVERHEAD,
	    in + FILEBOX_HEADER_LEN);
	if (memcmp(again, in, len) != 0)
		abort();
}

static void
try_shape(const uint8_t in[static 20])
{
	uint64_t size = le_get64(in) % (FILE_SIZE_MAX + 1);
	uint32_t chunk_size =
	    CHUNK_MIN + le_get32(in + 8) % (CHUNK_MAX - CHUNK_MIN + 1);
	uint64_t n = filebox_chunks(size, chunk_size);
	uint64_t index = le_get64(in + 12) % n;
	uint32_t at = filebox_chunk_len(size, chunk_size, index);
	uint32_t last = filebox_chunk_len(size, chunk_size, n - 1);

	if ((index < n - 1 && at != chunk_size) || last > chunk_size ||
	    (n - 1) * chunk_size + last != plain_padme(size))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	try_open(in, len);
	if (len >= 20)
		try_shape(in);
	return 0;
}
