/* SPDX-License-Identifier: ISC */
#include "server/sender.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/err.h"
#include "server/metrics.h"

#define WIRE_MAX (2 * (TRANSPORT_BODY_MAX + TRANSPORT_OVERHEAD))

void
sender_clear(struct sender *s)
{
	buf_free(s->frames);
	buf_free(s->wire);
	*s = (struct sender){ .limits = s->limits };
}

static size_t
waiting(const struct buf *b)
{
	return b ? buf_len(b) : 0;
}

size_t
sender_pending(const struct sender *s)
{
	return waiting(s->frames) + waiting(s->wire);
}

size_t
sender_size(const struct sender *s)
{
	return buf_size(s->frames) + buf_size(s->wire);
}

uint64_t
sender_due(const struct sender *s)
{
	return s->all_by < s->some_by ? s->all_by : s->some_by;
}

static uint64_t
allowance(const struct sender *s, size_t len)
{
	return len * 1000 / s->limits->transfer_rate;
}

/* Room for len more bytes of records. */
static int
reserve(struct sender *s, uint8_t **out, size_t len)
{
	if (!s->wire)
		s->wire = buf_new_open(WIRE_MAX);
	if (!s->wire)
		return err_set(ERR_NOMEM, "records");
	return buf_reserve(s->wire, out, len);
}

int
sender_put_clear(struct sender *s, const void *bytes, size_t len)
{
	uint8_t *unused = NULL;
	int r = reserve(s, &unused, len);

	return r == 0 ? buf_put(s->wire, bytes, len) : r;
}

int
sender_take(struct sender *s, struct buf *frames)
{
	int r;

	if (s->all_by != 0)
		s->all_by += allowance(s, buf_len(frames));
	if (waiting(s->frames) == 0) {
		buf_free(s->frames);
		s->frames = frames;
		return 0;
	}
	r = buf_put(s->frames, buf_peek(frames), buf_len(frames));
	buf_free(frames);
	return r;
}

static int
put_record(struct sender *s, struct transport *t, enum transport_kind kind,
    const uint8_t *body, size_t len)
{
	uint8_t *out = NULL;
	int r = reserve(s, &out, len + TRANSPORT_OVERHEAD);

	if (r == 0)
		r = transport_seal(t, out, kind, body, len);
	if (r == 0)
		buf_commit(s->wire, len + TRANSPORT_OVERHEAD);
	return r;
}

int
sender_put_close(struct sender *s, struct transport *t)
{
	static const uint8_t none[1];

	return put_record(s, t, TRANSPORT_CLOSE, none, 0);
}

/* As many frames as fit into the records of one send. */
static int
seal(struct sender *s, struct transport *t)
{
	while (waiting(s->frames) > 0) {
		size_t len = buf_len(s->frames);
		int r;

		if (len > TRANSPORT_BODY_MAX)
			len = TRANSPORT_BODY_MAX;
		if (s->wire && buf_room(s->wire) < len + TRANSPORT_OVERHEAD)
			break;
		r = put_record(s, t, TRANSPORT_FRAMES, buf_peek(s->frames),
		    len);
		if (r < 0)
			return r;
		buf_drop(s->frames, len);
	}
	return 0;
}

static void
note_blocked(struct sender *s, uint64_t now)
{
	if (s->all_by != 0)
		return;
	s->moved_at = now;
	s->some_by = now + s->limits->transfer_grace;
	s->all_by = s->some_by + allowance(s, sender_pending(s));
}

int
sender_flush(struct sender *s, int fd, struct transport *t, uint64_t now)
{
	for (;;) {
		ssize_t n;
		int r = seal(s, t);

		if (r < 0)
			return r;
		if (waiting(s->wire) == 0)
			break;
		n = send(fd, buf_peek(s->wire), buf_len(s->wire), MSG_NOSIGNAL);
		if (n >= 0) {
			buf_drop(s->wire, (size_t)n);
			s->moved_at = now;
			metrics.bytes_out += (uint64_t)n;
			s->some_by = now + s->limits->transfer_grace;
		} else if (errno == EAGAIN) {
			note_blocked(s, now);
			return 0;
		} else if (errno != EINTR) {
			return err_sys(ERR_UNREACHABLE, "sending");
		}
	}
	sender_clear(s);
	return 0;
}
