/* SPDX-License-Identifier: ISC */
#include "server/pg_fence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "server/log.h"

#define PREFIX    "sentinel-relay-timeline:"
#define LINE_SIZE 64

static void
format(char line[static LINE_SIZE], uint64_t cluster, uint32_t timeline)
{
	snprintf(line, LINE_SIZE, PREFIX "%" PRIu64 ":%08" PRIX32 "\n", cluster,
	    timeline);
}

/* Nothing but what format has written; ERR_CORRUPT. */
static int
parse(struct pg_fence *f, const char *line, size_t len)
{
	char again[LINE_SIZE], *end = NULL;
	const bool ours = strncmp(line, PREFIX, strlen(PREFIX)) == 0;
	const uint64_t cluster =
	    ours ? strtoull(line + strlen(PREFIX), &end, 10) : 0;
	const unsigned long timeline =
	    ours && *end == ':' ? strtoul(end + 1, NULL, 16) : 0;

	format(again, cluster, (uint32_t)timeline);
	if (timeline == 0 || len != strlen(again) ||
	    memcmp(line, again, len) != 0) {
		(void)err_set(ERR_CORRUPT, "%s: not a timeline of PostgreSQL",
		    f->path);
		err_path(f->path);
		return ERR_CORRUPT;
	}
	f->cluster = cluster;
	f->timeline = (uint32_t)timeline;
	return 0;
}

static int
read_line(struct pg_fence *f, int fd)
{
	struct buf *b = buf_new(LINE_SIZE);
	char line[LINE_SIZE + 1] = "";
	int r = b ? file_slurp(b, fd, f->path) : err_set(ERR_NOMEM, "timeline");

	if (r == 0)
		memcpy(line, buf_peek(b), buf_len(b));
	if (r == 0 || r == ERR_USAGE) /* too long */
		r = parse(f, line, buf_len(b));
	buf_free(b);
	return r;
}

/* Nothing is known where there is none. */
static int
read_file(struct pg_fence *f)
{
	int fd, r;

	if (!f->path)
		return 0;
	fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		r = err_sys(ERR_IO, "%s", f->path);
		err_path(f->path);
		return r;
	}
	r = read_line(f, fd);
	close(fd);
	return r;
}

int
pg_fence_look(const char *path)
{
	struct pg_fence f = { .path = path };

	return read_file(&f);
}

/* Where it is new; before anything is written to that server. */
static int
keep(const struct pg_fence *now, const struct pg_fence *file)
{
	const bool changed = file->cluster != now->cluster;
	char line[LINE_SIZE];

	if (!now->path || (!changed && file->timeline == now->timeline))
		return 0;
	if (changed && file->cluster != 0)
		log_event(LOG_WARN, "database_changed",
		    &(struct log_field){ "file", now->path }, 1);
	format(line, now->cluster, now->timeline);
	return file_replace(now->path, line, strlen(line));
}

static int
older(const struct pg_fence *f, uint32_t timeline, uint32_t seen)
{
	return err_set(ERR_IO,
	    "the server is of timeline %" PRIu32 ", older than %" PRIu32 "%s%s",
	    timeline, seen, f->path ? " of " : "", f->path ? f->path : "");
}

int
pg_fence_check(struct pg_fence *f, const char *timeline, const char *cluster)
{
	struct pg_fence file = { .path = f->path };
	const struct pg_fence now = { .path = f->path,
		.cluster = strtoull(cluster, NULL, 10),
		.timeline = (uint32_t)strtoul(timeline, NULL, 16) };
	uint32_t seen = f->timeline;
	int r;

	if (now.timeline == 0)
		return err_set(ERR_IO, "a standby, not the primary");
	if (f->cluster != 0 && f->cluster != now.cluster)
		return err_set(ERR_IO, "the server is of another cluster");
	/* another relay may have been there first */
	r = read_file(&file);
	if (r < 0)
		return r;
	if (file.cluster == now.cluster && file.timeline > seen)
		seen = file.timeline;
	if (now.timeline < seen)
		return older(f, now.timeline, seen);
	r = keep(&now, &file);
	if (r == 0)
		*f = now;
	return r;
}
