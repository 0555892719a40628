/* SPDX-License-Identifier: ISC */
/* Requests and replies in-process, on the memory store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "caller.h"
#include "late.h"
#include "server/log.h"
#include "server/serve.h"
#include "server/store_ops.h"
#include "server/turn.h"
#include "wire/frame.h"

#define ANY_LEN SIZE_MAX

static struct caller alice, bob, carol;

struct fixture {
	struct store *st;
	struct serve sv;
	struct session a, b; /* of alice and bob, bound */
};

/* The memory store, whose commits fail with this code as a disk would. */
static struct store_ops brittle_ops;
static int commit_fails;

/* What is submitted is under way until it has landed, with this code. */
static bool in_the_air;
static int landed;

static int
commit(struct store *st)
{
	(void)st;
	return commit_fails == 0
	    ? 0
	    : err_set(commit_fails, "the commit is made to fail");
}

static int
submit(struct store *st)
{
	int r = commit(st);

	if (r == 0)
		in_the_air = true;
	return r == 0 ? STORE_UNDER_WAY : r;
}

static bool
is_under_way(const struct store *st)
{
	(void)st;
	return in_the_air;
}

static int
land(struct store *st)
{
	(void)st;
	return landed == 0 ? 0 : err_set(landed, "it did not land");
}

static void
open_session(struct serve *sv, struct session *ss, const struct caller *c,
    bool bound)
{
	static const uint8_t origin[ORIGIN_LEN];

	int r = serve_open(sv, ss, c->key.id, c->key.bundle.static_pk, origin);

	while (r == STORE_LATER) {
		assert_true(ss->parked && !ss->bound);
		assert_ptr_equal(serve_told(late_tell()), ss);
		r = serve_bind(sv, ss);
	}
	assert_int_equal(r, 0);
	assert_int_equal(ss->bound, bound);
}

/* What a look-up is answered with, when it is not 0. */
static const struct store_ops *sound_ops;
static int find_answers;

static int
find(struct store *st, struct body_key *out, const uint8_t *id)
{
	return find_answers != 0 ? find_answers : sound_ops->find(st, out, id);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct caller *all[] = { &alice, &bob, &carol };
	const struct serve_config config = { &limits_default, SERVE_OPEN,
		NULL };

	if (!f || store_mem_open(&f->st, 1, NULL) < 0)
		return -1;
	sound_ops = f->st->ops;
	brittle_ops = *state ? late_ops(f->st->ops) : *f->st->ops;
	brittle_ops.commit = commit;
	if (!*state)
		brittle_ops.find = find;
	f->st->ops = &brittle_ops;
	commit_fails = landed = 0;
	in_the_air = false;
	if (serve_start(&f->sv, f->st, &config) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (store_register(f->st, &all[i]->key, 1) != 0)
			return -1;
	}
	open_session(&f->sv, &f->a, &alice, true);
	open_session(&f->sv, &f->b, &bob, true);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	serve_close(&f->sv, &f->a);
	serve_close(&f->sv, &f->b);
	serve_stop(&f->sv);
	store_close(f->st);
	free(f);
	return 0;
}

/* --- asking --- */

static uint8_t frame[FRAME_MAX + 64];

static size_t
make_frame(const uint8_t *id, uint16_t code, const void *payload, size_t len)
{
	struct frame_request req = { .version = WIRE_VERSION,
		.code = code,
		.size = (uint32_t)len };

	memcpy(req.id, id, ID_LEN);
	frame_pack_request(frame, &req);
	if (len > 0)
		memmove(frame + FRAME_REQUEST_LEN, payload, len);
	return FRAME_REQUEST_LEN + len;
}

/* Feed all of it, in pieces as they are asked for. */
static void
feed(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	while (len > 0) {
		size_t n = serve_frame(sv, ss, in, len);

		if (n == 0 && ss->parked) {
			struct session *other = serve_told(late_tell());

			/* one that waits, perhaps */
			if (other != ss)
				turn_look(sv, other);
			continue;
		}
		assert_true(n > 0 && n <= len);
		in += n;
		len -= n;
	}
}

static void
ask(struct serve *sv, struct session *ss, uint16_t code, const void *payload,
    size_t len)
{
	feed(sv, ss, frame, make_frame(ss->id, code, payload, len));
}

/* --- what is answered --- */

struct reply {
	uint16_t code;
	uint16_t reason; /* of a 9000 */
	const uint8_t *payload;
	size_t len;
};

/* Take the oldest reply that ss holds. */
static struct reply
next_reply(struct session *ss)
{
	static uint8_t copy[FRAME_MAX];
	struct frame_reply rep;
	struct reply r = { 0 };

	assert_non_null(ss->held[0].replies);
	assert_true(buf_len(ss->held[0].replies) >= FRAME_REPLY_LEN);
	frame_unpack_reply(&rep, buf_peek(ss->held[0].replies));
	assert_int_equal(rep.version, WIRE_VERSION);
	buf_drop(ss->held[0].replies, FRAME_REPLY_LEN);
	assert_true(buf_len(ss->held[0].replies) >= rep.size);
	memcpy(copy, buf_peek(ss->held[0].replies), rep.size);
	buf_drop(ss->held[0].replies, rep.size);
	r.code = rep.code;
	r.payload = copy;
	r.len = rep.size;
	if (r.code == CODE_ERROR) {
		struct body_error e;

		assert_int_equal(body_unpack_error(&e, copy, rep.size), 0);
		assert_true(e.text[0] != '\0');
		r.reason = e.reason;
	}
	return r;
}

static bool
holds_nothing(const struct session *ss)
{
	return !ss->held[0].replies || buf_len(ss->held[0].replies) == 0;
}

static struct reply
expect(struct session *ss, uint16_t code, size_t len)
{
	struct reply r = next_reply(ss);

	if (r.code == CODE_ERROR && code != CODE_ERROR)
		fail_msg("9000 of reason %u, not %u", r.reason, code);
	assert_int_equal(r.code, code);
	if (len != ANY_LEN)
		assert_int_equal(r.len, len);
	return r;
}

static void
expect_refusal(struct session *ss, uint16_t reason)
{
	struct reply r = next_reply(ss);

	assert_int_equal(r.code, CODE_ERROR);
	assert_int_equal(r.reason, reason);
	assert_true(holds_nothing(ss));
}

static void
settle(struct fixture *f)
{
	struct store_asker *asker;

	assert_int_equal(turn_settle(&f->sv), 0);
	while ((asker = late_tell())) {
		turn_look(&f->sv, serve_told(asker));
		assert_int_equal(turn_settle(&f->sv), 0);
	}
}

static void
send_text(struct fixture *f, struct session *from, const struct caller *to,
    uint8_t type, const char *text)
{
	uint8_t payload[256];
	struct body_send m = { .type = type,
		.content_len = (uint32_t)strlen(text) };

	memcpy(m.to, to->key.id, ID_LEN);
	body_pack_send(payload, &m);
	memcpy(payload + SEND_HEAD_LEN, text, m.content_len);
	ask(&f->sv, from, CODE_SEND, payload, SEND_HEAD_LEN + m.content_len);
}

static void
ask_pull(struct fixture *f, struct session *ss, struct body_pull q)
{
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	ask(&f->sv, ss, CODE_PULL, payload, sizeof(payload));
}

static void
ask_register(struct serve *sv, struct session *ss, const struct caller *c)
{
	uint8_t payload[BODY_REGISTER_MAX];
	size_t len;

	caller_pack(c, payload, &len);
	ask(sv, ss, CODE_REGISTER, payload, len);
}

/* --- headers --- */

static void
test_sizes(void **state)
{
	static const struct {
		uint16_t code;
		size_t len;
		bool good;
	} cases[] = {
		{ CODE_REGISTER, 0, false },
		{ CODE_REGISTER, BODY_REGISTER_MIN - 1, false },
		{ CODE_REGISTER, BODY_REGISTER_MIN + 1, false },
		{ CODE_REGISTER, BODY_REGISTER_MAX + 1, false },
		{ CODE_LIST, 0, true },
		{ CODE_LIST, 1, false },
		{ CODE_LIST, 18, false },
		{ CODE_LIST, 19, true },
		{ CODE_LIST, 20, false },
		{ CODE_LIST, BODY_LIST_MAX, false }, /* says: no name */
		{ CODE_LIST, BODY_LIST_MAX + 1, false },
		{ CODE_KEY, 0, false },
		{ CODE_KEY, ID_LEN - 1, false },
		{ CODE_KEY, ID_LEN + 1, false },
		{ CODE_SEND, 0, false },
		{ CODE_SEND, SEND_HEAD_LEN - 1, false },
		{ CODE_SEND, SEND_HEAD_LEN, false },
		{ CODE_SEND, SEND_HEAD_LEN + 1, false }, /* says: 0 bytes */
		{ CODE_PULL, 0, true },
		{ CODE_PULL, 1, false },
		{ CODE_PULL, BODY_PULL_LEN - 1, false },
		{ CODE_PULL, BODY_PULL_LEN, true },
		{ CODE_PULL, BODY_PULL_LEN + 1, false },
		{ CODE_ACK, 0, true },
		{ CODE_ACK, 7, false },
		{ CODE_ACK, 8, true },
		{ CODE_ACK, 9, false },
		{ CODE_ACK, 8 * ACK_RANGES_MAX, true },
		{ CODE_ACK, 8 * ACK_RANGES_MAX + 1, false },
		{ CODE_ACK, 8 * (ACK_RANGES_MAX + 1), false },
		{ CODE_UNREGISTER, 1, false },
		{ CODE_BLOCK, 0, true },
		{ CODE_BLOCK, 16, false },
		{ CODE_BLOCK, 17, true },
		{ CODE_BLOCK, 18, false },
		{ CODE_BLOCK, 17 * BLOCK_OPS_MAX, true },
		{ CODE_BLOCK, 17 * (BLOCK_OPS_MAX + 1), false },
	};
	static const uint8_t zeros[20000];
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply r;

		ask(&f->sv, &f->a, cases[i].code, zeros, cases[i].len);
		r = next_reply(&f->a);
		assert_true(holds_nothing(&f->a));
		if (r.code !=
			(cases[i].good ? cases[i].code + CODE_REPLY
				       : CODE_ERROR) ||
		    (!cases[i].good && r.reason != REASON_MALFORMED))
			fail_msg("%u with %zu bytes: %u, reason %u",
			    cases[i].code, cases[i].len, r.code, r.reason);
		assert_false(f->a.closing);
		settle(f);
	}
}

static void
test_unknown_codes(void **state)
{
	static const uint16_t codes[] = { 0, 1, 999, 1099, 1108, 1200, 2100,
		2103, 9000, 0xffff };
	static const uint8_t payload[100];
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		ask(&f->sv, &f->a, codes[i], payload, i * 10);
		expect_refusal(&f->a, REASON_UNSUPPORTED);
	}
	/* the largest payload there is goes by in pieces, unread */
	make_frame(f->a.id, 1200, NULL, 0);
	le_put32(frame + FRAME_REQUEST_LEN - 4, FRAME_MAX - FRAME_REQUEST_LEN);
	assert_int_equal(serve_frame(&f->sv, &f->a, frame, 40),
	    FRAME_REQUEST_LEN);
	assert_int_equal(f->a.skip, FRAME_MAX - FRAME_REQUEST_LEN);
	feed(&f->sv, &f->a, frame, 1000);
	feed(&f->sv, &f->a, frame, FRAME_MAX - FRAME_REQUEST_LEN - 1000);
	assert_int_equal(f->a.skip, 0);
	expect_refusal(&f->a, REASON_UNSUPPORTED);
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	expect(&f->a, 2101, ANY_LEN);
	settle(f);
}

/* What ends the channel from the header alone. */
static void
expect_fatal(struct fixture *f, struct session *ss, size_t at, uint8_t value,
    uint16_t reason)
{
	struct held *held;
	make_frame(ss->id, CODE_LIST, NULL, 0);
	frame[at] = value;
	assert_int_equal(serve_frame(&f->sv, ss, frame, FRAME_REQUEST_LEN),
	    FRAME_REQUEST_LEN);
	expect_refusal(ss, reason);
	assert_true(ss->closing);
	/* and nothing more is served */
	feed(&f->sv, ss, frame, make_frame(ss->id, CODE_LIST, NULL, 0));
	assert_true(holds_nothing(ss));
	settle(f);
	assert_ptr_equal(turn_next(&f->sv, &held), ss);
	assert_null(turn_next(&f->sv, &held));
	serve_close(&f->sv, ss);
}

static void
test_fatal_headers(void **state)
{
	struct fixture *f = *state;
	struct session s;

	for (unsigned version = 0; version < 256; version++) {
		if (version == WIRE_VERSION)
			continue;
		open_session(&f->sv, &s, &alice, true);
		expect_fatal(f, &s, ID_LEN, (uint8_t)version,
		    REASON_UNSUPPORTED);
	}
	for (size_t i = 0; i < ID_LEN; i++) {
		open_session(&f->sv, &s, &alice, true);
		expect_fatal(f, &s, i, (uint8_t)~s.id[i], REASON_DENIED);
	}
	/* 0x110000 is FRAME_MAX; 23 less is the last that is not too large */
	open_session(&f->sv, &s, &alice, true);
	expect_fatal(f, &s, FRAME_REQUEST_LEN - 2, 0x11, REASON_TOO_LARGE);
	open_session(&f->sv, &s, &alice, true);
	expect_fatal(f, &s, FRAME_REQUEST_LEN - 1, 0x80, REASON_TOO_LARGE);
	open_session(&f->sv, &s, &alice, true);
	expect_fatal(f, &s, FRAME_REQUEST_LEN - 1, 0xff, REASON_TOO_LARGE);
}

static void
test_largest_frame(void **state)
{
	struct fixture *f = *state;
	size_t len = FRAME_MAX - FRAME_REQUEST_LEN;
	struct body_send m = { .type = 4,
		.content_len = (uint32_t)(len - SEND_HEAD_LEN) };
	static uint8_t payload[FRAME_MAX];
	struct reply r;

	memcpy(m.to, bob.key.id, ID_LEN);
	body_pack_send(payload, &m);
	ask(&f->sv, &f->a, CODE_SEND, payload, len);
	expect(&f->a, 2103, BODY_SENT_LEN);
	/* it fits a reply, and comes even over max_bytes */
	ask_pull(f, &f->b, (struct body_pull){ .max_bytes = 1 });
	r = expect(&f->b, 2104, PULL_ITEM_LEN + m.content_len);
	assert_memory_equal(r.payload, alice.key.id, ID_LEN);
	settle(f);
	/* one byte more is refused from the header, before any of it came */
	make_frame(f->a.id, CODE_SEND, NULL, 0);
	le_put32(frame + FRAME_REQUEST_LEN - 4, (uint32_t)len + 1);
	assert_int_equal(serve_frame(&f->sv, &f->a, frame, FRAME_REQUEST_LEN),
	    FRAME_REQUEST_LEN);
	expect_refusal(&f->a, REASON_TOO_LARGE);
	settle(f);
}

static void
test_pieces(void **state)
{
	struct fixture *f = *state;
	size_t len;

	send_text(f, &f->a, &bob, 3, "whole");
	len = make_frame(f->b.id, CODE_ACK, "\1\0\0\0\1\0\0\0", 8);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(serve_frame(&f->sv, &f->b, frame, i), 0);
		assert_true(holds_nothing(&f->b));
		/* what is known of its size */
		assert_int_equal(f->b.frame, i < FRAME_REQUEST_LEN ? 0 : len);
	}
	assert_int_equal(serve_frame(&f->sv, &f->b, frame, len + 5), len);
	assert_int_equal(le_get32(expect(&f->b, 2105, 4).payload), 1);
	settle(f);
}

/* --- each code --- */

static void
test_register_unbound(void **state)
{
	struct caller dave, eve;
	struct fixture *f = *state;
	struct session s;

	caller_make(&dave, 4, "dave");
	open_session(&f->sv, &s, &dave, false);
	ask_register(&f->sv, &s, &dave);
	assert_memory_equal(expect(&s, 2100, ID_LEN).payload, dave.key.id,
	    ID_LEN);
	assert_true(s.closing && !s.bound);
	settle(f);
	serve_close(&f->sv, &s);
	open_session(&f->sv, &s, &dave, true);
	serve_close(&f->sv, &s);

	/* a name that is taken; one request only, whatever comes of it */
	caller_make(&eve, 5, "dave");
	open_session(&f->sv, &s, &eve, false);
	ask_register(&f->sv, &s, &eve);
	expect_refusal(&s, REASON_NAME_TAKEN);
	assert_true(s.closing);
	settle(f);
	serve_close(&f->sv, &s);
}

static void
test_unbound_may_only_register(void **state)
{
	static const uint16_t codes[] = { 1101, 1102, 1103, 1104, 1105, 1106,
		1107, 1099, 1108, 0, 9000 };
	struct fixture *f = *state;
	struct caller dave;
	struct session s;

	caller_make(&dave, 4, "dave");
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		open_session(&f->sv, &s, &dave, false);
		ask(&f->sv, &s, codes[i], bob.key.id, ID_LEN);
		expect_refusal(&s, REASON_NOT_REGISTERED);
		assert_true(s.closing);
		settle(f);
		serve_close(&f->sv, &s);
	}
	/* malformed closes too; a frame over 1024 bytes is not read */
	open_session(&f->sv, &s, &dave, false);
	ask(&f->sv, &s, CODE_REGISTER, frame, 1024 - FRAME_REQUEST_LEN);
	expect_refusal(&s, REASON_MALFORMED);
	assert_true(s.closing);
	settle(f);
	serve_close(&f->sv, &s);
	open_session(&f->sv, &s, &dave, false);
	ask(&f->sv, &s, CODE_REGISTER, frame, 1025 - FRAME_REQUEST_LEN);
	expect_refusal(&s, REASON_TOO_LARGE);
	assert_true(s.closing);
	settle(f);
	serve_close(&f->sv, &s);
}

/* What comes of a registration by c over a channel of its own. */
static void
expect_registration(struct fixture *f, const struct caller *c, uint16_t reason)
{
	struct held *held;
	struct session s;

	open_session(&f->sv, &s, c, false);
	ask_register(&f->sv, &s, c);
	if (reason == 0)
		expect(&s, 2100, ID_LEN);
	else
		expect_refusal(&s, reason);
	settle(f);
	while (turn_next(&f->sv, &held))
		continue;
	serve_close(&f->sv, &s);
}

static void
test_register_checks(void **state)
{
	struct caller dave, other;
	struct fixture *f = *state;
	struct session s;

	caller_make(&dave, 4, "dave");
	caller_make(&other, 6, "other");
	/* another's bundle, under one's own id */
	open_session(&f->sv, &s, &dave, false);
	ask_register(&f->sv, &s, &other);
	expect_refusal(&s, REASON_DENIED);
	settle(f);
	serve_close(&f->sv, &s);
	/* the same with the static of the channel in it, which is proven */
	memcpy(other.key.bundle.static_pk, dave.key.bundle.static_pk, KEY_LEN);
	caller_sign(&other);
	open_session(&f->sv, &s, &dave, false);
	ask_register(&f->sv, &s, &other);
	expect_refusal(&s, REASON_DENIED);
	settle(f);
	serve_close(&f->sv, &s);
	/* a static key that is not the channel's */
	open_session(&f->sv, &s, &dave, false);
	caller_rekey(&dave, 99);
	caller_sign(&dave);
	ask_register(&f->sv, &s, &dave);
	expect_refusal(&s, REASON_DENIED);
	settle(f);
	serve_close(&f->sv, &s);
	/* any byte of it changed after signing */
	dave.key.bundle.signature[7] ^= 1;
	expect_registration(f, &dave, REASON_MALFORMED);
	dave.key.bundle.signature[7] ^= 1;
	dave.key.bundle.prekey_pk[0] ^= 1;
	expect_registration(f, &dave, REASON_MALFORMED);
	dave.key.bundle.prekey_pk[0] ^= 1;
	dave.key.name[0] = 'D';
	expect_registration(f, &dave, REASON_MALFORMED);
	dave.key.name[0] = 'd';
	/* dated ahead by a little more than a day, and by a little less */
	dave.key.issued_at = clock_wall_ms() + CLOCK_SKEW_MS + 5000;
	caller_sign(&dave);
	expect_registration(f, &dave, REASON_STALE);
	dave.key.issued_at = UINT64_MAX;
	caller_sign(&dave);
	expect_registration(f, &dave, REASON_STALE);
	dave.key.issued_at = clock_wall_ms() + CLOCK_SKEW_MS - 5000;
	caller_sign(&dave);
	expect_registration(f, &dave, 0);
	/* an older one, over a channel with another static */
	caller_rekey(&dave, 100);
	dave.key.issued_at--;
	caller_sign(&dave);
	expect_registration(f, &dave, REASON_STALE);
}

static void
test_register_when_closed(void **state)
{
	struct fixture *f = *state;
	struct caller dave, b = bob;

	f->sv.registration = SERVE_CLOSED;
	caller_make(&dave, 4, "dave");
	expect_registration(f, &dave, REASON_CLOSED);
	/* who is registered may rotate */
	caller_rekey(&b, 50);
	b.key.issued_at++;
	caller_sign(&b);
	expect_registration(f, &b, 0);
	/* who has unregistered is new */
	assert_int_equal(store_unregister(f->st, carol.key.id), 0);
	expect_registration(f, &carol, REASON_CLOSED);
}

static void
test_rotate_when_bound(void **state)
{
	struct fixture *f = *state;
	struct caller a = alice;
	struct session other;

	open_session(&f->sv, &other, &alice, true);
	/* the same again, then another prekey and name */
	ask_register(&f->sv, &f->a, &alice);
	expect(&f->a, 2100, ID_LEN);
	a.key.bundle.prekey_pk[1] ^= 1;
	a.key.issued_at++;
	snprintf(a.key.name, sizeof(a.key.name), "alison");
	caller_sign(&a);
	ask_register(&f->sv, &f->a, &a);
	expect(&f->a, 2100, ID_LEN);
	ask_register(&f->sv, &f->a, &alice);
	expect_refusal(&f->a, REASON_STALE);
	/* another static does not go over a bound channel */
	caller_rekey(&a, 77);
	a.key.issued_at++;
	caller_sign(&a);
	ask_register(&f->sv, &f->a, &a);
	expect_refusal(&f->a, REASON_DENIED);
	assert_false(f->a.closing || other.closing || other.kicked);
	settle(f);
	serve_close(&f->sv, &other);
}

/* The order in which sessions may be let go. */
static void
expect_order(struct fixture *f, struct session *const order[], size_t n)
{
	struct held *held;

	settle(f);
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(turn_next(&f->sv, &held), order[i]);
	assert_null(turn_next(&f->sv, &held));
}

static void
test_another_static_closes_the_others(void **state)
{
	struct session s, third;
	struct fixture *f = *state;
	struct session *const order[] = { &f->a, &third, &f->b, &s };
	struct caller a = alice;

	open_session(&f->sv, &third, &alice, true);
	ask(&f->sv, &f->b, CODE_LIST, NULL, 0);
	ask_pull(f, &f->a, (struct body_pull){ .wait_ms = 50000 });
	caller_rekey(&a, 77);
	a.key.issued_at++;
	caller_sign(&a);
	open_session(&f->sv, &s, &a, false);
	ask_register(&f->sv, &s, &a);
	/* at once they are served no more; they are closed before the reply */
	assert_true(f->a.closing && f->a.kicked);
	assert_true(third.closing && third.kicked);
	assert_false(f->b.closing);
	send_text(f, &third, &bob, 3, "too late");
	assert_true(holds_nothing(&third));
	expect_order(f, order, ARRAY_LEN(order));
	expect(&f->a, 2104, 0); /* of the pull that waited */
	expect(&s, 2100, ID_LEN);
	ask_pull(f, &f->b, (struct body_pull){ 0 });
	expect(&f->b, 2101, ANY_LEN);
	expect(&f->b, 2104, 0);
	settle(f);
	serve_close(&f->sv, &s);
	serve_close(&f->sv, &third);
	/* the old static no longer binds */
	open_session(&f->sv, &third, &alice, false);
	serve_close(&f->sv, &third);
	open_session(&f->sv, &third, &a, true);
	serve_close(&f->sv, &third);
}

static void
test_unregister(void **state)
{
	struct session other;
	struct fixture *f = *state;
	struct session *const order[] = { &other, &f->a };

	open_session(&f->sv, &other, &alice, true);
	ask(&f->sv, &f->a, CODE_UNREGISTER, NULL, 0);
	assert_true(f->a.closing && !f->a.kicked && other.kicked);
	expect_order(f, order, ARRAY_LEN(order));
	expect(&f->a, 2106, 0);
	serve_close(&f->sv, &other);
	open_session(&f->sv, &other, &alice, false);
	serve_close(&f->sv, &other);
	ask(&f->sv, &f->b, CODE_KEY, alice.key.id, ID_LEN);
	expect_refusal(&f->b, REASON_UNKNOWN_CLIENT);
	send_text(f, &f->b, &alice, 3, "x");
	expect_refusal(&f->b, REASON_UNKNOWN_CLIENT);
	settle(f);
}

static void
test_list(void **state)
{
	uint8_t payload[BODY_LIST_MAX], last[ID_LEN] = { 0 };
	struct body_list q = { .limit = 1 };
	struct fixture *f = *state;
	struct body_client c;
	unsigned n = 0;
	struct reply r;
	size_t len;

	/* page by page: ascending, without the caller, ending empty */
	for (;; n++) {
		body_pack_list(payload, &len, &q);
		ask(&f->sv, &f->a, CODE_LIST, payload, len);
		r = expect(&f->a, 2101, ANY_LEN);
		if (r.len == 0)
			break;
		assert_int_equal(r.len, BODY_CLIENT_LEN);
		assert_int_equal(body_unpack_client(&c, r.payload), 0);
		assert_true(memcmp(c.id, last, ID_LEN) > 0);
		assert_memory_not_equal(c.id, alice.key.id, ID_LEN);
		memcpy(last, c.id, ID_LEN);
		memcpy(q.after, c.id, ID_LEN);
	}
	assert_int_equal(n, 2);
	/* all at once; by name; one's own name */
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	expect(&f->a, 2101, 2 * BODY_CLIENT_LEN);
	q = (struct body_list){ .name = "carol" };
	body_pack_list(payload, &len, &q);
	ask(&f->sv, &f->a, CODE_LIST, payload, len);
	r = expect(&f->a, 2101, BODY_CLIENT_LEN);
	assert_memory_equal(r.payload, carol.key.id, ID_LEN);
	q = (struct body_list){ .name = "alice" };
	body_pack_list(payload, &len, &q);
	ask(&f->sv, &f->a, CODE_LIST, payload, len);
	expect(&f->a, 2101, 0);
	settle(f);
}

static void
test_list_page_is_bounded(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 300; i++) {
		struct body_key k = alice.key;

		le_put32(k.id, i);
		snprintf(k.name, sizeof(k.name), "n%u", i);
		assert_int_equal(store_register(f->st, &k, 1), 0);
	}
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	expect(&f->a, 2101, LIST_PAGE_MAX * BODY_CLIENT_LEN);
	f->sv.max_frame = FRAME_MAX_LEAST;
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	expect(&f->a, 2101,
	    (FRAME_MAX_LEAST - FRAME_REPLY_LEN) / BODY_CLIENT_LEN *
		BODY_CLIENT_LEN);
	settle(f);
}

static void
test_key(void **state)
{
	struct fixture *f = *state;
	struct body_key k;
	struct reply r;

	ask(&f->sv, &f->a, CODE_KEY, bob.key.id, ID_LEN);
	r = expect(&f->a, 2102, BODY_KEY_LEN);
	assert_int_equal(body_unpack_key(&k, r.payload, r.len), 0);
	assert_memory_equal(k.id, bob.key.id, ID_LEN);
	assert_true(store_is_same(&k, &bob.key));
	ask(&f->sv, &f->a, CODE_KEY, alice.key.id, ID_LEN);
	expect(&f->a, 2102, BODY_KEY_LEN);
	ask(&f->sv, &f->a, CODE_KEY, "nobody here 1234", ID_LEN);
	expect_refusal(&f->a, REASON_UNKNOWN_CLIENT);
	settle(f);
}

static void
test_send(void **state)
{
	static const uint8_t none[4];
	struct caller stranger;
	struct fixture *f = *state;
	struct reply r;

	for (uint8_t type = 1; type <= 4; type++) {
		send_text(f, &f->a, &bob, type, "x");
		r = expect(&f->a, 2103, BODY_SENT_LEN);
		assert_memory_equal(r.payload, bob.key.id, ID_LEN);
		assert_memory_equal(r.payload + ID_LEN, none, sizeof(none));
	}
	send_text(f, &f->a, &bob, 0, "x");
	expect_refusal(&f->a, REASON_MALFORMED);
	for (unsigned type = 5; type < 256; type++) {
		send_text(f, &f->a, &bob, (uint8_t)type, "x");
		expect_refusal(&f->a, REASON_MALFORMED);
	}
	send_text(f, &f->a, &alice, 3, "to myself");
	expect_refusal(&f->a, REASON_MALFORMED);
	caller_make(&stranger, 9, "stranger");
	send_text(f, &f->a, &stranger, 3, "x");
	expect_refusal(&f->a, REASON_UNKNOWN_CLIENT);
	settle(f);
}

static void
test_send_wrong_length(void **state)
{
	uint8_t payload[SEND_HEAD_LEN + 4] = { 0 };
	struct fixture *f = *state;
	struct body_send m = { .type = 3 };

	memcpy(m.to, bob.key.id, ID_LEN);
	for (uint32_t len = 0; len < 10; len++) {
		m.content_len = len == 9 ? UINT32_MAX : len;
		body_pack_send(payload, &m);
		ask(&f->sv, &f->a, CODE_SEND, payload, sizeof(payload));
		if (len == 4)
			expect(&f->a, 2103, BODY_SENT_LEN);
		else
			expect_refusal(&f->a, REASON_MALFORMED);
	}
	settle(f);
}

/* Confirmations of pieces may wait for a next turn: few, young, alone. */
static void
test_pieces_share_a_commit(void **state)
{
	static uint8_t large[SEND_HEAD_LEN + 1024 * 1024];
	struct body_send m = { .type = 4, .content_len = 1024 * 1024 };
	struct fixture *f = *state;
	struct serve *sv = &f->sv;

	assert_false(turn_may_wait(sv, 1000));
	send_text(f, &f->a, &bob, 4, "piece");
	assert_true(turn_may_wait(sv, 1000));
	assert_true(turn_may_wait(sv, 1019));
	assert_false(turn_may_wait(sv, 1020));
	assert_ptr_equal(sv->pieces_from, &f->a);
	settle(f);
	assert_null(sv->pieces_from);
	assert_false(turn_may_wait(sv, 1006));
	/* a new one has time of its own; no other reply has any */
	send_text(f, &f->a, &bob, 4, "piece");
	assert_true(turn_may_wait(sv, 2000));
	ask(sv, &f->b, CODE_PULL, NULL, 0);
	assert_false(turn_may_wait(sv, 2000));
	settle(f);
	send_text(f, &f->a, &bob, 3, "text");
	assert_false(turn_may_wait(sv, 3000));
	settle(f);
	memcpy(m.to, bob.key.id, ID_LEN);
	body_pack_send(large, &m);
	for (int i = 0; i < 3; i++) {
		ask(sv, &f->a, CODE_SEND, large, sizeof(large));
		assert_true(turn_may_wait(sv, 4000));
	}
	ask(sv, &f->a, CODE_SEND, large, sizeof(large));
	assert_false(turn_may_wait(sv, 4000));
	serve_close(sv, &f->a);
	assert_null(sv->pieces_from);
	settle(f);
}

static void
test_pull_pages(void **state)
{
	struct fixture *f = *state;
	size_t item = PULL_ITEM_LEN + 4;
	struct body_message m;
	const uint8_t *in;
	struct reply r;
	size_t len;

	send_text(f, &f->a, &bob, 3, "one.");
	send_text(f, &f->a, &bob, 4, "two.");
	send_text(f, &f->a, &bob, 1, "thr.");
	ask_pull(f, &f->b, (struct body_pull){ 0 });
	r = expect(&f->b, 2104, 3 * item);
	in = r.payload;
	len = r.len;
	for (uint32_t id = 1; id <= 3; id++) {
		assert_int_equal(body_unpack_message(&m, &in, &len), 0);
		assert_int_equal(m.id, id);
		assert_memory_equal(m.from, alice.key.id, ID_LEN);
	}
	/* max_bytes bounds the payload, but for one message */
	ask_pull(f, &f->b, (struct body_pull){ .max_bytes = 1 });
	expect(&f->b, 2104, item);
	ask_pull(f, &f->b, (struct body_pull){ .max_bytes = 59 });
	expect(&f->b, 2104, 2 * item);
	ask_pull(f, &f->b, (struct body_pull){ .max_bytes = 58 });
	expect(&f->b, 2104, 2 * item);
	ask_pull(f, &f->b, (struct body_pull){ .max_bytes = 57 });
	expect(&f->b, 2104, item);
	ask_pull(f, &f->b, (struct body_pull){ .after = 1, .no_chunks = true });
	r = expect(&f->b, 2104, item);
	assert_int_equal(le_get32(r.payload + ID_LEN), 3);
	ask_pull(f, &f->b, (struct body_pull){ .after = 3 });
	expect(&f->b, 2104, 0);
	/* nothing was deleted, and others see nothing of it */
	ask(&f->sv, &f->b, CODE_PULL, NULL, 0);
	expect(&f->b, 2104, 3 * item);
	for (int i = 0; i < 3; i++)
		expect(&f->a, 2103, BODY_SENT_LEN);
	ask(&f->sv, &f->a, CODE_PULL, NULL, 0);
	expect(&f->a, 2104, 0);
	settle(f);
}

static void
test_pull_page_fits_a_frame(void **state)
{
	static uint8_t payload[SEND_HEAD_LEN + 400000];
	struct body_send m = { .type = 4, .content_len = 400000 };
	struct fixture *f = *state;

	memcpy(m.to, bob.key.id, ID_LEN);
	body_pack_send(payload, &m);
	for (int i = 0; i < 4; i++) {
		ask(&f->sv, &f->a, CODE_SEND, payload, sizeof(payload));
		expect(&f->a, 2103, BODY_SENT_LEN);
	}
	ask(&f->sv, &f->b, CODE_PULL, NULL, 0);
	expect(&f->b, 2104, 2 * (PULL_ITEM_LEN + 400000));
	ask_pull(f, &f->b, (struct body_pull){ .max_bytes = UINT32_MAX });
	expect(&f->b, 2104, 2 * (PULL_ITEM_LEN + 400000));
	settle(f);
}

static void
test_pull_bad_flags(void **state)
{
	struct fixture *f = *state;

	for (size_t at = 12; at < BODY_PULL_LEN; at++) {
		uint8_t payload[BODY_PULL_LEN] = { 0 };

		payload[at] = 2;
		ask(&f->sv, &f->a, CODE_PULL, payload, sizeof(payload));
		expect_refusal(&f->a, REASON_MALFORMED);
	}
	settle(f);
}

static void
test_ack(void **state)
{
	uint8_t payload[3 * BODY_RANGE_LEN];
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++)
		send_text(f, &f->a, &bob, 3, "x");
	body_pack_range(payload, &(struct body_range){ 2, 3 });
	body_pack_range(payload + 8, &(struct body_range){ 3, 5 });
	body_pack_range(payload + 16, &(struct body_range){ 9, UINT32_MAX });
	ask(&f->sv, &f->b, CODE_ACK, payload, sizeof(payload));
	assert_int_equal(le_get32(expect(&f->b, 2105, 4).payload), 6);
	for (int i = 0; i < 10; i++)
		expect(&f->a, 2103, BODY_SENT_LEN);
	ask(&f->sv, &f->a, CODE_ACK, payload, sizeof(payload));
	assert_int_equal(le_get32(expect(&f->a, 2105, 4).payload), 0);
	/* one range backward, and none of them is done */
	body_pack_range(payload, &(struct body_range){ 1, 1 });
	body_pack_range(payload + 16, &(struct body_range){ 7, 6 });
	ask(&f->sv, &f->b, CODE_ACK, payload, sizeof(payload));
	expect_refusal(&f->b, REASON_MALFORMED);
	ask(&f->sv, &f->b, CODE_PULL, NULL, 0);
	expect(&f->b, 2104, 4 * (PULL_ITEM_LEN + 1));
	settle(f);
}

static void
test_block(void **state)
{
	uint8_t payload[2 * BODY_BLOCK_LEN];
	struct fixture *f = *state;
	struct body_block op = { .block = true };

	memcpy(op.id, alice.key.id, ID_LEN);
	body_pack_block(payload, &op);
	memset(op.id, 7, ID_LEN); /* nobody */
	body_pack_block(payload + BODY_BLOCK_LEN, &op);
	ask(&f->sv, &f->b, CODE_BLOCK, payload, sizeof(payload));
	expect(&f->b, 2107, 0);
	send_text(f, &f->a, &bob, 3, "x");
	expect_refusal(&f->a, REASON_DENIED);
	send_text(f, &f->a, &carol, 3, "x");
	expect(&f->a, 2103, BODY_SENT_LEN);
	payload[0] = 0;
	payload[BODY_BLOCK_LEN] = 2;
	ask(&f->sv, &f->b, CODE_BLOCK, payload, sizeof(payload));
	expect_refusal(&f->b, REASON_MALFORMED);
	send_text(f, &f->a, &bob, 3, "x");
	expect_refusal(&f->a, REASON_DENIED);
	ask(&f->sv, &f->b, CODE_BLOCK, payload, BODY_BLOCK_LEN);
	expect(&f->b, 2107, 0);
	send_text(f, &f->a, &bob, 3, "x");
	expect(&f->a, 2103, BODY_SENT_LEN);
	settle(f);
}

static void
test_mailbox_full(void **state)
{
	struct fixture *f = *state;
	struct store *full;

	serve_close(&f->sv, &f->a);
	assert_int_equal(store_mem_open(&full, UINT32_MAX, NULL), 0);
	assert_int_equal(store_register(full, &alice.key, 1), 0);
	assert_int_equal(store_register(full, &bob.key, 1), 0);
	f->sv.store = full;
	open_session(&f->sv, &f->a, &alice, true);
	send_text(f, &f->a, &bob, 3, "x");
	expect_refusal(&f->a, REASON_MAILBOX_FULL);
	settle(f);
	f->sv.store = f->st;
	store_close(full);
}

/* --- waiting --- */

static void
test_wait_ends_with_a_message(void **state)
{
	struct fixture *f = *state;

	ask_pull(f, &f->b, (struct body_pull){ .wait_ms = 60000 });
	assert_true(f->b.waiting && holds_nothing(&f->b));
	assert_true(f->b.wait_until > clock_mono_ms() + 50000);
	settle(f);
	assert_true(f->b.waiting);
	/* not before it is committed */
	send_text(f, &f->a, &bob, 3, "hello");
	assert_true(f->b.waiting && holds_nothing(&f->b));
	settle(f);
	assert_false(f->b.waiting);
	expect(&f->b, 2104, PULL_ITEM_LEN + 5);
	settle(f);
	assert_true(holds_nothing(&f->b));
}

static void
test_wait_minds_after_and_flags(void **state)
{
	struct fixture *f = *state;

	send_text(f, &f->a, &bob, 3, "old");
	ask_pull(f, &f->b,
	    (struct body_pull){ .after = 1,
		.wait_ms = 1000,
		.no_chunks = true });
	assert_true(f->b.waiting);
	send_text(f, &f->a, &bob, 4, "chunk");
	settle(f);
	assert_true(f->b.waiting && holds_nothing(&f->b));
	send_text(f, &f->a, &bob, 2, "new");
	settle(f);
	assert_int_equal(
	    le_get32(expect(&f->b, 2104, PULL_ITEM_LEN + 3).payload + ID_LEN),
	    3);
}

static void
test_wait_ends_with_a_request(void **state)
{
	struct fixture *f = *state;

	ask_pull(f, &f->b, (struct body_pull){ .wait_ms = 60000 });
	/* a header is one, whatever it is of */
	make_frame(f->b.id, CODE_KEY, alice.key.id, ID_LEN);
	assert_int_equal(
	    serve_frame(&f->sv, &f->b, frame, FRAME_REQUEST_LEN - 1), 0);
	assert_true(f->b.waiting);
	assert_int_equal(serve_frame(&f->sv, &f->b, frame, FRAME_REQUEST_LEN),
	    0);
	assert_false(f->b.waiting);
	expect(&f->b, 2104, 0);
	feed(&f->sv, &f->b, frame, FRAME_REQUEST_LEN + ID_LEN);
	expect(&f->b, 2102, BODY_KEY_LEN);
	/* also when the message comes in the same turn */
	ask_pull(f, &f->b, (struct body_pull){ .wait_ms = 60000 });
	send_text(f, &f->a, &bob, 3, "x");
	ask(&f->sv, &f->b, CODE_LIST, NULL, 0);
	expect(&f->b, 2104, 0);
	expect(&f->b, 2101, ANY_LEN);
	settle(f);
	assert_true(holds_nothing(&f->b));
}

static void
test_wait_ends_with_the_channel(void **state)
{
	struct fixture *f = *state;

	ask_pull(f, &f->b, (struct body_pull){ .wait_ms = 60000 });
	turn_finish(&f->sv, &f->b);
	assert_true(f->b.closing && !f->b.waiting);
	expect(&f->b, 2104, 0);
	settle(f);
	/* or when it is over */
	ask_pull(f, &f->a, (struct body_pull){ .wait_ms = 60000 });
	turn_wait_over(&f->sv, &f->a);
	expect(&f->a, 2104, 0);
	turn_wait_over(&f->sv, &f->a);
	assert_true(holds_nothing(&f->a));
	/* who is gone is not woken */
	ask_pull(f, &f->a, (struct body_pull){ .wait_ms = 60000 });
	serve_close(&f->sv, &f->b);
	open_session(&f->sv, &f->b, &bob, true);
	send_text(f, &f->b, &alice, 3, "x");
	serve_close(&f->sv, &f->a);
	settle(f);
	open_session(&f->sv, &f->a, &alice, true);
}

/* --- turns --- */

static void
test_replies_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t burst[4 * 64];
	size_t len = 0;

	len = make_frame(f->a.id, CODE_LIST, NULL, 0);
	memcpy(burst, frame, len);
	memcpy(burst + len, frame, make_frame(f->a.id, CODE_ACK, NULL, 0));
	len += FRAME_REQUEST_LEN;
	memcpy(burst + len, frame, make_frame(f->a.id, 1200, "junk", 4));
	len += FRAME_REQUEST_LEN + 4;
	memcpy(burst + len, frame, make_frame(f->a.id, CODE_PULL, NULL, 0));
	len += FRAME_REQUEST_LEN;
	feed(&f->sv, &f->a, burst, len);
	assert_int_equal(f->a.held[0].n, 4);
	expect(&f->a, 2101, ANY_LEN);
	expect(&f->a, 2105, 4);
	expect(&f->a, CODE_ERROR, ANY_LEN);
	expect(&f->a, 2104, 0);
	settle(f);
}

static void
test_lost_group_is_busy(void **state)
{
	struct held *held;
	struct fixture *f = *state;

	for (int code = ERR_BUSY; code >= ERR_IO; code -= ERR_BUSY - ERR_IO) {
		commit_fails = code;
		send_text(f, &f->a, &carol, 3, "x");
		ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
		ask(&f->sv, &f->a, 1200, NULL, 0);
		ask(&f->sv, &f->b, CODE_PULL, NULL, 0);
		/* ERR_IO: the relay must end; the other may pass */
		assert_int_equal(turn_settle(&f->sv),
		    code == ERR_IO ? ERR_IO : 0);
		for (int i = 0; i < 3; i++) {
			struct reply r = next_reply(&f->a);

			assert_int_equal(r.code, CODE_ERROR);
			assert_int_equal(r.reason, REASON_BUSY);
			assert_true(le_get32(r.payload + 2) > 0);
		}
		assert_true(holds_nothing(&f->a));
		expect_refusal(&f->b, REASON_BUSY);
		while (turn_next(&f->sv, &held))
			continue;
		f->a.held[0].n = f->b.held[0].n = 0;
	}
	commit_fails = 0;
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	settle(f);
	expect(&f->a, 2101, ANY_LEN);
}

static void
test_lost_group_wakes_nobody(void **state)
{
	struct fixture *f = *state;

	ask_pull(f, &f->b, (struct body_pull){ .wait_ms = 60000 });
	commit_fails = ERR_BUSY;
	send_text(f, &f->a, &bob, 3, "lost");
	settle(f);
	expect_refusal(&f->a, REASON_BUSY);
	assert_true(f->b.waiting && holds_nothing(&f->b));
	commit_fails = 0;
	send_text(f, &f->a, &bob, 3, "kept");
	settle(f);
	assert_false(f->b.waiting);
	expect(&f->b, 2104, ANY_LEN);
}

/* --- a group that is made durable while the next one gathers --- */

#define MANY 16

/* Enough for the store not to be waited for; it has submit for one group. */
static void
depart(struct fixture *f, struct session *ss)
{
	brittle_ops.submit = submit;
	for (int i = 0; i < MANY; i++)
		ask(&f->sv, ss, CODE_LIST, NULL, 0);
	settle(f);
	brittle_ops.submit = NULL;
	brittle_ops.is_under_way = is_under_way;
	brittle_ops.land = land;
}

static struct held *
expect_next(struct fixture *f, const struct session *ss, unsigned n)
{
	struct held *held = NULL;

	assert_ptr_equal(turn_next(&f->sv, &held), ss);
	assert_int_equal(held->n, n);
	return held;
}

static void
expect_none(struct fixture *f)
{
	struct held *held;

	assert_null(turn_next(&f->sv, &held));
}

static void
test_nothing_leaves_before_it_has_landed(void **state)
{
	struct fixture *f = *state;

	depart(f, &f->a);
	expect_none(f);
	assert_false(turn_has_landed(&f->sv));
	/* nor what came since, however often it is looked at */
	ask(&f->sv, &f->b, CODE_LIST, NULL, 0);
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	settle(f);
	expect_none(f);
	in_the_air = false;
	assert_true(turn_has_landed(&f->sv));
	settle(f);
	expect_next(f, &f->a, MANY);
	assert_true(turn_holds(&f->a));
	expect_next(f, &f->b, 1);
	expect_next(f, &f->a, 1);
	assert_false(turn_holds(&f->a));
	expect_none(f);
	assert_false(turn_has_landed(&f->sv));
}

static void
test_one_departs_as_another_lands(void **state)
{
	struct fixture *f = *state;

	depart(f, &f->a);
	in_the_air = false;
	depart(f, &f->b);
	expect_next(f, &f->a, MANY);
	expect_none(f);
	settle(f);
	expect_none(f);
	in_the_air = false;
	settle(f);
	expect_next(f, &f->b, MANY);
	expect_none(f);
}

static void
expect_busy(struct held *h, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct frame_reply rep;

		frame_unpack_reply(&rep, buf_peek(h->replies));
		assert_int_equal(rep.code, CODE_ERROR);
		buf_drop(h->replies, FRAME_REPLY_LEN + rep.size);
	}
	assert_int_equal(buf_len(h->replies), 0);
}

static void
test_what_does_not_land_is_busy(void **state)
{
	struct fixture *f = *state;

	depart(f, &f->a);
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	in_the_air = false;
	landed = commit_fails = ERR_IO;
	assert_int_equal(turn_settle(&f->sv), ERR_IO);
	expect_busy(expect_next(f, &f->a, MANY), MANY);
	expect_busy(expect_next(f, &f->a, 1), 1);
	expect_none(f);
}

/* Only the group that gathered is lost, when there was no room for it. */
static void
test_one_lands_and_the_next_is_lost(void **state)
{
	struct fixture *f = *state;
	struct frame_reply rep;

	depart(f, &f->a);
	ask(&f->sv, &f->b, CODE_LIST, NULL, 0);
	in_the_air = false;
	commit_fails = ERR_BUSY;
	settle(f);
	frame_unpack_reply(&rep,
	    buf_peek(expect_next(f, &f->a, MANY)->replies));
	assert_int_equal(rep.code, CODE_LIST + CODE_REPLY);
	expect_busy(expect_next(f, &f->b, 1), 1);
	expect_none(f);
}

/* A session that ends takes with it what it holds of both. */
static void
test_the_end_of_one_that_is_in_both(void **state)
{
	struct fixture *f = *state;

	depart(f, &f->a);
	ask(&f->sv, &f->a, CODE_LIST, NULL, 0);
	serve_close(&f->sv, &f->a);
	assert_false(turn_holds(&f->a));
	in_the_air = false;
	settle(f);
	expect_none(f);
}

/* --- a store that answers later --- */

/* What b asks, of which nothing is known yet. */
static size_t
park(struct fixture *f, uint16_t code, const void *payload, size_t len)
{
	size_t n = make_frame(f->b.id, code, payload, len);

	assert_int_equal(serve_frame(&f->sv, &f->b, frame, n), 0);
	assert_true(f->b.parked && holds_nothing(&f->b));
	return n;
}

static void
tell(struct fixture *f, struct session *ss)
{
	assert_ptr_equal(serve_told(late_tell()), ss);
	turn_look(&f->sv, ss);
	assert_int_equal(turn_settle(&f->sv), 0);
}

/* A store that is away has not said that the client is unknown. */
static void
test_nobody_can_say_who_it_is(void **state)
{
	static const uint8_t origin[ORIGIN_LEN];
	struct fixture *f = *state;
	struct session ss;

	find_answers = REASON_BUSY;
	assert_int_equal(serve_open(&f->sv, &ss, bob.key.id,
			     bob.key.bundle.static_pk, origin),
	    0);
	find_answers = 0;
	assert_false(ss.bound);
	ask(&f->sv, &ss, CODE_LIST, NULL, 0);
	expect_refusal(&ss, REASON_BUSY);
	assert_true(ss.closing);
	serve_close(&f->sv, &ss);
}

static void
test_parked_and_closed(void **state)
{
	struct fixture *f = *state;

	park(f, CODE_LIST, NULL, 0);
	serve_close(&f->sv, &f->b);
	assert_null(late_tell());
	open_session(&f->sv, &f->b, &bob, true);
}

static void
test_parked_and_kicked(void **state)
{
	struct session second;
	struct fixture *f = *state;
	struct held *held;

	open_session(&f->sv, &second, &bob, true);
	park(f, CODE_LIST, NULL, 0);
	ask(&f->sv, &second, CODE_UNREGISTER, NULL, 0);
	assert_true(f->b.kicked && f->b.closing && !f->b.parked);
	assert_null(late_tell());
	assert_int_equal(turn_settle(&f->sv), 0);
	assert_ptr_equal(turn_next(&f->sv, &held), &f->b);
	serve_close(&f->sv, &second);
}

/* What was asked is answered before the end. */
static void
test_parked_and_finished(void **state)
{
	struct fixture *f = *state;
	size_t n = park(f, CODE_LIST, NULL, 0);

	turn_finish(&f->sv, &f->b);
	assert_false(f->b.closing);
	assert_ptr_equal(serve_told(late_tell()), &f->b);
	assert_int_equal(serve_frame(&f->sv, &f->b, frame, n), n);
	expect(&f->b, 2101, ANY_LEN);
	assert_true(f->b.closing);
}

/* No answer is believed that is older than the message. */
static void
test_message_while_a_pull_asks(void **state)
{
	struct body_pull q = { .wait_ms = 60000 };
	uint8_t payload[BODY_PULL_LEN];
	struct fixture *f = *state;
	struct body_send m = { .type = 3,
		.content = (const uint8_t *)"x",
		.content_len = 1 };
	size_t n;

	body_pack_pull(payload, &q);
	n = park(f, CODE_PULL, payload, sizeof(payload));
	assert_ptr_equal(serve_told(late_tell()), &f->b);
	assert_int_equal(serve_frame(&f->sv, &f->b, frame, n), n);
	assert_true(f->b.waiting && !f->b.parked);
	tell(f, &f->b); /* that it waits is known: it looks, and */
	assert_true(store_is_asking(&f->b.asker));
	turn_wake(&f->sv, bob.key.id);
	assert_int_equal(turn_settle(&f->sv), 0);
	tell(f, &f->b); /* has an answer from before, */
	assert_true(f->b.waiting && holds_nothing(&f->b));
	memcpy(m.to, bob.key.id, ID_LEN);
	assert_int_equal(store_put(f->st, &m, alice.key.id, 1), 0);
	tell(f, &f->b); /* so that it has asked again */
	expect(&f->b, 2104, PULL_ITEM_LEN + 1);
	assert_false(f->b.waiting);
	assert_null(late_tell());
}

static int
start(void **state)
{
	(void)state;
	if (secret_start() < 0)
		return -1;
	caller_make(&alice, 1, "alice");
	caller_make(&bob, 2, "bob");
	caller_make(&carol, 3, "carol");
	return 0;
}

int
main(void)
{
	static bool later = true;
#define AT_ONCE(test)                                \
	{                                            \
#test, test, set_up, tear_down, NULL \
	}
#define LATER(test)                                               \
	{                                                         \
#test " (later)", test, set_up, tear_down, &later \
	}
#define T(test) AT_ONCE(test), LATER(test)
	const struct CMUnitTest tests[] = {
		T(test_sizes),
		T(test_unknown_codes),
		T(test_fatal_headers),
		T(test_largest_frame),
		AT_ONCE(test_pieces),
		T(test_register_unbound),
		T(test_unbound_may_only_register),
		T(test_register_checks),
		T(test_register_when_closed),
		T(test_rotate_when_bound),
		T(test_another_static_closes_the_others),
		T(test_unregister),
		T(test_list),
		T(test_list_page_is_bounded),
		T(test_key),
		T(test_send),
		T(test_send_wrong_length),
		T(test_pieces_share_a_commit),
		T(test_pull_pages),
		T(test_pull_page_fits_a_frame),
		T(test_pull_bad_flags),
		T(test_ack),
		T(test_block),
		T(test_mailbox_full),
		T(test_wait_ends_with_a_message),
		T(test_wait_minds_after_and_flags),
		T(test_wait_ends_with_a_request),
		T(test_wait_ends_with_the_channel),
		T(test_replies_in_order),
		AT_ONCE(test_nothing_leaves_before_it_has_landed),
		AT_ONCE(test_one_departs_as_another_lands),
		AT_ONCE(test_what_does_not_land_is_busy),
		AT_ONCE(test_one_lands_and_the_next_is_lost),
		AT_ONCE(test_the_end_of_one_that_is_in_both),
		AT_ONCE(test_lost_group_is_busy),
		AT_ONCE(test_lost_group_wakes_nobody),
		AT_ONCE(test_nobody_can_say_who_it_is),
		LATER(test_parked_and_closed),
		LATER(test_parked_and_kicked),
		LATER(test_parked_and_finished),
		LATER(test_message_while_a_pull_asks),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
