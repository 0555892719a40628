/* SPDX-License-Identifier: ISC */
#include "server/chunks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "server/thread.h"

#define SEGMENT_LEN (64ULL * 1024 * 1024) /* then the next one is begun */
#define ALIGNMENT   4096 /* of contents: what a hole can take back */
#define READERS     8    /* segments kept open for reading */
#define HOLES_MAX   1024 /* not given back */
#define HOLES_ONCE  64   /* given back at a time */
#define NAME_LEN    20   /* of a segment: decimal digits, padded */
#define GONE_MAX    2    /* removed segments that wait to be freed */
#define FREED_ONCE  (1024 * 1024)
#define PAUSE_NS    2000000 /* before the next FREED_ONCE */

struct segment {
	uint64_t number;
	uint64_t live;  /* contents in it, those of the open group included */
	uint64_t bytes; /* that they take, and what is to be given back */
};

/* A row of the open group. */
struct change {
	struct chunks_place place;
	bool put; /* else dropped */
};

struct changes {
	struct change *rows;
	size_t n, room;
};

/* Removed segments; the last descriptor of each frees its space. */
struct gone {
	int fds[GONE_MAX];
	size_t n;
};

struct chunks {
	int dir;
	struct segment *segments; /* ascending */
	size_t segments_n, segments_room;
	struct changes group; /* not committed yet */
	struct changes holes; /* to be given back, the oldest first */
	bool held;            /* nothing is given back */
	bool dead;            /* there may be segments without contents */
	int writer;           /* the newest segment, or -1 */
	uint64_t next;        /* number of the one after it */
	uint64_t end;         /* where it is appended to */
	bool dirty;           /* not synced */
	uint64_t bytes;       /* of all segments */
	struct thread *closer;
	struct gone gone, closing;
	atomic_bool hurry; /* closing has to be free soon */
	struct {
		uint64_t number;
		int fd; /* -1: none */
	} readers[READERS];
};

static void
put_be(uint8_t *out, uint64_t n, size_t len)
{
	while (len-- > 0) {
		out[len] = (uint8_t)n;
		n >>= 8;
	}
}

static uint64_t
get_be(const uint8_t *in, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n << 8 | in[i];
	return n;
}

void
chunks_pack(uint8_t out[static CHUNKS_PLACE_LEN], const struct chunks_place *p)
{
	put_be(out, p->segment, 8);
	put_be(out + 8, p->offset, 8);
	put_be(out + 16, p->len, 4);
}

void
chunks_unpack(struct chunks_place *out,
    const uint8_t in[static CHUNKS_PLACE_LEN])
{
	out->segment = get_be(in, 8);
	out->offset = get_be(in + 8, 8);
	out->len = (uint32_t)get_be(in + 16, 4);
}

/* Room for one more; the rows move. */
static int
make_room(void **rows, size_t n, size_t *room, size_t row_len)
{
	size_t more = *room ? 2 * *room : 64;
	void *p;

	if (n < *room)
		return 0;
	p = reallocarray(*rows, more, row_len);
	if (!p)
		return err_set(ERR_NOMEM, "pieces of files");
	*rows = p;
	*room = more;
	return 0;
}

static int
note(struct changes *to, const struct chunks_place *place, bool put)
{
	int r =
	    make_room((void **)&to->rows, to->n, &to->room, sizeof(*to->rows));

	if (r == 0)
		to->rows[to->n++] = (struct change){ *place, put };
	return r;
}

static void
name_of(char out[static NAME_LEN + 1], uint64_t number)
{
	snprintf(out, NAME_LEN + 1, "%020llu", (unsigned long long)number);
}

/* What a content takes in its segment. */
static uint64_t
room_for(uint32_t len)
{
	return ((uint64_t)len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int
open_segment(const struct chunks *c, uint64_t number, int flags)
{
	char name[NAME_LEN + 1];

	name_of(name, number);
	return openat(c->dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* --- which segments there are --- */

static int
add_segment(struct chunks *c, uint64_t number)
{
	int r = make_room((void **)&c->segments, c->segments_n,
	    &c->segments_room, sizeof(*c->segments));

	if (r == 0)
		c->segments[c->segments_n++] =
		    (struct segment){ .number = number };
	if (r == 0 && c->next <= number)
		c->next = number + 1;
	return r;
}

static struct segment *
find_segment(struct chunks *c, uint64_t number)
{
	size_t low = 0, high = c->segments_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->segments[mid].number == number)
			return &c->segments[mid];
		if (c->segments[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool
is_newest(const struct chunks *c, uint64_t number)
{
	return c->writer >= 0 && number + 1 == c->next;
}

static void
close_writer(struct chunks *c)
{
	if (c->writer >= 0)
		close(c->writer);
	c->writer = -1;
	c->dirty = false;
}

static void
close_reader(struct chunks *c, uint64_t number)
{
	size_t i = number % READERS;

	if (c->readers[i].fd >= 0 && c->readers[i].number == number) {
		close(c->readers[i].fd);
		c->readers[i].fd = -1;
	}
}

static void
close_gone(struct gone *g)
{
	while (g->n > 0)
		close(g->fds[--g->n]);
}

/*
 * To free 64 MiB takes a disk 17 ms, and whoever syncs another file meanwhile
 * waits for that.
 */
static int
free_slowly(void *arg)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct chunks *c = arg;

	for (size_t i = 0; i < c->closing.n; i++) {
		int fd = c->closing.fds[i];
		off_t len = lseek(fd, 0, SEEK_END);

		for (; len > FREED_ONCE && !atomic_load(&c->hurry);
		     len -= FREED_ONCE) {
			if (ftruncate(fd, len - FREED_ONCE) < 0)
				break;
			nanosleep(&pause, NULL);
		}
	}
	close_gone(&c->closing);
	return 0;
}

static void
free_gone(struct chunks *c)
{
	const bool begun = thread_is_begun(c->closer);

	if (begun && !thread_is_over(c->closer)) {
		atomic_store(&c->hurry, c->gone.n == GONE_MAX);
		return;
	}
	if (c->gone.n == 0)
		return;
	if (begun)
		thread_end(c->closer);
	atomic_store(&c->hurry, false);
	c->closing = c->gone;
	c->gone.n = 0;
	if (thread_begin(c->closer, c) < 0)
		close_gone(&c->closing);
}

static void
remove_segment(struct chunks *c, struct segment *s)
{
	size_t after = c->segments_n - (size_t)(s - c->segments) - 1;
	int fd =
	    c->gone.n < GONE_MAX ? open_segment(c, s->number, O_WRONLY) : -1;
	char name[NAME_LEN + 1];

	c->bytes -= s->bytes;
	name_of(name, s->number);
	unlinkat(c->dir, name, 0); /* else it is removed at the next start */
	close_reader(c, s->number);
	if (is_newest(c, s->number))
		close_writer(c);
	if (fd >= 0)
		c->gone.fds[c->gone.n++] = fd;
	memmove(s, s + 1, after * sizeof(*s));
	c->segments_n--;
}

/* Where holes are not known the space waits for its segment. */
static bool
punch(const struct chunks *c, const struct chunks_place *p)
{
	int r, fd = open_segment(c, p->segment, O_WRONLY);

	if (fd < 0)
		return false;
	r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)p->offset, (off_t)room_for(p->len));
	close(fd);
	return r == 0;
}

/* The first n holes. */
static void
give_back(struct chunks *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct chunks_place *p = &c->holes.rows[i].place;
		struct segment *s = find_segment(c, p->segment);

		if (!s || !punch(c, p))
			continue;
		s->bytes -= room_for(p->len);
		c->bytes -= room_for(p->len);
	}
}

/* One more content, in the newest segment. */
static void
take(struct chunks *c, uint32_t len)
{
	struct segment *s = &c->segments[c->segments_n - 1];

	s->live++;
	s->bytes += room_for(len);
	c->bytes += room_for(len);
}

/* --- opening --- */

int
chunks_open(struct chunks **out, const char *dir)
{
	struct chunks *c;
	int fd, r;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		r = err_sys(ERR_IO, "%s", dir);
		err_path(dir);
		return r;
	}
	/* or each name in it may go, and by whom it was made is not known */
	r = file_sync_name(dir);
	if (r < 0)
		return r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		r = err_sys(ERR_IO, "%s", dir);
		err_path(dir);
		return r;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return err_set(ERR_NOMEM, "pieces of files");
	}
	r = thread_new(&c->closer, free_slowly);
	if (r < 0) {
		free(c);
		close(fd);
		return r;
	}
	c->dir = fd;
	c->writer = -1;
	for (size_t i = 0; i < READERS; i++)
		c->readers[i].fd = -1;
	*out = c;
	return 0;
}

void
chunks_close(struct chunks *c)
{
	if (!c)
		return;
	give_back(c, c->holes.n);
	close_writer(c);
	atomic_store(&c->hurry, true);
	thread_free(c->closer);
	close_gone(&c->gone);
	for (size_t i = 0; i < READERS; i++) {
		if (c->readers[i].fd >= 0)
			close(c->readers[i].fd);
	}
	close(c->dir);
	free(c->segments);
	free(c->group.rows);
	free(c->holes.rows);
	free(c);
}

int
chunks_claim(struct chunks *c, const struct chunks_place *p)
{
	int r = p->segment < c->next ? 0 : add_segment(c, p->segment);

	if (r < 0)
		return r;
	take(c, p->len);
	return 0;
}

/* The number of a segment's name; false for other names. */
static bool
read_name(uint64_t *number, const char *name)
{
	char again[NAME_LEN + 1];

	*number = strtoull(name, NULL, 10);
	name_of(again, *number);
	return strcmp(name, again) == 0;
}

int
chunks_start(struct chunks *c)
{
	const struct dirent *entry;
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	uint64_t number;
	int r;

	if (!list) {
		r = err_sys(errno == ENOMEM ? ERR_NOMEM : ERR_IO,
		    "pieces of files");
		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((entry = readdir(list))) {
		if (!read_name(&number, entry->d_name))
			continue;
		if (!find_segment(c, number))
			unlinkat(c->dir, entry->d_name, 0);
		if (c->next <= number)
			c->next = number + 1;
	}
	closedir(list);
	return 0;
}

/* --- contents --- */

static int
refuse(void)
{
	return err_sys(ERR_BUSY, "a piece of a file cannot be stored");
}

/* A segment of its own for what comes; its name is durable. */
static int
begin_segment(struct chunks *c)
{
	uint64_t number = c->next;
	int fd = open_segment(c, number, O_WRONLY | O_CREAT | O_EXCL);
	int r;

	if (fd < 0)
		return refuse();
	r = fsync(c->dir) < 0 ? refuse() : add_segment(c, number);
	if (r < 0) {
		char name[NAME_LEN + 1];

		name_of(name, number);
		unlinkat(c->dir, name, 0);
		close(fd);
		return r;
	}
	close_writer(c);
	c->writer = fd;
	c->end = 0;
	return 0;
}

static int
write_all(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return refuse();
		bytes += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int
chunks_put(struct chunks *c, struct chunks_place *out, const uint8_t *bytes,
    uint32_t len)
{
	struct chunks_place place = { .len = len };
	int r = 0;

	/* a segment is left only with all of it on the disk */
	if (c->writer < 0 || (c->end >= SEGMENT_LEN && !c->dirty))
		r = begin_segment(c);
	if (r < 0)
		return r;
	place.segment = c->next - 1;
	place.offset = c->end;
	r = write_all(c->writer, bytes, len, place.offset);
	if (r == 0)
		r = note(&c->group, &place, true);
	if (r < 0)
		return r;
	c->end += room_for(len);
	file_write_out(c->writer, place.offset, c->end);
	c->dirty = true;
	take(c, len);
	*out = place;
	return 0;
}

/* A descriptor for reading, kept for the next content. */
static int
reader(struct chunks *c, uint64_t number)
{
	size_t i = number % READERS;

	if (c->readers[i].fd >= 0 && c->readers[i].number == number)
		return c->readers[i].fd;
	if (c->readers[i].fd >= 0)
		close(c->readers[i].fd);
	c->readers[i].number = number;
	c->readers[i].fd = open_segment(c, number, O_RDONLY);
	return c->readers[i].fd;
}

int
chunks_get(struct chunks *c, uint8_t *out, const struct chunks_place *p)
{
	int fd = reader(c, p->segment);
	size_t done = 0;

	while (fd >= 0 && done < p->len) {
		ssize_t n = pread(fd, out + done, p->len - done,
		    (off_t)(p->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (n == 0)
			return err_set(ERR_IO, "a piece of a file is cut off");
		done += (size_t)n;
	}
	return done == p->len ? 0 : err_sys(ERR_IO, "a piece of a file");
}

int
chunks_drop(struct chunks *c, const struct chunks_place *p)
{
	return note(&c->group, p, false);
}

int
chunks_sync(struct chunks *c)
{
	if (!c->dirty)
		return 0;
	if (fdatasync(c->writer) < 0)
		return err_sys(ERR_IO, "pieces of files cannot be synced");
	c->dirty = false;
	return 0;
}

/* A content is gone. */
static void
bury(struct chunks *c, const struct chunks_place *p)
{
	struct segment *s = find_segment(c, p->segment);

	if (!s)
		return;
	if (--s->live == 0)
		c->dead = true;
	else if (note(&c->holes, p, false) < 0)
		return; /* its space comes back with the segment */
}

/* So are those of the group that were put, or dropped. */
static void
settle(struct chunks *c, bool put)
{
	struct changes *g = &c->group;

	for (size_t i = 0; i < g->n; i++) {
		if (g->rows[i].put == put)
			bury(c, &g->rows[i].place);
	}
	g->n = 0;
}

void
chunks_keep(struct chunks *c)
{
	settle(c, false);
}

void
chunks_undo(struct chunks *c)
{
	settle(c, true);
	chunks_rest(c);
}

/* Forget the first n holes, and those whose segment has gone. */
static void
forget_holes(struct chunks *c, size_t n)
{
	struct changes *h = &c->holes;
	size_t kept = 0;

	for (size_t i = n; i < h->n; i++) {
		if (find_segment(c, h->rows[i].place.segment))
			h->rows[kept++] = h->rows[i];
	}
	h->n = kept;
}

uint64_t
chunks_bytes(const struct chunks *c)
{
	return c->bytes;
}

/* Segments that are empty, and the first n holes. */
static void
clean(struct chunks *c, size_t n)
{
	if (c->held || (!c->dead && n == 0))
		return;
	for (size_t i = c->segments_n; c->dead && i > 0; i--) {
		if (c->segments[i - 1].live == 0)
			remove_segment(c, &c->segments[i - 1]);
	}
	c->dead = false;
	give_back(c, n);
	forget_holes(c, n);
}

void
chunks_rest(struct chunks *c)
{
	clean(c, c->holes.n > HOLES_MAX ? HOLES_ONCE : 0);
	free_gone(c);
}

void
chunks_hold(struct chunks *c, bool held)
{
	c->held = held;
}

void
chunks_compact(struct chunks *c)
{
	clean(c, c->holes.n);
	atomic_store(&c->hurry, true);
	if (thread_is_begun(c->closer))
		thread_end(c->closer);
	close_gone(&c->gone);
}
