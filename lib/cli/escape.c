/* SPDX-License-Identifier: ISC */
#include "cli/escape.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BAD      0xfffd
#define BAD_UTF8 "\xef\xbf\xbd"
#define SEQ_SIZE 12 /* "\U0001f600" */

/* from[i] is written as \ and to[i]. */
struct style {
	const char *from, *to;
	bool controls; /* as \uXXXX */
	bool people;   /* in the characters of the locale */
};

static const struct style styles[] = {
	[ESCAPE_JSON] = { "\"\\\b\f\n\r\t", "\"\\bfnrt", true, false },
	[ESCAPE_RAW] = { "", "", false, false },
	[ESCAPE_TSV] = { "\t\n\r\\", "tnr\\", false, false },
	[ESCAPE_TEXT] = { "\t\n\r", "tnr", true, true },
	[ESCAPE_TSV_TEXT] = { "\t\n\r\\", "tnr\\", true, true },
};

bool
escape_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return strcasestr(value, "utf-8") ||
			    strcasestr(value, "utf8");
	}
	return false;
}

/* Length of the character at s; seq: what to write instead, "" = itself. */
static size_t
escape(char seq[static SEQ_SIZE], const struct style *style, bool ascii,
    const uint8_t *s, size_t len)
{
	uint32_t code;
	const size_t n = text_utf8(&code, s, len);
	const bool bad = n == 0 || (code == 0 && !style->controls);
	const char *from = NULL;

	if (bad)
		code = BAD;
	if (code > 0 && code < 0x80)
		from = strchr(style->from, (int)code);
	seq[0] = '\0';
	if (from)
		snprintf(seq, SEQ_SIZE, "\\%c", style->to[from - style->from]);
	else if ((style->controls && text_is_control(code)) ||
	    (ascii && code >= 0x80))
		snprintf(seq, SEQ_SIZE, code > 0xffff ? "\\U%08x" : "\\u%04x",
		    (unsigned)code);
	else if (bad)
		memcpy(seq, BAD_UTF8, sizeof(BAD_UTF8));
	return n > 0 ? n : 1;
}

/* No style has another form for it. */
static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

int
escape_put(struct buf *to, enum escape_style how, const void *bytes, size_t len)
{
	const struct style *style = &styles[how];
	const bool ascii = style->people && !escape_is_utf8();
	const uint8_t *s = bytes;
	char seq[SEQ_SIZE];
	size_t done = 0; /* what is before it is written */
	int r = 0;

	for (size_t at = 0, n = 1; at < len && r == 0; at += n) {
		n = 1;
		if (is_plain(s[at]))
			continue;
		n = escape(seq, style, ascii, s + at, len - at);
		if (!seq[0])
			continue;
		r = buf_put(to, s + done, at - done);
		if (r == 0)
			r = buf_put(to, seq, strlen(seq));
		done = at + n;
	}
	return r == 0 ? buf_put(to, s + done, len - done) : r;
}
