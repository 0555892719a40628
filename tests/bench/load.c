/* SPDX-License-Identifier: ISC */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/secret.h"
#include "raw.h"
#include "wire/body.h"
#include "wire/frame.h"

#define BATCH       256
#define WAIT_MS     20000
#define SCRATCH_LEN (256 * 1024)
#define OUT_MAX     (4 * 1024 * 1024)

static int epoll = -1;
static uint16_t port;
static uint32_t source;
static size_t shaking;
static uint8_t scratch[SCRATCH_LEN];

void
load_start(const struct addr *relay)
{
	struct rlimit limit;

	port = relay->hosts[0].port;
	if (epoll >= 0)
		return;
	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	MUST(epoll >= 0);
}

void
load_stop(void)
{
	close(epoll);
}

static void
want(struct line *l, int op, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = l };

	MUST(epoll_ctl(epoll, op, l->fd, &e) == 0);
}

/* The next of 127.1.0.0 and on, so that no limit per source is met. */
static void
bind_source(int fd)
{
	const int on = 1;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f010001 + source++ % 0x800000) };

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
}

void
line_open(struct line *l, const struct person *who, line_fn fn)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	*l = (struct line){ .who = who, .fn = fn };
	l->raw = buf_new(SCRATCH_LEN);
	l->frames = buf_new(2 * FRAME_MAX);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(l->raw && l->frames && l->fd >= 0);
	bind_source(l->fd);
	MUST(connect(l->fd, (struct sockaddr *)&a, sizeof(a)) == 0 ||
	    errno == EINPROGRESS);
	want(l, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
	shaking++;
}

/* What does not go now is kept. */
static void
put(struct line *l, const uint8_t *bytes, size_t len)
{
	ssize_t n = l->out ? 0 : send(l->fd, bytes, len, MSG_NOSIGNAL);

	MUST(n >= 0 || errno == EAGAIN);
	if (n < 0)
		n = 0;
	if ((size_t)n == len)
		return;
	if (!l->out) {
		l->out = buf_new(OUT_MAX);
		want(l, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	}
	MUST(
	    l->out && buf_put(l->out, bytes + (size_t)n, len - (size_t)n) == 0);
}

static void
put_kept(struct line *l)
{
	ssize_t n =
	    send(l->fd, buf_peek(l->out), buf_len(l->out), MSG_NOSIGNAL);

	MUST(n >= 0 || errno == EAGAIN);
	if (n > 0)
		buf_drop(l->out, (size_t)n);
	if (buf_len(l->out) > 0)
		return;
	buf_free(l->out);
	l->out = NULL;
	want(l, EPOLL_CTL_MOD, EPOLLIN);
}

static void
put_record(struct line *l, enum transport_kind kind, const uint8_t *body,
    size_t len)
{
	static uint8_t record[TRANSPORT_BODY_MAX + TRANSPORT_OVERHEAD];

	MUST(transport_seal(&l->t, record, kind, body, len) == 0);
	put(l, record, len + TRANSPORT_OVERHEAD);
}

void
line_ask(struct line *l, enum code code, const void *head, size_t head_len,
    const void *body, size_t body_len)
{
	static uint8_t frame[FRAME_MAX];
	size_t size = head_len + body_len, len = FRAME_REQUEST_LEN + size;
	struct frame_request req = { .version = WIRE_VERSION,
		.code = (uint16_t)code,
		.size = (uint32_t)size };

	MUST(l->state == LINE_OPEN && len <= sizeof(frame));
	memcpy(req.id, l->who->id, ID_LEN);
	frame_pack_request(frame, &req);
	if (head_len > 0)
		memcpy(frame + FRAME_REQUEST_LEN, head, head_len);
	if (body_len > 0)
		memcpy(frame + FRAME_REQUEST_LEN + head_len, body, body_len);
	l->asked_ns = raw_now_ns();
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < TRANSPORT_BODY_MAX ? len - at
						  : TRANSPORT_BODY_MAX;
		put_record(l, TRANSPORT_FRAMES, frame + at, n);
	}
}

void
line_send_text(struct line *l, const uint8_t to[static ID_LEN])
{
	static const uint8_t content[RAW_CONTENT_LEN];
	struct body_send m = { .type = MESSAGE_RATCHET,
		.content_len = sizeof(content) };
	uint8_t head[SEND_HEAD_LEN];

	memcpy(m.to, to, ID_LEN);
	body_pack_send(head, &m);
	line_ask(l, CODE_SEND, head, sizeof(head), content, sizeof(content));
}

static void
drop(struct line *l)
{
	close(l->fd);
	buf_free(l->raw);
	buf_free(l->frames);
	buf_free(l->out);
	l->fd = -1;
}

void
line_close(struct line *l)
{
	put_record(l, TRANSPORT_CLOSE, l->who->id, 0);
	drop(l);
}

/* --- what comes in --- */

static void
say_hello(struct line *l)
{
	uint8_t hello[TRANSPORT_HELLO_LEN], fresh[KEY_LEN];
	socklen_t len = sizeof(errno);

	MUST(getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &errno, &len) == 0 &&
	    errno == 0);
	secret_random(fresh, sizeof(fresh));
	MUST(transport_hello(&l->t, hello, fresh) == 0);
	l->state = LINE_GREETING;
	want(l, EPOLL_CTL_MOD, EPOLLIN);
	put(l, hello, sizeof(hello));
}

static size_t
take_answer(struct line *l, uint8_t *in, size_t len)
{
	uint8_t finish[TRANSPORT_FINISH_LEN];
	struct transport_answer a;

	if (len < TRANSPORT_ANSWER_LEN)
		return 0;
	MUST(transport_read_answer(&l->t, &a, in) == 0);
	MUST(transport_finish(&l->t, finish, l->who->id, l->who->static_sk) ==
	    0);
	put(l, finish, sizeof(finish));
	l->state = LINE_OPEN;
	shaking--;
	l->fn(l, NULL);
	return TRANSPORT_ANSWER_LEN;
}

/* Refusals and whatever was not asked for end the bench. */
static void
check(uint16_t code, const uint8_t *payload, size_t len)
{
	struct body_error e = { .reason = 0 };

	if (code == CODE_ERROR && body_unpack_error(&e, payload, len) == 0)
		fprintf(stderr, "refused: %s\n", e.text);
	MUST(code != CODE_ERROR);
}

static bool
take_reply(struct line *l)
{
	struct line_reply r;
	struct frame_reply head;

	if (buf_len(l->frames) < FRAME_REPLY_LEN)
		return false;
	frame_unpack_reply(&head, buf_peek(l->frames));
	if (buf_len(l->frames) < FRAME_REPLY_LEN + head.size)
		return false;
	r = (struct line_reply){ head.code,
		buf_peek(l->frames) + FRAME_REPLY_LEN, head.size };
	check(r.code, r.payload, r.len);
	l->fn(l, &r);
	if (l->fd >= 0)
		buf_drop(l->frames, FRAME_REPLY_LEN + r.len);
	return l->fd >= 0;
}

static size_t
take_record(struct line *l, uint8_t *in, size_t len)
{
	enum transport_kind kind;
	size_t body_len, n;
	uint8_t *body;

	if (len < TRANSPORT_LENGTH_LEN)
		return 0;
	n = transport_length(in);
	if (len < TRANSPORT_LENGTH_LEN + n)
		return 0;
	MUST(transport_open(&l->t, &kind, &body, &body_len,
		 in + TRANSPORT_LENGTH_LEN, n) == 0);
	MUST(kind == TRANSPORT_FRAMES);
	MUST(buf_put(l->frames, body, body_len) == 0);
	while (take_reply(l))
		continue;
	return TRANSPORT_LENGTH_LEN + n;
}

static void
receive(struct line *l)
{
	size_t len = buf_len(l->raw), at = 0, n;
	ssize_t got = recv(l->fd, scratch + len, sizeof(scratch) - len, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	MUST(got > 0);
	memcpy(scratch, buf_peek(l->raw), len);
	buf_drop(l->raw, len);
	len += (size_t)got;
	do {
		n = l->state == LINE_OPEN
		    ? take_record(l, scratch + at, len - at)
		    : take_answer(l, scratch + at, len - at);
		at += n;
	} while (n > 0 && l->fd >= 0);
	if (l->fd >= 0)
		MUST(buf_put(l->raw, scratch + at, len - at) == 0);
}

void
load_turn(void)
{
	struct epoll_event batch[BATCH];
	int n = epoll_wait(epoll, batch, BATCH, WAIT_MS);

	MUST(n > 0);
	for (int i = 0; i < n; i++) {
		struct line *l = batch[i].data.ptr;

		if (l->state == LINE_CONNECTING) {
			say_hello(l);
			continue;
		}
		if (l->out && (batch[i].events & EPOLLOUT))
			put_kept(l);
		if (batch[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			receive(l);
	}
}

static void
be_ready(struct line *l, const struct line_reply *r)
{
	MUST(l->state == LINE_OPEN && !r);
}

void
load_open_all(struct line *lines, const struct person *people, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		line_open(&lines[i], &people[i], be_ready);
		while (shaking >= LOAD_SHAKES_MAX)
			load_turn();
	}
	while (shaking > 0)
		load_turn();
}

void
load_close_all(struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line_close(&lines[i]);
}
