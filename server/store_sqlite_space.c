/* SPDX-License-Identifier: ISC */
/*
 * Whether there is room on the disk.  That is looked up a few times a second,
 * and a part of what is left is granted: so much may then come without another
 * look, however fast.  What a row takes is reckoned too high, never too low,
 * and the store is full before nothing is left: what deletes needs pages, too.
 *
 * The file of the database does not shrink.  Once the disk is at its bound,
 * rows go on in the pages that become free, with a log that is kept short;
 * pieces of files have to wait.
 */
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/log.h"
#include "server/notice.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define LOOK_MS   200
#define FULL_AT   (CONTENT_MAX + ROW_COST) /* bytes left: the largest put */
#define ROW_COST  16384                    /* pages that it takes in the log */
#define GRANT_OF  4                        /* the part of what is left */
#define GRANT_MAX (16 * 1024 * 1024)
#define LOG_MAX   (256 * 1024) /* where there is no room to grow */

/* Bytes that may be taken, or that are. */
struct room {
	uint64_t disk;  /* free on the file system */
	uint64_t kept;  /* of these, to be left to others */
	uint64_t store; /* up to the bound of the store */
};

static uint64_t
minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What the log and the open group will take is taken. */
static int
measure(struct store_sqlite *s, struct room *out, const struct sql_size *size)
{
	uint64_t pending = s->space.pending;
	struct statvfs fs;

	if (statvfs(s->path, &fs) < 0)
		return err_sys(ERR_IO, "%s", s->path);
	out->store = minus(s->limits.store_bytes,
	    size->used + size->log + chunks_bytes(s->chunks) + pending);
	out->disk =
	    minus((uint64_t)fs.f_bavail * fs.f_frsize, size->due + pending);
	out->kept =
	    (uint64_t)fs.f_blocks * fs.f_frsize / 100 * s->limits.free_percent;
	if (fs.f_blocks == 0) /* it does not say */
		out->disk = UINT64_MAX;
	return 0;
}

static void
grant(struct store_sqlite_room *room, uint64_t left, enum quota_kind kind)
{
	static const char *const events[][2] = {
		[QUOTA_TEXTS] = { "store_has_room", "store_full" },
		[QUOTA_PIECES] = { "files_have_room", "files_full" },
	};
	bool full = left < FULL_AT;
	char text[24];

	room->granted = least(left / GRANT_OF, GRANT_MAX);
	if (full == room->full)
		return;
	room->full = full;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)left);
	log_event(LOG_WARN, events[kind][full],
	    &(struct log_field){ "bytes_left", text }, 1);
}

static int
look(struct store_sqlite *s, uint64_t now)
{
	struct store_sqlite_space *sp = &s->space;
	struct room room = { 0 };
	struct sql_size size;
	uint64_t grows, rows;
	int r = sql_size(s->sql, &size);

	if (r == 0)
		r = measure(s, &room, &size);
	if (r < 0)
		return r;
	grows = minus(room.disk, room.kept);
	rows = least(room.disk, grows + size.unused);
	grant(&sp->rooms[QUOTA_PIECES], least(grows, room.store), QUOTA_PIECES);
	grant(&sp->rooms[QUOTA_TEXTS], least(rows, room.store), QUOTA_TEXTS);
	sp->compact = sp->rooms[QUOTA_TEXTS].full && size.log + sp->pending > 0;
	sp->looked_at = now;
	return 0;
}

int
store_sqlite_space_take(struct store_sqlite *s, enum quota_kind kind,
    uint32_t len)
{
	struct store_sqlite_space *sp = &s->space;
	struct store_sqlite_room *room = &sp->rooms[kind];
	uint64_t cost = (uint64_t)len + ROW_COST, now = clock_mono_ms();
	int r = 0;

	if (now - sp->looked_at >= LOOK_MS ||
	    (!room->full && room->granted < cost))
		r = look(s, now);
	if (r == 0 && room->full) {
		notice_count(NOTICE_STORE);
		r = REASON_BUSY;
	}
	if (r != 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(sp->rooms); i++)
		sp->rooms[i].granted = minus(sp->rooms[i].granted, cost);
	sp->pending += cost;
	return 0;
}

int
store_sqlite_space_size(struct store *st, struct figures_size *out)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct sql_size size;
	int r = sql_size(s->sql, &size);

	if (r < 0)
		return r;
	out->bytes[FIGURES_DATABASE] = size.used;
	out->bytes[FIGURES_LOG] = size.log;
	out->bytes[FIGURES_PIECES] = chunks_bytes(s->chunks);
	return 0;
}

void
store_sqlite_space_settle(struct store_sqlite *s, bool lost)
{
	s->space.pending = 0;
	if (lost) {
		s->space.looked_at = 0;
		s->space.compact = true; /* what deletes may need the log's */
	}
}

int
store_sqlite_space_compact(struct store_sqlite *s)
{
	struct store_sqlite_space *sp = &s->space;

	if (sp->rooms[QUOTA_PIECES].full)
		chunks_compact(s->chunks);
	if (!sp->compact &&
	    !(sp->rooms[QUOTA_PIECES].full && sql_log_len(s->sql) >= LOG_MAX))
		return 0;
	sp->compact = false;
	sp->looked_at = 0;
	return sql_empty_log(s->sql);
}
