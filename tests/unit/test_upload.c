/* SPDX-License-Identifier: ISC */
#include "client/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "fake.h"
#include "wire/body.h"
#include "wire/codes.h"

#define BOX 100

static struct upload *u;
static struct upload_line lines[2]; /* to bob, to carol */

/* How the relay answers the n-th chunk of a line. */
static int (*judge)(uint8_t to, uint64_t n);
static uint64_t has[2][64]; /* how often it has taken each */
static int times_asked;     /* that of the chunk being judged, before */

static int
setup(void **state)
{
	fake_setup(state);
	memset(lines, 0, sizeof(lines));
	memset(has, 0, sizeof(has));
	for (uint8_t i = 0; i < 2; i++)
		memset(lines[i].to, i + 1, ID_LEN);
	judge = NULL;
	return upload_new(&u, fake_client(), BOX);
}

static int
teardown(void **state)
{
	upload_free(u);
	return fake_teardown(state);
}

/* What is in the box of a chunk: the same each time it is sent. */
static void
fill(uint8_t *box, uint8_t to, uint64_t n)
{
	memset(box, (int)(to * 16 + n), BOX);
	le_put64(box, n);
}

static int
answer(const struct fake_request *r, struct chan_reply *out)
{
	static uint8_t sent[BODY_SENT_LEN];
	uint8_t want[BOX];
	struct body_send b;
	uint64_t n;
	int verdict;

	assert_int_equal(r->code, CODE_SEND);
	assert_int_equal(body_unpack_send(&b, r->payload, r->len), 0);
	assert_int_equal(b.type, MESSAGE_CHUNK);
	assert_int_equal(b.content_len, BOX);
	n = le_get64(b.content);
	fill(want, b.to[0], n);
	assert_memory_equal(b.content, want, BOX);
	times_asked = 0;
	for (const struct fake_request *q = fake.asked; q < r; q++)
		times_asked += q->len == r->len &&
		    memcmp(q->payload, r->payload, r->len) == 0;
	verdict = judge ? judge(b.to[0], n) : 0;
	if (verdict < 0)
		return verdict;
	has[b.to[0] - 1][n]++;
	memcpy(sent, b.to, ID_LEN);
	out->payload = sent;
	out->len = sizeof(sent);
	return 0;
}

static int
give(struct upload_line *line)
{
	uint8_t *box;
	int r;

	fake.answer = answer;
	r = upload_box(u, &box);
	if (r < 0)
		return r;
	fill(box, line->to[0], line->next);
	return upload_send(u, line, BOX);
}

static void
give_all(struct upload_line *line, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(give(line), 0);
}

/* The relay has taken the first n of line i, each so often. */
static void
expect_taken(size_t i, uint64_t n, uint64_t often)
{
	for (uint64_t k = 0; k < 64; k++)
		assert_int_equal(has[i][k], k < n ? often : 0);
}

static void
all_is_taken(void **state)
{
	(void)state;
	assert_int_equal(upload_settle(u), 0);
	give_all(&lines[0], 40);
	assert_int_equal(lines[0].next, 40);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(upload_settled(u, &lines[0]), 40);
	assert_int_equal(fake.asked_n, 40);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(
		    le_get64(fake.asked[i].payload + SEND_HEAD_LEN), i);
	expect_taken(0, 40, 1);
}

/* Never more on their way than there is memory for. */
static void
one_window(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(give(&lines[i % 2]), 0);
		assert_true(fake.asked_n - fake.answered <= UPLOAD_WINDOW);
	}
	assert_true(fake.asked_n - fake.answered > 1);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(fake.asked_n, fake.answered);
	expect_taken(0, 20, 1);
	expect_taken(1, 20, 1);
}

/* What is not answered is not settled, whatever comes after it. */
static void
settled(void **state)
{
	(void)state;
	give_all(&lines[0], 5);
	assert_int_equal(upload_settled(u, &lines[0]), 0);
	assert_int_equal(upload_settled(u, &lines[1]), 0);
	give_all(&lines[1], UPLOAD_WINDOW - 3);
	assert_int_equal(upload_settled(u, &lines[0]), 2);
	assert_int_equal(upload_settled(u, &lines[1]), 0);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(upload_settled(u, &lines[0]), 5);
}

static int
breaks_at_3(uint8_t to, uint64_t n)
{
	(void)to;
	return n == 3 && times_asked == 0 ? err_set(ERR_UNREACHABLE, "gone")
					  : 0;
}

/* The same bytes over a new channel, from the oldest that has no answer. */
static void
channel_breaks(void **state)
{
	(void)state;
	judge = breaks_at_3;
	give_all(&lines[0], 10);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(fake.channel, 2);
	assert_int_equal(fake.asked_n, 17);
	assert_int_equal(le_get64(fake.asked[10].payload + SEND_HEAD_LEN), 3);
	expect_taken(0, 10, 1);
	assert_int_equal(upload_settled(u, &lines[0]), 10);
}

static int
always_breaks(uint8_t to, uint64_t n)
{
	(void)to;
	return n >= 2 ? err_set(ERR_UNREACHABLE, "gone") : 0;
}

static void
channel_stays_away(void **state)
{
	(void)state;
	fake.settings.timeout_ms = 2000;
	judge = always_breaks;
	give_all(&lines[0], 4);
	assert_int_equal(upload_settle(u), ERR_UNREACHABLE);
	assert_int_equal(upload_settled(u, &lines[0]), 2);
	assert_true(fake.slept >= 1900);
}

static int
busy_with_1(uint8_t to, uint64_t n)
{
	(void)to;
	return n == 1 && times_asked < 3 ? fake_refuse(ERR_BUSY, 400) : 0;
}

static void
relay_is_busy(void **state)
{
	(void)state;
	judge = busy_with_1;
	give_all(&lines[0], 5);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(fake.channel, 1);
	assert_int_equal(fake.slept, 1200);
	expect_taken(0, 5, 1);
	assert_int_equal(fake.asked_n, 8);
}

static int
always_busy(uint8_t to, uint64_t n)
{
	return to == 1 && n == 1 ? fake_refuse(ERR_BUSY, 20000) : 0;
}

/* One mailbox that stays full is not the other recipient's fault. */
static void
busy_for_too_long(void **state)
{
	(void)state;
	judge = always_busy;
	give_all(&lines[0], 2);
	give_all(&lines[1], 2);
	/* what gets on in between renews the patience */
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(lines[0].failed, ERR_BUSY);
	assert_int_equal(lines[0].why.retry_after_ms, 20000);
	assert_int_equal(lines[1].failed, 0);
	expect_taken(1, 2, 1);
}

static int
busy_with_each(uint8_t to, uint64_t n)
{
	(void)to;
	(void)n;
	return times_asked == 0 ? fake_refuse(ERR_BUSY, 20000) : 0;
}

/* Slow as it is, it gets on. */
static void
busy_again_and_again(void **state)
{
	(void)state;
	judge = busy_with_each;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(give(&lines[0]), 0);
		assert_int_equal(upload_settle(u), 0);
	}
	assert_int_equal(fake.slept, 80000);
	expect_taken(0, 4, 1);
}

static int
busy_with_window(uint8_t to, uint64_t n)
{
	(void)to;
	(void)n;
	return times_asked == 0 ? fake_refuse(ERR_BUSY, 1000) : 0;
}

/* A mailbox that is full refuses all that is on its way: one wait for it. */
static void
busy_with_all(void **state)
{
	(void)state;
	judge = busy_with_window;
	give_all(&lines[0], UPLOAD_WINDOW);
	assert_int_equal(upload_settled(u, &lines[0]), 0);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(fake.slept, 1000);
	assert_int_equal(lines[0].failed, 0);
	expect_taken(0, UPLOAD_WINDOW, 1);
	assert_int_equal(upload_settled(u, &lines[0]), UPLOAD_WINDOW);
}

static int
no_room_for_bob(uint8_t to, uint64_t n)
{
	(void)n;
	return to == 1 || times_asked == 0 ? fake_refuse(ERR_BUSY, 1000) : 0;
}

/* It is asked now and then with one chunk, and carol's is not forgotten. */
static void
no_room_for_one(void **state)
{
	(void)state;
	judge = no_room_for_bob;
	for (int i = 0; i < UPLOAD_WINDOW / 2; i++) {
		assert_int_equal(give(&lines[0]), 0);
		assert_int_equal(give(&lines[1]), 0);
	}
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(lines[0].failed, ERR_BUSY);
	assert_int_equal(lines[0].why.retry_after_ms, 1000);
	assert_int_equal(lines[1].failed, 0);
	expect_taken(0, 0, 0);
	expect_taken(1, UPLOAD_WINDOW / 2, 1);
	assert_in_range(fake.asked_n, UPLOAD_WINDOW, 3 * UPLOAD_WINDOW);
	assert_in_range(fake.slept, FAKE_TIMEOUT_MS - 1000,
	    FAKE_TIMEOUT_MS + 2000);
}

static int
refuses_bob(uint8_t to, uint64_t n)
{
	return to == 1 && n >= 2
	    ? fake_refuse(n == 2 ? ERR_DENIED : ERR_BUSY, 1)
	    : 0;
}

static void
refused_for_good(void **state)
{
	(void)state;
	judge = refuses_bob;
	give_all(&lines[0], UPLOAD_WINDOW + 2);
	give_all(&lines[1], 20);
	assert_int_equal(upload_settle(u), 0);
	assert_int_equal(lines[0].failed, ERR_DENIED);
	assert_int_equal(lines[0].why.code, ERR_DENIED);
	assert_int_equal(lines[1].failed, 0);
	assert_int_equal(fake.slept, 0);
	expect_taken(0, 2, 1);
	expect_taken(1, 20, 1);
	assert_int_equal(upload_settled(u, &lines[1]), 20);
}

static int
confirm_another(const struct fake_request *r, struct chan_reply *out)
{
	static uint8_t sent[BODY_SENT_LEN] = { 9 };

	(void)r;
	out->payload = sent;
	out->len = sizeof(sent);
	return 0;
}

static int
confirm_nothing(const struct fake_request *r, struct chan_reply *out)
{
	(void)r;
	out->len = 0;
	return 0;
}

static void
confirms_another(void **state)
{
	(void)state;
	give_all(&lines[0], 2);
	fake.answer = confirm_another;
	assert_int_equal(upload_settle(u), ERR_PROTOCOL);
	assert_int_equal(upload_settled(u, &lines[0]), 0);
	fake.answer = confirm_nothing;
	assert_int_equal(upload_settle(u), ERR_PROTOCOL);
}

#define FAKED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKED(all_is_taken),
		FAKED(one_window),
		FAKED(settled),
		FAKED(channel_breaks),
		FAKED(channel_stays_away),
		FAKED(relay_is_busy),
		FAKED(busy_for_too_long),
		FAKED(busy_again_and_again),
		FAKED(busy_with_all),
		FAKED(no_room_for_one),
		FAKED(refused_for_good),
		FAKED(confirms_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
