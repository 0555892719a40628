/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/replies.h"
#include "net/transport.h"
#include "wire/body.h"
#include "wire/codes.h"

static size_t
pack(uint8_t *out, uint16_t code, const char *payload)
{
	const struct frame_reply h = { 3, code, (uint32_t)strlen(payload) };

	frame_pack_reply(out, &h);
	memcpy(out + FRAME_REPLY_LEN, payload, h.size);
	return FRAME_REPLY_LEN + h.size;
}

static void
expect(struct replies *rs, uint16_t code, const char *text)
{
	struct frame_reply head;
	const uint8_t *payload;

	assert_int_equal(replies_next(rs, &head, &payload), 0);
	assert_non_null(payload);
	assert_int_equal(head.code, code);
	assert_int_equal(head.size, strlen(text));
	assert_memory_equal(payload, text, head.size);
}

static void
expect_none(struct replies *rs)
{
	struct frame_reply head;
	const uint8_t *payload;

	assert_int_equal(replies_next(rs, &head, &payload), 0);
	assert_null(payload);
}

/* Two replies cut in two at every place. */
static void
split(void **state)
{
	uint8_t bytes[64];
	size_t first = pack(bytes, 2103, "one"), len;

	(void)state;
	len = first + pack(bytes + first, 2105, "second");
	for (size_t cut = 0; cut <= len; cut++) {
		struct replies *rs = replies_new();

		assert_non_null(rs);
		assert_int_equal(replies_add(rs, bytes, cut), 0);
		if (cut < first)
			expect_none(rs);
		else
			expect(rs, 2103, "one");
		assert_int_equal(replies_is_amid(rs), cut != 0 && cut != first);
		assert_int_equal(replies_add(rs, bytes + cut, len - cut), 0);
		if (cut < first)
			expect(rs, 2103, "one");
		expect(rs, 2105, "second");
		assert_false(replies_is_amid(rs));
		expect_none(rs);
		replies_free(rs);
	}
	replies_free(NULL);
}

static int
announced(uint8_t version, uint32_t size)
{
	const struct frame_reply h = { version, 2104, size };
	struct replies *rs = replies_new();
	struct frame_reply head;
	const uint8_t *payload;
	uint8_t bytes[FRAME_REPLY_LEN];
	int r;

	assert_non_null(rs);
	frame_pack_reply(bytes, &h);
	assert_int_equal(replies_add(rs, bytes, sizeof(bytes)), 0);
	r = replies_next(rs, &head, &payload);
	assert_int_equal(payload != NULL, r == 0 && size == 0);
	replies_free(rs);
	return r;
}

static void
announcements(void **state)
{
	(void)state;
	assert_int_equal(announced(3, 0), 0);
	assert_int_equal(announced(3, FRAME_MAX - FRAME_REPLY_LEN), 0);
	assert_int_equal(announced(3, FRAME_MAX - FRAME_REPLY_LEN + 1),
	    ERR_PROTOCOL);
	assert_int_equal(announced(3, INT32_MAX), ERR_PROTOCOL);
	assert_int_equal(announced(3, UINT32_MAX), ERR_PROTOCOL);
	assert_int_equal(announced(2, 0), ERR_PROTOCOL);
	assert_int_equal(announced(0, 0), ERR_PROTOCOL);
}

/* Room for a largest reply that lacks one byte, and a largest record. */
static void
most_memory(void **state)
{
	const struct frame_reply h = { 3, 2104, FRAME_MAX - FRAME_REPLY_LEN };
	struct replies *rs = replies_new();
	uint8_t *bytes = calloc(1, FRAME_MAX);
	struct frame_reply head;
	const uint8_t *payload;

	(void)state;
	assert_non_null(rs);
	assert_non_null(bytes);
	frame_pack_reply(bytes, &h);
	assert_int_equal(replies_add(rs, bytes, FRAME_MAX - 1), 0);
	expect_none(rs);
	assert_int_equal(replies_add(rs, bytes, TRANSPORT_BODY_MAX), 0);
	assert_int_equal(replies_next(rs, &head, &payload), 0);
	assert_non_null(payload);
	assert_int_equal(head.size, h.size);
	assert_true(replies_is_amid(rs));
	free(bytes);
	replies_free(rs);
}

static void
refusal(void **state)
{
	const struct body_error e = { REASON_RATE_LIMITED, 1500, "slow\ndown" };
	uint8_t payload[BODY_ERROR_MAX];
	uint16_t reason = 77;
	size_t len;

	(void)state;
	body_pack_error(payload, &len, &e);
	assert_int_equal(replies_refusal(&reason, payload, len), ERR_BUSY);
	assert_int_equal(reason, REASON_RATE_LIMITED);
	assert_string_equal(err_last()->message,
	    "relay: rate_limited: slow?down");
	assert_int_equal(err_last()->retry_after_ms, 1500);
	reason = 77;
	for (size_t cut = 0; cut < 6; cut++)
		assert_int_equal(replies_refusal(&reason, payload, cut),
		    ERR_PROTOCOL);
	assert_int_equal(reason, 77);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split),
		cmocka_unit_test(announcements),
		cmocka_unit_test(most_memory),
		cmocka_unit_test(refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
