/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the name of a file: what comes out can be created in a
 * directory and printed on a terminal, and so can its stand-ins.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/filename.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
expect_safe(const char *name)
{
	const uint8_t *s = (const uint8_t *)name;
	const size_t len = strlen(name);
	uint32_t code;
	size_t n;

	if (len == 0 || len >= FILENAME_SIZE || s[0] == '.' || s[0] == '-' ||
	    strchr(name, '/'))
		abort();
	for (size_t at = 0; at < len; at += n) {
		n = text_utf8(&code, s + at, len - at);
		if (n == 0 || text_is_control(code))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static const uint8_t id[FILENAME_ID_LEN] = { 0xab };
	char name[FILENAME_SIZE], other[FILENAME_SIZE];
	char former[FILENAME_SIZE] = "";

	filename_make_safe(name, in, len, id);
	expect_safe(name);
	for (unsigned n = 1; n < 2000000000; n = n * 10 + 1) {
		filename_number(other, name, n);
		expect_safe(other);
		/* a long name may be its own stand-in, once */
		if (strcmp(former, other) == 0)
			abort();
		memcpy(former, other, sizeof(former));
	}
	return 0;
}
