/* SPDX-License-Identifier: ISC */
#include "chance.h"

#include <assert.h>
#include <sodium.h>

#include "base/secret.h"

static uint32_t count;

static const char *
name(void)
{
	return "a counter";
}

static void
fill(void *const out, const size_t len)
{
	uint8_t *bytes = out;

	count++;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(count >> i % 4 * 8);
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
chance_go_on_from(uint32_t n)
{
	count = n;
}
