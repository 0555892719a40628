/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "kat.h"
#include "net/transport.h"

/* The known answer, and both sides of it. */
static struct {
	uint8_t relay_sk[KEY_LEN], relay_pk[KEY_LEN];
	uint8_t client_sk[KEY_LEN], client_pk[KEY_LEN];
	uint8_t client_e[KEY_LEN], relay_e[KEY_LEN];
	uint8_t id[ID_LEN];
	uint8_t hello[TRANSPORT_HELLO_LEN];
	uint8_t answer[TRANSPORT_ANSWER_LEN];
	uint8_t finish[TRANSPORT_FINISH_LEN];
	uint8_t plain[64], wire[64];
	size_t plain_len, wire_len;
} kat;

#define MAX_FRAME  1048576
#define RELAY_TIME 1700000000500

static void
put_message(uint8_t *out, size_t len, const json_t *messages, size_t i)
{
	out[0] = 0;
	out[1] = (uint8_t)len;
	assert_int_equal(kat_unhex(out + 2, len, json_array_get(messages, i)),
	    len);
}

static int
load(void **state)
{
	json_t *all = kat_load("sentinel-v3-kat.json");
	const json_t *k = kat_get(all, "transport");
	const json_t *messages = kat_get(k, "messages");
	const json_t *alice = kat_get(all, "alice");

	(void)state;
	kat_hex(kat.relay_sk, KEY_LEN, k, "relay_static_sk");
	kat_hex(kat.relay_pk, KEY_LEN, k, "relay_static_pk");
	kat_hex(kat.client_e, KEY_LEN, k, "init_ephemeral");
	kat_hex(kat.relay_e, KEY_LEN, k, "resp_ephemeral");
	kat_hex(kat.client_sk, KEY_LEN, alice, "static_sk");
	kat_hex(kat.client_pk, KEY_LEN, alice, "static_pk");
	kat_hex(kat.hello, TRANSPORT_PREAMBLE_LEN, k, "preamble");
	put_message(kat.hello + TRANSPORT_PREAMBLE_LEN, 32, messages, 0);
	put_message(kat.answer, 112, messages, 1);
	put_message(kat.finish, 80, messages, 2);
	kat_unhex(kat.id, ID_LEN, json_array_get(kat_get(k, "payloads"), 2));
	kat.plain_len =
	    kat_hex(kat.plain, sizeof(kat.plain), k, "record0_plain");
	kat.wire_len = kat_hex(kat.wire, sizeof(kat.wire), k, "record0_wire");
	json_decref(all);
	return secret_start();
}

static void
greet(struct transport *client)
{
	uint8_t hello[TRANSPORT_HELLO_LEN];

	assert_int_equal(transport_hello(client, hello, kat.client_e), 0);
	assert_memory_equal(hello, kat.hello, sizeof(hello));
}

static void
answer(struct transport *relay)
{
	uint8_t out[TRANSPORT_ANSWER_LEN];

	transport_begin(relay, kat.relay_sk);
	assert_int_equal(transport_answer(relay, out, kat.hello, MAX_FRAME,
			     RELAY_TIME, kat.relay_e),
	    0);
	assert_memory_equal(out, kat.answer, sizeof(out));
}

/* Both sides of the known answer, ready for records. */
static void
meet(struct transport *client, struct transport *relay)
{
	struct transport_answer a;
	uint8_t finish[TRANSPORT_FINISH_LEN], id[ID_LEN], pk[KEY_LEN];

	greet(client);
	answer(relay);
	assert_int_equal(transport_read_answer(client, &a, kat.answer), 0);
	assert_memory_equal(a.relay_pk, kat.relay_pk, KEY_LEN);
	assert_int_equal(a.max_frame, MAX_FRAME);
	assert_int_equal(a.relay_time, RELAY_TIME);
	assert_int_equal(
	    transport_finish(client, finish, kat.id, kat.client_sk), 0);
	assert_memory_equal(finish, kat.finish, sizeof(finish));
	assert_int_equal(transport_read_finish(relay, id, pk, finish), 0);
	assert_memory_equal(id, kat.id, ID_LEN);
	assert_memory_equal(pk, kat.client_pk, KEY_LEN);
}

static void
known_answer(void **state)
{
	struct transport client, relay;
	enum transport_kind kind;
	uint8_t wire[64], *body;
	size_t len;

	(void)state;
	meet(&client, &relay);
	assert_int_equal(transport_seal(&client, wire,
			     (enum transport_kind)kat.plain[0], kat.plain + 1,
			     kat.plain_len - 1),
	    0);
	assert_memory_equal(wire, kat.wire, kat.wire_len);
	assert_int_equal(transport_length(wire), kat.wire_len - 2);
	assert_int_equal(transport_open(&relay, &kind, &body, &len, wire + 2,
			     kat.wire_len - 2),
	    0);
	assert_int_equal(kind, TRANSPORT_FRAMES);
	assert_int_equal(len, kat.plain_len - 1);
	assert_memory_equal(body, kat.plain + 1, len);
}

static void
clear_error(void **state)
{
	const uint8_t want[] = { 0x03, 0x28, 0x23, 0, 0, 0, 0 };

	(void)state;
	assert_memory_equal(transport_refusal, want, sizeof(want));
}

static int
answer_to(const uint8_t *hello)
{
	struct transport relay;
	uint8_t out[TRANSPORT_ANSWER_LEN];

	transport_begin(&relay, kat.relay_sk);
	return transport_answer(&relay, out, hello, MAX_FRAME, RELAY_TIME,
	    kat.relay_e);
}

/*
 * Any other preamble or length, and an ephemeral key that gives no secret;
 * message 1 itself is in the clear and its other bits are caught by message 2.
 */
static void
wrong_hello(void **state)
{
	uint8_t hello[TRANSPORT_HELLO_LEN];
	struct transport client, relay;
	struct transport_answer a;
	uint8_t out[TRANSPORT_ANSWER_LEN];

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(hello); bit++) {
		memcpy(hello, kat.hello, sizeof(hello));
		hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit / 8 < TRANSPORT_PREAMBLE_LEN + 2) {
			assert_int_equal(answer_to(hello), ERR_PROTOCOL);
			continue;
		}
		transport_begin(&relay, kat.relay_sk);
		assert_int_equal(transport_answer(&relay, out, hello, MAX_FRAME,
				     RELAY_TIME, kat.relay_e),
		    0);
		greet(&client);
		assert_int_equal(transport_read_answer(&client, &a, out),
		    ERR_UNREACHABLE);
	}
	memcpy(hello, kat.hello, sizeof(hello));
	memset(hello + TRANSPORT_PREAMBLE_LEN + 2, 0, KEY_LEN);
	assert_int_equal(answer_to(hello), ERR_PROTOCOL);
}

/* What a message is called in which this bit was turned. */
static int
code_of_flip(size_t bit)
{
	return bit / 8 < TRANSPORT_LENGTH_LEN ? ERR_PROTOCOL : ERR_UNREACHABLE;
}

static void
wrong_answer(void **state)
{
	struct transport_answer a = { .max_frame = 7 };
	struct transport client;

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(kat.answer); bit++) {
		uint8_t in[TRANSPORT_ANSWER_LEN];

		memcpy(in, kat.answer, sizeof(in));
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		greet(&client);
		assert_int_equal(transport_read_answer(&client, &a, in),
		    code_of_flip(bit));
	}
	assert_int_equal(a.max_frame, 7);
}

static void
wrong_finish(void **state)
{
	struct transport relay;
	uint8_t id[ID_LEN] = { 0 }, pk[KEY_LEN];
	const uint8_t none[ID_LEN] = { 0 };

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(kat.finish); bit++) {
		uint8_t in[TRANSPORT_FINISH_LEN];

		memcpy(in, kat.finish, sizeof(in));
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		answer(&relay);
		assert_int_equal(transport_read_finish(&relay, id, pk, in),
		    code_of_flip(bit));
	}
	assert_memory_equal(id, none, ID_LEN);
}

/* Message 2 of a relay whose limit is max_frame, as the client takes it. */
static int
greeting(uint32_t max_frame, uint32_t *taken)
{
	struct transport client, relay;
	struct transport_answer a;
	uint8_t out[TRANSPORT_ANSWER_LEN];
	int r;

	greet(&client);
	transport_begin(&relay, kat.relay_sk);
	assert_int_equal(transport_answer(&relay, out, kat.hello, max_frame,
			     RELAY_TIME, kat.relay_e),
	    0);
	r = transport_read_answer(&client, &a, out);
	if (r == 0)
		*taken = a.max_frame;
	return r;
}

static void
frame_limits(void **state)
{
	uint32_t taken = 0;

	(void)state;
	assert_int_equal(greeting(0, &taken), ERR_PROTOCOL);
	assert_int_equal(greeting(FRAME_MAX_LEAST - 1, &taken), ERR_PROTOCOL);
	assert_int_equal(greeting(FRAME_MAX_LEAST, &taken), 0);
	assert_int_equal(taken, FRAME_MAX_LEAST);
	assert_int_equal(greeting(FRAME_MAX, &taken), 0);
	assert_int_equal(taken, FRAME_MAX);
	assert_int_equal(greeting(UINT32_MAX, &taken), 0);
	assert_int_equal(taken, FRAME_MAX);
}

/* A greeting of another version, or with a reserved byte set. */
static void
other_greetings(void **state)
{
	struct noise relay;
	uint8_t prologue[64], out[256], payload[16];
	size_t len;

	(void)state;
	memcpy(prologue, "sentinel-transport-v3", 22);
	memcpy(prologue + 22, transport_preamble, 8);
	for (size_t i = 0; i < 4; i++) {
		struct transport t;
		struct transport_answer a;

		memset(payload, 0, sizeof(payload));
		payload[0] = 3;
		payload[6] = 0x10;
		payload[i] ^= 1;
		noise_init(&relay, NOISE_XX, false, prologue, 30, kat.relay_sk,
		    NULL);
		assert_int_equal(
		    noise_read(&relay, out, &len, kat.hello + 10, KEY_LEN), 0);
		assert_int_equal(noise_write(&relay, out + 2, &len, payload,
				     sizeof(payload), kat.relay_e),
		    0);
		out[0] = 0;
		out[1] = (uint8_t)len;
		greet(&t);
		assert_int_equal(transport_read_answer(&t, &a, out),
		    ERR_PROTOCOL);
	}
}

static void
flipped_record(void **state)
{
	struct transport client, relay;
	enum transport_kind kind;
	uint8_t *body;
	size_t len;

	(void)state;
	meet(&client, &relay);
	for (size_t bit = 0; bit < 8 * (kat.wire_len - 2); bit++) {
		uint8_t in[64];

		memcpy(in, kat.wire + 2, kat.wire_len - 2);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(transport_open(&relay, &kind, &body, &len, in,
				     kat.wire_len - 2),
		    ERR_UNREACHABLE);
	}
	assert_int_equal(transport_open(&relay, &kind, &body, &len,
			     kat.wire + 2, kat.wire_len - 2),
	    0);
}

/* Played twice, back to its sender, or cut to any length. */
static void
misplaced_record(void **state)
{
	struct transport client, relay;
	enum transport_kind kind;
	uint8_t wire[64], copy[64], *body;
	size_t len;

	(void)state;
	meet(&client, &relay);
	assert_int_equal(
	    transport_seal(&client, wire, TRANSPORT_FRAMES, kat.id, ID_LEN), 0);
	for (size_t cut = 0; cut < ID_LEN + 17; cut++) {
		memcpy(copy, wire, sizeof(copy));
		assert_int_equal(
		    transport_open(&relay, &kind, &body, &len, copy + 2, cut),
		    ERR_UNREACHABLE);
	}
	memcpy(copy, wire, sizeof(copy));
	assert_int_equal(
	    transport_open(&client, &kind, &body, &len, copy + 2, ID_LEN + 17),
	    ERR_UNREACHABLE);
	memcpy(copy, wire, sizeof(copy));
	assert_int_equal(
	    transport_open(&relay, &kind, &body, &len, copy + 2, ID_LEN + 17),
	    0);
	assert_int_equal(
	    transport_open(&relay, &kind, &body, &len, wire + 2, ID_LEN + 17),
	    ERR_UNREACHABLE);
}

/* Authentic, and yet without a kind. */
static void
empty_record(void **state)
{
	struct transport client, relay;
	enum transport_kind kind;
	uint8_t record[NOISE_TAG_LEN + 1] = { 0 }, *body;
	size_t len;

	(void)state;
	meet(&client, &relay);
	assert_int_equal(noise_encrypt(&client.out, record, NULL, 0, record, 0),
	    0);
	assert_int_equal(
	    transport_open(&relay, &kind, &body, &len, record, NOISE_TAG_LEN),
	    ERR_UNREACHABLE);
}

static int
pass(struct transport *from, struct transport *to, unsigned kind, size_t len)
{
	static uint8_t wire[TRANSPORT_BODY_MAX + TRANSPORT_OVERHEAD];
	static uint8_t sent[TRANSPORT_BODY_MAX];
	enum transport_kind got;
	uint8_t *body;
	size_t got_len;
	int r;

	memset(sent, 0xa5, sizeof(sent));
	r = transport_seal(from, wire, (enum transport_kind)kind, sent, len);
	assert_int_equal(r, 0);
	assert_int_equal(transport_length(wire), len + 17);
	r = transport_open(to, &got, &body, &got_len, wire + 2, len + 17);
	if (r < 0)
		return r;
	assert_int_equal(got, kind);
	assert_int_equal(got_len, len);
	assert_memory_equal(body, sent, len);
	return 0;
}

static void
kinds_and_sizes(void **state)
{
	struct transport client, relay;

	(void)state;
	meet(&client, &relay);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pass(&client, &relay, TRANSPORT_FRAMES, 0), 0);
		assert_int_equal(pass(&relay, &client, TRANSPORT_FRAMES, 1), 0);
		assert_int_equal(
		    pass(&client, &relay, TRANSPORT_FRAMES, TRANSPORT_BODY_MAX),
		    0);
		assert_int_equal(pass(&relay, &client, TRANSPORT_PADDING,
				     TRANSPORT_BODY_MAX),
		    0);
		assert_int_equal(pass(&client, &relay, TRANSPORT_CLOSE, 0), 0);
	}
	assert_int_equal(pass(&client, &relay, TRANSPORT_CLOSE, 1),
	    ERR_PROTOCOL);
	for (unsigned kind = 3; kind < 256; kind++)
		assert_int_equal(pass(&client, &relay, kind, 5), ERR_PROTOCOL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),
		cmocka_unit_test(clear_error),
		cmocka_unit_test(wrong_hello),
		cmocka_unit_test(wrong_answer),
		cmocka_unit_test(wrong_finish),
		cmocka_unit_test(frame_limits),
		cmocka_unit_test(other_greetings),
		cmocka_unit_test(flipped_record),
		cmocka_unit_test(misplaced_record),
		cmocka_unit_test(empty_record),
		cmocka_unit_test(kinds_and_sizes),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
