/* SPDX-License-Identifier: ISC */
/* A small relay in a child process that plays scripts, on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/noise.h"
#include "net/chan.h"
#include "net/sock.h"
#include "net/stream.h"
#include "net/transport.h"
#include "wire/body.h"
#include "wire/codes.h"
#include "wire/frame.h"

#define TIMEOUT_MS 10000 /* of what must not time out */
#define SHORT_MS   300   /* of what must */
#define RELAY_TIME 1700000000500

static const uint8_t client_id[ID_LEN] = "client id 012345";
static uint8_t client_sk[KEY_LEN], client_pk[KEY_LEN];
static uint8_t relay_sk[KEY_LEN], relay_pk[KEY_LEN];
static uint32_t relay_max_frame = FRAME_MAX;

/* ---- the relay's side, in the child ---- */

struct relay {
	int fd;
	struct transport t;
	size_t have; /* frame bytes read ahead */
};

typedef void (*script_fn)(struct relay *r);

static uint8_t wire[FRAME_MAX + TRANSPORT_BODY_MAX + 1024];
static uint8_t frames[FRAME_MAX + TRANSPORT_BODY_MAX];
static uint8_t big[FRAME_MAX];
static size_t cut_at; /* for the scripts that stop somewhere */

#define MUST(cond)                                                            \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(stderr, "relay: line %d: %s: %s\n", __LINE__, \
			    #cond, err_last()->message);                      \
			_exit(1);                                             \
		}                                                             \
	} while (0)

static void
put_bytes(struct relay *r, const uint8_t *bytes, size_t len)
{
	MUST(sock_write(r->fd, bytes, len, clock_deadline(TIMEOUT_MS)) == 0);
}

static void
get_bytes(struct relay *r, uint8_t *out, size_t len)
{
	MUST(sock_read_all(r->fd, out, len, clock_deadline(TIMEOUT_MS)) == 0);
}

/* The client says no more. */
static void
expect_end(struct relay *r)
{
	uint8_t byte;
	size_t len;
	int got = sock_read(r->fd, &byte, 1, &len, clock_deadline(TIMEOUT_MS));

	MUST(got < 0 || len == 0);
}

static void
greet_first(struct relay *r)
{
	uint8_t hello[TRANSPORT_HELLO_LEN], out[TRANSPORT_ANSWER_LEN];
	uint8_t e[KEY_LEN];

	get_bytes(r, hello, sizeof(hello));
	secret_random(e, sizeof(e));
	transport_begin(&r->t, relay_sk);
	MUST(transport_answer(&r->t, out, hello, relay_max_frame, RELAY_TIME,
		 e) == 0);
	put_bytes(r, out, sizeof(out));
}

static void
greet(struct relay *r)
{
	uint8_t finish[TRANSPORT_FINISH_LEN], id[ID_LEN], pk[KEY_LEN];

	greet_first(r);
	get_bytes(r, finish, sizeof(finish));
	MUST(transport_read_finish(&r->t, id, pk, finish) == 0);
	MUST(memcmp(id, client_id, ID_LEN) == 0);
	MUST(memcmp(pk, client_pk, KEY_LEN) == 0);
}

static enum transport_kind
get_record(struct relay *r)
{
	enum transport_kind kind;
	uint8_t *body;
	size_t len;

	get_bytes(r, wire, 2);
	len = transport_length(wire);
	get_bytes(r, wire, len);
	MUST(transport_open(&r->t, &kind, &body, &len, wire, len) == 0);
	memcpy(frames + r->have, body, len);
	r->have += len;
	return kind;
}

/* The next request must be code with this payload. */
static void
get_request(struct relay *r, uint16_t code, const void *payload, size_t len)
{
	struct frame_request q;

	while (r->have < FRAME_REQUEST_LEN + len)
		MUST(get_record(r) == TRANSPORT_FRAMES);
	frame_unpack_request(&q, frames);
	MUST(q.version == 3 && q.code == code && q.size == len);
	MUST(memcmp(q.id, client_id, ID_LEN) == 0);
	MUST(len == 0 || memcmp(frames + FRAME_REQUEST_LEN, payload, len) == 0);
	r->have -= FRAME_REQUEST_LEN + len;
	memmove(frames, frames + FRAME_REQUEST_LEN + len, r->have);
}

/* Orderly: 02, then nothing. */
static void
expect_close(struct relay *r)
{
	MUST(get_record(r) == TRANSPORT_CLOSE);
	expect_end(r);
}

static size_t
seal(struct relay *r, uint8_t *out, unsigned kind, const uint8_t *body,
    size_t len)
{
	MUST(transport_seal(&r->t, out, (enum transport_kind)kind, body, len) ==
	    0);
	return len + TRANSPORT_OVERHEAD;
}

static void
put_record(struct relay *r, unsigned kind, const uint8_t *body, size_t len)
{
	put_bytes(r, wire, seal(r, wire, kind, body, len));
}

static size_t
pack_reply(uint8_t *out, uint16_t code, const void *payload, size_t len)
{
	const struct frame_reply h = { 3, code, (uint32_t)len };

	frame_pack_reply(out, &h);
	memcpy(out + FRAME_REPLY_LEN, payload, len);
	return FRAME_REPLY_LEN + len;
}

static void
put_reply(struct relay *r, uint16_t code, const void *payload, size_t len)
{
	uint8_t out[512];

	put_record(r, TRANSPORT_FRAMES, out,
	    pack_reply(out, code, payload, len));
}

static void
put_refusal(struct relay *r, uint16_t reason, uint32_t retry_ms,
    const char *text)
{
	struct body_error e = { reason, retry_ms, "" };
	uint8_t payload[BODY_ERROR_MAX];
	size_t len;

	snprintf(e.text, sizeof(e.text), "%s", text);
	body_pack_error(payload, &len, &e);
	put_reply(r, CODE_ERROR, payload, len);
}

/* ---- both ---- */

static pid_t child;
static struct addr where;

static int
accept_one(int listener)
{
	int fd;

	do {
		fd =
		    accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			clock_sleep(1);
	} while (fd < 0);
	return fd;
}

static void
listen_any(int *fd, struct addr_host *h)
{
	*h = (struct addr_host){ "127.0.0.1", 0 };
	assert_int_equal(sock_listen(fd, &h->port, h), 0);
}

/* A relay at where that plays the script with its first connection. */
static void
start(script_fn script)
{
	int listener;

	where = (struct addr){ .hosts_n = 1 };
	listen_any(&listener, &where.hosts[0]);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		static struct relay r;

		alarm(30);
		r.fd = accept_one(listener);
		script(&r);
		_exit(0);
	}
	close(listener);
}

static void
stop(void)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static struct chan *
open_timed(uint64_t timeout_ms)
{
	struct chan *c;

	assert_int_equal(chan_open(&c, &where, relay_pk, timeout_ms), 0);
	assert_int_equal(chan_bind(c, client_id, client_sk), 0);
	return c;
}

static struct chan *
open_bound(script_fn script)
{
	start(script);
	return open_timed(TIMEOUT_MS);
}

static void
put(struct chan *c, uint16_t code, const char *text)
{
	assert_int_equal(
	    chan_put(c, code, (const uint8_t *)text, strlen(text), NULL, 0), 0);
}

static void
got(struct chan *c, uint16_t code, const void *payload, size_t len)
{
	struct chan_reply reply;

	assert_int_equal(chan_get(c, &reply, 0), 0);
	assert_int_equal(reply.code, code);
	assert_int_equal(reply.len, len);
	assert_memory_equal(reply.payload, payload, len);
	assert_int_equal(chan_reason(c), 0);
	assert_false(chan_is_in_doubt(c));
}

/* Ask, and fail with code. */
static void
fails(struct chan *c, int code, bool in_doubt)
{
	struct chan_reply reply;

	put(c, CODE_KEY, "who");
	assert_int_equal(chan_get(c, &reply, 0), code);
	assert_int_equal(err_last()->code, code);
	assert_int_equal(chan_is_in_doubt(c), in_doubt);
}

static void
end(struct chan *c)
{
	chan_close(c);
	stop();
}

/* ---- opening ---- */

static void
play_normal(struct relay *r)
{
	greet(r);
	get_request(r, CODE_SEND, "headbody", 8);
	put_reply(r, 2103, "sent", 4);
	get_request(r, CODE_PULL, "", 0);
	put_reply(r, 2104, "", 0);
	expect_close(r);
}

static void
normal(void **state)
{
	struct chan *c;
	struct chan_reply reply;
	struct addr met;

	(void)state;
	start(play_normal);
	assert_int_equal(chan_open(&c, &where, NULL, TIMEOUT_MS), 0);
	assert_memory_equal(chan_relay_key(c), relay_pk, KEY_LEN);
	assert_int_equal(chan_relay_time(c), RELAY_TIME);
	assert_int_equal(chan_max_frame(c), FRAME_MAX);
	chan_address(c, &met);
	assert_true(met.has_key);
	assert_memory_equal(met.key, relay_pk, KEY_LEN);
	assert_int_equal(met.hosts_n, 1);
	assert_string_equal(met.hosts[0].name, "127.0.0.1");
	assert_int_equal(met.hosts[0].port, where.hosts[0].port);
	assert_int_equal(chan_bind(c, client_id, client_sk), 0);
	assert_int_equal(chan_put(c, CODE_SEND, (const uint8_t *)"head", 4,
			     (const uint8_t *)"body", 4),
	    0);
	got(c, 2103, "sent", 4);
	assert_int_equal(chan_call(c, &reply, CODE_PULL, NULL, 0), 0);
	assert_int_equal(reply.code, 2104);
	assert_int_equal(reply.len, 0);
	assert_int_equal(chan_get(c, &reply, 0), ERR_INTERNAL);
	end(c);
}

/* Out of order: the caller's mistakes, and no end of the channel. */
static void
out_of_order(void **state)
{
	struct chan *c;

	(void)state;
	start(play_normal);
	assert_int_equal(chan_open(&c, &where, relay_pk, TIMEOUT_MS), 0);
	assert_int_equal(chan_put(c, CODE_PULL, NULL, 0, NULL, 0),
	    ERR_INTERNAL);
	assert_int_equal(chan_bind(c, client_id, client_sk), 0);
	assert_int_equal(chan_bind(c, client_id, client_sk), ERR_INTERNAL);
	put(c, CODE_SEND, "headbody");
	got(c, 2103, "sent", 4);
	put(c, CODE_PULL, "");
	got(c, 2104, "", 0);
	end(c);
	chan_close(NULL);
}

static int
open_code(const uint8_t *pin, uint64_t timeout_ms)
{
	struct chan *c = NULL;
	int r = chan_open(&c, &where, pin, timeout_ms);

	assert_true((r == 0) == (c != NULL));
	chan_close(c);
	return r;
}

static void
play_to_message_2(struct relay *r)
{
	greet_first(r);
	expect_end(r);
}

static void
wrong_key(void **state)
{
	uint8_t other[KEY_LEN] = { 9 };
	char met[TEXT_KEY_SIZE];

	(void)state;
	text_key(met, relay_pk);
	start(play_to_message_2);
	assert_int_equal(open_code(other, TIMEOUT_MS), ERR_UNTRUSTED);
	assert_non_null(strstr(err_last()->message, met));
	assert_non_null(strstr(err_last()->hint, "ask the relay's operator"));
	assert_non_null(strstr(err_last()->hint, met));
	stop();
	memcpy(other, relay_pk, KEY_LEN);
	other[31] ^= 0x80;
	start(play_to_message_2);
	assert_int_equal(open_code(other, TIMEOUT_MS), ERR_UNTRUSTED);
	stop();
}

/* Closed before message 3: nothing is said, as nothing could be. */
static void
never_bound(void **state)
{
	(void)state;
	start(play_to_message_2);
	assert_int_equal(open_code(relay_pk, TIMEOUT_MS), 0);
	stop();
}

static void
play_refusal(struct relay *r)
{
	uint8_t hello[TRANSPORT_HELLO_LEN];

	get_bytes(r, hello, sizeof(hello));
	put_bytes(r, transport_refusal, FRAME_REPLY_LEN);
	expect_end(r);
}

static void
play_other(struct relay *r)
{
	uint8_t hello[TRANSPORT_HELLO_LEN];

	get_bytes(r, hello, sizeof(hello));
	put_bytes(r, (const uint8_t *)"HT", 2);
	expect_end(r);
}

static void
play_damaged(struct relay *r)
{
	uint8_t hello[TRANSPORT_HELLO_LEN], out[TRANSPORT_ANSWER_LEN];

	get_bytes(r, hello, sizeof(hello));
	transport_begin(&r->t, relay_sk);
	MUST(transport_answer(&r->t, out, hello, relay_max_frame, RELAY_TIME,
		 client_sk) == 0);
	out[60] ^= 1;
	put_bytes(r, out, sizeof(out));
	expect_end(r);
}

static void
play_small(struct relay *r)
{
	relay_max_frame = FRAME_MAX_LEAST - 1;
	play_to_message_2(r);
}

static void
no_relay_of_ours(void **state)
{
	const struct {
		script_fn script;
		int code;
	} cases[] = {
		{ play_refusal, ERR_PROTOCOL },
		{ play_other, ERR_PROTOCOL },
		{ play_small, ERR_PROTOCOL },
		{ play_damaged, ERR_UNREACHABLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		start(cases[i].script);
		assert_int_equal(open_code(relay_pk, TIMEOUT_MS),
		    cases[i].code);
		stop();
	}
}

static void
play_mute(struct relay *r)
{
	uint8_t hello[TRANSPORT_HELLO_LEN];

	get_bytes(r, hello, sizeof(hello));
	put_bytes(r, (const uint8_t *)"", 1);
	expect_end(r);
}

static void
mute_before_message_2(void **state)
{
	uint64_t before = clock_mono_ms();

	(void)state;
	start(play_mute);
	assert_int_equal(open_code(relay_pk, SHORT_MS), ERR_UNREACHABLE);
	assert_true(clock_mono_ms() - before >= SHORT_MS);
	assert_true(clock_mono_ms() - before < 10 * SHORT_MS);
	stop();
}

/* An address where nobody listens. */
static void
nobody(struct addr_host *h)
{
	int fd;

	listen_any(&fd, h);
	close(fd);
}

static void
refused_until_the_end(void **state)
{
	uint64_t before = clock_mono_ms();

	(void)state;
	where = (struct addr){ .hosts_n = 1 };
	nobody(&where.hosts[0]);
	assert_int_equal(open_code(relay_pk, SHORT_MS), ERR_UNREACHABLE);
	assert_true(clock_mono_ms() - before >= SHORT_MS / 4);
	assert_true(clock_mono_ms() - before <= 2 * SHORT_MS);
	assert_non_null(strstr(err_last()->message, "127.0.0.1"));
}

static void
refused_at_first(void **state)
{
	struct chan *c;

	(void)state;
	where = (struct addr){ .hosts_n = 1 };
	nobody(&where.hosts[0]);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct relay r = { 0 };
		uint16_t port;
		int listener;

		alarm(30);
		clock_sleep(200);
		MUST(sock_listen(&listener, &port, &where.hosts[0]) == 0);
		close(accept_one(listener)); /* reset before message 2 */
		r.fd = accept_one(listener);
		play_normal(&r);
		_exit(0);
	}
	c = open_timed(TIMEOUT_MS);
	put(c, CODE_SEND, "headbody");
	got(c, 2103, "sent", 4);
	put(c, CODE_PULL, "");
	got(c, 2104, "", 0);
	end(c);
}

static void
no_such_name(void **state)
{
	(void)state;
	where = (struct addr){ .hosts_n = 1, .hosts = { { .port = 1 } } };
	memset(where.hosts[0].name, 'a', 80); /* too long for a label */
	assert_int_equal(open_code(relay_pk, 60000), ERR_UNREACHABLE);
	assert_int_equal(err_last()->number, 0);
}

static void
several_hosts(void **state)
{
	struct addr met;
	struct chan *c;

	(void)state;
	start(play_to_message_2);
	where.hosts_n = 3;
	where.hosts[1] = where.hosts[0];
	nobody(&where.hosts[0]);
	nobody(&where.hosts[2]);
	assert_int_equal(chan_open(&c, &where, relay_pk, TIMEOUT_MS), 0);
	chan_address(c, &met);
	assert_int_equal(met.hosts_n, 1);
	assert_int_equal(met.hosts[0].port, where.hosts[1].port);
	assert_int_equal(chan_next_host(c), 1);
	end(c);
}

/* Counted round, and nobody else is asked before. */
static void
not_the_first_first(void **state)
{
	struct addr_host idle;
	struct chan *c;
	int fd;

	(void)state;
	start(play_to_message_2);
	listen_any(&fd, &idle);
	where.hosts_n = 3;
	where.hosts[2] = where.hosts[0];
	where.hosts[0] = idle;
	nobody(&where.hosts[1]);
	where.first = 4;
	assert_int_equal(chan_open(&c, &where, relay_pk, TIMEOUT_MS), 0);
	assert_int_equal(chan_next_host(c), 2);
	end(c);
	assert_int_equal(accept4(fd, NULL, NULL, 0), -1);
	close(fd);
}

/* One that is slow is asked once more, if all others are out of the question.
 */
static void
slow_host(void **state)
{
	struct chan *c;
	int listener;

	(void)state;
	where = (struct addr){ .hosts_n = 2, .hosts = { { .port = 1 } } };
	memset(where.hosts[0].name, 'a', 80); /* too long for a label */
	listen_any(&listener, &where.hosts[1]);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct relay r = { 0 };

		alarm(30);
		accept_one(listener); /* and leave it at that */
		r.fd = accept_one(listener);
		play_to_message_2(&r);
		_exit(0);
	}
	close(listener);
	assert_int_equal(chan_open(&c, &where, relay_pk, 10 * TIMEOUT_MS), 0);
	end(c);
}

/* A host that takes the connection and is silent costs its share only. */
static void
mute_host_first(void **state)
{
	struct addr_host mute;
	struct chan *c;
	int fd;

	(void)state;
	start(play_to_message_2);
	listen_any(&fd, &mute);
	where.hosts_n = 2;
	where.hosts[1] = where.hosts[0];
	where.hosts[0] = mute;
	assert_int_equal(chan_open(&c, &where, relay_pk, 4 * SHORT_MS), 0);
	end(c);
	close(fd);
}

/* No other host is asked after one that answers something wrong. */
static void
stops_at(script_fn script, const uint8_t *pin, int code)
{
	struct addr_host next;
	int fd;

	start(script);
	listen_any(&fd, &next);
	where.hosts_n = 2;
	where.hosts[1] = next;
	assert_int_equal(open_code(pin, TIMEOUT_MS), code);
	stop();
	assert_int_equal(accept4(fd, NULL, NULL, 0), -1);
	close(fd);
}

static void
wrong_answer_stops(void **state)
{
	const uint8_t other[KEY_LEN] = { 9 };

	(void)state;
	stops_at(play_to_message_2, other, ERR_UNTRUSTED);
	stops_at(play_other, relay_pk, ERR_PROTOCOL);
	assert_null(strstr(err_last()->message, "version 3"));
	stops_at(play_refusal, relay_pk, ERR_PROTOCOL);
	assert_non_null(strstr(err_last()->message, "version 3"));
}

/* ---- replies ---- */

static void
play_dribble(struct relay *r)
{
	uint8_t reply[64];
	size_t len;

	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	len = pack_reply(reply, 2102, "a key of somebody", 17);
	for (size_t i = 0; i < len; i++) {
		size_t n = seal(r, wire, TRANSPORT_FRAMES, reply + i, 1);

		for (size_t k = 0; k < n; k++)
			put_bytes(r, wire + k, 1);
	}
	expect_close(r);
}

static void
dribble(void **state)
{
	struct chan *c = open_bound(play_dribble);

	(void)state;
	put(c, CODE_KEY, "who");
	got(c, 2102, "a key of somebody", 17);
	end(c);
}

static void
play_batch(struct relay *r)
{
	uint8_t out[256];
	size_t len = 0;

	greet(r);
	get_request(r, CODE_SEND, "one", 3);
	get_request(r, CODE_ACK, "two", 3);
	get_request(r, CODE_PULL, "", 0);
	len += pack_reply(out + len, 2103, "1", 1);
	len += pack_reply(out + len, 2105, "", 0);
	len += pack_reply(out + len, 2104, "333", 3);
	put_record(r, TRANSPORT_FRAMES, out, len);
	expect_close(r);
}

static void
several_in_one_record(void **state)
{
	struct chan *c = open_bound(play_batch);

	(void)state;
	put(c, CODE_SEND, "one");
	put(c, CODE_ACK, "two");
	put(c, CODE_PULL, "");
	got(c, 2103, "1", 1);
	got(c, 2105, "", 0);
	got(c, 2104, "333", 3);
	end(c);
}

static void
play_padding(struct relay *r)
{
	uint8_t out[64];
	size_t len = pack_reply(out, 2102, "key", 3);

	greet(r);
	put_record(r, TRANSPORT_PADDING, NULL, 0);
	get_request(r, CODE_KEY, "who", 3);
	put_record(r, TRANSPORT_PADDING, big, TRANSPORT_BODY_MAX);
	put_record(r, TRANSPORT_FRAMES, NULL, 0);
	put_record(r, TRANSPORT_FRAMES, out, 3);
	put_record(r, TRANSPORT_PADDING, big, 5);
	put_record(r, TRANSPORT_FRAMES, out + 3, len - 3);
	expect_close(r);
}

static void
padding(void **state)
{
	struct chan *c = open_bound(play_padding);

	(void)state;
	put(c, CODE_KEY, "who");
	got(c, 2102, "key", 3);
	end(c);
}

static void
play_endless(struct relay *r)
{
	uint64_t until = clock_deadline(10 * SHORT_MS);

	greet(r);
	do {
		seal(r, wire, TRANSPORT_PADDING, big, 1000);
	} while (
	    sock_write(r->fd, wire, 1000 + TRANSPORT_OVERHEAD, until) == 0 &&
	    clock_left(until) > 0);
	MUST(clock_left(until) > 0);
}

static void
endless_padding(void **state)
{
	struct chan *c;

	(void)state;
	start(play_endless);
	c = open_timed(SHORT_MS);
	fails(c, ERR_UNREACHABLE, true);
	end(c);
}

static void
play_burst(struct relay *r)
{
	size_t len = 0;

	greet(r);
	while (len < sizeof(frames) / 2)
		len += seal(r, frames + len, TRANSPORT_PADDING, big, 1000);
	put_bytes(r, frames, len);
	expect_end(r);
}

/* Once the time is over, what waits in the socket stays there. */
static void
padding_too_late(void **state)
{
	const uint64_t later = clock_deadline(TIMEOUT_MS);
	const size_t most = TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX;
	enum transport_kind kind;
	struct dial_met met;
	struct stream *s;
	size_t len, taken = 0;
	uint8_t *body;

	(void)state;
	start(play_burst);
	assert_int_equal(stream_open(&s, &met, &where, later), 0);
	assert_int_equal(stream_finish(s, client_id, client_sk, later), 0);
	assert_int_equal(stream_read(s, &kind, &body, &len, later), 0);
	clock_sleep(50); /* by now there is more than it has read */
	while (stream_read(s, &kind, &body, &len, clock_deadline(0)) == 0)
		taken += len + TRANSPORT_OVERHEAD;
	assert_in_range(taken, 0, most);
	stream_close(s, false);
	stop();
}

/* A whole reply of the largest size, whatever the relay takes itself. */
static void
play_big(struct relay *r)
{
	const struct frame_reply h = { 3, 2104, FRAME_MAX - FRAME_REPLY_LEN };

	relay_max_frame = FRAME_MAX_LEAST;
	greet(r);
	get_request(r, CODE_PULL, "", 0);
	frame_pack_reply(big, &h);
	for (size_t at = 0; at < FRAME_MAX; at += 60000)
		put_record(r, TRANSPORT_FRAMES, big + at,
		    FRAME_MAX - at < 60000 ? FRAME_MAX - at : 60000);
	expect_close(r);
}

static void
big_reply(void **state)
{
	struct chan *c = open_bound(play_big);

	(void)state;
	assert_int_equal(chan_max_frame(c), FRAME_MAX_LEAST);
	put(c, CODE_PULL, "");
	got(c, 2104, big + FRAME_REPLY_LEN, FRAME_MAX - FRAME_REPLY_LEN);
	end(c);
}

static void
play_big_request(struct relay *r)
{
	greet(r);
	get_request(r, CODE_SEND, big, FRAME_MAX - FRAME_REQUEST_LEN);
	put_reply(r, 2103, "", 0);
	expect_close(r);
}

static void
big_request(void **state)
{
	const size_t room = FRAME_MAX - FRAME_REQUEST_LEN;
	struct chan *c = open_bound(play_big_request);

	(void)state;
	assert_int_equal(chan_put(c, CODE_SEND, big, room + 1, NULL, 0),
	    ERR_PROTOCOL);
	assert_int_equal(chan_put(c, CODE_SEND, big, 22, big, room - 21),
	    ERR_PROTOCOL);
	assert_int_equal(chan_put(c, CODE_SEND, big, room, big, SIZE_MAX),
	    ERR_PROTOCOL);
	assert_false(chan_is_in_doubt(c));
	assert_int_equal(chan_put(c, CODE_SEND, big, 21, big + 21, room - 21),
	    0);
	got(c, 2103, "", 0);
	end(c);
}

static void
play_refusals(struct relay *r)
{
	greet(r);
	for (uint16_t reason = 0; reason <= 16; reason++) {
		get_request(r, CODE_KEY, "who", 3);
		put_refusal(r, reason, 1500u + reason,
		    reason == 4 ? "go \033away" : "");
	}
	get_request(r, CODE_KEY, "who", 3);
	put_reply(r, CODE_ERROR, "\001", 1);
	get_request(r, CODE_KEY, "who", 3);
	put_reply(r, 2102, "", 0);
	expect_close(r);
}

static void
refusals(void **state)
{
	const int want[] = { ERR_PROTOCOL, ERR_PROTOCOL, ERR_PROTOCOL,
		ERR_DENIED, ERR_DENIED, ERR_EXISTS, ERR_UNKNOWN_PEER, ERR_BUSY,
		ERR_BUSY, ERR_PROTOCOL, ERR_BUSY, ERR_BUSY, ERR_DENIED,
		ERR_DENIED, ERR_EXISTS, ERR_PROTOCOL, ERR_PROTOCOL };
	struct chan *c = open_bound(play_refusals);

	(void)state;
	for (uint16_t reason = 0; reason < ARRAY_LEN(want); reason++) {
		fails(c, want[reason], false);
		assert_int_equal(chan_reason(c), reason);
		assert_int_equal(chan_next_host(c),
		    reason == REASON_BUSY || reason == REASON_INTERNAL);
		assert_int_equal(err_last()->retry_after_ms, 1500 + reason);
		if (reason == 4)
			assert_string_equal(err_last()->message,
			    "relay: denied: go ?away");
		if (reason == 3)
			assert_string_equal(err_last()->hint,
			    "sentinel-register NAME");
	}
	fails(c, ERR_PROTOCOL, false);
	put(c, CODE_KEY, "who");
	got(c, 2102, "", 0);
	end(c);
}

static void
play_put_off(struct relay *r)
{
	uint8_t nothing[1] = { 0 };

	greet(r);
	for (int i = 0; i < 3; i++) {
		get_request(r, CODE_KEY, "who", 3);
		put_refusal(r, REASON_RATE_LIMITED, 40, "");
	}
	get_request(r, CODE_KEY, "who", 3);
	put_reply(r, 2102, "", 0);
	/* for longer than there is time */
	get_request(r, CODE_KEY, "who", 3);
	put_refusal(r, REASON_RATE_LIMITED, TIMEOUT_MS + 1, "");
	/* without a time, and for another reason */
	get_request(r, CODE_KEY, "who", 3);
	put_refusal(r, REASON_RATE_LIMITED, 0, "");
	get_request(r, CODE_KEY, "who", 3);
	put_refusal(r, REASON_MAILBOX_FULL, 40, "");
	/* and with nothing more to come */
	get_request(r, CODE_KEY, "who", 3);
	put_refusal(r, REASON_RATE_LIMITED, 40, "");
	put_record(r, TRANSPORT_CLOSE, nothing, 0);
	expect_close(r);
}

/* Who has asked too often asks again, as late as it is told to. */
static void
put_off(void **state)
{
	struct chan *c = open_bound(play_put_off);
	uint64_t begun = clock_mono_ms();
	struct chan_reply reply;

	(void)state;
	assert_int_equal(
	    chan_call(c, &reply, CODE_KEY, (const uint8_t *)"who", 3), 0);
	assert_true(clock_mono_ms() - begun >= 3 * 40);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
		    chan_call(c, &reply, CODE_KEY, (const uint8_t *)"who", 3),
		    ERR_BUSY);
		assert_int_equal(chan_reason(c),
		    i == 2 ? REASON_MAILBOX_FULL : REASON_RATE_LIMITED);
	}
	end(c);
}

/* ---- what a relay must not do ---- */

static void
play_wrong_code(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	put_reply(r, 2103, "", 0);
	expect_end(r);
}

static void
play_wrong_version(struct relay *r)
{
	uint8_t reply[] = { 2, 2102 & 0xff, 2102 >> 8, 0, 0, 0, 0 };

	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	put_record(r, TRANSPORT_FRAMES, reply, sizeof(reply));
	expect_end(r);
}

/* Refused from the header alone. */
static void
play_oversize(struct relay *r)
{
	const struct frame_reply h = { 3, 2102,
		FRAME_MAX - FRAME_REPLY_LEN + 1 };
	uint8_t reply[FRAME_REPLY_LEN];

	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	frame_pack_reply(reply, &h);
	put_record(r, TRANSPORT_FRAMES, reply, sizeof(reply));
	expect_end(r);
}

static void
play_close_amid(struct relay *r)
{
	uint8_t reply[64];

	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	pack_reply(reply, 2102, "whoever", 7);
	put_record(r, TRANSPORT_FRAMES, reply, 10);
	put_record(r, TRANSPORT_CLOSE, NULL, 0);
	expect_end(r);
}

static void
play_unknown_kind(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	put_record(r, 3, NULL, 0);
	expect_end(r);
}

static void
play_close_with_body(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	put_record(r, TRANSPORT_CLOSE, big, 1);
	expect_end(r);
}

static void
offences(void **state)
{
	const script_fn scripts[] = { play_wrong_code, play_wrong_version,
		play_oversize, play_close_amid, play_unknown_kind,
		play_close_with_body };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct chan *c = open_bound(scripts[i]);

		fails(c, ERR_PROTOCOL, true);
		assert_int_equal(chan_put(c, CODE_KEY, NULL, 0, NULL, 0),
		    ERR_UNREACHABLE);
		end(c);
	}
}

/* ---- what can happen on the way ---- */

static void
play_tampered(struct relay *r)
{
	uint8_t reply[64];
	size_t len = pack_reply(reply, 2102, "whoever", 7);

	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	len = seal(r, wire, TRANSPORT_FRAMES, reply, len);
	wire[len - 1] ^= 1;
	put_bytes(r, wire, len);
	expect_end(r);
}

static void
tampered(void **state)
{
	struct chan *c = open_bound(play_tampered);

	(void)state;
	fails(c, ERR_UNREACHABLE, true);
	end(c);
}

static void
play_short_length(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	memset(wire, 0, 18);
	wire[1] = 16;
	put_bytes(r, wire, 18);
	expect_end(r);
}

static void
short_length(void **state)
{
	struct chan *c = open_bound(play_short_length);

	(void)state;
	fails(c, ERR_UNREACHABLE, true);
	end(c);
}

#define CUT_PAYLOAD 9
#define CUT_FIRST   (5 + TRANSPORT_OVERHEAD) /* two records */
#define CUT_LEN     (FRAME_REPLY_LEN + CUT_PAYLOAD + 2 * TRANSPORT_OVERHEAD)

static void
play_cut(struct relay *r)
{
	uint8_t reply[64];
	size_t len = pack_reply(reply, 2102, "some key.", CUT_PAYLOAD), n;

	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	n = seal(r, wire, TRANSPORT_FRAMES, reply, 5);
	MUST(n == CUT_FIRST);
	n += seal(r, wire + n, TRANSPORT_FRAMES, reply + 5, len - 5);
	MUST(n == CUT_LEN);
	put_bytes(r, wire, cut_at);
	close(r->fd);
}

static void
cut_anywhere(void **state)
{
	(void)state;
	for (cut_at = 0; cut_at < CUT_LEN; cut_at++) {
		struct chan *c = open_bound(play_cut);

		fails(c, ERR_UNREACHABLE, true);
		end(c);
	}
	cut_at = CUT_LEN;
	struct chan *c = open_bound(play_cut);
	put(c, CODE_KEY, "who");
	got(c, 2102, "some key.", CUT_PAYLOAD);
	end(c);
}

static void
hang_up(struct relay *r)
{
	const struct linger now = { 1, 0 };

	setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(r->fd);
}

static void
play_reset(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	hang_up(r);
}

static void
reset(void **state)
{
	struct chan *c = open_bound(play_reset);

	(void)state;
	fails(c, ERR_UNREACHABLE, true);
	end(c);
}

static void
play_close_first(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "one", 3);
	put_reply(r, 2102, "1", 1);
	put_record(r, TRANSPORT_CLOSE, NULL, 0);
	get_request(r, CODE_KEY, "who", 3);
	expect_close(r);
}

/* What was outstanding when the relay's close came was not acted on. */
static void
closed_by_relay(void **state)
{
	struct chan *c = open_bound(play_close_first);

	(void)state;
	put(c, CODE_KEY, "one");
	got(c, 2102, "1", 1);
	assert_int_equal(chan_next_host(c), 0);
	fails(c, ERR_UNREACHABLE, false);
	assert_int_equal(chan_next_host(c), 1);
	assert_int_equal(chan_put(c, CODE_KEY, NULL, 0, NULL, 0),
	    ERR_UNREACHABLE);
	assert_false(chan_is_in_doubt(c));
	end(c);
}

static void
play_close_idle(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "one", 3);
	put_reply(r, 2102, "1", 1);
	get_request(r, CODE_KEY, "two", 3);
	put_reply(r, 2102, "2", 1);
	put_record(r, TRANSPORT_CLOSE, NULL, 0);
	expect_close(r);
}

static void
play_hang_up_idle(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "one", 3);
	put_reply(r, 2102, "1", 1);
	get_request(r, CODE_KEY, "two", 3);
	put_reply(r, 2102, "2", 1);
}

/* An end is seen without asking, and nothing else is one. */
static void
ended_while_idle(void **state)
{
	const script_fn scripts[] = { play_close_idle, play_hang_up_idle };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		const uint64_t deadline = clock_deadline(TIMEOUT_MS);
		struct chan *c = open_bound(scripts[i]);

		assert_true(chan_is_idle(c));
		put(c, CODE_KEY, "one");
		assert_false(chan_is_idle(c));
		got(c, 2102, "1", 1);
		assert_true(chan_is_idle(c));
		put(c, CODE_KEY, "two");
		got(c, 2102, "2", 1);
		while (chan_is_idle(c)) {
			assert_true(clock_left(deadline) > 0);
			clock_sleep(1);
		}
		end(c);
	}
}

static void
play_close_and_reset(struct relay *r)
{
	greet(r);
	get_request(r, CODE_KEY, "who", 3);
	put_record(r, TRANSPORT_CLOSE, NULL, 0);
	clock_sleep(SHORT_MS);
	hang_up(r);
}

/* Closing hides nothing of why. */
static void
fault_outlives_close(void **state)
{
	struct chan *c = open_bound(play_close_and_reset);
	struct err_info before;

	(void)state;
	fails(c, ERR_UNREACHABLE, false);
	before = *err_last();
	stop();
	chan_close(c);
	assert_string_equal(err_last()->message, before.message);
}

/* A relay that refuses the header does not wait for the rest of the frame. */
static void
play_hang_up(struct relay *r)
{
	greet(r);
	get_bytes(r, wire, 100);
	put_refusal(r, REASON_TOO_LARGE, 0, "");
	put_record(r, TRANSPORT_CLOSE, NULL, 0);
}

static void
hung_up_while_sending(void **state)
{
	struct chan *c = open_bound(play_hang_up);
	struct chan_reply reply;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(chan_put(c, CODE_SEND, big,
				     FRAME_MAX - FRAME_REQUEST_LEN, NULL, 0),
		    0);
	stop();
	assert_int_equal(chan_get(c, &reply, 0), ERR_PROTOCOL);
	assert_int_equal(chan_reason(c), REASON_TOO_LARGE);
	assert_int_equal(chan_get(c, &reply, 0), ERR_UNREACHABLE);
	assert_false(chan_is_in_doubt(c));
	chan_close(c);
}

static void
play_late(struct relay *r)
{
	greet(r);
	get_request(r, CODE_PULL, "", 0);
	clock_sleep(2 * SHORT_MS);
	put_reply(r, 2104, "", 0);
	get_request(r, CODE_KEY, "who", 3);
	expect_end(r);
}

static void
slow_and_silent(void **state)
{
	struct chan_reply reply;
	struct chan *c;
	uint64_t before;

	(void)state;
	start(play_late);
	c = open_timed(SHORT_MS);
	put(c, CODE_PULL, "");
	assert_int_equal(chan_get(c, &reply, TIMEOUT_MS), 0);
	before = clock_mono_ms();
	fails(c, ERR_UNREACHABLE, true);
	assert_true(clock_mono_ms() - before >= SHORT_MS);
	assert_true(clock_mono_ms() - before < 5 * SHORT_MS);
	end(c);
}

/* A relay that does not read: the write is bounded as well. */
static void
play_deaf(struct relay *r)
{
	greet(r);
	clock_sleep(6 * SHORT_MS);
}

static void
deaf(void **state)
{
	struct chan *c;
	int r = 0;

	(void)state;
	start(play_deaf);
	c = open_timed(SHORT_MS);
	for (size_t i = 0; i < CHAN_ASKED_MAX && r == 0; i++)
		r = chan_put(c, CODE_SEND, big, 1000000, NULL, 0);
	assert_int_equal(r, ERR_UNREACHABLE);
	assert_true(chan_is_in_doubt(c));
	end(c);
}

/* ---- many at once ---- */

#define ROUNDS 3

static void
play_pipeline(struct relay *r)
{
	greet(r);
	for (size_t i = 0; i < ROUNDS * CHAN_ASKED_MAX; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "%zu", i);

		get_request(r, i % 2 ? CODE_SEND : CODE_ACK, text, (size_t)len);
		put_reply(r, i % 2 ? 2103 : 2105, text, (size_t)len);
	}
	expect_close(r);
}

static void
pipeline_put(struct chan *c, size_t i)
{
	char text[16];

	snprintf(text, sizeof(text), "%zu", i);
	put(c, i % 2 ? CODE_SEND : CODE_ACK, text);
}

static void
pipeline_get(struct chan *c, size_t i)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%zu", i);

	got(c, i % 2 ? 2103 : 2105, text, (size_t)len);
}

static void
pipelined(void **state)
{
	struct chan *c = open_bound(play_pipeline);
	size_t i;

	(void)state;
	for (i = 0; i < CHAN_ASKED_MAX; i++)
		pipeline_put(c, i);
	assert_int_equal(chan_put(c, CODE_SEND, NULL, 0, NULL, 0),
	    ERR_INTERNAL);
	for (; i < ROUNDS * CHAN_ASKED_MAX; i++) {
		pipeline_get(c, i - CHAN_ASKED_MAX);
		pipeline_put(c, i);
	}
	for (; i < (ROUNDS + 1) * CHAN_ASKED_MAX; i++)
		pipeline_get(c, i - CHAN_ASKED_MAX);
	end(c);
}

static int
make_keys(void **state)
{
	(void)state;
	if (secret_start() < 0)
		return -1;
	secret_random(client_sk, KEY_LEN);
	secret_random(relay_sk, KEY_LEN);
	noise_public(client_pk, client_sk);
	noise_public(relay_pk, relay_sk);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normal),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(wrong_key),
		cmocka_unit_test(never_bound),
		cmocka_unit_test(no_relay_of_ours),
		cmocka_unit_test(mute_before_message_2),
		cmocka_unit_test(refused_until_the_end),
		cmocka_unit_test(refused_at_first),
		cmocka_unit_test(no_such_name),
		cmocka_unit_test(several_hosts),
		cmocka_unit_test(not_the_first_first),
		cmocka_unit_test(slow_host),
		cmocka_unit_test(mute_host_first),
		cmocka_unit_test(wrong_answer_stops),
		cmocka_unit_test(dribble),
		cmocka_unit_test(several_in_one_record),
		cmocka_unit_test(padding),
		cmocka_unit_test(endless_padding),
		cmocka_unit_test(padding_too_late),
		cmocka_unit_test(big_reply),
		cmocka_unit_test(big_request),
		cmocka_unit_test(refusals),
		cmocka_unit_test(put_off),
		cmocka_unit_test(offences),
		cmocka_unit_test(tampered),
		cmocka_unit_test(short_length),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(reset),
		cmocka_unit_test(closed_by_relay),
		cmocka_unit_test(ended_while_idle),
		cmocka_unit_test(fault_outlives_close),
		cmocka_unit_test(hung_up_while_sending),
		cmocka_unit_test(slow_and_silent),
		cmocka_unit_test(deaf),
		cmocka_unit_test(pipelined),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
