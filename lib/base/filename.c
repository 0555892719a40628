/* SPDX-License-Identifier: ISC */
#include "base/filename.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define LONGEST       (FILENAME_SIZE - 1)
#define EXTENSION_MAX 64 /* what is longer is no extension */

static bool
is_harmless(const uint8_t *name, size_t len)
{
	uint32_t code;
	size_t n;

	if (len == 0 || len > LONGEST || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t at = 0; at < len; at += n) {
		n = text_utf8(&code, name + at, len - at);
		if (n == 0 || text_is_control(code))
			return false;
	}
	return true;
}

void
filename_make_safe(char out[static FILENAME_SIZE], const uint8_t *name,
    size_t len, const uint8_t id[static FILENAME_ID_LEN])
{
	static const char prefix[] = "file-";
	const uint8_t *slash = len > 0 ? memrchr(name, '/', len) : NULL;

	if (slash) {
		len -= (size_t)(slash + 1 - name);
		name = slash + 1;
	}
	if (is_harmless(name, len)) {
		memcpy(out, name, len);
		out[len] = '\0';
		return;
	}
	memcpy(out, prefix, sizeof(prefix));
	text_hex(out + sizeof(prefix) - 1, id, FILENAME_ID_LEN);
}

/* The longest prefix of s of at most max bytes that ends with a character. */
static size_t
cut(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void
filename_number(char out[static FILENAME_SIZE], const char *name, unsigned n)
{
	const size_t len = strlen(name);
	const char *dot = strrchr(name, '.');
	char number[16] = "";
	size_t stem, tail;

	if (!dot || dot == name || len - (size_t)(dot - name) > EXTENSION_MAX)
		dot = name + len;
	tail = len - (size_t)(dot - name);
	if (n > 0)
		snprintf(number, sizeof(number), "-%u", n);
	stem = cut(name, (size_t)(dot - name), LONGEST - tail - strlen(number));
	snprintf(out, FILENAME_SIZE, "%.*s%s%s", (int)stem, name, number, dot);
}
