/* SPDX-License-Identifier: ISC */
#include "server/http.h"

#include <stdbool.h>
#include <string.h>

#include "base/attr.h"

/* A part of the request. */
struct span {
	const char *at;
	size_t len;
};

static bool
is_token(struct span s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		const char c = s.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') &&
		    !memchr(others, c, sizeof(others) - 1))
			return false;
	}
	return s.len > 0;
}

static bool
is_printable(struct span s, const char *besides)
{
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.at[i];

		if ((c <= ' ' || c > '~') && (c == '\0' || !strchr(besides, c)))
			return false;
	}
	return true;
}

static bool
is_word(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

/* What stands before the first c, which goes as well; false: there is none. */
static bool
take(struct span *from, struct span *out, char c)
{
	const char *end = memchr(from->at, c, from->len);

	if (!end)
		return false;
	*out = (struct span){ from->at, (size_t)(end - from->at) };
	from->at += out->len + 1;
	from->len -= out->len + 1;
	return true;
}

static enum http_status
judge_request(struct span line, const char *path)
{
	struct span method, target;

	if (!take(&line, &method, ' ') || !is_token(method) ||
	    !take(&line, &target, ' ') || target.len == 0 ||
	    !is_printable(target, "") ||
	    (!is_word(line, "HTTP/1.0") && !is_word(line, "HTTP/1.1")))
		return HTTP_BAD;
	if (!is_word(method, "GET"))
		return HTTP_NOT_ALLOWED;
	return is_word(target, path) ? HTTP_OK : HTTP_NOT_FOUND;
}

static bool
is_header(struct span line)
{
	struct span name;

	return take(&line, &name, ':') && is_token(name) &&
	    is_printable(line, " \t");
}

enum http_status
http_judge(const char *in, size_t len, const char *path)
{
	enum http_status status = HTTP_MORE;
	struct span left = { in, len }, line;

	while (take(&left, &line, '\n')) {
		if (line.len == 0 || line.at[--line.len] != '\r')
			return HTTP_BAD;
		if (status == HTTP_MORE)
			status = judge_request(line, path);
		else if (line.len == 0)
			return status;
		else if (!is_header(line))
			return HTTP_BAD;
		if (status == HTTP_BAD)
			return status;
	}
	return len < HTTP_REQUEST_MAX ? HTTP_MORE : HTTP_BAD;
}

const char *
http_line(enum http_status status)
{
	static const struct {
		enum http_status status;
		const char *line;
	} lines[] = {
		{ HTTP_OK, "200 OK" },
		{ HTTP_NOT_FOUND, "404 Not Found" },
		{ HTTP_NOT_ALLOWED, "405 Method Not Allowed" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (lines[i].status == status)
			return lines[i].line;
	}
	return "400 Bad Request";
}
