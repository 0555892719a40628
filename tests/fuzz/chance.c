/* SPDX-License-Identifier: ISC */
#include "chance.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/secret.h"

static uint8_t count;

static const char *
name(void)
{
	return "a counter";
}

static void
fill(void *const out, const size_t len)
{
	memset(out, ++count, len);
}

static uint32_t
draw(void)
{
	return ++count;
}

static struct randombytes_implementation chance = {
	.implementation_name = name,
	.random = draw,
	.buf = fill,
};

void
chance_start(void)
{
	assert(randombytes_set_implementation(&chance) == 0);
	assert(secret_start() == 0);
}

void
chance_go_on_from(uint8_t n)
{
	count = n;
}
