/* SPDX-License-Identifier: ISC */
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"

static bool all_locked = true;

int
secret_start(void)
{
	if (sodium_init() < 0)
		return err_set(ERR_INTERNAL, "libsodium does not start");
	return 0;
}

void *
secret_new(size_t len)
{
	void *p = sodium_malloc(len);

	if (!p)
		return NULL;
	/* sodium_malloc tries it as well, and does not tell */
	if (sodium_mlock(p, len) < 0)
		all_locked = false;
	memset(p, 0, len);
	return p;
}

bool
secret_is_locked(void)
{
	return all_locked;
}

void
secret_free(void *p)
{
	sodium_free(p);
}

void
secret_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

void
secret_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

bool
secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}
