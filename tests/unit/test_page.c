/* SPDX-License-Identifier: ISC */
#include "client/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/le.h"
#include "fake.h"
#include "wire/codes.h"

/* The page that the relay answers with, next. */
static uint8_t bytes[4096];
static size_t bytes_len;
static int fault; /* or what it says instead */

static struct page p;

static int
answer(const struct fake_request *r, struct chan_reply *out)
{
	if (fault < 0)
		return fake_refuse(fault, 0);
	if (r->code == CODE_PULL) {
		out->payload = bytes;
		out->len = bytes_len;
	}
	return 0;
}

static int
setup(void **state)
{
	fake_setup(state);
	fake.answer = answer;
	bytes_len = 0;
	fault = 0;
	return page_init(&p, false);
}

static int
teardown(void **state)
{
	page_wipe(&p);
	return fake_teardown(state);
}

/* One more message for the page to come. */
static void
post(uint32_t id, const char *text)
{
	struct body_message m = { .id = id,
		.type = MESSAGE_RATCHET,
		.content_len = (uint32_t)strlen(text) };

	body_pack_message(bytes + bytes_len, &m);
	bytes_len += PULL_ITEM_LEN;
	memcpy(bytes + bytes_len, text, strlen(text));
	bytes_len += strlen(text);
}

static int
fetch(void)
{
	int r = page_ask(&p, fake_client(), 0);

	if (r == 0)
		r = page_get(&p, fake_client(), 0);
	bytes_len = 0;
	return r;
}

struct seen {
	size_t n;
	uint32_t ids[16];
	char text[64];
	uint32_t fail_at;
};

static int
see(void *arg, const struct body_message *m)
{
	struct seen *s = arg;

	s->ids[s->n++] = m->id;
	strncat(s->text, (const char *)m->content, m->content_len);
	return m->id == s->fail_at ? ERR_IO : 0;
}

static void
pages_in_turn(void **state)
{
	struct seen one = { 0 }, two = { 0 };

	(void)state;
	post(3, "a");
	post(7, "bc");
	assert_int_equal(fetch(), 0);
	assert_false(page_is_empty(&p));
	page_pass(&p);
	/* the former one can be read while the next is asked for */
	assert_int_equal(page_ask(&p, fake_client(), 0), 0);
	assert_int_equal(page_each(&p, see, &one), 0);
	assert_int_equal(one.n, 2);
	assert_int_equal(one.ids[0], 3);
	assert_int_equal(one.ids[1], 7);
	assert_string_equal(one.text, "abc");
	post(8, "d");
	assert_int_equal(page_get(&p, fake_client(), 0), 0);
	assert_int_equal(page_each(&p, see, &two), 0);
	assert_string_equal(two.text, "d");
	assert_int_equal(le_get32(fake.asked[0].payload), 0);
	assert_int_equal(le_get32(fake.asked[1].payload), 7);
	/* none is left */
	page_pass(&p);
	bytes_len = 0;
	assert_int_equal(fetch(), 0);
	assert_true(page_is_empty(&p));
	assert_int_equal(p.after, 7 + 1);
}

static void
the_request(void **state)
{
	const uint8_t *asked;

	(void)state;
	assert_int_equal(page_ask(&p, fake_client(), PULL_WAIT_MAX + 1ULL), 0);
	p.no_chunks = true;
	assert_int_equal(page_ask(&p, fake_client(), 250), 0);
	for (size_t i = 0; i < 2; i++) {
		struct body_pull b;

		asked = fake.asked[i].payload;
		assert_int_equal(fake.asked[i].code, CODE_PULL);
		assert_int_equal(body_unpack_pull(&b, asked, fake.asked[i].len),
		    0);
		assert_int_equal(b.no_chunks, i == 1);
		assert_int_equal(b.wait_ms, i == 1 ? 250 : PULL_WAIT_MAX);
	}
}

static void
stops_where_it_fails(void **state)
{
	struct seen s = { .fail_at = 5 };

	(void)state;
	post(4, "a");
	post(5, "b");
	post(6, "c");
	assert_int_equal(fetch(), 0);
	assert_int_equal(page_each(&p, see, &s), ERR_IO);
	assert_string_equal(s.text, "ab");
}

/* Refused as a whole, so that none of it is taken for what it is not. */
static void
refused(void)
{
	assert_int_equal(fetch(), ERR_PROTOCOL);
	assert_true(page_is_empty(&p));
}

static void
ids_ascend(void **state)
{
	(void)state;
	post(0, "a");
	refused();
	post(4, "a");
	post(4, "b");
	refused();
	post(4, "a");
	post(3, "b");
	refused();
	post(4, "a");
	assert_int_equal(fetch(), 0);
	page_pass(&p);
	post(4, "again");
	refused();
	post(UINT32_MAX, "last");
	assert_int_equal(fetch(), 0);
}

static void
malformed(void **state)
{
	(void)state;
	post(4, "abc");
	bytes_len--;
	refused();
	post(4, "abc");
	bytes[bytes_len++] = 1;
	refused();
	fault = ERR_BUSY;
	assert_int_equal(fetch(), ERR_BUSY);
	assert_true(page_is_empty(&p));
}

/* The n-th request acknowledges that: pairs of first and last. */
static void
expect_ack(size_t n, const uint32_t *want, size_t len)
{
	assert_int_equal(fake.asked[n].code, CODE_ACK);
	assert_int_equal(fake.asked[n].len, len * BODY_RANGE_LEN);
	for (size_t i = 0; i < 2 * len; i++)
		assert_int_equal(le_get32(fake.asked[n].payload + 4 * i),
		    want[i]);
}

static void
acknowledges_runs(void **state)
{
	static const uint32_t ids[] = { 1, 2, 3, 5, 8, 9, UINT32_MAX };
	static const uint32_t want[] = { 1, 3, 5, 5, 8, 9, UINT32_MAX,
		UINT32_MAX };

	(void)state;
	assert_int_equal(page_acknowledge(&p, fake_client()), 0);
	assert_int_equal(fake.asked_n, 0);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_int_equal(page_take(&p, ids[i]), 0);
	assert_int_equal(page_acknowledge(&p, fake_client()), 0);
	assert_int_equal(fake.asked_n, 1);
	expect_ack(0, want, 4);
	/* once */
	assert_int_equal(page_acknowledge(&p, fake_client()), 0);
	assert_int_equal(fake.asked_n, 1);
}

/* As many requests as it needs, and none of it lost when one fails. */
static void
acknowledges_many(void **state)
{
	enum { MANY = 2 * ACK_RANGES_MAX + 5 };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(page_take(&p, 2 * i + 1), 0);
	fault = ERR_BUSY;
	assert_int_equal(page_acknowledge(&p, fake_client()), ERR_BUSY);
	fault = 0;
	assert_int_equal(page_acknowledge(&p, fake_client()), 0);
	/* all were answered, so that the channel is where it was */
	assert_int_equal(fake.asked_n, 6);
	assert_int_equal(fake.asked[3].len, ACK_RANGES_MAX * BODY_RANGE_LEN);
	assert_int_equal(fake.asked[4].len, ACK_RANGES_MAX * BODY_RANGE_LEN);
	assert_int_equal(fake.asked[5].len, 5 * BODY_RANGE_LEN);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct fake_request *r =
		    &fake.asked[3 + i / ACK_RANGES_MAX];
		size_t at = i % ACK_RANGES_MAX * BODY_RANGE_LEN;

		assert_int_equal(le_get32(r->payload + at), 2 * i + 1);
		assert_int_equal(le_get32(r->payload + at + 4), 2 * i + 1);
	}
}

/* What is taken after the mark is not for now. */
static void
acknowledges_up_to_the_mark(void **state)
{
	static const uint32_t now[] = { 1, 2 }, later[] = { 4, 4, 6, 6 };

	(void)state;
	assert_int_equal(page_take(&p, 1), 0);
	assert_int_equal(page_take(&p, 2), 0);
	assert_int_equal(page_mark(&p), 0);
	assert_int_equal(page_take(&p, 4), 0);
	assert_int_equal(page_take(&p, 6), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(page_send_acks(&p, fake_client()), 0);
		assert_int_equal(page_await_acks(&p, fake_client()), 0);
		assert_int_equal(fake.asked_n, 1);
	}
	expect_ack(0, now, 1);
	assert_int_equal(page_acknowledge(&p, fake_client()), 0);
	assert_int_equal(fake.asked_n, 2);
	expect_ack(1, later, 2);
}

/* Beyond the next answer. */
static void
keeps(void **state)
{
	struct seen s = { 0 };

	(void)state;
	post(1, "a");
	post(2, "b");
	assert_int_equal(fetch(), 0);
	assert_int_equal(page_keep(&p), 0);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(page_each(&p, see, &s), 0);
	assert_string_equal(s.text, "ab");
}

static void
forgets_what_was_taken(void **state)
{
	static const uint32_t want[] = { 9, 9 };

	(void)state;
	assert_int_equal(page_take(&p, 1), 0);
	assert_int_equal(page_take(&p, 3), 0);
	page_forget_taken(&p);
	assert_int_equal(page_take(&p, 9), 0);
	assert_int_equal(page_acknowledge(&p, fake_client()), 0);
	expect_ack(0, want, 1);
}

#define FAKED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKED(pages_in_turn),
		FAKED(the_request),
		FAKED(stops_where_it_fails),
		FAKED(ids_ascend),
		FAKED(malformed),
		FAKED(acknowledges_runs),
		FAKED(acknowledges_many),
		FAKED(acknowledges_up_to_the_mark),
		FAKED(keeps),
		FAKED(forgets_what_was_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
