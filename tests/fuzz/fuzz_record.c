/* SPDX-License-Identifier: ISC */
/* Message bodies as records: JSON that parses back, and nothing lost. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/record.h"
#include "cli/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* No byte of the line may drive a terminal. */
static void
check_safe(const struct buf *line)
{
	const uint8_t *s = buf_peek(line);
	const size_t len = buf_len(line) - 1;
	uint32_t code;

	assert(s[len] == '\n');
	for (size_t at = 0, n; at < len; at += n) {
		n = text_utf8(&code, s + at, len - at);
		assert(n > 0 && !text_is_control(code));
	}
}

/* The exact bytes, from one field or the other. */
static void
check_exact(const json_t *record, const uint8_t *data, size_t len)
{
	const json_t *body = json_object_get(record, "body");
	const json_t *exact = json_object_get(record, "body_base64");
	char *wanted = malloc(TEXT_BASE64_SIZE(len));

	assert(wanted && json_is_string(body));
	text_base64(wanted, data, len);
	if (exact)
		assert(strcmp(json_string_value(exact), wanted) == 0);
	else
		assert(json_string_length(body) == len &&
		    memcmp(json_string_value(body), data, len) == 0);
	free(wanted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf *line = buf_new(RENDER_MAX);
	struct record *r = record_new("message");
	json_t *back;

	assert(line && r);
	record_body(r, data, len);
	assert(record_json(r, line) == 0);
	check_safe(line);
	back = json_loadb((const char *)buf_peek(line), buf_len(line),
	    JSON_REJECT_DUPLICATES, NULL);
	assert(back);
	check_exact(back, data, len);
	buf_clear(line);
	assert(render_get(line, back, "body", true) == 0);
	assert(buf_put(line, "\n", 1) == 0);
	check_safe(line);
	json_decref(back);
	buf_clear(line);
	assert(record_text(r, line) == 0);
	check_safe(line);
	record_free(r);
	buf_free(line);
	return 0;
}
