/* SPDX-License-Identifier: ISC */
/* What every store must refuse, and let go of by itself. */
#include "stores.h"

/* --- of a mailbox --- */

static void
test_number_of_texts(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.messages = 11;
	f = begin(state, &limits);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 6);
	settle(f->st);
	assert_int_equal(fill(f->st, &alice, 2, "a", REASON_MAILBOX_FULL), 0);
	assert_int_equal(fill(f->st, &carol, 2, "c", REASON_MAILBOX_FULL), 5);
	assert_int_equal(fill(f->st, &dave, 1, "d", REASON_MAILBOX_FULL), 0);
	/* neither a piece nor another mailbox is concerned */
	assert_int_equal(put(f->st, &alice, &bob, 4, "piece"), 0);
	assert_int_equal(put(f->st, &alice, &carol, 3, "a"), 0);
	settle(f->st);
	/* room for one is not room for her who has her half */
	assert_int_equal(ack(f->st, &bob, 7, 7), 1);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 0);
	assert_int_equal(fill(f->st, &dave, 3, "d", REASON_MAILBOX_FULL), 1);
	assert_int_equal(ack(f->st, &bob, 1, 2), 2);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 2);
	/* from empty again */
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), 12);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 6);
	settle(f->st);
	close_exact(f);
}

static void
test_others_from_now_on(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.messages = 4;
	f = begin(state, &limits);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 2);
	settle(f->st);
	limits.messages = 10;
	store_limit(f->st, &limits);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 3);
	settle(f->st);
	/* what is over it stays */
	limits.messages = 2;
	store_limit(f->st, &limits);
	assert_int_equal(fill(f->st, &carol, 3, "c", REASON_MAILBOX_FULL), 0);
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), 5);
	settle(f->st);
	close_exact(f);
}

/* The disk is looked at no later than that. */
static void
test_store_is_full_from_now_on(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = begin(state, &limits);

	limits.store_bytes = 1;
	store_limit(f->st, &limits);
	assert_int_equal(fill(f->st, &carol, 3, "c", REASON_BUSY), 0);
	settle(f->st);
	close_exact(f);
}

static void
test_bytes_of_texts(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.message_bytes = 100;
	f = begin(state, &limits);
	assert_int_equal(put(f->st, &alice, &bob, 1, "0123456789"), 0);
	assert_int_equal(
	    fill(f->st, &alice, 3, "01234567890123456789", REASON_MAILBOX_FULL),
	    2);
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), REASON_MAILBOX_FULL);
	assert_int_equal(
	    fill(f->st, &carol, 3, "01234567890123456789", REASON_MAILBOX_FULL),
	    2);
	assert_int_equal(put(f->st, &dave, &bob, 3, "0123456789x"),
	    REASON_MAILBOX_FULL);
	assert_int_equal(put(f->st, &dave, &bob, 3, "0123456789"), 0);
	assert_int_equal(put(f->st, &dave, &bob, 3, "x"), REASON_MAILBOX_FULL);
	settle(f->st);
	close_exact(f);
}

static void
test_waiting_requests(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.requests = 3;
	f = begin(state, &limits);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(fill(f->st, &alice, 1, "r", REASON_MAILBOX_FULL), 3);
	settle(f->st);
	assert_int_equal(fill(f->st, &alice, 1, "r", REASON_MAILBOX_FULL), 0);
	assert_int_equal(put(f->st, &alice, &bob, 2, "key"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(put(f->st, &alice, &carol, 1, "r"), 0);
	assert_int_equal(fill(f->st, &carol, 1, "r", REASON_MAILBOX_FULL), 3);
	assert_int_equal(ack(f->st, &bob, 2, 2), 1);
	assert_int_equal(fill(f->st, &alice, 1, "r", REASON_MAILBOX_FULL), 1);
	settle(f->st);
	close_exact(f);
}

/* A piece counts 4096 bytes more than it has. */
static void
test_bytes_of_pieces(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.chunk_bytes = 5 * 4100;
	f = begin(state, &limits);
	assert_int_equal(fill(f->st, &alice, 4, "4len", REASON_MAILBOX_FULL),
	    2);
	settle(f->st);
	assert_int_equal(fill(f->st, &alice, 4, "4len", REASON_MAILBOX_FULL),
	    0);
	assert_int_equal(fill(f->st, &carol, 4, "4len", REASON_MAILBOX_FULL),
	    2);
	assert_int_equal(put(f->st, &dave, &bob, 4, "5 len"),
	    REASON_MAILBOX_FULL);
	assert_int_equal(fill(f->st, &dave, 4, "4len", REASON_MAILBOX_FULL), 1);
	assert_int_equal(put(f->st, &alice, &carol, 4, "5 len"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	settle(f->st);
	assert_int_equal(ack(f->st, &bob, 1, 1), 1);
	assert_int_equal(fill(f->st, &alice, 4, "4len", REASON_MAILBOX_FULL),
	    1);
	settle(f->st);
	close_exact(f);
}

/* Other limits than those under which the mailbox was filled. */
static void
test_limits_that_change(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = begin(state, &limits);

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(put(f->st, &alice, &bob, 3, "a"), 0);
	assert_int_equal(put(f->st, &carol, &bob, 3, "c"), 0);
	settle(f->st);
	limits.messages = 16;
	reopen(f, &limits);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 0);
	assert_int_equal(fill(f->st, &carol, 3, "c", REASON_MAILBOX_FULL), 5);
	settle(f->st);
	limits.messages = 100;
	reopen(f, &limits);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 40);
	settle(f->st);
	close_exact(f);
}

static int64_t
shares(struct fixture *f, const struct store_limits *limits)
{
	int64_t n;

	close_exact(f);
	n = ask(f->path, "SELECT count(*) FROM shares");
	reopen(f, limits);
	return n;
}

/* Nobody pays for them without need. */
static void
test_shares_are_counted_beyond_half(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.messages = 20;
	f = begin(state, &limits);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(
		    put(f->st, i % 2 ? &alice : &carol, &bob, 3, "x"), 0);
	settle(f->st);
	assert_int_equal(shares(f, &limits), 0);
	assert_int_equal(put(f->st, &dave, &bob, 3, "d"), 0);
	settle(f->st);
	assert_int_equal(shares(f, &limits), 3);
	assert_int_equal(ack(f->st, &bob, 1, 6), 6);
	settle(f->st);
	assert_int_equal(shares(f, &limits), 3);
	assert_int_equal(ack(f->st, &bob, 7, 7), 1);
	settle(f->st);
	assert_int_equal(shares(f, &limits), 0);
	close_exact(f);
}

static void
test_number_of_blocks(void **state)
{
	struct fixture *f = begin(state, &store_limits_none);
	struct body_block op = { .block = true };

	for (uint32_t i = 0; i < STORE_BLOCKS_MAX; i++) {
		memcpy(op.id, &i, sizeof(i));
		block(f->st, &bob, true, op.id);
	}
	settle(f->st);
	memset(op.id, 0xff, ID_LEN);
	assert_int_equal(store_block(f->st, bob.key.id, &op), REASON_DENIED);
	block(f->st, &alice, true, op.id);
	block(f->st, &bob, false, op.id);
	memset(op.id, 0, ID_LEN);
	block(f->st, &bob, false, op.id);
	memset(op.id, 0xff, ID_LEN);
	block(f->st, &bob, true, op.id);
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	enrol(f->st, &bob);
	block(f->st, &bob, true, op.id);
	settle(f->st);
	close_exact(f);
}

/* What one request deletes has an end, for others wait for it. */
static void
test_deletions_of_a_request(void **state)
{
	enum { MANY = 2 * STORE_ACK_MAX + 10 };
	struct fixture *f = begin(state, &store_limits_none);
	struct body_range range = { 1, MANY };
	uint32_t n = 0;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put(f->st, &alice, &bob, 3, "x"), 0);
	settle(f->st);
	assert_int_equal(ack(f->st, &bob, 1, 5), 5);
	/* all ranges of a request count */
	n = STORE_ACK_MAX - 2;
	range = (struct body_range){ 6, 8 };
	assert_int_equal(store_ack(f->st, bob.key.id, &range, &n), REASON_BUSY);
	assert_int_equal(n, STORE_ACK_MAX);
	assert_int_equal(store_ack(f->st, bob.key.id, &range, &n), REASON_BUSY);
	assert_int_equal(n, STORE_ACK_MAX);
	range.last = 7;
	assert_int_equal(store_ack(f->st, bob.key.id, &range, &n), 0);
	assert_int_equal(n, STORE_ACK_MAX);
	/* of 2 * MAX + 3 */
	n = 0;
	range = (struct body_range){ 0, UINT32_MAX };
	assert_int_equal(store_ack(f->st, bob.key.id, &range, &n), REASON_BUSY);
	assert_int_equal(n, STORE_ACK_MAX);
	assert_int_equal(store_unregister(f->st, bob.key.id), REASON_BUSY);
	expect_known(f->st, &bob);
	settle(f->st);
	expect_all(f->st, &bob, "65544:3:x 65545:3:x 65546:3:x ");
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	enrol(f->st, &bob);
	expect_all(f->st, &bob, "");
	close_exact(f);
}

/* --- for their time --- */

/* So many rows go, a part at a time, of which each ends. */
static void
sweep(struct fixture *f, uint64_t now, unsigned rows)
{
	unsigned parts = 1;
	bool more;

	for (;; parts++) {
		assert_int_equal(store_sweep(f->st, now, &more), 0);
		settle(f->st);
		if (!more)
			break;
	}
	if (f->kind == SQLITE)
		assert_in_range(parts, 1 + rows / 128, 2 + rows / 64);
}

static void
test_pieces_are_kept_for_their_time(void **state)
{
	enum { OLD = 150, TTL = 5000 };
	struct store_limits limits = store_limits_none;
	struct fixture *f = *state;
	bool more = true;

	limits.chunk_ttl_ms = TTL;
	reopen(f, &limits);
	enrol_all(f->st);
	for (unsigned i = 0; i < OLD; i++)
		assert_int_equal(
		    put(f->st, &alice, i % 2 ? &bob : &carol, 4, "old"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(put_piece(f->st, &bob, 'n', NOW + TTL), 0);
	settle(f->st);
	assert_int_equal(store_sweep(f->st, NOW + TTL, &more), 0);
	assert_false(more);
	settle(f->st);
	expect_pull(f->st, &carol, (struct body_pull){ 0 }, 1, &alice,
	    "1:4:old ");
	sweep(f, NOW + TTL + 1, OLD);
	expect_all(f->st, &carol, "");
	expect_pull(f->st, &bob, (struct body_pull){ 0 }, 1, &alice,
	    "76:3:text ");
	assert_int_equal(ack(f->st, &bob, 76, 76), 1);
	expect_pieces(f->st, &bob, "n");
	assert_int_equal(ack(f->st, &bob, 1, 99), 1);
	settle(f->st);
	close_exact(f);
}

/* Nothing of one kind stays because of what is kept of the other. */
static void
test_texts_are_kept_for_their_time(void **state)
{
	enum { MANY = 300, TTL = 5000 };
	struct store_limits limits = store_limits_none;
	struct fixture *f;

	limits.message_ttl_ms = TTL;
	limits.messages = 3 * MANY; /* more than half: shares are counted */
	f = begin(state, &limits);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(put(f->st, &alice, &bob, 4, "piece"), 0);
		assert_int_equal(put(f->st, &alice, &bob, 3, "old"), 0);
		assert_int_equal(put(f->st, &carol, &bob, 2, "old"), 0);
	}
	assert_int_equal(put_at(f->st, &alice, &bob, 3, "new", NOW + TTL), 0);
	settle(f->st);
	sweep(f, NOW + TTL, 0);
	expect_pull(f->st, &bob, (struct body_pull){ .after = 1 }, 1, &alice,
	    "2:3:old ");
	sweep(f, NOW + TTL + 1, 3 * MANY);
	expect_pull(f->st, &bob, (struct body_pull){ .no_chunks = true }, 9,
	    &alice, "901:3:new ");
	assert_int_equal(ack(f->st, &bob, 1, 900), MANY);
	settle(f->st);
	sweep(f, NOW + 2 * TTL, 1);
	expect_all(f->st, &bob, "901:3:new ");
	sweep(f, NOW + 2 * TTL + 1, 1);
	expect_all(f->st, &bob, "");
	close_exact(f);
}

/* --- at random, against a model --- */

#define PEOPLE   5
#define MAIL_MAX 20000
#define STEPS    12000

struct mail {
	unsigned to, from;
	uint32_t id, len;
	uint64_t at;
	uint8_t type;
	bool gone;
};

struct model {
	bool registered[PEOPLE];
	bool blocks[PEOPLE][PEOPLE];
	uint32_t next[PEOPLE];
	struct mail mail[MAIL_MAX];
	unsigned mail_n;
};

/* A trial: the model, and as it was when a commit made it last. */
struct trial {
	struct fixture *f;
	struct caller who[PEOPLE];
	struct model now, kept;
	uint64_t clock;
	unsigned full; /* refusals of that reason */
};

static const struct store_limits tight = {
	.messages = 24,
	.message_bytes = 700,
	.message_ttl_ms = 4000,
	.requests = 3,
	.chunk_bytes = (uint64_t)9 * (4096 + 20),
	.chunk_ttl_ms = 1500,
	.store_bytes = UINT64_MAX,
};

static uint32_t seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* What b has, of a's if a is somebody, of the kind of the type. */
static void
weigh(const struct model *m, unsigned b, int a, uint8_t type, uint64_t *n,
    uint64_t *bytes)
{
	*n = *bytes = 0;
	for (unsigned i = 0; i < m->mail_n; i++) {
		const struct mail *mail = &m->mail[i];

		if (mail->gone || mail->to != b ||
		    (a >= 0 && mail->from != (unsigned)a) ||
		    (mail->type == 4) != (type == 4))
			continue;
		++*n;
		*bytes += mail->len + (type == 4 ? 4096 : 0);
	}
}

static unsigned
requests(const struct model *m, unsigned b, unsigned a)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->mail_n; i++)
		n += !m->mail[i].gone && m->mail[i].to == b &&
		    m->mail[i].from == a && m->mail[i].type == 1;
	return n;
}

static bool
fits(const struct model *m, unsigned b, int a, uint8_t type, uint32_t len)
{
	unsigned part = a >= 0 ? 2 : 1;
	uint64_t n, bytes;

	weigh(m, b, a, type, &n, &bytes);
	if (type == 4)
		return (bytes + len + 4096) * part <= tight.chunk_bytes;
	return (n + 1) * part <= tight.messages &&
	    (bytes + len) * part <= tight.message_bytes;
}

static int
expected_put(const struct model *m, unsigned a, unsigned b, uint8_t type,
    uint32_t len)
{
	if (!m->registered[a])
		return REASON_NOT_REGISTERED;
	if (!m->registered[b])
		return REASON_UNKNOWN_CLIENT;
	if (m->blocks[b][a])
		return REASON_DENIED;
	if (!fits(m, b, -1, type, len) || !fits(m, b, (int)a, type, len) ||
	    (type == 1 && requests(m, b, a) >= tight.requests))
		return REASON_MAILBOX_FULL;
	return 0;
}

static void
step_put(struct trial *t, unsigned a, unsigned b)
{
	static const char content[] =
	    "0123456789012345678901234567890123456789012345678901234567890";
	struct model *m = &t->now;
	struct mail mail = { .to = b,
		.from = a,
		.at = t->clock,
		.len = 1 + pick(60),
		.type = (uint8_t)(1 + pick(4)) };
	int expected = expected_put(m, a, b, mail.type, mail.len);

	assert_int_equal(put_at(t->f->st, &t->who[a], &t->who[b], mail.type,
			     content + 61 - mail.len, t->clock),
	    expected);
	t->full += expected == REASON_MAILBOX_FULL;
	if (expected != 0)
		return;
	mail.id = ++m->next[b];
	assert_true(m->mail_n < MAIL_MAX);
	m->mail[m->mail_n++] = mail;
}

static void
step_register(struct trial *t, unsigned a, unsigned b)
{
	struct model *m = &t->now;

	(void)b;
	if (m->registered[a] && pick(24) == 0) {
		assert_int_equal(store_unregister(t->f->st, t->who[a].key.id),
		    0);
		m->registered[a] = false;
		memset(m->blocks[a], 0, sizeof(m->blocks[a]));
		for (unsigned i = 0; i < m->mail_n; i++)
			m->mail[i].gone |= m->mail[i].to == a;
	} else {
		enrol(t->f->st, &t->who[a]);
		m->registered[a] = true;
	}
}

static void
step_ack(struct trial *t, unsigned a, unsigned b)
{
	struct model *m = &t->now;
	uint32_t last = m->next[a] + 1, first = last - pick(last), n = 0;

	(void)b;
	if (!m->registered[a])
		return;
	last = first + pick(16);
	for (unsigned i = 0; i < m->mail_n; i++) {
		struct mail *mail = &m->mail[i];

		if (mail->gone || mail->to != a || mail->id < first ||
		    mail->id > last)
			continue;
		mail->gone = true;
		n++;
	}
	assert_int_equal(ack(t->f->st, &t->who[a], first, last), n);
}

static void
step_block(struct trial *t, unsigned a, unsigned b)
{
	struct model *m = &t->now;

	if (!m->registered[a])
		return;
	m->blocks[a][b] = pick(3) == 0;
	block(t->f->st, &t->who[a], m->blocks[a][b], t->who[b].key.id);
}

static void
step_sweep(struct trial *t, unsigned a, unsigned b)
{
	struct model *m = &t->now;
	bool more = true;

	t->clock += 50 * a + b;
	while (more)
		assert_int_equal(store_sweep(t->f->st, t->clock, &more), 0);
	for (unsigned i = 0; i < m->mail_n; i++)
		m->mail[i].gone |= m->mail[i].at +
			(m->mail[i].type == 4 ? tight.chunk_ttl_ms
					      : tight.message_ttl_ms) <
		    t->clock;
}

static void
step_commit(struct trial *t, unsigned a, unsigned b)
{
	if (a + b > 2)
		return;
	settle(t->f->st);
	t->kept = t->now;
}

/* With the open group, which is lost. */
static void
step_reopen(struct trial *t, unsigned a, unsigned b)
{
	if (a + b > 1 || t->f->kind == MEMORY)
		return;
	close_exact(t->f);
	t->now = t->kept;
	reopen(t->f, &tight);
}

struct walk {
	const struct model *m;
	unsigned who, at;
};

static bool
compare(void *arg, const struct body_message *msg)
{
	struct walk *w = arg;
	const struct mail *mail;

	do {
		assert_true(w->at < w->m->mail_n);
		mail = &w->m->mail[w->at++];
	} while (mail->gone || mail->to != w->who);
	assert_int_equal(msg->id, mail->id);
	assert_int_equal(msg->type, mail->type);
	assert_int_equal(msg->content_len, mail->len);
	return true;
}

static void
step_pull(struct trial *t, unsigned a, unsigned b)
{
	struct walk w = { .m = &t->now, .who = a };
	struct body_pull q = { 0 };

	(void)b;
	if (!t->now.registered[a])
		return;
	assert_int_equal(
	    store_pull(t->f->st, t->who[a].key.id, &q, compare, &w), 0);
	for (; w.at < w.m->mail_n; w.at++)
		assert_true(w.m->mail[w.at].gone || w.m->mail[w.at].to != a);
}

static void
test_random_steps(void **state)
{
	static void (*const steps[])(struct trial *, unsigned,
	    unsigned) = { step_put, step_put, step_put, step_put, step_put,
		step_put, step_put, step_put, step_ack, step_block, step_sweep,
		step_commit, step_reopen, step_register, step_pull };
	struct trial *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->f = *state;
	t->clock = NOW;
	reopen(t->f, &tight);
	seed = 20261126;
	for (unsigned i = 0; i < PEOPLE; i++) {
		char name[32];

		snprintf(name, sizeof(name), "p%u", i);
		caller_make(&t->who[i], 500 + i, name);
	}
	for (unsigned i = 0; i < STEPS; i++)
		steps[pick(ARRAY_LEN(steps))](t, pick(PEOPLE), pick(PEOPLE));
	/* it was about something */
	print_message("%u refused, %u taken\n", t->full, t->now.mail_n);
	assert_true(t->full > STEPS / 50);
	settle(t->f->st);
	close_exact(t->f);
	free(t);
}

/* --- a store of version 2 --- */

static void
load_dump(struct fixture *f, const char *name)
{
	char path[128], *text;
	size_t n;
	FILE *in;

	snprintf(path, sizeof(path), "tests/unit/vectors/%s", name);
	in = fopen(path, "r");
	assert_non_null(in);
	text = calloc(1, 65536);
	assert_non_null(text);
	n = fread(text, 1, 65535, in);
	assert_in_range(n, 1, 65534);
	fclose(in);
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(unlink(f->path), 0);
	run(f->path, text);
	free(text);
}

static void
test_a_store_of_version_2(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = *state;
	struct body_key k;

	load_dump(f, "relay-2.sql");
	limits.requests = 2;
	limits.messages = 6;
	/* alice has 4978 bytes in two pieces, carol 3 in one */
	limits.chunk_bytes = 2 * (4978 + 3 * 4096 + 4);
	assert_int_equal(store_sqlite_open(&f->st, f->path, &limits), 0);
	assert_int_equal(store_find(f->st, &k, alice.key.id), 0);
	assert_string_equal(k.name, "alice");
	expect_pull(f->st, &bob, (struct body_pull){ .no_chunks = true }, 9,
	    NULL, "1:1:bbbbbbbbbb 3:3:dddddddddddddddddddddddddddddd ");
	assert_int_equal(put(f->st, &alice, &bob, 4, "5 len"),
	    REASON_MAILBOX_FULL);
	assert_int_equal(put(f->st, &alice, &bob, 4, "four"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 4, "x"), REASON_MAILBOX_FULL);
	assert_int_equal(fill(f->st, &alice, 1, "r", REASON_MAILBOX_FULL), 1);
	assert_int_equal(fill(f->st, &alice, 3, "a", REASON_MAILBOX_FULL), 1);
	assert_int_equal(put(f->st, &carol, &alice, 3, "x"), REASON_DENIED);
	settle(f->st);
	store_close(f->st);
	f->st = NULL;
	expect_exact_counters(f->path);
	assert_int_equal(ask(f->path, "PRAGMA user_version"), 4);
}

int
main(void)
{
	static const struct store_case cases[] = {
		EACH(test_number_of_texts),
		EACH(test_others_from_now_on),
		ON(MEMORY, test_store_is_full_from_now_on),
		ON(SQLITE, test_store_is_full_from_now_on),
		EACH(test_bytes_of_texts),
		EACH(test_waiting_requests),
		EACH(test_bytes_of_pieces),
		ON(SQLITE, test_limits_that_change),
		ON(SQLITE, test_shares_are_counted_beyond_half),
		EACH(test_number_of_blocks),
		ON(SQLITE, test_deletions_of_a_request),
		EACH(test_pieces_are_kept_for_their_time),
		EACH(test_texts_are_kept_for_their_time),
		EACH(test_random_steps),
		ON(SQLITE, test_a_store_of_version_2),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
