/* SPDX-License-Identifier: ISC */
/*
 * One connection of the relay, from its first byte: a client that gets as far
 * as the input says (nowhere, a hello, a channel that is bound or not), then
 * items: frames, records good and bad, bytes.  The stream is brought twice,
 * as much at once as goes, and in the pieces that the input says, to a client
 * that does not always read.  Both must come to the same; no request is served
 * before there is a channel, and no more is kept than the limits allow.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "caller.h"
#include "chance.h"
#include "must.h"
#include "net/transport.h"
#include "server/conn.h"
#include "server/turn.h"
#include "still.h"
#include "wire/frame.h"

#define STREAM_MAX (1 << 21)
#define PIECES_MAX 100
#define OUTPUT     3000 /* answers that wait before requests do */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

struct bytes {
	uint8_t *at;
	size_t len;
};

/* What is too much is left out. */
static void
add(struct bytes *b, const void *in, size_t len)
{
	if (len > STREAM_MAX - b->len)
		return;
	memcpy(b->at + b->len, in, len);
	b->len += len;
}

/* --- the client's stream --- */

enum far { NOWHERE, HELLO, UNBOUND, BOUND, FARS };

static const uint8_t relay_sk[KEY_LEN] = { 1 }, client_e[KEY_LEN] = { 2 };
static struct caller people[FARS];
static struct transport clients[FARS]; /* after the handshake */
static uint8_t hello[TRANSPORT_HELLO_LEN], answer[TRANSPORT_ANSWER_LEN];
static uint8_t finish[FARS][TRANSPORT_FINISH_LEN];
static struct bytes stream, plain; /* plain: of the record to come */
static struct transport sealer;

static void
make_handshakes(void)
{
	struct transport relay;
	struct transport_answer a;
	uint8_t e[KEY_LEN];

	caller_make(&people[NOWHERE], NOWHERE, "an");
	chance_go_on_from(0);
	secret_random(e, sizeof(e));
	transport_begin(&relay, relay_sk);
	for (int i = UNBOUND; i < FARS; i++) {
		caller_make(&people[i], (unsigned)i, i == BOUND ? "bo" : "un");
		must(transport_hello(&clients[i], hello, client_e) == 0);
		if (i == UNBOUND)
			must(transport_answer(&relay, answer, hello,
				 FRAME_MAX_LEAST, STILL_START, e) == 0);
		must(transport_read_answer(&clients[i], &a, answer) == 0);
		must(transport_finish(&clients[i], finish[i], people[i].key.id,
			 people[i].static_sk) == 0);
	}
}

static void
seal(uint8_t kind, size_t len, uint8_t damage)
{
	static uint8_t record[TRANSPORT_BODY_MAX + TRANSPORT_OVERHEAD];
	const uint8_t *body = plain.at;

	for (size_t n; len > 0 || body; len -= n) {
		n = len < TRANSPORT_BODY_MAX ? len : TRANSPORT_BODY_MAX;
		must(transport_seal(&sealer, record, (enum transport_kind)kind,
			 body, n) == 0);
		record[damage % (n + TRANSPORT_OVERHEAD)] ^= damage;
		add(&stream, record, n + TRANSPORT_OVERHEAD);
		body = n < len ? body + n : NULL;
	}
	plain.len = 0;
}

static void
put_request(enum far far, uint16_t code, const uint8_t *in, size_t len,
    size_t zeros)
{
	static const uint8_t zero[FRAME_MAX_LEAST];
	struct frame_request req = { .version = WIRE_VERSION,
		.code = code,
		.size = (uint32_t)(len + zeros) };
	uint8_t head[FRAME_REQUEST_LEN];

	memcpy(req.id, people[far].key.id, ID_LEN);
	frame_pack_request(head, &req);
	add(&plain, head, sizeof(head));
	add(&plain, in, len);
	add(&plain, zero, zeros);
}

static void
put_message(enum far far, size_t len)
{
	struct body_send b = { .type = MESSAGE_RATCHET,
		.content_len = (uint32_t)len };
	uint8_t head[SEND_HEAD_LEN];

	memcpy(b.to, people[NOWHERE].key.id, ID_LEN);
	body_pack_send(head, &b);
	put_request(far, CODE_SEND, head, sizeof(head), len);
}

static void
put_registration(enum far far)
{
	uint8_t payload[BODY_REGISTER_MAX];
	size_t len;

	caller_pack(&people[far], payload, &len);
	put_request(far, CODE_REGISTER, payload, len, 0);
}

/* One item of a channel, of the bytes that go with it. */
static void
put_item(enum far far, uint8_t what, const uint8_t *in, size_t len)
{
	switch (what % 9) {
	case 0:
		put_request(far, (uint16_t)(CODE_REGISTER + what / 9 % 16), in,
		    len, 0);
		break;
	case 1:
		add(&plain, in, len);
		break;
	case 2:
		seal(TRANSPORT_FRAMES, plain.len, 0);
		break;
	case 3:
		seal(TRANSPORT_PADDING, plain.len, 0);
		break;
	case 4:
		seal(TRANSPORT_CLOSE, len > 0, 0);
		break;
	case 5:
		seal(what, plain.len, len > 0 ? in[0] : 0);
		break;
	case 6:
		add(&stream, in, len);
		break;
	case 7:
		put_message(far, 1 + len * 250);
		break;
	case 8:
		put_registration(far);
		break;
	}
}

static void
make_stream(enum far far, const uint8_t *in, size_t len)
{
	stream.len = plain.len = 0;
	if (far >= HELLO)
		add(&stream, hello, sizeof(hello));
	if (far < UNBOUND) {
		add(&stream, in, len);
		return;
	}
	add(&stream, finish[far], TRANSPORT_FINISH_LEN);
	sealer = clients[far];
	while (len >= 2) {
		size_t n = in[1] < len - 2 ? in[1] : len - 2;

		put_item(far, in[0], in + 2, n);
		in += 2 + n;
		len -= 2 + n;
	}
	seal(TRANSPORT_FRAMES, plain.len, 0);
}

/* --- a relay of one connection --- */

struct run {
	enum far far;
	struct limits limits;
	struct loop *loop;
	struct store *st;
	struct serve sv;
	struct conn_set set;
	int fd; /* the client's end */
	size_t sent;
	bool reads;

	/* what it came to */
	struct bytes served; /* requests, as far as they were looked at */
	struct bytes wire;   /* what the client got */
	struct bytes heard;  /* the frames in it */
	bool said_close, is_gone;
};

static struct run *now;

static struct conn *
connection(struct run *run)
{
	struct conn *c = TAILQ_FIRST(&run->set.unbound);

	return c ? c : TAILQ_FIRST(&run->set.bound);
}

size_t __real_serve_frame(struct serve *sv, struct session *ss,
    const uint8_t *in, size_t len);
size_t __wrap_serve_frame(struct serve *sv, struct session *ss,
    const uint8_t *in, size_t len);

size_t
__wrap_serve_frame(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len)
{
	const struct conn *c = (struct conn *)(void *)ss;
	const bool closing = ss->closing;
	size_t n;

	must(c->state == CONN_OPEN && now->far >= UNBOUND);
	must(ss->bound == (now->far == BOUND));
	must(memcmp(ss->id, people[now->far].key.id, ID_LEN) == 0);
	n = __real_serve_frame(sv, ss, in, len);
	must(n <= len);
	if (!closing)
		add(&now->served, in,
		    ss->closing && n > FRAME_REQUEST_LEN ? FRAME_REQUEST_LEN
							 : n);
	return n;
}

static size_t
length(const struct buf *b)
{
	return b ? buf_len(b) : 0;
}

/* Whether b holds no more than the beginning of what has such a length. */
static bool
is_part_of(const struct buf *b, size_t whole)
{
	return length(b) < whole;
}

static bool
is_part_of_record(const struct buf *raw)
{
	return is_part_of(raw, TRANSPORT_LENGTH_LEN) ||
	    is_part_of(raw,
		TRANSPORT_LENGTH_LEN + transport_length(buf_peek(raw)));
}

static bool
is_part_of_frame(const struct buf *frames, size_t max)
{
	struct frame_request req;

	if (is_part_of(frames, FRAME_REQUEST_LEN))
		return true;
	frame_unpack_request(&req, buf_peek(frames));
	return req.size <= max - FRAME_REQUEST_LEN &&
	    is_part_of(frames, FRAME_REQUEST_LEN + req.size);
}

/* What is kept while nothing stands still: what cannot be served yet. */
static void
check_open(const struct conn *c)
{
	must(is_part_of_record(c->raw));
	must(is_part_of_frame(c->frames,
	    c->session.bound ? FRAME_MAX_LEAST : FRAME_UNBOUND_MAX));
}

static void
check_handshake(const struct conn *c)
{
	const size_t raw = length(c->raw);

	must(!c->frames && !c->session.held[0].replies);
	if (c->state == CONN_FINISH)
		must(raw < TRANSPORT_FINISH_LEN);
	if (c->state == CONN_HELLO && raw > 0)
		must(raw < TRANSPORT_HELLO_LEN &&
		    memcmp(buf_peek(c->raw), hello,
			raw < TRANSPORT_PREAMBLE_LEN
			    ? raw
			    : TRANSPORT_PREAMBLE_LEN) == 0);
}

static void
check_kept(const struct run *run, const struct conn *c)
{
	must(length(c->raw) + length(c->frames) <= run->sent);
	must(length(c->raw) <= CONN_READ_SCRATCH);
	must(length(c->frames) <= FRAME_MAX + TRANSPORT_BODY_MAX);
	must(sender_pending(&c->out) <= run->limits.max_output + 1024);
	must(c->state != CONN_OPEN || run->far >= UNBOUND);
	if (c->state < CONN_OPEN)
		check_handshake(c);
	else if (c->state == CONN_OPEN && !c->stalled && !c->session.closing)
		check_open(c);
	/* all that it would wait for is a client that reads */
	must(!c->stalled || !conn_has_room(c));
}

/* Until nothing moves any more, as far as the relay is concerned. */
static bool
before_sleep(void *arg, bool idle)
{
	struct run *run = arg;
	struct conn *c;

	must(turn_settle(&run->sv) == 0);
	conn_release(&run->set);
	c = connection(run);
	if (!idle || (c && c->timer.at <= loop_now(run->loop)))
		return true;
	if (c)
		check_kept(run, c);
	loop_stop(run->loop, 0);
	return true;
}

/* Who is bound, and what waits for it. */
static void
fill_store(struct store *st)
{
	static const uint32_t lengths[] = { 1, 20000, 300, OUTPUT };
	static const uint8_t content[20000];
	struct body_send m = { .type = MESSAGE_RATCHET, .content = content };

	must(store_register(st, &people[NOWHERE].key, STILL_START) == 0);
	must(store_register(st, &people[BOUND].key, STILL_START) == 0);
	memcpy(m.to, people[BOUND].key.id, ID_LEN);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		m.content_len = lengths[i];
		must(store_put(st, &m, people[NOWHERE].key.id, STILL_START) ==
		    0);
	}
}

static void
start(struct run *run)
{
	const struct serve_config config = { &run->limits, SERVE_OPEN, NULL };
	static const uint8_t origin[ORIGIN_LEN];
	const int least = 1;
	int ends[2];

	still_elapsed = 0;
	run->limits = limits_default;
	run->limits.max_frame = FRAME_MAX_LEAST;
	run->limits.max_output = FRAME_MAX + FRAME_REPLY_LEN + OUTPUT;
	run->limits.directory_rate = 1;
	must(loop_new(&run->loop) == 0);
	must(store_mem_open(&run->st, 1, NULL) == 0);
	fill_store(run->st);
	must(serve_start(&run->sv, run->st, &config) == 0);
	must(conn_start(&run->set, run->loop, &run->sv, relay_sk, 1) == 0);
	loop_before_sleep(run->loop, before_sleep, run);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	run->fd = ends[1];
	conn_accept(&run->set, ends[0], origin);
	chance_go_on_from(0);
}

static void
stop(struct run *run)
{
	conn_stop(&run->set);
	serve_stop(&run->sv);
	store_close(run->st);
	loop_free(run->loop);
	close(run->fd);
}

/* Take what the relay has sent, if the client reads; whether there was any. */
static bool
hear(struct run *run)
{
	size_t room = STREAM_MAX - run->wire.len;
	ssize_t n = 0;

	if (run->reads && room > 0)
		n = recv(run->fd, run->wire.at + run->wire.len, room, 0);
	if (n > 0)
		run->wire.len += (size_t)n;
	return n > 0;
}

static size_t
say(struct run *run, size_t len)
{
	ssize_t n = 0;

	if (len > 0)
		n = send(run->fd, stream.at + run->sent, len, MSG_NOSIGNAL);
	must(
	    n >= 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
	run->sent += n > 0 ? (size_t)n : 0;
	return n > 0 ? (size_t)n : 0;
}

/* Bring the next bytes, as many turns as that takes. */
static void
bring(struct run *run, size_t len)
{
	bool moved = true;

	while (moved) {
		size_t n = say(run, len);

		len -= n;
		must(loop_run(run->loop) == 0);
		moved = hear(run) || n > 0;
	}
}

/* How much may be said at once: nobody can finish what is not answered. */
static size_t
sayable(const struct run *run)
{
	const bool greets =
	    run->sent < sizeof(hello) && stream.len > sizeof(hello);

	return (greets ? sizeof(hello) : stream.len) - run->sent;
}

/* A piece is of the bytes that a byte of the input says; 0: stop reading. */
static void
bring_pieces(struct run *run, const uint8_t *pieces, size_t n)
{
	for (size_t i = 0; run->sent < stream.len && i < PIECES_MAX; i++) {
		size_t before = run->sent, len = pieces[i % n];

		if (len == 0) {
			run->reads = !run->reads;
			len = 1;
		}
		if (len >= 128)
			len = (len - 127) * 199;
		if (len > sayable(run))
			len = sayable(run);
		bring(run, len);
		if (run->sent == before)
			break;
	}
}

/* The frames in what the client got, which it must be able to read. */
static void
read_wire(struct run *run)
{
	struct transport client = clients[run->far];
	size_t at = TRANSPORT_ANSWER_LEN, n, body_len;
	enum transport_kind kind;
	uint8_t *body;

	must(run->wire.len >= at && memcmp(run->wire.at, answer, at) == 0);
	for (; run->wire.len - at >= TRANSPORT_LENGTH_LEN; at += n) {
		n = transport_length(run->wire.at + at);
		at += TRANSPORT_LENGTH_LEN;
		if (n > run->wire.len - at)
			break;
		must(!run->said_close);
		must(transport_open(&client, &kind, &body, &body_len,
			 run->wire.at + at, n) == 0);
		run->said_close = kind == TRANSPORT_CLOSE;
		if (kind == TRANSPORT_FRAMES)
			add(&run->heard, body, body_len);
	}
}

static void
bring_all(struct run *run, const uint8_t *pieces, size_t n)
{
	struct conn *c;

	now = run;
	run->reads = true;
	run->sent = run->served.len = run->wire.len = run->heard.len = 0;
	run->said_close = false;
	start(run);
	if (n > 0)
		bring_pieces(run, pieces, n);
	run->reads = true;
	bring(run, sayable(run));
	bring(run, sayable(run));
	c = connection(run);
	run->is_gone = !c;
	must(!c || !c->stalled);
	if (run->far >= UNBOUND)
		read_wire(run);
	else
		add(&run->heard, run->wire.at, run->wire.len);
	stop(run);
}

static void
compare(const struct bytes *a, const struct bytes *b, bool whole)
{
	size_t n = a->len < b->len ? a->len : b->len;

	must(!whole || a->len == b->len);
	must(memcmp(a->at, b->at, n) == 0);
}

static struct bytes
make_bytes(void)
{
	struct bytes b = { .at = malloc(STREAM_MAX) };

	must(b.at != NULL);
	return b;
}

static void
make_run(struct run *run)
{
	run->served = make_bytes();
	run->wire = make_bytes();
	run->heard = make_bytes();
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static struct run once, pieces;
	size_t n;

	if (!stream.at) {
		chance_start();
		make_handshakes();
		stream = make_bytes();
		plain = make_bytes();
		make_run(&once);
		make_run(&pieces);
	}
	if (len < 2)
		return 0;
	n = in[1] % 32 < len - 2 ? in[1] % 32 : len - 2;
	once.far = pieces.far = in[0] % FARS;
	make_stream(once.far, in + 2 + n, len - 2 - n);
	bring_all(&once, NULL, 0);
	bring_all(&pieces, in + 2, n);
	must(once.is_gone == pieces.is_gone);
	must(once.said_close == pieces.said_close);
	compare(&once.served, &pieces.served, true);
	/* who is thrown out does not get what others would have in that turn */
	compare(&once.heard, &pieces.heard, once.said_close || !once.is_gone);
	return 0;
}
