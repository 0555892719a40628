/* SPDX-License-Identifier: ISC */
/*
 * The front of a backup, before anybody is asked for a passphrase: what it
 * asks for is within what a passphrase of ours costs.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/le.h"
#include "state/backup.h"
#include "state/pwlock.h"

#define OPS_AT (8 + ID_LEN)
#define ALL    (OPS_AT + 8 + PWLOCK_SALT_LEN + PWLOCK_BOX_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static bool
is_within(uint32_t n, uint32_t min, uint32_t max)
{
	return n >= min && n <= max;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	int r = backup_check(in, len);

	if (r != 0 && r != ERR_CORRUPT)
		abort();
	if (r == 0 &&
	    (len < ALL ||
		!is_within(le_get32(in + OPS_AT), PWLOCK_OPS_MIN,
		    PWLOCK_OPS_MAX) ||
		!is_within(le_get32(in + OPS_AT + 4), PWLOCK_MEM_MIN,
		    PWLOCK_MEM_MAX)))
		abort();
	return 0;
}
