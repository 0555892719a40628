/* SPDX-License-Identifier: ISC */
#include "cli/width.h"

#include <locale.h>
#include <stdint.h>
#include <wchar.h>

#include "base/text.h"

/* Where wcwidth knows all characters; none, and each counts as one column. */
static locale_t
unicode(void)
{
	static locale_t all;

	if (!all)
		all = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return all;
}

size_t
width_text(const void *bytes, size_t len)
{
	const locale_t before = uselocale(unicode());
	const uint8_t *s = bytes;
	size_t width = 0;

	for (size_t at = 0, n; at < len; at += n) {
		uint32_t code;
		int columns = 1;

		n = text_utf8(&code, s + at, len - at);
		if (n > 0)
			columns = wcwidth((wchar_t)code);
		else
			n = 1;
		width += columns < 0 ? 1 : (size_t)columns;
	}
	uselocale(before);
	return width;
}
