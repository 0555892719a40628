/* SPDX-License-Identifier: ISC */
#include "plug.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/le.h"
#include "base/secret.h"
#include "net/sock.h"
#include "wire/codes.h"

#define SOURCES   0x7f400000U /* 127.64.0.0 */
#define CONNECT_S 2

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int
make_socket(unsigned source)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(SOURCES + source) };
	const struct timeval limit = { .tv_sec = CONNECT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	MUST(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) == 0);
	MUST(set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0);
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
	    0);
	MUST(bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0);
	return fd;
}

static bool
connect_to(struct plug *p, const struct siege *sg, int fd)
{
	const struct addr_host *h = &sg->relay.hosts[0];
	struct sockaddr_in there = { .sin_family = AF_INET,
		.sin_port = htons(h->port) };

	*p = (struct plug){ .fd = -1 };
	MUST(inet_pton(AF_INET, h->name, &there.sin_addr) == 1);
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0) {
		close(fd);
		return false;
	}
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	p->fd = fd;
	return true;
}

bool
plug_connect(struct plug *p, const struct siege *sg, unsigned source)
{
	return connect_to(p, sg, make_socket(source));
}

bool
plug_connect_narrow(struct plug *p, const struct siege *sg, unsigned source)
{
	int fd = make_socket(source);

	MUST(set(fd, SOL_SOCKET, SO_RCVBUF, 4096) == 0);
	return connect_to(p, sg, fd);
}

bool
plug_send(struct plug *p, const void *bytes, size_t len)
{
	return sock_write(p->fd, bytes, len, clock_deadline(PLUG_MS)) == 0;
}

bool
plug_hello(struct plug *p)
{
	uint8_t out[TRANSPORT_HELLO_LEN], fresh[KEY_LEN];

	secret_random(fresh, sizeof(fresh));
	return transport_hello(&p->t, out, fresh) == 0 &&
	    plug_send(p, out, sizeof(out));
}

bool
plug_answer(struct plug *p)
{
	uint8_t in[TRANSPORT_ANSWER_LEN];
	struct transport_answer a;

	return sock_read_all(p->fd, in, sizeof(in), clock_deadline(PLUG_MS)) ==
	    0 &&
	    transport_read_answer(&p->t, &a, in) == 0;
}

bool
plug_finish(struct plug *p, const struct caller *who)
{
	uint8_t out[TRANSPORT_FINISH_LEN];

	p->replies = replies_new();
	MUST(p->replies);
	return transport_finish(&p->t, out, who->key.id, who->static_sk) == 0 &&
	    plug_send(p, out, sizeof(out));
}

bool
plug_open(struct plug *p, const struct siege *sg, unsigned source,
    const struct caller *who)
{
	return plug_connect(p, sg, source) && plug_hello(p) && plug_answer(p) &&
	    plug_finish(p, who);
}

size_t
plug_pack(struct plug *p, const struct caller *who, uint16_t code,
    uint32_t size, const void *payload, size_t len,
    uint8_t out[static TRANSPORT_RECORD_MAX + TRANSPORT_LENGTH_LEN])
{
	struct frame_request req = { .version = WIRE_VERSION,
		.code = code,
		.size = size };
	uint8_t *frame = out + TRANSPORT_BODY_AT;

	memcpy(req.id, who->key.id, ID_LEN);
	frame_pack_request(frame, &req);
	if (len > 0)
		memcpy(frame + FRAME_REQUEST_LEN, payload, len);
	len += FRAME_REQUEST_LEN;
	MUST(transport_seal(&p->t, out, TRANSPORT_FRAMES, frame, len) == 0);
	return len + TRANSPORT_OVERHEAD;
}

bool
plug_put(struct plug *p, const struct caller *who, uint16_t code,
    const void *payload, size_t len)
{
	uint8_t out[TRANSPORT_RECORD_MAX + TRANSPORT_LENGTH_LEN];

	return plug_send(p, out,
	    plug_pack(p, who, code, (uint32_t)len, payload, len, out));
}

/* One record more; false: there is none, or it is the close. */
static bool
read_record(struct plug *p, uint64_t deadline)
{
	uint8_t in[TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX], *body;
	enum transport_kind kind;
	size_t len;

	if (sock_read_all(p->fd, in, TRANSPORT_LENGTH_LEN, deadline) < 0)
		return false;
	len = transport_length(in);
	if (sock_read_all(p->fd, in, len, deadline) < 0)
		return false;
	MUST(transport_open(&p->t, &kind, &body, &len, in, len) == 0);
	if (kind == TRANSPORT_CLOSE)
		return false;
	MUST(kind == TRANSPORT_FRAMES &&
	    replies_add(p->replies, body, len) == 0);
	return true;
}

bool
plug_get(struct plug *p, struct frame_reply *head, const uint8_t **payload)
{
	uint64_t deadline = clock_deadline(PLUG_MS);

	for (;;) {
		MUST(replies_next(p->replies, head, payload) == 0);
		if (*payload)
			return true;
		if (!read_record(p, deadline))
			return false;
	}
}

unsigned
plug_next(struct plug *p)
{
	struct frame_reply head;
	const uint8_t *in;

	if (!plug_get(p, &head, &in))
		return 0;
	if (head.code != CODE_ERROR)
		return head.code;
	MUST(head.size >= 6);
	return le_get16(in);
}

unsigned
plug_ask(struct plug *p, const struct caller *who, uint16_t code,
    const void *payload, size_t len)
{
	return plug_put(p, who, code, payload, len) ? plug_next(p) : 0;
}

bool
plug_has_ended(struct plug *p, uint64_t deadline)
{
	struct pollfd f = { .fd = p->fd, .events = POLLIN };
	uint8_t in[4096];
	ssize_t n = 1;

	do {
		if (poll(&f, 1, clock_left(deadline)) <= 0)
			return false;
		n = recv(p->fd, in, sizeof(in), 0);
	} while (n > 0);
	return n == 0 || errno != EAGAIN;
}

void
plug_close(struct plug *p)
{
	if (p->fd >= 0)
		close(p->fd);
	replies_free(p->replies);
	*p = (struct plug){ .fd = -1 };
}

void
plug_reset(struct plug *p)
{
	const struct linger now = { .l_onoff = 1 };

	if (p->fd >= 0)
		MUST(setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now,
			 sizeof(now)) == 0);
	plug_close(p);
}

unsigned
plug_register(const struct siege *sg, unsigned source, const struct caller *who)
{
	uint8_t payload[BODY_REGISTER_MAX];
	unsigned answer = 0;
	struct plug p;
	size_t len;

	caller_pack(who, payload, &len);
	if (plug_open(&p, sg, source, who))
		answer = plug_ask(&p, who, CODE_REGISTER, payload, len);
	plug_close(&p);
	return answer;
}

const struct caller *
plug_person(const struct siege *sg, unsigned n)
{
	static struct caller people[PEOPLE_MAX];
	struct caller *who = &people[n];
	unsigned answer;
	char name[32];

	MUST(n < PEOPLE_MAX);
	if (who->key.name[0] != '\0')
		return who;
	snprintf(name, sizeof(name), "person-%u", n);
	caller_make(who, n, name);
	/* who was busy a moment ago has to wait */
	while ((answer = plug_register(sg, n, who)) == REASON_RATE_LIMITED)
		clock_sleep(100);
	MUST(answer == CODE_REGISTER + CODE_REPLY);
	return who;
}

void
plug_empty(const struct siege *sg, unsigned n)
{
	const struct caller *who = plug_person(sg, n);
	uint8_t range[BODY_RANGE_LEN];
	unsigned answer;
	struct plug p;

	body_pack_range(range, &(struct body_range){ 1, UINT32_MAX });
	MUST(plug_open(&p, sg, n, who));
	do {
		answer = plug_ask(&p, who, CODE_ACK, range, sizeof(range));
	} while (answer == REASON_BUSY || answer == REASON_RATE_LIMITED);
	MUST(answer == CODE_ACK + CODE_REPLY);
	plug_close(&p);
}

/* How many wait, of one page; in last, the number of the last one. */
static unsigned
pull_page(struct plug *p, const struct caller *who, uint32_t *last)
{
	struct frame_reply head;
	struct body_message m;
	const uint8_t *in;
	unsigned n = 0;
	size_t len;

	do {
		MUST(plug_put(p, who, CODE_PULL, NULL, 0) &&
		    plug_get(p, &head, &in));
	} while (
	    head.code == CODE_ERROR && le_get16(in) == REASON_RATE_LIMITED);
	MUST(head.code == CODE_PULL + CODE_REPLY);
	for (len = head.size; len > 0; n++) {
		MUST(body_unpack_message(&m, &in, &len) == 0);
		*last = m.id;
	}
	return n;
}

unsigned
plug_drain(const struct siege *sg, unsigned n)
{
	const struct caller *who = plug_person(sg, n);
	unsigned sum = 0, more;
	uint32_t last;
	struct plug p;

	MUST(plug_open(&p, sg, n, who));
	while ((more = pull_page(&p, who, &last)) > 0) {
		uint8_t range[BODY_RANGE_LEN];

		sum += more;
		body_pack_range(range, &(struct body_range){ 1, last });
		MUST(plug_ask(&p, who, CODE_ACK, range, sizeof(range)) ==
		    CODE_ACK + CODE_REPLY);
	}
	plug_close(&p);
	return sum;
}
