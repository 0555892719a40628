/* SPDX-License-Identifier: ISC */
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "kat.h"
#include "wire/bundle.h"

/* who asks in the known answer: alice */
#define ALICE "e623e2216e888c1195c70df0ab0ae712"

static void
test_request(void **state)
{
	struct frame_request req, back;
	uint8_t kat[64], id[ID_LEN], payload[ID_LEN], out[FRAME_REQUEST_LEN];
	json_t *all = kat_load("sentinel-v3-kat-more.json");
	json_t *j = kat_get(all, "frame");
	size_t len = kat_hex(kat, sizeof(kat), j, "request");
	size_t size = kat_hex(payload, sizeof(payload), j, "request_payload");

	(void)state;
	assert_int_equal(len, FRAME_REQUEST_LEN + size);
	assert_memory_equal(kat + FRAME_REQUEST_LEN, payload, size);
	frame_unpack_request(&req, kat);
	assert_true(text_unhex(id, ID_LEN, ALICE) == 0);
	assert_memory_equal(req.id, id, ID_LEN);
	assert_int_equal(req.version, 3);
	assert_int_equal(req.code, kat_number(j, "request_code"));
	assert_int_equal(req.size, size);
	back = (struct frame_request){ .version = 3,
		.code = req.code,
		.size = (uint32_t)size };
	memcpy(back.id, id, ID_LEN);
	frame_pack_request(out, &back);
	assert_memory_equal(out, kat, sizeof(out));
	json_decref(all);
}

static void
test_reply(void **state)
{
	struct frame_reply rep;
	uint8_t kat[64], payload[16], out[FRAME_REPLY_LEN];
	json_t *all = kat_load("sentinel-v3-kat-more.json");
	json_t *j = kat_get(all, "frame");
	size_t len = kat_hex(kat, sizeof(kat), j, "reply");
	size_t size = kat_hex(payload, sizeof(payload), j, "reply_payload");

	(void)state;
	assert_int_equal(len, FRAME_REPLY_LEN + size);
	assert_memory_equal(kat + FRAME_REPLY_LEN, payload, size);
	frame_unpack_reply(&rep, kat);
	assert_int_equal(rep.version, 3);
	assert_int_equal(rep.code, kat_number(j, "reply_code"));
	assert_int_equal(rep.size, size);
	frame_pack_reply(out, &rep);
	assert_memory_equal(out, kat, sizeof(out));
	json_decref(all);
}

/* The clear error a relay sends before there is a channel. */
static void
test_clear_error(void **state)
{
	static const uint8_t clear[] = { 0x03, 0x28, 0x23, 0, 0, 0, 0 };
	const struct frame_reply rep = { 3, 9000, 0 };
	uint8_t out[FRAME_REPLY_LEN];

	(void)state;
	frame_pack_reply(out, &rep);
	assert_memory_equal(out, clear, sizeof(out));
}

/* Headers carry any number; to judge it is for the caller. */
static void
test_every_number(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 0xff, 0x100, FRAME_MAX - 1,
		FRAME_MAX, FRAME_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff };
	static const uint16_t codes[] = { 0, 1, 1099, 1100, 9000, 0x7fff,
		0x8000, 0xffff };

	(void)state;
	for (unsigned i = 0; i < 256 * 80; i++) {
		struct frame_request req = { .version = (uint8_t)(i / 80),
			.code = codes[i / 10 % 8],
			.size = sizes[i % 10] };
		struct frame_reply rep = { req.version, req.code, req.size };
		uint8_t out[FRAME_REQUEST_LEN];

		memset(req.id, (int)i, ID_LEN);
		frame_pack_request(out, &req);
		req = (struct frame_request){ .version = 0 };
		frame_unpack_request(&req, out);
		assert_int_equal(req.id[15], (uint8_t)i);
		assert_int_equal(req.version, rep.version);
		assert_int_equal(req.code, rep.code);
		assert_int_equal(req.size, rep.size);
		/* the reply is the request without the id */
		frame_unpack_reply(&rep, out + ID_LEN);
		assert_int_equal(req.size, rep.size);
		frame_pack_reply(out, &rep);
		assert_memory_equal(out + ID_LEN, out, FRAME_REPLY_LEN);
	}
}

static void
test_bundle(void **state)
{
	static const char *const who[] = { "alice", "bob" };
	json_t *all = kat_load("sentinel-v3-kat.json");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *j = kat_get(all, who[i]);
		uint8_t kat[BUNDLE_LEN], part[SIG_LEN], out[BUNDLE_LEN];
		struct bundle b;

		assert_int_equal(kat_hex(kat, sizeof(kat), j, "bundle"),
		    BUNDLE_LEN);
		bundle_unpack(&b, kat);
		kat_hex(part, sizeof(part), j, "identity_pk");
		assert_memory_equal(b.identity_pk, part, KEY_LEN);
		kat_hex(part, sizeof(part), j, "static_pk");
		assert_memory_equal(b.static_pk, part, KEY_LEN);
		kat_hex(part, sizeof(part), j, "prekey_pk");
		assert_memory_equal(b.prekey_pk, part, KEY_LEN);
		kat_hex(part, sizeof(part), j, "signature");
		assert_memory_equal(b.signature, part, SIG_LEN);
		bundle_pack(out, &b);
		assert_memory_equal(out, kat, sizeof(out));
	}
	json_decref(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_clear_error),
		cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
