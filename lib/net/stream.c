/* SPDX-License-Identifier: ISC */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/sock.h"

#define RECORD_SIZE (TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX)

struct stream {
	int fd;
	bool unheard; /* the relay takes no more bytes */
	struct transport *t;
	uint8_t out[RECORD_SIZE];
	uint8_t in[RECORD_SIZE];
	size_t in_len;   /* bytes in in */
	size_t in_taken; /* of these, of records already opened */
};

int
stream_open(struct stream **out, struct dial_met *met, const struct addr *a,
    uint64_t deadline)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(ERR_NOMEM, "stream");
	s->fd = -1;
	s->t = secret_new(sizeof(*s->t));
	r = s->t ? dial_relay(&s->fd, s->t, met, a, deadline)
		 : err_set(ERR_NOMEM, "keys of a stream");
	if (r < 0)
		stream_close(s, false);
	else
		*out = s;
	return r;
}

/* The record's body stands in s->out. */
static int
seal_and_send(struct stream *s, enum transport_kind kind, size_t len,
    uint64_t deadline)
{
	int r;

	r = transport_seal(s->t, s->out, kind, s->out + TRANSPORT_BODY_AT, len);
	if (r < 0)
		return r;
	return sock_write(s->fd, s->out, len + TRANSPORT_OVERHEAD, deadline);
}

/* Without waiting, and without touching the fault that led here. */
static void
say_close(struct stream *s)
{
	const struct err_info before = *err_last();

	if (seal_and_send(s, TRANSPORT_CLOSE, 0, 0) < 0)
		err_restore(&before);
}

void
stream_close(struct stream *s, bool orderly)
{
	if (!s)
		return;
	if (orderly && !s->unheard)
		say_close(s);
	if (s->fd >= 0)
		close(s->fd);
	secret_free(s->t);
	secret_wipe(s, sizeof(*s));
	free(s);
}

int
stream_finish(struct stream *s, const uint8_t id[static ID_LEN],
    const uint8_t static_sk[static KEY_LEN], uint64_t deadline)
{
	int r;

	r = transport_finish(s->t, s->out, id, static_sk);
	if (r < 0)
		return r;
	return sock_write(s->fd, s->out, TRANSPORT_FINISH_LEN, deadline);
}

/* Move up to room bytes out of the pieces. */
static size_t
gather(uint8_t *out, size_t room, struct stream_piece *p, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		size_t part = p[i].len < room - len ? p[i].len : room - len;

		if (part == 0)
			continue;
		memcpy(out + len, p[i].bytes, part);
		p[i].bytes += part;
		p[i].len -= part;
		len += part;
	}
	return len;
}

static bool
has_hung_up(int r)
{
	return r == ERR_UNREACHABLE &&
	    (err_last()->number == EPIPE || err_last()->number == ECONNRESET);
}

int
stream_write(struct stream *s, struct stream_piece *pieces, size_t n,
    uint64_t deadline)
{
	while (!s->unheard) {
		size_t len = gather(s->out + TRANSPORT_BODY_AT,
		    TRANSPORT_BODY_MAX, pieces, n);
		int r;

		if (len == 0)
			break;
		r = seal_and_send(s, TRANSPORT_FRAMES, len, deadline);
		if (has_hung_up(r))
			s->unheard = true;
		else if (r < 0)
			return r;
	}
	return 0;
}

static bool
has_record(const struct stream *s)
{
	size_t have = s->in_len - s->in_taken;

	return have >= TRANSPORT_LENGTH_LEN &&
	    have - TRANSPORT_LENGTH_LEN >=
	    transport_length(s->in + s->in_taken);
}

static int
fill(struct stream *s, uint64_t deadline)
{
	size_t len;
	int r;

	/* padding that never ends must not outlast the deadline either */
	if (clock_left(deadline) == 0) {
		errno = ETIMEDOUT;
		return err_sys(ERR_UNREACHABLE, "receiving");
	}
	s->in_len -= s->in_taken;
	memmove(s->in, s->in + s->in_taken, s->in_len);
	s->in_taken = 0;
	r = sock_read(s->fd, s->in + s->in_len, sizeof(s->in) - s->in_len, &len,
	    deadline);
	if (r == 0 && len == 0)
		r = err_set(ERR_UNREACHABLE,
		    "the relay hung up without a close");
	if (r == 0)
		s->in_len += len;
	return r;
}

int
stream_read(struct stream *s, enum transport_kind *kind, uint8_t **body,
    size_t *len, uint64_t deadline)
{
	uint8_t *record;
	size_t record_len;

	while (!has_record(s)) {
		int r = fill(s, deadline);

		if (r < 0)
			return r;
	}
	record = s->in + s->in_taken + TRANSPORT_LENGTH_LEN;
	record_len = transport_length(s->in + s->in_taken);
	s->in_taken += TRANSPORT_LENGTH_LEN + record_len;
	return transport_open(s->t, kind, body, len, record, record_len);
}

bool
stream_is_quiet(const struct stream *s)
{
	return s->in_len == s->in_taken && !s->unheard && sock_is_quiet(s->fd);
}
