/* SPDX-License-Identifier: ISC */
/* Ids, keys, names, durations and UTF-8: every reader of short text. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "wire/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
try_id(const char *text)
{
	uint8_t id[ID_LEN];
	char out[ID_TEXT_SIZE];
	int r = id_parse(id, text);

	if ((r == 0) != id_is_text(text))
		abort();
	if (r != 0)
		return;
	id_text(out, id);
	if (strcasecmp(out, text) != 0 || text_is_name(text))
		abort();
}

static void
try_hex_and_key(const char *text, size_t len)
{
	char out[TEXT_HEX_SIZE(64)], key_text[TEXT_KEY_SIZE];
	uint8_t bytes[64], key[32];

	if (len / 2 <= sizeof(bytes) && text_unhex(bytes, len / 2, text) == 0) {
		text_hex(out, bytes, len / 2);
		if (strcasecmp(out, text) != 0)
			abort();
	}
	if (text_unkey(key, text, len) == 0) {
		text_key(key_text, key);
		if (memcmp(key_text, text, TEXT_KEY_SIZE) != 0)
			abort();
	}
}

static void
try_words(const char *text)
{
	char out[TEXT_TIME_SIZE];
	uint64_t ms;

	if (text_is_name(text) && strpbrk(text, " /\\\"'$`\n\x7f"))
		abort();
	if (text_duration(&ms, text) == 0) {
		text_time(out, ms);
		if (strlen(out) != strlen("2023-11-14T22:13:20.000Z"))
			abort();
	}
}

static void
try_utf8(const uint8_t *in, size_t len)
{
	while (len > 0) {
		uint32_t code = UINT32_MAX;
		size_t n = text_utf8(&code, in, len);

		if (n > 4 || n > len || (n == 0) != (code == UINT32_MAX))
			abort();
		if (text_is_control(code) && code > 0x2069)
			abort();
		n = n ? n : 1;
		in += n;
		len -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		return 0;
	if (len > 0)
		memcpy(text, in, len);
	text[len] = '\0';
	try_id(text);
	try_hex_and_key(text, strlen(text));
	try_words(text);
	try_utf8(in, len);
	free(text);
	return 0;
}
