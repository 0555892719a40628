/* SPDX-License-Identifier: ISC */
/*
 * Whether there is room on the disk.  What a relay may still take is looked up
 * a few times a second, and part of it granted; so many bytes may then come
 * without another look, however fast.  What they take is reckoned too high,
 * never too low: the rest is kept for what deletes, which needs pages, too.
 */
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/log.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define LOOK_MS   200
#define ROW_COST  16384 /* pages that a row may take in the log */
#define GRANT_MAX (16 * 1024 * 1024)
#define GRANT_OF  4 /* the part of what is left */

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

	if (statvfs(s->path, &fs) < 0)
		return err_sys(ERR_IO, "%s", s->path);
	if (fs.f_blocks == 0) { /* it does not say */
		*out = UINT64_MAX;
		return 0;
	}
	*out = minus((uint64_t)fs.f_bavail * fs.f_frsize,
	    (uint64_t)fs.f_blocks * fs.f_frsize / 100 * s->limits.free_percent +
		size->due);
	return 0;
}

static void
tell(bool full, uint64_t left)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)left);
	log_event(LOG_WARN, full ? "store_full" : "store_has_room",
	    &(struct log_field){ "bytes_left", text }, 1);
}

static int
look(struct store_sqlite *s, uint64_t now, uint64_t cost)
{
	struct store_sqlite_space *sp = &s->space;
	struct sql_size size;
	uint64_t left, of_store;
	bool full;
	int r = sql_size(s->sql, &size);

	if (r == 0)
		r = left_on_disk(&left, s, &size);
	if (r < 0)
		return r;
	of_store = minus(s->limits.store_bytes,
	    size.used + size.log + chunks_bytes(s->chunks));
	if (left > of_store)
		left = of_store;
	sp->looked_at = now;
	sp->granted = left / GRANT_OF;
	if (sp->granted > GRANT_MAX)
		sp->granted = GRANT_MAX;
	full = sp->granted < cost;
	if (full != sp->full)
		tell(full, left);
	sp->full = full;
	sp->compact = full && size.log > 0;
	return 0;
}

int
store_sqlite_space_take(struct store_sqlite *s, uint32_t len)
{
	struct store_sqlite_space *sp = &s->space;
	uint64_t cost = (uint64_t)len + ROW_COST, now = clock_mono_ms();
	int r;

	if (now - sp->looked_at >= LOOK_MS ||
	    (!sp->full && sp->granted < cost)) {
		r = look(s, now, cost);
		if (r < 0)
			return r;
	}
	if (sp->full)
		return REASON_BUSY;
	sp->granted -= cost;
	return 0;
}

int
store_sqlite_space_compact(struct store_sqlite *s)
{
	if (!s->space.compact)
		return 0;
	s->space.compact = false;
	return sql_empty_log(s->sql);
}
