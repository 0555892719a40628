/* SPDX-License-Identifier: ISC */
#include "base/buf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"

struct buf {
	uint8_t *bytes;
	size_t start; /* first byte not consumed */
	size_t end;
	size_t top; /* nothing was ever written from here on */
	size_t cap;
	size_t max;
	bool open; /* no secrets: nothing is wiped */
};

struct buf *
buf_new(size_t max)
{
	struct buf *b = calloc(1, sizeof(*b));

	if (b)
		b->max = max;
	return b;
}

struct buf *
buf_new_open(size_t max)
{
	struct buf *b = buf_new(max);

	if (b)
		b->open = true;
	return b;
}

static void
wipe(struct buf *b)
{
	if (b->bytes && !b->open)
		secret_wipe(b->bytes, b->top);
	b->top = 0;
}

void
buf_free(struct buf *b)
{
	if (!b)
		return;
	wipe(b);
	free(b->bytes);
	free(b);
}

void
buf_clear(struct buf *b)
{
	wipe(b);
	b->start = b->end = 0;
}

const uint8_t *
buf_peek(const struct buf *b)
{
	static const uint8_t none[1];

	return b->bytes ? b->bytes + b->start : none;
}

size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}

size_t
buf_size(const struct buf *b)
{
	return b ? sizeof(*b) + b->cap : 0;
}

size_t
buf_room(const struct buf *b)
{
	return b->max - buf_len(b);
}

static void
slide(struct buf *b)
{
	size_t len = buf_len(b);

	if (b->start == 0)
		return;
	memmove(b->bytes, b->bytes + b->start, len);
	b->start = 0;
	b->end = len;
}

static int
grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < 256 ? 256 : b->cap;
	uint8_t *bytes;

	while (cap < need && cap <= b->max / 2)
		cap *= 2;
	if (cap < need || cap > b->max)
		cap = b->max;
	bytes = malloc(cap);
	if (!bytes)
		return err_set(ERR_NOMEM, "%zu bytes of memory", cap);
	if (b->bytes) {
		memcpy(bytes, b->bytes, b->end);
		wipe(b);
		free(b->bytes);
	}
	b->bytes = bytes;
	b->cap = cap;
	return 0;
}

int
buf_reserve(struct buf *b, uint8_t **out, size_t len)
{
	int r;

	if (len > buf_room(b))
		return err_set(ERR_INTERNAL, "over the limit of %zu bytes",
		    b->max);
	if (len > b->cap - b->end)
		slide(b);
	if (!b->bytes || len > b->cap - b->end) {
		r = grow(b, b->end + len);
		if (r < 0)
			return r;
	}
	if (b->top < b->end + len)
		b->top = b->end + len;
	*out = b->bytes + b->end;
	return 0;
}

void
buf_commit(struct buf *b, size_t len)
{
	assert(len <= b->cap - b->end);
	b->end += len;
}

int
buf_put(struct buf *b, const void *bytes, size_t len)
{
	uint8_t *to;
	int r;

	if (len == 0)
		return 0;
	r = buf_reserve(b, &to, len);
	if (r < 0)
		return r;
	memcpy(to, bytes, len);
	buf_commit(b, len);
	return 0;
}

void
buf_drop(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->start += len;
	if (b->start == b->end)
		b->start = b->end = 0;
}
