/* SPDX-License-Identifier: ISC */
#include "wire/id.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

void
id_text(char out[static ID_TEXT_SIZE], const uint8_t id[static ID_LEN])
{
	static const size_t groups[] = { 4, 2, 2, 2, 6 };

	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (i > 0)
			*out++ = '-';
		text_hex(out, id, groups[i]);
		out += 2 * groups[i];
		id += groups[i];
	}
}

int
id_parse(uint8_t out[static ID_LEN], const char *text)
{
	char hex[TEXT_HEX_SIZE(ID_LEN)];
	size_t n = 0;

	if (!text_is_uuid(text))
		return err_set(ERR_USAGE, "not a UUID: %s", text);
	for (; *text; text++) {
		if (*text != '-')
			hex[n++] = *text;
	}
	hex[n] = '\0';
	return text_unhex(out, ID_LEN, hex);
}

bool
id_is_text(const char *text)
{
	return text_is_uuid(text);
}

void
id_v7(uint8_t out[static ID_LEN], uint64_t ms, const uint8_t random[static 10])
{
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)(ms >> (40 - 8 * i));
	memcpy(out + 6, random, 10);
	out[6] = (out[6] & 0x0f) | 0x70;
	out[8] = (out[8] & 0x3f) | 0x80;
}
