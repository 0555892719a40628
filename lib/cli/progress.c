/* SPDX-License-Identifier: ISC */
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/record.h"
#include "cli/width.h"

#define BAR_AFTER_MS 500
#define BAR_EVERY_MS 100
#define JSON_MS      1000
#define LINE_MAX_LEN 4096
#define COLUMNS      80

static struct {
	const char *tool;
	bool bar, json;
	bool drawn;
	uint64_t begun, last; /* monotonic; 0: nothing is under way */
	uint64_t first;       /* bytes that were done when it began */
} now;

void
progress_setup(const struct settings *s, const char *tool, const char *mode)
{
	const bool tty = isatty(STDERR_FILENO) && !s->quiet;

	now.tool = tool;
	now.json = mode && strcmp(mode, "json") == 0;
	now.bar = mode && strcmp(mode, "bar") == 0;
	if (!mode || strcmp(mode, "auto") == 0)
		now.bar = tty;
}

/* What cannot be written is let go: it is only progress. */
static void
say(const struct buf *line)
{
	if (file_write(STDERR_FILENO, buf_peek(line), buf_len(line), "stderr") <
	    0)
		now.bar = now.json = false;
}

/* Bytes a second since it began. */
static uint64_t
speed(uint64_t done, uint64_t at)
{
	uint64_t ms = at - now.begun;

	return ms == 0 ? 0 : (done - now.first) * 1000 / ms;
}

static void
tell_json(struct buf *line, const char *name, uint64_t done, uint64_t total,
    uint64_t at)
{
	struct record *r = record_new("progress");

	record_str(r, "tool", now.tool);
	record_str(r, "name", name);
	record_int(r, "done_bytes", done);
	if (total == UINT64_MAX)
		record_str(r, "total_bytes", NULL);
	else
		record_int(r, "total_bytes", total);
	record_int(r, "bytes_per_second", speed(done, at));
	if (record_json(r, line) == 0)
		say(line);
	record_free(r);
}

static size_t
columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return COLUMNS;
}

/* "  45 %  12.3 MiB of 27.0 MiB  98.0 MiB/s  0:03 left" */
static void
put_figures(char *out, size_t size, uint64_t done, uint64_t total, uint64_t at)
{
	char have[HUMAN_SIZE], all[HUMAN_SIZE], rate[HUMAN_SIZE];
	uint64_t per_s = speed(done, at), left;

	human_bytes(have, done);
	human_bytes(all, total);
	human_bytes(rate, per_s);
	if (total == UINT64_MAX || total == 0 || per_s == 0) {
		snprintf(out, size, "  %s  %s/s", have, rate);
		return;
	}
	left = done < total ? (total - done) / per_s : 0;
	snprintf(out, size, "  %3.0f %%  %s of %s  %s/s  %llu:%02llu left",
	    (double)done / (double)total * 100, have, all, rate,
	    (unsigned long long)left / 60, (unsigned long long)left % 60);
}

/* As much of the name as there is room for, in columns. */
static int
put_name(struct buf *shown, const char *name, size_t room)
{
	size_t len = strlen(name);
	int r;

	for (;;) {
		buf_clear(shown);
		r = escape_put(shown, ESCAPE_TEXT, name, len);
		if (r < 0 || len == 0 ||
		    width_text(buf_peek(shown), buf_len(shown)) <= room)
			return r;
		do
			len--;
		while (len > 0 && (name[len] & 0xc0) == 0x80);
	}
}

/* The name gives way to the figures. */
static void
draw(struct buf *line, const char *name, uint64_t done, uint64_t total,
    uint64_t at)
{
	struct buf *shown = buf_new(LINE_MAX_LEN);
	char figures[256];
	size_t room = columns();
	int r = shown ? 0 : ERR_NOMEM;

	put_figures(figures, sizeof(figures), done, total, at);
	room = room > strlen(figures) + 1 ? room - strlen(figures) - 1 : 0;
	if (r == 0)
		r = put_name(shown, name, room);
	if (r == 0)
		r = buf_put(line, "\r", 1);
	if (r == 0)
		r = buf_put(line, buf_peek(shown), buf_len(shown));
	if (r == 0)
		r = buf_put(line, figures, strlen(figures));
	if (r == 0)
		r = buf_put(line, "\033[K", 3);
	if (r == 0)
		say(line);
	buf_free(shown);
	now.drawn = true;
}

void
progress_show(const char *name, uint64_t done, uint64_t total)
{
	uint64_t at = clock_mono_ms(),
		 every = now.json ? JSON_MS : BAR_EVERY_MS;
	struct buf *line;

	if (!now.json && !now.bar)
		return;
	if (now.begun == 0) {
		now.begun = at;
		now.first = done;
		now.last = at + (now.json ? 0 : BAR_AFTER_MS - BAR_EVERY_MS);
	}
	if (at < now.last + every)
		return;
	now.last = at;
	line = buf_new(LINE_MAX_LEN);
	if (line && now.json)
		tell_json(line, name, done, total, at);
	else if (line)
		draw(line, name, done, total, at);
	buf_free(line);
}

void
progress_end(void)
{
	static const char erase[] = "\r\033[K";

	if (now.drawn &&
	    file_write(STDERR_FILENO, erase, sizeof(erase) - 1, "stderr") < 0)
		now.bar = false;
	now.drawn = false;
	now.begun = 0;
}
