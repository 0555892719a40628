/* SPDX-License-Identifier: ISC */
/* Contents of every size, and answers that differ within one group. */
#include "stores.h"

static uint8_t content[CONTENT_MAX];

static int
put_sized(struct store *st, uint8_t type, uint32_t len)
{
	struct body_send m = { .type = type,
		.content = content,
		.content_len = len };

	memcpy(m.to, bob.key.id, ID_LEN);
	return store_put(st, &m, alice.key.id, NOW);
}

struct sizes {
	const uint32_t *expected;
	unsigned n, before; /* ids that were used up before */
};

static bool
check_size(void *arg, const struct body_message *m)
{
	struct sizes *s = arg;

	assert_int_equal(m->id, s->before + s->n + 1);
	assert_int_equal(m->content_len, s->expected[s->n]);
	assert_memory_equal(m->content, content, m->content_len);
	s->n++;
	return true;
}

static void
expect_sizes(struct store *st, const uint32_t *expected, unsigned n,
    unsigned before)
{
	struct sizes s = { .expected = expected, .before = before };
	struct body_pull q = { 0 };

	assert_int_equal(store_pull(st, bob.key.id, &q, check_size, &s), 0);
	assert_int_equal(s.n, n);
}

/* All bytes there are; the wire has no content of none. */
static void
test_sizes(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 255, 256, 4096, 65536,
		CONTENT_MAX };
	struct fixture *f = *state;

	for (uint32_t i = 0; i < CONTENT_MAX; i++)
		content[i] = (uint8_t)(i ^ i >> 8);
	enrol_all(f->st);
	for (uint8_t type = 3; type <= MESSAGE_CHUNK; type++) {
		unsigned before = type == 3 ? 0 : ARRAY_LEN(sizes);

		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			assert_int_equal(put_sized(f->st, type, sizes[i]), 0);
		expect_sizes(f->st, sizes, ARRAY_LEN(sizes), before);
		settle(f->st);
		expect_sizes(f->st, sizes, ARRAY_LEN(sizes), before);
		assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX),
		    ARRAY_LEN(sizes));
		settle(f->st);
	}
	close_exact(f);
}

/* One that is refused leaves no gap, and takes no other with it. */
static void
test_answers_of_one_group(void **state)
{
	struct store_limits limits = store_limits_none;
	struct caller nobody;
	struct fixture *f;

	limits.messages = 4;
	f = begin(state, &limits);
	caller_make(&nobody, 99, "nobody");
	block(f->st, &dave, true, carol.key.id);
	settle(f->st);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(put(f->st, &alice, &bob, 3, "to bob"),
		    i < 2 ? 0 : REASON_MAILBOX_FULL);
		assert_int_equal(put(f->st, &alice, &nobody, 3, "x"),
		    REASON_UNKNOWN_CLIENT);
		assert_int_equal(put(f->st, &nobody, &bob, 3, "x"),
		    REASON_NOT_REGISTERED);
		assert_int_equal(put(f->st, &carol, &dave, 3, "x"),
		    REASON_DENIED);
		assert_int_equal(put(f->st, &bob, &carol, 3, "to carol"),
		    i < 2 ? 0 : REASON_MAILBOX_FULL);
	}
	settle(f->st);
	expect_all(f->st, &bob, "1:3:to bob 2:3:to bob ");
	expect_all(f->st, &carol, "1:3:to carol 2:3:to carol ");
	expect_all(f->st, &dave, "");
	/* what was refused has used up no id */
	assert_int_equal(put(f->st, &carol, &bob, 3, "next"), 0);
	expect_all(f->st, &bob, "1:3:to bob 2:3:to bob 3:3:next ");
	settle(f->st);
	close_exact(f);
}

/* Who follows "after" sees all, in order, whatever is acknowledged. */
static void
test_cursor(void **state)
{
	struct fixture *f = *state;
	char text[16], expected[64];

	enrol_all(f->st);
	for (uint32_t n = 1; n <= 200; n++) {
		struct body_pull q = { .after = n - 1 };

		snprintf(text, sizeof(text), "%u", n);
		assert_int_equal(put(f->st, n % 2 ? &alice : &carol, &bob,
				     n % 5 ? 3 : 4, text),
		    0);
		snprintf(expected, sizeof(expected), "%u:%u:%u ", n,
		    n % 5 ? 3U : 4U, n);
		expect_pull(f->st, &bob, q, 2, n % 2 ? &alice : &carol,
		    expected);
		if (n % 7 == 0)
			assert_int_equal(ack(f->st, &bob, 0, n - 3),
			    n == 7 ? 4 : 7);
		if (n % 3 == 0)
			assert_int_equal(store_commit(f->st), 0);
	}
	settle(f->st);
	close_exact(f);
}

/* What a primary gave out before it was lost, its standby does not again. */
static void
test_another_timeline(void **state)
{
	struct fixture *f = *state;

	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "before"), 0);
	settle(f->st);
	ask_cluster(f->database, "UPDATE clients SET timeline = timeline + 1");
	assert_int_equal(put(f->st, &alice, &bob, 3, "first"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "second"), 0);
	assert_int_equal(put(f->st, &alice, &carol, 4, "piece"), 0);
	settle(f->st);
	expect_all(f->st, &bob, "1:3:before 1048578:3:first 1048579:3:second ");
	expect_all(f->st, &carol, "1048577:4:piece ");
	ask_cluster(f->database,
	    "UPDATE clients SET timeline = 9, last_id = 4294000000");
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), REASON_MAILBOX_FULL);
	settle(f->st);
	close_exact(f);
}

int
main(void)
{
	static const struct store_case cases[] = {
		EACH(test_sizes),
		EACH(test_answers_of_one_group),
		EACH(test_cursor),
		ON(POSTGRESQL, test_another_timeline),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
