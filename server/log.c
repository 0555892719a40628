/* SPDX-License-Identifier: ISC */
#include "server/log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/mac.h"
#include "wire/id.h"

#define EVERY_MS        1000
#define LINE_VALUES_MAX 1024
#define LINE_MAX_LEN    (LINE_VALUES_MAX + 512) /* names and ends beyond */

static const char *const levels[] = { "error", "warn", "info", "debug" };
static const char *const formats[] = { "auto", "text", "json" };

/* Set once at the start: stderr is the process's, so is its log. */
static enum log_level threshold = LOG_ERROR;
static enum log_format style = LOG_AUTO;
static bool whole_ids;

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
};

static int
find(size_t *out, const char *const words[], size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], word) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(ERR_USAGE, "\"%s\" is none of the words allowed", word);
}

int
log_parse_level(enum log_level *out, const char *word)
{
	size_t i = 0;
	int r = find(&i, levels, ARRAY_LEN(levels), word);

	if (r == 0)
		*out = (enum log_level)i;
	return r;
}

int
log_parse_format(enum log_format *out, const char *word)
{
	size_t i = 0;
	int r = find(&i, formats, ARRAY_LEN(formats), word);

	if (r == 0)
		*out = (enum log_format)i;
	return r;
}

void
log_open(enum log_format format, enum log_level level)
{
	threshold = level;
	style = format;
}

bool
log_is_on(enum log_level level)
{
	return level <= threshold;
}

static void
put(struct line *line, const char *s)
{
	size_t n = strlen(s);

	if (n > sizeof(line->text) - line->len)
		n = sizeof(line->text) - line->len;
	memcpy(line->text + line->len, s, n);
	line->len += n;
}

/* Cut short, not left open, when the line is full. */
static void
put_quoted(struct line *line, const char *s)
{
	put(line, "\"");
	for (; *s && line->len < LINE_VALUES_MAX; s++) {
		unsigned char c = (unsigned char)*s;
		char piece[8];

		if (c == '"' || c == '\\')
			snprintf(piece, sizeof(piece), "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			snprintf(piece, sizeof(piece), "\\u%04x", c);
		else
			snprintf(piece, sizeof(piece), "%c", c);
		put(line, piece);
	}
	put(line, "\"");
}

static void
put_pair(struct line *line, bool json, const char *name, const char *value)
{
	put(line, json ? ",\"" : " ");
	put(line, name);
	put(line, json ? "\":" : "=");
	put_quoted(line, value);
}

static void
start(struct line *line, bool json, enum log_level level, const char *event)
{
	char now[TEXT_TIME_SIZE];

	text_time(now, clock_wall_ms());
	if (json) {
		put(line, "{\"v\":1,\"type\":\"log\"");
		put_pair(line, true, "time", now);
		put_pair(line, true, "level", levels[level]);
		put_pair(line, true, "event", event);
		return;
	}
	put(line, now);
	put(line, " ");
	put(line, levels[level]);
	put(line, " ");
	put(line, event);
}

void
log_event(enum log_level level, const char *event,
    const struct log_field *fields, size_t n)
{
	struct line line = { .len = 0 };
	bool json;

	if (!log_is_on(level))
		return;
	json =
	    style == LOG_JSON || (style == LOG_AUTO && !isatty(STDERR_FILENO));
	start(&line, json, level, event);
	for (size_t i = 0; i < n; i++)
		put_pair(&line, json, fields[i].name, fields[i].value);
	put(&line, json ? "}\n" : "\n");
	/* a log that cannot be written must not stop the relay */
	if (write(STDERR_FILENO, line.text, line.len) < 0)
		return;
}

/* count NULL: it is one. */
static void
put_fault(enum log_level level, const char *event, const char *count)
{
	const struct err_info *info = err_last();
	const struct log_field fields[] = {
		{ "cause", err_token(info->code) },
		{ "message", info->message },
		{ "count", count },
	};

	log_event(level, event, fields, count ? 3 : 2);
}

void
log_fault(enum log_level level, const char *event)
{
	put_fault(level, event, NULL);
}

unsigned
log_due(struct log_pace *pace, uint64_t now_ms)
{
	unsigned n = ++pace->count;

	if (now_ms < pace->quiet_until)
		return 0;
	pace->count = 0;
	pace->quiet_until = now_ms + EVERY_MS;
	return n;
}

void
log_fault_often(enum log_level level, const char *event, struct log_pace *pace)
{
	unsigned n = log_due(pace, clock_mono_ms());
	char count[16];

	snprintf(count, sizeof(count), "%u", n);
	if (n > 0)
		put_fault(level, event, count);
}

void
log_whole_ids(bool whole)
{
	whole_ids = whole;
}

void
log_client(char out[static LOG_CLIENT_SIZE], const uint8_t id[static ID_LEN])
{
	static uint8_t salt[KEY_LEN];
	uint8_t hash[MAC_LEN];

	if (whole_ids) {
		id_text(out, id);
		return;
	}
	if (le_get64(salt) == 0)
		secret_random(salt, sizeof(salt));
	mac(hash, salt, id, ID_LEN);
	snprintf(out, LOG_CLIENT_SIZE, "%016" PRIx64, le_get64(hash));
}
