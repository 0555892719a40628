/* SPDX-License-Identifier: ISC */
/* What every store must refuse, and let go of by itself. */
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "stores.h"

/* Then the store is closed. */
static void
close_exact(struct fixture *f)
{
	store_close(f->st);
	f->st = NULL;
	if (f->kind == SQLITE)
		expect_exact_counters(f->path);
}

/* How many of these can be put until one is refused so. */
static unsigned
fill(struct store *st, const struct caller *from, uint8_t type,
    const char *content, int refusal)
{
	unsigned n = 0;
	int r;

	while ((r = put(st, from, &bob, type, content)) == 0)
		n++;
	assert_int_equal(r, refusal);
	return n;
}

static struct fixture *
begin(void **state, const struct store_limits *limits)
{
	struct fixture *f = *state;

	reopen(f, limits);
	enrol_all(f->st);
	enrol(f->st, &dave);
	settle(f->st);
	return f;
}

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

/* --- of the disk --- */

/* Until bob has room, as a client and for a text, which is seen soon. */
static void
await_room(struct store *st)
{
	uint64_t deadline = clock_deadline(20000);
	int r;

	for (;;) {
		r = store_register(st, &bob.key, NOW);
		if (r == 0)
			r = put(st, &alice, &bob, 3, "again");
		if (r != REASON_BUSY)
			break;
		settle(st);
		assert_true(clock_left(deadline) > 0);
		clock_sleep(10);
	}
	assert_int_equal(r, 0);
	settle(st);
}

static int64_t
file_len(const char *path, const char *suffix)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) < 0 ? 0 : st.st_size;
}

/* What is there of the store, in bytes. */
static int64_t
on_disk(const struct fixture *f)
{
	unsigned n;

	if (f->kind == MEMORY)
		return 0;
	return file_len(f->path, "") + file_len(f->path, "-wal") + files(f, &n);
}

/* Nothing more that takes room, but all that is no more than a deletion. */
static void
expect_full(struct store *st)
{
	struct body_block op = { .block = true };
	struct caller erin;

	caller_make(&erin, 5, "erin");
	assert_int_equal(store_register(st, &erin.key, NOW), REASON_BUSY);
	memcpy(op.id, carol.key.id, ID_LEN);
	assert_int_equal(store_block(st, bob.key.id, &op), REASON_BUSY);
	assert_int_equal(put(st, &carol, &bob, 3, "x"), REASON_BUSY);
	assert_int_equal(put(st, &carol, &bob, 4, "x"), REASON_BUSY);
	block(st, &bob, false, dave.key.id);
	enrol(st, &alice); /* the same again */
	expect_pull(st, &bob, (struct body_pull){ 0 }, 1, &alice,
	    "1:3:the first ");
	assert_int_equal(ack(st, &bob, 1, 1), 1);
	settle(st);
}

/* Fill bob's mailbox from carol's until there is no more room; how many. */
static unsigned
fill_disk(const struct fixture *f, uint8_t type, int64_t max)
{
	unsigned all = 0, refused = 0, i = 0;
	static char content[20000];

	memset(content, 'x', sizeof(content) - 1);
	/* once the log is emptied there is more, and at last no more */
	while (refused < 3) {
		int r = put(f->st, &carol, &bob, type, content);

		assert_true(r == 0 || r == REASON_BUSY);
		refused = r == 0 ? 0 : refused + 1;
		all += r == 0;
		if (r == 0 && ++i % 10 != 0)
			continue;
		assert_int_equal(store_commit(f->st), 0);
		assert_true(on_disk(f) <= max);
		assert_int_equal(store_rest(f->st), 0);
	}
	return all;
}

static void
test_store_is_full(void **state)
{
	enum { MIB = 1024 * 1024, MAX = 8 * MIB, ROWS = MAX / 20000 };
	struct store_limits limits = store_limits_none;
	struct fixture *f;
	unsigned n;

	limits.store_bytes = MAX;
	f = begin(state, &limits);
	block(f->st, &bob, true, dave.key.id);
	assert_int_equal(put(f->st, &alice, &bob, 3, "the first"), 0);
	n = fill_disk(f, 3, MAX);
	assert_in_range(n, ROWS / 2, ROWS);
	/* something is left for what deletes */
	assert_true(on_disk(f) <= MAX - MIB);
	expect_full(f->st);
	/* and then with pieces, when all that is gone */
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), n);
	settle(f->st);
	await_room(f->st);
	assert_in_range(fill_disk(f, 4, 2 * (int64_t)MAX), ROWS / 2, ROWS);
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	await_room(f->st);
	close_exact(f);
}

/* Of the size of this, of which so much is free but for a store; or a real one.
 */
static struct {
	const struct fixture *f;
	int64_t size, free;
} drive;

/* In the place of the system's. */
int
statvfs(const char *path, struct statvfs *out)
{
	int fd, r;

	if (drive.size > 0) {
		*out = (struct statvfs){ .f_frsize = 1 };
		out->f_blocks = (uint64_t)drive.size;
		out->f_bavail = (uint64_t)(drive.free - on_disk(drive.f));
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = fstatvfs(fd, out);
	close(fd);
	return r;
}

/* And its files, when they may not grow any more. */
static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	struct {
		const struct sqlite3_io_methods *below;
		struct sqlite3_io_methods own;
	} kinds[4]; /* of files */
	bool full;
} disk;

static bool
is_beyond(sqlite3_file *file, int64_t end)
{
	sqlite3_int64 size;

	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK || end <= size)
		return false;
	return disk.full ||
	    (drive.size > 0 && on_disk(drive.f) + end - size > drive.free);
}

/* What is there already may be written again. */
static int
disk_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	size_t i = 0;

	while (file->pMethods != &disk.kinds[i].own)
		i++;
	if (is_beyond(file, at + len))
		return SQLITE_FULL;
	return disk.kinds[i].below->xWrite(file, bytes, len, at);
}

static int
disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file,
    int flags, int *flags_out)
{
	int rc = disk.below->xOpen(disk.below, name, file, flags, flags_out);

	size_t i = 0;

	(void)vfs;
	if (rc != SQLITE_OK || !file->pMethods)
		return rc;
	while (disk.kinds[i].below && disk.kinds[i].below != file->pMethods)
		assert_true(++i < ARRAY_LEN(disk.kinds));
	disk.kinds[i].below = file->pMethods;
	disk.kinds[i].own = *file->pMethods;
	disk.kinds[i].own.xWrite = disk_write;
	file->pMethods = &disk.kinds[i].own;
	return SQLITE_OK;
}

static void
disk_use(bool ours)
{
	if (ours) {
		disk.below = sqlite3_vfs_find(NULL);
		disk.vfs = *disk.below;
		disk.vfs.zName = "disk";
		disk.vfs.xOpen = disk_open;
		sqlite3_vfs_register(&disk.vfs, 1);
	} else {
		sqlite3_vfs_unregister(&disk.vfs);
	}
}

/* What was once taken is used again, though the file does not shrink. */
static void
test_pages_are_used_again(void **state)
{
	enum { MIB = 1024 * 1024, MAX = 8 * MIB, KEPT = 2 * MIB };
	struct store_limits limits = store_limits_none;
	struct fixture *f;
	unsigned n;

	limits.free_percent = 2;
	disk_use(true);
	drive.f = *state;
	drive.size = (int64_t)100 * MIB;
	drive.free = KEPT + MAX;
	f = begin(state, &limits);
	n = fill_disk(f, 3, MAX);
	assert_in_range(n, MAX / 20000 / 2, MAX / 20000);
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), n);
	settle(f->st);
	assert_true(file_len(f->path, "") > MAX / 2);
	await_room(f->st);
	/* not for pieces of files, which stand beside it */
	assert_int_equal(put(f->st, &alice, &bob, 4, "x"), REASON_BUSY);
	/* where there is no room to grow the log is short */
	assert_in_range(fill_disk(f, 3, MAX), n / 2, n + 10);
	assert_true(file_len(f->path, "-wal") < MIB);
	/* not without room for the log, whatever is free in the file */
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	limits.free_percent = 0;
	reopen(f, &limits);
	drive.free = on_disk(f) + MIB / 2;
	assert_int_equal(put(f->st, &alice, &carol, 3, "x"), REASON_BUSY);
	drive.free = on_disk(f) + 2 * MIB;
	await_room(f->st);
	disk_use(false);
	drive.size = 0;
	close_exact(f);
}

static void
test_disk_is_nearly_full(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = begin(state, &limits);

	block(f->st, &bob, true, dave.key.id);
	assert_int_equal(put(f->st, &alice, &bob, 3, "the first"), 0);
	settle(f->st);
	limits.free_percent = 100; /* no disk is that empty */
	reopen(f, &limits);
	expect_full(f->st);
	limits.free_percent = 0;
	reopen(f, &limits);
	await_room(f->st);
	close_exact(f);
}

static void
test_disk_is_full(void **state)
{
	static char content[200000];
	struct fixture *f = *state;

	memset(content, 'x', sizeof(content) - 1);
	disk_use(true);
	f = begin(state, NULL);
	assert_int_equal(put(f->st, &alice, &bob, 3, "kept"), 0);
	settle(f->st);
	for (unsigned i = 0; i < 3; i++) {
		disk.full = true;
		assert_int_equal(put(f->st, &alice, &bob, 3, content), 0);
		assert_int_equal(put(f->st, &alice, &carol, 3, "lost"), 0);
		assert_int_equal(store_commit(f->st), ERR_BUSY);
		assert_int_equal(store_rest(f->st), 0);
		expect_pull(f->st, &bob, (struct body_pull){ 0 }, 1, &alice,
		    "1:3:kept ");
		expect_all(f->st, &carol, "");
		disk.full = false;
		assert_int_equal(put(f->st, &alice, &bob, 3, content), 0);
		settle(f->st);
	}
	/* what is deleted takes no room that is not there */
	assert_int_equal(ack(f->st, &bob, 1, 9), 4);
	settle(f->st);
	expect_all(f->st, &bob, "");
	close_exact(f);
	disk_use(false);
}

/* --- of the log --- */

static void
test_log_is_bounded(void **state)
{
	enum { GROUPS = 400, ROWS = 64, MAX = 64 * 1024 * 1024 };
	static char content[4000];
	struct fixture *f = begin(state, NULL);
	int64_t most = 0;

	memset(content, 'x', sizeof(content) - 1);
	for (unsigned i = 0; i < GROUPS; i++) {
		for (unsigned j = 0; j < ROWS; j++)
			assert_int_equal(put(f->st, &alice,
					     j % 2 ? &bob : &carol, 3, content),
			    0);
		settle(f->st);
		if (most < file_len(f->path, "-wal"))
			most = file_len(f->path, "-wal");
	}
	assert_in_range(most, MAX / 4, MAX);
	close_exact(f);
}

/* Else there might be no room to make room. */
static void
test_deleting_takes_little(void **state)
{
	enum { MANY = 50 };
	struct fixture *f = begin(state, NULL);
	static char content[20000];

	memset(content, 'x', sizeof(content) - 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put(f->st, &alice, &bob, 3, content), 0);
	settle(f->st);
	reopen(f, NULL);
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), MANY);
	settle(f->st);
	assert_in_range(file_len(f->path, "-wal"), 1,
	    MANY * sizeof(content) / 4);
	close_exact(f);
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
	static enum kind memory = MEMORY, sqlite = SQLITE;
	const struct CMUnitTest tests[] = {
		ON_BOTH(test_number_of_texts),
		ON_BOTH(test_bytes_of_texts),
		ON_BOTH(test_waiting_requests),
		ON_BOTH(test_bytes_of_pieces),
		ON(sqlite, test_limits_that_change),
		ON(sqlite, test_shares_are_counted_beyond_half),
		ON_BOTH(test_number_of_blocks),
		ON(sqlite, test_deletions_of_a_request),
		ON_BOTH(test_pieces_are_kept_for_their_time),
		ON_BOTH(test_texts_are_kept_for_their_time),
		ON_BOTH(test_random_steps),
		ON_BOTH(test_store_is_full),
		ON(sqlite, test_pages_are_used_again),
		ON(sqlite, test_disk_is_nearly_full),
		ON(sqlite, test_disk_is_full),
		ON(sqlite, test_log_is_bounded),
		ON(sqlite, test_deleting_takes_little),
		ON(sqlite, test_a_store_of_version_2),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
