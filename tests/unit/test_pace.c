/* SPDX-License-Identifier: ISC */
/* What a client and an address may ask for, seen by who serves them. */
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
#include "base/secret.h"
#include "caller.h"
#include "server/log.h"
#include "server/turn.h"
#include "wire/frame.h"

static struct caller alice, bob, carol, dave;
static const uint8_t here[ORIGIN_LEN] = { 127 }, there[ORIGIN_LEN] = { 10 };

struct fixture {
	struct store *st;
	struct serve sv;
	struct limits limits;
	uint8_t invite_key[KEY_LEN];
};

/* Start again with f->limits and nothing but alice and bob. */
static void
start(struct fixture *f, enum serve_registration registration)
{
	const struct serve_config config = { &f->limits, registration,
		f->invite_key };

	if (f->st) {
		serve_stop(&f->sv);
		store_close(f->st);
	}
	assert_int_equal(store_mem_open(&f->st, 1, NULL), 0);
	assert_int_equal(store_register(f->st, &alice.key, 1), 0);
	assert_int_equal(store_register(f->st, &bob.key, 1), 0);
	assert_int_equal(serve_start(&f->sv, f->st, &config), 0);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->limits = limits_default;
	secret_random(f->invite_key, sizeof(f->invite_key));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	serve_stop(&f->sv);
	store_close(f->st);
	free(f);
	return 0;
}

static void
open_session(struct fixture *f, struct session *ss, const struct caller *c,
    const uint8_t *origin)
{
	memset(ss, 0, sizeof(*ss));
	assert_int_equal(
	    serve_open(&f->sv, ss, c->key.id, c->key.bundle.static_pk, origin),
	    0);
}

static void
close_session(struct fixture *f, struct session *ss)
{
	struct held *held;

	assert_int_equal(turn_settle(&f->sv), 0);
	while (turn_next(&f->sv, &held))
		continue;
	serve_close(&f->sv, ss);
}

/* A request, and the one reply to it: 0 or the reason of a 9000. */
static struct body_error
ask(struct fixture *f, struct session *ss, uint16_t code, const void *payload,
    size_t len)
{
	static uint8_t frame[FRAME_MAX];
	const struct frame_request req = { .version = WIRE_VERSION,
		.code = code,
		.size = (uint32_t)len };
	struct frame_reply rep;
	struct body_error e = { 0 };
	size_t at = 0, all = FRAME_REQUEST_LEN + len;

	frame_pack_request(frame, &req);
	memcpy(frame, ss->id, ID_LEN);
	if (len > 0)
		memcpy(frame + FRAME_REQUEST_LEN, payload, len);
	while (at < all) {
		size_t n = serve_frame(&f->sv, ss, frame + at, all - at);

		assert_true(n > 0);
		at += n;
	}
	frame_unpack_reply(&rep, buf_peek(ss->held[0].replies));
	assert_int_equal(buf_len(ss->held[0].replies),
	    FRAME_REPLY_LEN + rep.size);
	if (rep.code == CODE_ERROR)
		assert_int_equal(
		    body_unpack_error(&e,
			buf_peek(ss->held[0].replies) + FRAME_REPLY_LEN,
			rep.size),
		    0);
	buf_clear(ss->held[0].replies);
	return e;
}

/* How many of so many at once are served; all others are put off. */
static unsigned
ask_often(struct fixture *f, struct session *ss, uint16_t code, unsigned often)
{
	unsigned served = 0;

	for (unsigned i = 0; i < often; i++) {
		struct body_error e = ask(f, ss, code, NULL, 0);

		if (e.reason == REASON_RATE_LIMITED)
			assert_in_range(e.retry_after_ms, 1, 1001);
		served += e.reason != REASON_RATE_LIMITED;
	}
	return served;
}

/* Exactly n, but for what has come back while they were asked for. */
static void
expect_served(struct fixture *f, struct session *ss, uint16_t code, unsigned n)
{
	uint64_t begun = clock_mono_ms();
	unsigned served = ask_often(f, ss, code, 3 * n);

	assert_in_range(served, n, n + (clock_mono_ms() - begun) / 1000 + 1);
}

static struct body_error
enrol(struct fixture *f, const struct caller *c, const uint8_t *origin,
    const char *invite)
{
	struct body_register b = { .bundle = c->key.bundle,
		.issued_at = c->key.issued_at };
	uint8_t payload[BODY_REGISTER_MAX];
	struct body_error e;
	struct session ss;
	size_t len;

	memcpy(b.name, c->key.name, sizeof(b.name));
	snprintf(b.invite, sizeof(b.invite), "%s", invite ? invite : "");
	body_pack_register(payload, &len, &b);
	open_session(f, &ss, c, origin);
	e = ask(f, &ss, CODE_REGISTER, payload, len);
	assert_true(ss.bound || ss.closing);
	close_session(f, &ss);
	return e;
}

static void
test_requests(void **state)
{
	struct fixture *f = *state;
	struct session a, b, again;

	f->limits.request_rate = 1;
	f->limits.rate_burst = 10000;
	start(f, SERVE_OPEN);
	open_session(f, &a, &alice, here);
	open_session(f, &b, &bob, here);
	expect_served(f, &a, CODE_PULL, 10);
	assert_false(a.closing);
	/* whatever it asks for; what is refused is not even read */
	assert_int_equal(ask(f, &a, CODE_PULL, "wrong", 5).reason,
	    REASON_RATE_LIMITED);
	/* a new channel is not a new client */
	close_session(f, &a);
	open_session(f, &again, &alice, there);
	assert_in_range(ask_often(f, &again, CODE_ACK, 3), 0, 2);
	/* nobody else has to wait */
	expect_served(f, &b, CODE_PULL, 10);
	close_session(f, &again);
	close_session(f, &b);
}

static void
test_bad_requests_count(void **state)
{
	struct fixture *f = *state;
	struct session a;

	f->limits.request_rate = 1;
	f->limits.rate_burst = 10000;
	start(f, SERVE_OPEN);
	open_session(f, &a, &alice, here);
	expect_served(f, &a, 1108, 10);
	close_session(f, &a);
}

static void
test_served_again(void **state)
{
	struct fixture *f = *state;
	struct session a;

	f->limits.request_rate = 5;
	f->limits.rate_burst = 200;
	start(f, SERVE_OPEN);
	open_session(f, &a, &alice, here);
	for (unsigned i = 0, refused = 0; refused < 3; i++) {
		struct body_error e = ask(f, &a, CODE_PULL, NULL, 0);

		assert_in_range(i, 0, 1000);
		if (e.reason == 0)
			continue;
		refused++;
		clock_sleep(e.retry_after_ms);
		assert_int_equal(ask(f, &a, CODE_PULL, NULL, 0).reason, 0);
	}
	close_session(f, &a);
}

/* Once one is put off so is what follows it, for as long as it was told. */
static void
test_none_overtakes(void **state)
{
	struct fixture *f = *state;
	struct session a;
	struct body_error e;
	uint64_t told;

	f->limits.request_rate = 1000000; /* one comes back at once */
	f->limits.rate_burst = 1;
	start(f, SERVE_OPEN);
	open_session(f, &a, &alice, here);
	pace_reply(&f->sv.pace, &a, (size_t)f->limits.byte_rate / 1000 * 9);
	e = ask(f, &a, CODE_PULL, NULL, 0);
	told = clock_mono_ms();
	assert_int_equal(e.reason, REASON_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 100);
	while (clock_mono_ms() < told + 90) {
		e = ask(f, &a, CODE_PULL, NULL, 0);
		if (clock_mono_ms() < told + 99)
			assert_int_equal(e.reason, REASON_RATE_LIMITED);
	}
	clock_sleep(20);
	assert_int_equal(ask(f, &a, CODE_PULL, NULL, 0).reason, 0);
	close_session(f, &a);
}

static void
test_directory(void **state)
{
	struct fixture *f = *state;
	struct session a;

	f->limits.directory_rate = 1;
	start(f, SERVE_OPEN);
	open_session(f, &a, &alice, here);
	expect_served(f, &a, CODE_LIST, 4);
	/* other requests go on */
	assert_int_equal(ask_often(f, &a, CODE_PULL, 100), 100);
	close_session(f, &a);
}

static void
test_bytes(void **state)
{
	static const uint8_t zeros[5000];
	struct fixture *f = *state;
	struct session a;
	struct body_error e;

	f->limits.byte_rate = 1000;
	f->limits.rate_burst = 1000;
	start(f, SERVE_OPEN);
	open_session(f, &a, &alice, here);
	/* one is read whatever its size, and has to be made up for */
	e = ask(f, &a, CODE_ACK, zeros, sizeof(zeros));
	assert_int_equal(e.reason, 0);
	e = ask(f, &a, CODE_PULL, NULL, 0);
	assert_int_equal(e.reason, REASON_RATE_LIMITED);
	assert_in_range(e.retry_after_ms, 1, 4100);
	close_session(f, &a);
	/* answers count as well */
	open_session(f, &a, &bob, here);
	assert_int_equal(ask(f, &a, CODE_PULL, NULL, 0).reason, 0);
	pace_reply(&f->sv.pace, &a, 100000);
	e = ask(f, &a, CODE_PULL, NULL, 0);
	assert_int_equal(e.reason, REASON_RATE_LIMITED);
	assert_in_range(e.retry_after_ms, 50000, 100100);
	close_session(f, &a);
}

static void
test_channels_of_a_client(void **state)
{
	struct fixture *f = *state;
	struct session ss[4];

	f->limits.max_client_connections = 3;
	start(f, SERVE_OPEN);
	for (size_t i = 0; i < 3; i++) {
		open_session(f, &ss[i], &alice, here);
		assert_true(ss[i].bound);
	}
	open_session(f, &ss[3], &alice, here);
	assert_false(ss[3].bound);
	assert_int_equal(ask(f, &ss[3], CODE_PULL, NULL, 0).reason,
	    REASON_RATE_LIMITED);
	assert_true(ss[3].closing);
	close_session(f, &ss[3]);
	/* the others stay, other clients come, and room is room again */
	assert_int_equal(ask(f, &ss[0], CODE_PULL, NULL, 0).reason, 0);
	open_session(f, &ss[3], &bob, here);
	assert_true(ss[3].bound);
	close_session(f, &ss[3]);
	close_session(f, &ss[0]);
	open_session(f, &ss[0], &alice, here);
	assert_true(ss[0].bound);
	for (size_t i = 0; i < 3; i++)
		close_session(f, &ss[i]);
}

static void
test_handshakes(void **state)
{
	struct fixture *f = *state;
	struct pace *p = &f->sv.pace;
	struct bucket *b;
	uint64_t full_at;

	f->limits.handshake_rate = 1;
	f->limits.handshake_burst = 3;
	start(f, SERVE_OPEN);
	for (unsigned i = 0; i < 3; i++)
		assert_true(pace_handshake(p, here));
	/* all that may come now, so that no clock can bring it back */
	b = &rate_find(p->guests, here, clock_mono_ms())[RATE_HANDSHAKES];
	assert_true(b->full_at > 0);
	b->full_at += 100 * 1000000000ULL;
	assert_false(pace_handshake(p, here));
	/* one that is refused costs nothing, and others are let in */
	full_at = b->full_at;
	assert_false(pace_handshake(p, here));
	assert_int_equal(b->full_at, full_at);
	assert_true(pace_handshake(p, there));
	/* and so is who has waited */
	b->full_at -= 102 * 1000000000ULL;
	assert_true(pace_handshake(p, here));
}

static void
test_registrations(void **state)
{
	struct fixture *f = *state;
	struct caller rekeyed = alice, spoilt = dave;
	struct session from_here = { 0 };
	const struct bucket *b;
	struct body_error e;

	memcpy(from_here.origin, here, ORIGIN_LEN);
	f->limits.registration_burst = 1;
	start(f, SERVE_OPEN);
	/* what comes to nothing does not count */
	spoilt.key.bundle.signature[0] ^= 1;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(enrol(f, &spoilt, here, NULL).reason,
		    REASON_MALFORMED);
	b = &rate_find(f->sv.pace.sources, here,
	    clock_mono_ms())[RATE_REGISTRATIONS];
	assert_int_equal(b->full_at, 0);
	assert_int_equal(enrol(f, &carol, here, NULL).reason, 0);
	b = &rate_find(f->sv.pace.sources, here,
	    clock_mono_ms())[RATE_REGISTRATIONS];
	assert_true(b->full_at > 0);
	/* all that may come now, so that no clock can bring it back */
	for (unsigned i = 0; i < 60; i++)
		pace_registered(&f->sv.pace, &from_here);
	e = enrol(f, &dave, here, NULL);
	assert_int_equal(e.reason, REASON_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 1000);
	/* others are let in from elsewhere, and who is known from anywhere */
	assert_int_equal(enrol(f, &dave, there, NULL).reason, 0);
	caller_rekey(&rekeyed, 70);
	rekeyed.key.issued_at++;
	caller_sign(&rekeyed);
	assert_int_equal(enrol(f, &rekeyed, here, NULL).reason, 0);
	assert_int_equal(enrol(f, &rekeyed, here, NULL).reason, 0);
}

static void
make_invite(struct fixture *f, char text[static INVITE_LEN + 1],
    uint64_t expires)
{
	struct invite invite = { .expires = expires };

	secret_random(invite.nonce, sizeof(invite.nonce));
	invite_pack(text, &invite, f->invite_key);
}

static void
test_invites(void **state)
{
	struct fixture *f = *state;
	const uint64_t now = clock_wall_ms();
	char one[INVITE_LEN + 1], two[INVITE_LEN + 1], old[INVITE_LEN + 1];
	struct caller taken = carol, rekeyed = alice;

	start(f, SERVE_INVITE);
	make_invite(f, one, now + 60000);
	make_invite(f, two, now + 60000);
	make_invite(f, old, now - 1);
	assert_int_equal(enrol(f, &carol, here, NULL).reason, REASON_INVITE);
	assert_int_equal(enrol(f, &carol, here, old).reason, REASON_INVITE);
	two[20] ^= 1;
	assert_int_equal(enrol(f, &carol, here, two).reason, REASON_INVITE);
	two[20] ^= 1;
	/* what comes to nothing does not use it up */
	memcpy(taken.key.name, bob.key.name, sizeof(taken.key.name));
	caller_sign(&taken);
	assert_int_equal(enrol(f, &taken, here, one).reason, REASON_NAME_TAKEN);
	assert_int_equal(enrol(f, &carol, here, one).reason, 0);
	/* after a lost reply; another needs one of his own */
	assert_int_equal(enrol(f, &carol, here, one).reason, 0);
	assert_int_equal(enrol(f, &dave, here, one).reason, REASON_INVITE);
	assert_int_equal(enrol(f, &dave, here, two).reason, 0);
	/* who is known needs none */
	caller_rekey(&rekeyed, 70);
	rekeyed.key.issued_at++;
	caller_sign(&rekeyed);
	assert_int_equal(enrol(f, &rekeyed, here, NULL).reason, 0);
	/* who has left is new */
	assert_int_equal(store_unregister(f->st, carol.key.id), 0);
	assert_int_equal(enrol(f, &carol, here, NULL).reason, REASON_INVITE);
	assert_int_equal(enrol(f, &carol, here, one).reason, REASON_INVITE);
}

static void
test_invites_when_closed_or_open(void **state)
{
	struct fixture *f = *state;
	char invite[INVITE_LEN + 1];

	make_invite(f, invite, clock_wall_ms() + 60000);
	start(f, SERVE_CLOSED);
	assert_int_equal(enrol(f, &carol, here, invite).reason, REASON_CLOSED);
	/* where none is needed it is not looked at */
	start(f, SERVE_OPEN);
	invite[0] ^= 1;
	assert_int_equal(enrol(f, &carol, here, invite).reason, 0);
}

static int
start_all(void **state)
{
	(void)state;
	if (secret_start() < 0)
		return -1;
	log_open(LOG_JSON, LOG_ERROR);
	caller_make(&alice, 1, "alice");
	caller_make(&bob, 2, "bob");
	caller_make(&carol, 3, "carol");
	caller_make(&dave, 4, "dave");
	return 0;
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_requests),
		T(test_bad_requests_count),
		T(test_served_again),
		T(test_none_overtakes),
		T(test_directory),
		T(test_bytes),
		T(test_channels_of_a_client),
		T(test_registrations),
		T(test_handshakes),
		T(test_invites),
		T(test_invites_when_closed_or_open),
	};

	return cmocka_run_group_tests(tests, start_all, NULL);
}
