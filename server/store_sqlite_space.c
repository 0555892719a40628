/* SPDX-License-Identifier: ISC */
/*
 * Whether there is room on the disk.  That is looked up a few times a second,
 * and a part of what is left is granted: so much may then come without another
 * look, however fast.  What a row takes is reckoned too high, never too low,
 * and the store is full before nothing is left: what deletes needs pages, too.
 */
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/log.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define LOOK_MS   200
#define FULL_AT   (CONTENT_MAX + ROW_COST) /* bytes left: the largest put */
#define ROW_COST  16384                    /* pages that it takes in the log */
#define GRANT_OF  4                        /* the part of what is left */
#define GRANT_MAX (16 * 1024 * 1024)

static uint64_t
minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/*
 * What may be taken of the file system: what is free, less what is left to
 * others, less what the log has yet to put into the database.
 */
static int
left_on_disk(uint64_t *out, const struct store_sqlite *s,
    const struct sql_size *size)
{
	struct statvfs fs;
	uint64_t kept;

	if (statvfs(s->path, &fs) < 0)
		return err_sys(ERR_IO, "%s", s->path);
	kept =
	    (uint64_t)fs.f_blocks * fs.f_frsize / 100 * s->limits.free_percent;
	/* some file systems do not say */
	*out = fs.f_blocks == 0
	    ? UINT64_MAX
	    : minus((uint64_t)fs.f_bavail * fs.f_frsize, kept + size->due);
	return 0;
}

static int
left(uint64_t *out, struct store_sqlite *s, const struct sql_size *size)
{
	uint64_t of_store = minus(s->limits.store_bytes,
	    size->used + size->log + chunks_bytes(s->chunks));
	int r = left_on_disk(out, s, size);

	if (r < 0)
		return r;
	if (*out > of_store)
		*out = of_store;
	*out = minus(*out, s->space.pending);
	return 0;
}

static void
tell(bool full, uint64_t bytes_left)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes_left);
	log_event(LOG_WARN, full ? "store_full" : "store_has_room",
	    &(struct log_field){ "bytes_left", text }, 1);
}

static int
look(struct store_sqlite *s, uint64_t now)
{
	struct store_sqlite_space *sp = &s->space;
	struct sql_size size;
	uint64_t bytes = 0;
	bool full;
	int r = sql_size(s->sql, &size);

	if (r == 0)
		r = left(&bytes, s, &size);
	if (r < 0)
		return r;
	full = bytes < FULL_AT;
	if (full != sp->full)
		tell(full, bytes);
	bytes /= GRANT_OF;
	sp->granted = bytes < GRANT_MAX ? bytes : GRANT_MAX;
	sp->full = full;
	sp->compact = full && size.log + sp->pending > 0;
	sp->looked_at = now;
	return 0;
}

int
store_sqlite_space_take(struct store_sqlite *s, uint32_t len)
{
	struct store_sqlite_space *sp = &s->space;
	uint64_t cost = (uint64_t)len + ROW_COST, now = clock_mono_ms();
	int r = 0;

	if (now - sp->looked_at >= LOOK_MS || (!sp->full && sp->granted < cost))
		r = look(s, now);
	if (r < 0 || sp->full)
		return r < 0 ? r : REASON_BUSY;
	sp->granted = minus(sp->granted, cost);
	sp->pending += cost;
	return 0;
}

void
store_sqlite_space_settle(struct store_sqlite *s, bool lost)
{
	s->space.pending = 0;
	if (lost)
		s->space.looked_at = 0;
}

int
store_sqlite_space_compact(struct store_sqlite *s)
{
	if (!s->space.compact)
		return 0;
	s->space.compact = false;
	s->space.looked_at = 0;
	return sql_empty_log(s->sql);
}
