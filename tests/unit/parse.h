/* SPDX-License-Identifier: ISC */
/*
 * What every parser of the wire floor must do with bad bytes: answer
 * ERR_PROTOCOL, read nothing past them (each try gets a block of exactly its
 * length, which the address sanitizer watches) and write nothing.
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

#include <cmocka.h>

#include "base/err.h"

struct parse {
	const char *name;
	size_t out_size;
	int (*unpack)(void *out, const uint8_t *in, size_t len);
};

/* Unpack a copy of in, check what holds for every answer, and hand it back. */
static inline int
parse_try(const struct parse *p, const uint8_t *in, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	uint8_t *out = malloc(p->out_size);
	uint8_t *before = malloc(p->out_size);
	int r;

	assert_true(copy && out && before);
	if (len > 0)
		memcpy(copy, in, len);
	memset(out, 0xa5, p->out_size);
	memset(before, 0xa5, p->out_size);
	r = p->unpack(out, len > 0 ? copy : copy + 1, len);
	if (r != 0) {
		assert_int_equal(r, ERR_PROTOCOL);
		assert_int_equal(err_last()->code, ERR_PROTOCOL);
		assert_memory_equal(out, before, p->out_size);
	}
	free(copy);
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
