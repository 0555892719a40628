/* SPDX-License-Identifier: ISC */
#include "client/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "wire/plain.h"

static int
fault(const char *path)
{
	int r = err_sys(ERR_IO, "%s", path);

	err_path(path);
	return r;
}

static int
changed(const struct source *s)
{
	int r = err_set(ERR_IO, "%s has changed while it was sent", s->path);

	err_path(s->path);
	err_hint("the same command begins again");
	return r;
}

static uint64_t
modified(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000 +
	    (uint64_t)st->st_mtim.tv_nsec;
}

static uint64_t
mtime(const struct stat *st)
{
	return st->st_mtim.tv_sec < 0 ? 0
				      : (uint64_t)st->st_mtim.tv_sec * 1000 +
		(uint64_t)st->st_mtim.tv_nsec / 1000000;
}

static int
refuse(const char *path, const char *what)
{
	int r = err_set(ERR_USAGE, "%s %s", path, what);

	err_path(path);
	return r;
}

static int
open_regular(struct source *s, const char *path)
{
	char real[PATH_MAX];
	struct stat st;

	/* a FIFO must not make us wait, nor a device be touched for long */
	s->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return fault(path);
	if (!S_ISREG(st.st_mode)) {
		refuse(path, "is not a regular file");
		err_hint("through a pipe: %s %s | sentinel-sendfile PEER - "
			 "-n NAME",
		    S_ISDIR(st.st_mode) ? "tar c" : "cat", path);
		return ERR_USAGE;
	}
	if ((uint64_t)st.st_size > FILE_SIZE_MAX)
		return refuse(path, "is larger than a file can be");
	if (!realpath(path, real) || strlen(real) >= sizeof(s->path))
		return fault(path);
	memcpy(s->path, real, strlen(real) + 1);
	s->device = st.st_dev;
	s->inode = st.st_ino;
	s->modified = modified(&st);
	s->mtime = mtime(&st);
	s->size = (uint64_t)st.st_size;
	return 0;
}

int
source_open(struct source *s, const char *path)
{
	int r = 0;

	*s = (struct source){ .fd = STDIN_FILENO,
		.size = PLAIN_SIZE_UNKNOWN,
		.chunk_size = FILEBOX_CHUNK_LEN };
	filebox_digest_init(&s->digest);
	s->is_stream = strcmp(path, "-") == 0;
	if (s->is_stream)
		memcpy(s->path, "-", 2);
	else
		r = open_regular(s, path);
	if (r < 0)
		source_close(s);
	return r;
}

void
source_close(struct source *s)
{
	if (!s->is_stream && s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	worker_free(s->worker);
	s->worker = NULL;
}

int
source_cut(struct source *s, uint32_t chunk_size)
{
	s->chunk_size = chunk_size;
	return worker_new(&s->worker, chunk_size);
}

/* The bytes of a stream's next chunk, and one more to know if it ends. */
static int
read_stream(struct source *s, uint8_t *out, size_t *got)
{
	size_t had = s->has_ahead, one = 0;
	int r;

	if (had)
		out[0] = s->ahead;
	r = file_read(s->fd, out + had, s->chunk_size - had, FILE_HERE, got,
	    "standard input");
	if (r < 0)
		return r;
	*got += had;
	if (*got == s->chunk_size)
		r = file_read(s->fd, &s->ahead, 1, FILE_HERE, &one,
		    "standard input");
	s->has_ahead = one == 1;
	if (r == 0 && one == 0)
		s->size = s->taken + *got;
	return r;
}

static int
read_regular(struct source *s, uint8_t *out, size_t *got)
{
	const uint64_t left = s->size - s->taken;
	const size_t len = left < s->chunk_size ? (size_t)left : s->chunk_size;
	int r = file_read(s->fd, out, len, s->taken, got, s->path);

	return r == 0 && *got < len ? changed(s) : r;
}

/* Is it still what it was? */
static int
check_whole(const struct source *s)
{
	struct stat st;

	if (s->is_stream)
		return 0;
	if (fstat(s->fd, &st) < 0)
		return fault(s->path);
	return (uint64_t)st.st_size != s->size || modified(&st) != s->modified
	    ? changed(s)
	    : 0;
}

int
source_next(struct source *s, const uint8_t **out, uint32_t *len, bool *final)
{
	uint8_t *piece = worker_piece(s->worker);
	size_t got = 0;
	int r;

	if (s->is_stream && s->size == PLAIN_SIZE_UNKNOWN)
		r = read_stream(s, piece, &got);
	else
		r = read_regular(s, piece, &got);
	if (r < 0)
		return r;
	s->taken += got;
	*len = s->chunk_size;
	*final = false;
	if (s->size != PLAIN_SIZE_UNKNOWN) {
		*len = filebox_chunk_len(s->size, s->chunk_size, s->index);
		*final = s->index + 1 == filebox_chunks(s->size, s->chunk_size);
	}
	memset(piece + got, 0, *len - got);
	worker_put(s->worker,
	    &(struct worker_task){ .len = got,
		.digest = &s->digest,
		.fd = -1 });
	*out = piece;
	s->index++;
	return *final ? check_whole(s) : 0;
}

int
source_digest(struct source *s, uint8_t out[static FILEBOX_DIGEST_LEN])
{
	int r = worker_settle(s->worker);
	struct filebox_digest digest = s->digest;

	filebox_digest_end(&digest, out);
	return r;
}
