/* SPDX-License-Identifier: ISC */
/*
 * What every parser of the wire floor must do with bad bytes: answer
 * ERR_PROTOCOL, read nothing past them (each try has them right before a page
 * that cannot be read) and write nothing.
 */
#ifndef UNIT_PARSE_H
#define UNIT_PARSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"

#define PARSE_MOST ((size_t)2 * 1024 * 1024) /* bytes; whole pages */

struct parse {
	const char *name;
	size_t out_size;
	int (*unpack)(void *out, const uint8_t *in, size_t len);
};

/* Where len bytes end with what may be read. */
static inline uint8_t *
parse_place(size_t len)
{
	static uint8_t *fence;

	if (!fence) {
		uint8_t *p = mmap(NULL, 2 * PARSE_MOST, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_true(p != MAP_FAILED);
		assert_return_code(
		    mprotect(p, PARSE_MOST, PROT_READ | PROT_WRITE), 0);
		fence = p + PARSE_MOST;
	}
	assert_true(len <= PARSE_MOST);
	return fence - len;
}

/* Unpack a copy of in, check what holds for every answer, and hand it back. */
static inline int
parse_try(const struct parse *p, const uint8_t *in, size_t len)
{
	uint8_t *copy = parse_place(len);
	uint8_t *out = malloc(p->out_size);
	uint8_t *before = malloc(p->out_size);
	int r;

	assert_true(out && before);
	if (len > 0)
		memcpy(copy, in, len);
	memset(out, 0xa5, p->out_size);
	memset(before, 0xa5, p->out_size);
	r = p->unpack(out, copy, len);
	if (r != 0) {
		assert_int_equal(r, ERR_PROTOCOL);
		assert_int_equal(err_last()->code, ERR_PROTOCOL);
		assert_memory_equal(out, before, p->out_size);
	}
	free(out);
	free(before);
	return r;
}

static inline void
parse_expect(const struct parse *p, bool good, const uint8_t *in, size_t len)
{
	if ((parse_try(p, in, len) == 0) != good)
		fail_msg("%s of %zu bytes %s", p->name, len,
		    good ? "refused" : "accepted");
}

/* Good as it is; refused with any byte of the end missing or one too many. */
static inline void
parse_expect_exact(const struct parse *p, const uint8_t *in, size_t len,
    bool empty_is_good)
{
	uint8_t *more = malloc(len + 1);

	assert_non_null(more);
	memcpy(more, in, len);
	more[len] = 0;
	parse_expect(p, true, in, len);
	for (size_t cut = 0; cut < len; cut++)
		parse_expect(p, cut == 0 && empty_is_good, in, cut);
	parse_expect(p, false, more, len + 1);
	free(more);
}

#endif
