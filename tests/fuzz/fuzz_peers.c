/* SPDX-License-Identifier: ISC */
/* The pin of a peer: what is accepted packs to itself. */
#include <stdlib.h>
#include <string.h>

#include "state/peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	uint8_t out[PEERS_PIN_MAX];
	struct peer p;

	if (peers_unpack_pin(&p, in, len) &&
	    (peers_pack_pin(out, &p) != len || memcmp(out, in, len) != 0))
		abort();
	return 0;
}
