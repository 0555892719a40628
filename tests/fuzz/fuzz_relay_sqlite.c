/* SPDX-License-Identifier: ISC */
/*
 * The same on the SQLite store, which is opened again in between: whatever it
 * answers otherwise than the memory store does is a mistake in one of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "steps.h"
#include "tidy.h"

#define MEMORY "/dev/shm" /* where a commit costs next to nothing */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static char dir[64];

static int
open_sqlite(struct store **out, const struct store_limits *limits)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/relay.db", dir);
	return store_sqlite_open(out, path, limits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static const struct steps_store sqlite = { open_sqlite, true };

	snprintf(dir, sizeof(dir), "%s/fuzz_relay.XXXXXX",
	    access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp");
	if (!mkdtemp(dir))
		abort();
	steps_run(&sqlite, in, len);
	tidy_dir(dir);
	return 0;
}
