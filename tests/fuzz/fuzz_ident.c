/* SPDX-License-Identifier: ISC */
/*
 * A bundle from the relay: bundle 160 | id 16 | issued_at 8 | name.  One that
 * holds must not hold under any other name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "crypto/ident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HEAD_LEN (BUNDLE_LEN + ID_LEN + 8)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *id = data + BUNDLE_LEN;
	char name[NAME_SIZE + 1] = { 0 };
	struct bundle b;
	uint64_t issued_at;

	if (len < HEAD_LEN || len > HEAD_LEN + NAME_SIZE)
		return 0;
	bundle_unpack(&b, data);
	issued_at = le_get64(id + ID_LEN);
	memcpy(name, data + HEAD_LEN, len - HEAD_LEN);
	if (ident_check(&b, id, issued_at, name) != 0)
		return 0;
	name[0] ^= 1;
	if (ident_check(&b, id, issued_at, name) == 0)
		abort();
	return 0;
}
