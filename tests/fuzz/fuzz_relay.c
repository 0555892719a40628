/* SPDX-License-Identifier: ISC */
/* Any sequence of requests, on the memory store, against the shadow. */
#include "steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static int
open_memory(struct store **out, const struct store_limits *limits)
{
	return store_mem_open(out, 1, limits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static const struct steps_store memory = { open_memory, false };

	steps_run(&memory, in, len);
	return 0;
}
