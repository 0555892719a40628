/* SPDX-License-Identifier: ISC */
/* What every store must do; each test runs on each of them. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "server/mailbox.h"
#include "stores.h"

static unsigned syncs;

/* --- clients --- */

static void
test_register_and_find(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;

	expect_unknown(st, &alice);
	enrol(st, &alice);
	expect_known(st, &alice);
	assert_int_equal(store_commit(st), 0);
	expect_known(st, &alice);
	expect_unknown(st, &bob);
	/* the same again, and once more after a commit */
	enrol(st, &alice);
	assert_int_equal(store_commit(st), 0);
	enrol(st, &alice);
	expect_known(st, &alice);
}

static void
test_names_are_unique(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;
	struct caller b = bob, a = alice;

	enrol(st, &alice);
	memcpy(b.key.name, alice.key.name, sizeof(b.key.name));
	assert_int_equal(store_register(st, &b.key, NOW), REASON_NAME_TAKEN);
	expect_unknown(st, &bob);
	/* names compare byte for byte */
	snprintf(b.key.name, sizeof(b.key.name), "Alice");
	enrol(st, &b);
	/* a new name frees the old one */
	snprintf(a.key.name, sizeof(a.key.name), "alison");
	a.key.issued_at++;
	enrol(st, &a);
	memcpy(b.key.name, alice.key.name, sizeof(b.key.name));
	b.key.issued_at++;
	enrol(st, &b);
	expect_known(st, &a);
	expect_known(st, &b);
	/* and so does unregistering */
	assert_int_equal(store_unregister(st, bob.key.id), 0);
	memcpy(a.key.name, b.key.name, sizeof(a.key.name));
	a.key.issued_at++;
	enrol(st, &a);
}

static void
test_stale_bundles(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;
	struct caller a = alice;

	enrol(st, &alice);
	a.key.issued_at--;
	assert_int_equal(store_register(st, &a.key, NOW), REASON_STALE);
	a.key.issued_at++;
	a.key.bundle.prekey_pk[0] ^= 1;
	assert_int_equal(store_register(st, &a.key, NOW), REASON_STALE);
	a = alice;
	snprintf(a.key.name, sizeof(a.key.name), "alison");
	assert_int_equal(store_register(st, &a.key, NOW), REASON_STALE);
	expect_known(st, &alice);
	a.key.issued_at++;
	enrol(st, &a);
	expect_known(st, &a);
	/* forgotten with the registration */
	assert_int_equal(store_unregister(st, alice.key.id), 0);
	enrol(st, &alice);
	expect_known(st, &alice);
}

struct listed {
	unsigned n;
	unsigned most;
	uint8_t last[ID_LEN];
};

static bool
add_listed(void *arg, const struct body_client *c)
{
	struct listed *l = arg;

	assert_true(memcmp(c->id, l->last, ID_LEN) > 0);
	assert_int_equal(strncmp(c->name, "client-", 7), 0);
	memcpy(l->last, c->id, ID_LEN);
	return ++l->n < l->most;
}

static void
test_list_pages(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;
	struct listed l = { .n = 0 };
	struct body_list q = { .limit = 256 };
	struct caller c;

	for (unsigned i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "client-%u", i);
		caller_make(&c, 1000 + i, name);
		enrol(st, &c);
	}
	assert_int_equal(store_unregister(st, c.key.id), 0);
	do {
		l.most = l.n + 7;
		memcpy(q.after, l.last, ID_LEN);
		assert_int_equal(store_list(st, &q, add_listed, &l), 0);
	} while (l.n == l.most);
	assert_int_equal(l.n, 99);
	/* one name, and only above after */
	snprintf(q.name, sizeof(q.name), "client-42");
	l = (struct listed){ .most = 1000 };
	memset(q.after, 0, ID_LEN);
	assert_int_equal(store_list(st, &q, add_listed, &l), 0);
	assert_int_equal(l.n, 1);
	memcpy(q.after, l.last, ID_LEN);
	assert_int_equal(store_list(st, &q, add_listed, &l), 0);
	snprintf(q.name, sizeof(q.name), "client-99");
	assert_int_equal(store_list(st, &q, add_listed, &l), 0);
	assert_int_equal(l.n, 1);
}

/* --- mail --- */

static void
test_put_pull_ack(void **state)
{
	const uint32_t row = PULL_ITEM_LEN + 3; /* of a content of 3 bytes */
	struct store *st = ((struct fixture *)*state)->st;

	enrol_all(st);
	expect_all(st, &bob, "");
	assert_int_equal(put(st, &alice, &bob, 1, "one"), 0);
	assert_int_equal(put(st, &alice, &carol, 3, "other"), 0);
	assert_int_equal(put(st, &alice, &bob, 4, "two"), 0);
	/* seen before the commit, as after it */
	expect_all(st, &bob, "1:1:one 2:4:two ");
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(put(st, &alice, &bob, 3, "three"), 0);
	assert_int_equal(store_commit(st), 0);
	expect_all(st, &bob, "1:1:one 2:4:two 3:3:three ");
	/* after, without chunks, a page */
	expect_pull(st, &bob, (struct body_pull){ .after = 1 }, 9, &alice,
	    "2:4:two 3:3:three ");
	expect_pull(st, &bob, (struct body_pull){ .no_chunks = true }, 9,
	    &alice, "1:1:one 3:3:three ");
	expect_pull(st, &bob, (struct body_pull){ 0 }, 2, &alice,
	    "1:1:one 2:4:two ");
	expect_pull(st, &bob, (struct body_pull){ .after = UINT32_MAX }, 9,
	    NULL, "");
	expect_pull(st, &bob, (struct body_pull){ .max_bytes = 2 * row }, 9,
	    &alice, "1:1:one 2:4:two ");
	expect_pull(st, &bob, (struct body_pull){ .max_bytes = 2 * row - 1 }, 9,
	    &alice, "1:1:one ");
	expect_pull(st, &bob, (struct body_pull){ .max_bytes = 1 }, 9, &alice,
	    "1:1:one ");
	/* what is missing is skipped */
	assert_int_equal(ack(st, &bob, 2, 2), 1);
	assert_int_equal(ack(st, &bob, 2, 2), 0);
	assert_int_equal(ack(st, &bob, 0, 1), 1);
	assert_int_equal(ack(st, &bob, 4, UINT32_MAX), 0);
	assert_int_equal(store_commit(st), 0);
	expect_all(st, &bob, "3:3:three ");
	assert_int_equal(ack(st, &bob, 0, UINT32_MAX), 1);
	expect_all(st, &bob, "");
	expect_all(st, &carol, "1:3:other ");
	/* ids go on where they were */
	assert_int_equal(put(st, &carol, &bob, 2, "four"), 0);
	expect_pull(st, &bob, (struct body_pull){ 0 }, 9, &carol, "4:2:four ");
}

static void
test_refusals(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;

	enrol(st, &alice);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), REASON_UNKNOWN_CLIENT);
	assert_int_equal(put(st, &bob, &alice, 3, "x"), REASON_NOT_REGISTERED);
	expect_all(st, &alice, "");
	enrol(st, &bob);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), 0);
	assert_int_equal(store_unregister(st, bob.key.id), 0);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), REASON_UNKNOWN_CLIENT);
	assert_int_equal(store_unregister(st, bob.key.id),
	    REASON_UNKNOWN_CLIENT);
	assert_int_equal(store_seen(st, bob.key.id, NOW),
	    REASON_UNKNOWN_CLIENT);
	assert_int_equal(store_seen(st, alice.key.id, NOW), 0);
}

static void
test_unregister_keeps_the_counter(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;

	enrol_all(st);
	assert_int_equal(put(st, &alice, &bob, 3, "gone"), 0);
	assert_int_equal(put(st, &bob, &alice, 3, "stays"), 0);
	block(st, &bob, true, carol.key.id);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(store_unregister(st, bob.key.id), 0);
	assert_int_equal(store_commit(st), 0);
	expect_unknown(st, &bob);
	expect_pull(st, &alice, (struct body_pull){ 0 }, 9, &bob, "1:3:stays ");
	enrol(st, &bob);
	expect_all(st, &bob, "");
	assert_int_equal(put(st, &carol, &bob, 3, "new"), 0);
	expect_all(st, &bob, "2:3:new ");
}

static void
test_block(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;
	static const uint8_t nobody[ID_LEN] = "nobody";

	enrol_all(st);
	block(st, &bob, true, nobody);
	block(st, &bob, true, alice.key.id);
	block(st, &bob, true, alice.key.id);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), REASON_DENIED);
	assert_int_equal(put(st, &carol, &bob, 3, "y"), 0);
	assert_int_equal(put(st, &bob, &alice, 3, "z"), 0);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), REASON_DENIED);
	block(st, &bob, false, nobody);
	block(st, &bob, false, carol.key.id);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), REASON_DENIED);
	block(st, &bob, false, alice.key.id);
	assert_int_equal(put(st, &alice, &bob, 3, "x"), 0);
	expect_all(st, &bob, "1:3:y 2:3:x ");
}

/* --- at random, against a model that keeps no more than it must --- */

#define PEOPLE   12
#define MAIL_MAX 20000
#define STEPS    20000

struct model {
	struct caller who[PEOPLE];
	bool registered[PEOPLE];
	bool blocks[PEOPLE][PEOPLE];
	uint32_t next[PEOPLE];
	struct {
		unsigned to;
		uint32_t id;
		uint8_t type;
		uint32_t len;
		bool gone;
	} mail[MAIL_MAX];
	unsigned mail_n;
};

static uint32_t seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
step_register(struct model *m, struct store *st, unsigned a, unsigned b)
{
	(void)b;
	if (m->registered[a] && pick(8) == 0) {
		assert_int_equal(store_unregister(st, m->who[a].key.id), 0);
		m->registered[a] = false;
		memset(m->blocks[a], 0, sizeof(m->blocks[a]));
		for (unsigned i = 0; i < m->mail_n; i++) {
			if (m->mail[i].to == a)
				m->mail[i].gone = true;
		}
	} else {
		enrol(st, &m->who[a]);
		m->registered[a] = true;
	}
}

static void
step_put(struct model *m, struct store *st, unsigned a, unsigned b)
{
	static const char content[] =
	    "0123456789012345678901234567890123456789";
	struct body_send msg = { .type = (uint8_t)(1 + pick(4)),
		.content = (const uint8_t *)content,
		.content_len = 1 + pick(sizeof(content) - 1) };
	int expected = 0;

	if (!m->registered[a])
		expected = REASON_NOT_REGISTERED;
	else if (!m->registered[b])
		expected = REASON_UNKNOWN_CLIENT;
	else if (m->blocks[b][a])
		expected = REASON_DENIED;
	memcpy(msg.to, m->who[b].key.id, ID_LEN);
	assert_int_equal(store_put(st, &msg, m->who[a].key.id, NOW), expected);
	if (expected != 0)
		return;
	assert_true(m->mail_n < MAIL_MAX);
	m->mail[m->mail_n].to = b;
	m->mail[m->mail_n].id = ++m->next[b];
	m->mail[m->mail_n].type = msg.type;
	m->mail[m->mail_n++].len = msg.content_len;
}

static void
step_ack(struct model *m, struct store *st, unsigned a, unsigned b)
{
	struct body_range range = { pick(m->next[a] + 2), 0 };
	uint32_t n = 0, expected = 0;
	int r;

	(void)b;
	range.last = range.first + pick(20);
	r = store_ack(st, m->who[a].key.id, &range, &n);
	assert_int_equal(r, m->registered[a] ? 0 : REASON_UNKNOWN_CLIENT);
	for (unsigned i = 0; i < m->mail_n; i++) {
		if (m->mail[i].to != a || m->mail[i].gone ||
		    m->mail[i].id < range.first || m->mail[i].id > range.last)
			continue;
		m->mail[i].gone = true;
		expected++;
	}
	assert_int_equal(n, expected);
}

static void
step_block(struct model *m, struct store *st, unsigned a, unsigned b)
{
	if (!m->registered[a])
		return;
	m->blocks[a][b] = pick(3) == 0;
	block(st, &m->who[a], m->blocks[a][b], m->who[b].key.id);
}

struct walk {
	const struct model *m;
	unsigned who;
	unsigned at; /* in m->mail */
	bool no_chunks;
	uint32_t after;
};

/* The next message that the model has for the walk, or mail_n. */
static unsigned
next_mail(struct walk *w)
{
	for (; w->at < w->m->mail_n; w->at++) {
		if (w->m->mail[w->at].to == w->who && !w->m->mail[w->at].gone &&
		    w->m->mail[w->at].id > w->after &&
		    !(w->no_chunks && w->m->mail[w->at].type == MESSAGE_CHUNK))
			break;
	}
	return w->at;
}

static bool
compare(void *arg, const struct body_message *msg)
{
	struct walk *w = arg;
	unsigned i = next_mail(w);

	assert_true(i < w->m->mail_n);
	assert_int_equal(msg->id, w->m->mail[i].id);
	assert_int_equal(msg->type, w->m->mail[i].type);
	assert_int_equal(msg->content_len, w->m->mail[i].len);
	w->at++;
	return true;
}

static void
step_pull(struct model *m, struct store *st, unsigned a, unsigned b)
{
	struct body_pull q = { .after = pick(m->next[a] + 1),
		.no_chunks = b % 2 == 0 };
	struct walk w = { .m = m,
		.who = a,
		.no_chunks = q.no_chunks,
		.after = q.after };
	int r = store_pull(st, m->who[a].key.id, &q, compare, &w);

	assert_int_equal(r, m->registered[a] ? 0 : REASON_UNKNOWN_CLIENT);
	assert_int_equal(next_mail(&w), m->mail_n);
}

static void
test_random_steps(void **state)
{
	static void (*const steps[])(struct model *, struct store *, unsigned,
	    unsigned) = { step_register, step_put, step_put, step_put, step_put,
		step_put, step_ack, step_block, step_pull };
	struct fixture *f = *state;
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	seed = 20231114;
	for (unsigned i = 0; i < PEOPLE; i++) {
		char name[32];

		snprintf(name, sizeof(name), "p%u", i);
		caller_make(&m->who[i], 500 + i, name);
	}
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned what = pick(ARRAY_LEN(steps));

		steps[what](m, f->st, pick(PEOPLE), pick(PEOPLE));
		if (pick(20) == 0)
			assert_int_equal(store_commit(f->st), 0);
		if (pick(500) == 0)
			assert_int_equal(store_rest(f->st), 0);
	}
	assert_int_equal(store_commit(f->st), 0);
	close_exact(f);
	free(m);
}

/* --- where the stores differ --- */

static void
test_last_message_id(void **state)
{
	struct fixture *f = *state;

	if (f->kind == MEMORY) {
		store_close(f->st);
		assert_int_equal(store_mem_open(&f->st, UINT32_MAX - 1, NULL),
		    0);
	}
	enrol_all(f->st);
	if (f->kind == SQLITE)
		change(f, "UPDATE mailboxes SET nextMessage = 4294967294");
	if (f->kind == POSTGRESQL)
		ask_cluster(f->database,
		    "UPDATE clients SET last_id = 4294967293");
	assert_int_equal(put(f->st, &alice, &bob, 3, "last"), 0);
	assert_int_equal(store_commit(f->st), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), REASON_MAILBOX_FULL);
	expect_all(f->st, &bob, "4294967294:3:last ");
	assert_int_equal(ack(f->st, &bob, 1, UINT32_MAX), 1);
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), REASON_MAILBOX_FULL);
}

static void
test_more_mailboxes_than_are_kept(void **state)
{
	enum { MANY = MAILBOX_MAX + 500 };
	struct fixture *f = *state;
	struct caller *who = calloc(MANY, sizeof(*who));

	assert_non_null(who);
	enrol(f->st, &alice);
	for (unsigned i = 0; i < MANY; i++) {
		char name[32];

		/* keys are slow to make, and the store asks for none */
		snprintf(name, sizeof(name), "many-%u", i);
		who[i].key = alice.key;
		snprintf(who[i].key.name, sizeof(who[i].key.name), "%s", name);
		memcpy(who[i].key.id, &i, sizeof(i));
		enrol(f->st, &who[i]);
	}
	/* in one group: each twice, far apart */
	for (unsigned n = 0; n < 2 * MANY; n++)
		assert_int_equal(put(f->st, &alice, &who[n % MANY], 3, "x"), 0);
	assert_int_equal(store_commit(f->st), 0);
	for (unsigned i = 0; i < MANY; i++)
		expect_all(f->st, &who[i], "1:3:x 2:3:x ");
	free(who);
	store_close(f->st);
	f->st = NULL;
	expect_exact_counters(f->path);
}

static void
test_reopen(void **state)
{
	struct fixture *f = *state;
	struct store *second;

	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "kept"), 0);
	assert_int_equal(store_commit(f->st), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "lost"), 0);
	assert_int_equal(store_sqlite_open(&second, f->path, NULL), ERR_LOCKED);
	store_close(f->st);
	assert_int_equal(store_sqlite_open(&f->st, f->path, NULL), 0);
	expect_known(f->st, &carol);
	expect_all(f->st, &bob, "1:3:kept ");
}

/* The counters of texts are written late, and right whenever it is. */
static void
test_texts_count_before_their_counters_do(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = *state;

	limits.messages = 42;
	enrol_all(f->st);
	for (unsigned n = 1; n <= 40; n++) {
		assert_int_equal(
		    put(f->st, n % 2 ? &alice : &carol, &bob, 3, "x"), 0);
		settle(f->st);
		if (n % 7 == 0)
			reopen(f, &limits);
	}
	assert_int_equal(ack(f->st, &bob, 1, 38), 38);
	settle(f->st);
	reopen(f, &limits);
	assert_int_equal(put(f->st, &alice, &bob, 3, "y"), 0);
	expect_all(f->st, &bob, "39:3:x 40:3:x 41:3:y ");
	for (unsigned n = 4; n <= 42; n++)
		assert_int_equal(
		    put(f->st, n % 2 ? &alice : &carol, &bob, 3, "z"), 0);
	settle(f->st);
	reopen(f, &limits);
	assert_int_equal(put(f->st, &carol, &bob, 3, "z"), REASON_MAILBOX_FULL);
	store_close(f->st);
	f->st = NULL;
	expect_exact_counters(f->path);
}

static void
test_reopen_knows_who_has_left(void **state)
{
	struct fixture *f = *state;

	enrol_all(f->st);
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	reopen(f, NULL);
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"),
	    REASON_UNKNOWN_CLIENT);
	enrol(f->st, &bob);
	settle(f->st);
	reopen(f, NULL);
	assert_int_equal(put(f->st, &alice, &bob, 3, "y"), 0);
	expect_all(f->st, &bob, "1:3:y ");
}

static void
test_last_seen(void **state)
{
	static const char since[] =
	    "SELECT max(lastSeen) - 1700000000000 FROM clients";
	struct fixture *f = *state;

	enrol_all(f->st);
	settle(f->st);
	reopen(f, NULL);
	/* within the hour it is not written */
	assert_int_equal(store_seen(f->st, bob.key.id, NOW + 1000), 0);
	reopen(f, NULL);
	store_close(f->st);
	assert_int_equal(ask(f->path, since), 0);
	assert_int_equal(store_sqlite_open(&f->st, f->path, NULL), 0);
	assert_int_equal(store_seen(f->st, bob.key.id, NOW + 7200000), 0);
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(ask(f->path, since), 7200000);
}

static void
test_not_a_store(void **state)
{
	struct fixture *f = *state;
	struct store *st;
	FILE *file;

	store_close(f->st);
	f->st = NULL;
	assert_int_equal(store_open(&st, f->path, NULL, NULL), ERR_USAGE);
	assert_int_equal(store_open(&st, "sqlite:", NULL, NULL), ERR_USAGE);
	assert_int_equal(store_open(&st, "postgresql:", NULL, NULL), ERR_USAGE);
	assert_int_equal(store_open(&st, "postgresql:nonsense", NULL, NULL),
	    ERR_USAGE);
	assert_int_equal(store_open(&st, "sqlite:/nowhere/x", NULL, NULL),
	    ERR_IO);
	/* of another version, another's, none */
	run(f->path, "PRAGMA user_version = 5");
	assert_int_equal(store_sqlite_open(&st, f->path, NULL), ERR_CORRUPT);
	run(f->path, "PRAGMA user_version = 4; PRAGMA application_id = 1");
	assert_int_equal(store_sqlite_open(&st, f->path, NULL), ERR_CORRUPT);
	file = fopen(f->path, "wb");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("no database", file);
	fclose(file);
	assert_int_equal(store_sqlite_open(&st, f->path, NULL), ERR_CORRUPT);
}

/* What SQLite and the files of pieces call. */
int
fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* A power cut must find on the disk what a commit has promised. */
static void
test_commits_are_synced(void **state)
{
	struct fixture *f = *state;

	enrol_all(f->st);
	for (unsigned n = 0; n < 3; n++) {
		syncs = 0;
		assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
		assert_int_equal(store_commit(f->st), 0);
		assert_int_equal(syncs, 1);
		assert_int_equal(put_piece(f->st, &bob, 'p', NOW), 0);
		assert_int_equal(store_commit(f->st), 0);
		assert_int_equal(syncs, 3);
		assert_int_equal(store_commit(f->st), 0);
		assert_int_equal(syncs, 3);
	}
}

static void
test_failed_write_is_for_good(void **state)
{
	struct fixture *f = *state;
	struct body_key k;

	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "kept"), 0);
	assert_int_equal(store_commit(f->st), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(8192);
	assert_int_equal(put(f->st, &alice, &bob, 3, "lost"), 0);
	assert_int_equal(store_commit(f->st), ERR_IO);
	limit_files(RLIM_INFINITY);
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), ERR_IO);
	assert_int_equal(store_find(f->st, &k, bob.key.id), ERR_IO);
	assert_int_equal(store_commit(f->st), ERR_IO);
	store_close(f->st);
	assert_int_equal(store_sqlite_open(&f->st, f->path, NULL), 0);
	expect_all(f->st, &bob, "1:3:kept ");
	assert_int_equal(put(f->st, &alice, &bob, 3, "next"), 0);
	assert_int_equal(store_commit(f->st), 0);
	expect_all(f->st, &bob, "1:3:kept 2:3:next ");
}

static void
test_shortage_loses_a_group_only(void **state)
{
	static char content[100000];
	struct fixture *f = *state;

	memset(content, 'x', sizeof(content) - 1);
	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "kept"), 0);
	assert_int_equal(store_commit(f->st), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "lost"), 0);
	sqlite3_hard_heap_limit64(sqlite3_memory_used() + 10000);
	assert_int_equal(put(f->st, &alice, &carol, 3, content), ERR_BUSY);
	sqlite3_hard_heap_limit64(0);
	/* whatever follows belongs to the same group */
	assert_int_equal(put(f->st, &alice, &bob, 3, "lost"), ERR_BUSY);
	assert_int_equal(store_commit(f->st), ERR_BUSY);
	expect_all(f->st, &bob, "1:3:kept ");
	assert_int_equal(put(f->st, &alice, &bob, 3, "next"), 0);
	assert_int_equal(store_commit(f->st), 0);
	expect_all(f->st, &bob, "1:3:kept 2:3:next ");
	store_close(f->st);
	f->st = NULL;
	expect_exact_counters(f->path);
}

/* --- pieces of files --- */

static void
expect_files(const struct fixture *f, unsigned expected)
{
	unsigned n;

	(void)files(f, &n);
	assert_int_equal(n, expected);
}

static void
test_pieces_stand_in_files(void **state)
{
	struct fixture *f = *state;
	int64_t before;
	unsigned n;

	enrol_all(f->st);
	expect_files(f, 0);
	for (uint8_t c = 'a'; c <= 'd'; c++)
		assert_int_equal(put_piece(f->st, &bob, c, NOW), 0);
	expect_pieces(f->st, &bob, "abcd");
	settle(f->st);
	reopen(f, NULL);
	expect_pieces(f->st, &bob, "abcd");
	before = files(f, &n);
	assert_int_equal(n, 1);
	/* a hole for one that is gone, and not before that is certain */
	assert_int_equal(ack(f->st, &bob, 2, 3), 2);
	assert_int_equal(files(f, &n), before);
	expect_pieces(f->st, &bob, "ad");
	settle(f->st);
	reopen(f, NULL);
	assert_true(files(f, &n) <= before - 2 * (PIECE_LEN - 4096));
	expect_pieces(f->st, &bob, "ad");
	/* after a start, another file; the last piece takes its file along */
	assert_int_equal(put_piece(f->st, &bob, 'e', NOW), 0);
	settle(f->st);
	expect_files(f, 2);
	assert_int_equal(ack(f->st, &bob, 1, 4), 2);
	settle(f->st);
	expect_files(f, 1);
	expect_pieces(f->st, &bob, "e");
	assert_int_equal(ack(f->st, &bob, 5, 5), 1);
	settle(f->st);
	expect_files(f, 0);
	assert_int_equal(put_piece(f->st, &bob, 'f', NOW), 0);
	settle(f->st);
	expect_pieces(f->st, &bob, "f");
	/* and so does a client that goes */
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	expect_files(f, 1);
	settle(f->st);
	expect_files(f, 0);
	store_close(f->st);
	f->st = NULL;
	expect_exact_counters(f->path);
}

/* Holes in files that stay are given back while the relay runs. */
static void
test_many_holes(void **state)
{
	struct fixture *f = *state;
	int64_t before;
	unsigned n;

	enrol_all(f->st);
	for (int i = 0; i < 1150; i++) {
		assert_int_equal(put_piece(f->st, &bob, 'a', NOW), 0);
		if (i % 50 == 49)
			settle(f->st);
	}
	before = files(f, &n);
	assert_int_equal(n, 2);
	assert_int_equal(ack(f->st, &bob, 2, 600), 599);
	settle(f->st);
	assert_int_equal(files(f, &n), before);
	assert_int_equal(ack(f->st, &bob, 650, 1140), 491);
	settle(f->st);
	assert_true(files(f, &n) <= before - 50 * PIECE_LEN);
	assert_int_equal(n, 2);
}

static void
test_pieces_of_a_lost_group(void **state)
{
	static char content[PIECE_LEN];
	struct fixture *f = *state;

	memset(content, 'x', sizeof(content) - 1);
	enrol_all(f->st);
	assert_int_equal(put_piece(f->st, &bob, 'a', NOW), 0);
	settle(f->st);
	assert_int_equal(put_piece(f->st, &bob, 'b', NOW), 0);
	assert_int_equal(ack(f->st, &bob, 1, 1), 1);
	sqlite3_hard_heap_limit64(sqlite3_memory_used() + 10000);
	assert_int_equal(put(f->st, &alice, &carol, 3, content), ERR_BUSY);
	sqlite3_hard_heap_limit64(0);
	assert_int_equal(store_commit(f->st), ERR_BUSY);
	/* neither the new one is there, nor is the old one gone */
	expect_pieces(f->st, &bob, "a");
	assert_int_equal(put_piece(f->st, &bob, 'c', NOW), 0);
	settle(f->st);
	expect_pieces(f->st, &bob, "ac");
	assert_int_equal(ack(f->st, &bob, 1, 9), 2);
	settle(f->st);
	expect_files(f, 0);
}

static void
make_file(const struct fixture *f, const char *name)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s.files/%s", f->path, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	fclose(file);
}

static void
test_orphans_go_at_the_start(void **state)
{
	struct fixture *f = *state;
	char path[160];

	enrol_all(f->st);
	assert_int_equal(put_piece(f->st, &bob, 'a', NOW), 0);
	settle(f->st);
	/* written, but never committed */
	reopen(f, NULL);
	assert_int_equal(put_piece(f->st, &bob, 'b', NOW), 0);
	expect_files(f, 2);
	make_file(f, "00000000000000000077");
	make_file(f, "notes");
	reopen(f, NULL);
	expect_files(f, 2); /* of a, and what is none of ours */
	expect_pieces(f->st, &bob, "a");
	assert_int_equal(put_piece(f->st, &bob, 'c', NOW), 0);
	settle(f->st);
	snprintf(path, sizeof(path), "%s.files/00000000000000000078", f->path);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(ack(f->st, &bob, 1, 9), 2);
	settle(f->st);
	expect_files(f, 1);
	snprintf(path, sizeof(path), "%s.files/notes", f->path);
	assert_int_equal(unlink(path), 0);
}

/* Files that are removed, but open. */
static unsigned
removed_files(void)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[PATH_MAX];
	unsigned n = 0;

	assert_non_null(list);
	while ((entry = readdir(list))) {
		ssize_t len = readlinkat(dirfd(list), entry->d_name, target,
		    sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		n += strstr(target, ".files/") && strstr(target, "(deleted)");
	}
	closedir(list);
	return n;
}

static unsigned held_open; /* files, to be written to */

int
openat(int dir, const char *name, int flags, ...)
{
	held_open += (flags & O_ACCMODE) == O_WRONLY;
	return (int)syscall(SYS_openat, dir, name, flags, 0600);
}

static void
test_files_that_go_leave_nothing_open(void **state)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct fixture *f = *state;
	unsigned ms = 0;

	enrol_all(f->st);
	/* more of them than wait for their end; each start begins one */
	for (unsigned i = 1; i <= 40; i++) {
		assert_int_equal(put_piece(f->st, &bob, 'a', NOW), 0);
		settle(f->st);
		reopen(f, NULL);
	}
	expect_files(f, 40);
	assert_int_equal(ack(f->st, &bob, 1, 40), 40);
	held_open = 0;
	settle(f->st);
	expect_files(f, 0);
	/* of the descriptors that the relay keeps, others are in need, too */
	assert_in_range(held_open, 1, 16);
	while (removed_files() > 0 && ms++ < 5000)
		nanosleep(&moment, NULL);
	assert_int_equal(removed_files(), 0);
}

static void
test_a_piece_that_is_damaged(void **state)
{
	struct body_pull q = { 0 };
	struct fixture *f = *state;
	char path[160], fills[8] = "";

	enrol_all(f->st);
	assert_int_equal(put_piece(f->st, &bob, 'a', NOW), 0);
	settle(f->st);
	snprintf(path, sizeof(path), "%s.files/00000000000000000000", f->path);
	assert_int_equal(truncate(path, PIECE_LEN - 1), 0);
	assert_int_equal(store_pull(f->st, bob.key.id, &q, add_fill, fills),
	    ERR_IO);
	assert_int_equal(ack(f->st, &bob, 1, 1), 1);
	settle(f->st);
	expect_pieces(f->st, &bob, "");
}

static void
test_a_counter_that_is_damaged(void **state)
{
	static const char *const damages[] = {
		"nextMessage = -1",
		"nextMessage = 4294967296",
		"messages = -1",
		"messageBytes = 2305843009213693952",
		"chunks = -1",
		"chunkBytes = 2305843009213693952",
		"blocks = -1",
	};
	struct fixture *f = *state;
	char sql[80];

	enrol_all(f->st);
	settle(f->st);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		snprintf(sql, sizeof(sql), "UPDATE mailboxes SET %s",
		    damages[i]);
		change(f, sql);
		assert_int_equal(put(f->st, &alice, &bob, 3, "x"), ERR_IO);
		change(f,
		    "UPDATE mailboxes SET nextMessage = 1, messages = 0,"
		    " messageBytes = 0, chunks = 0, chunkBytes = 0, blocks = 0");
	}
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), 0);
	settle(f->st);
	/* what is not in the counters yet */
	change(f, "UPDATE messages SET ID = 4294967295");
	assert_int_equal(put(f->st, &alice, &bob, 3, "x"), ERR_IO);
}

static void
test_no_space_for_a_piece(void **state)
{
	struct fixture *f = *state;

	enrol_all(f->st);
	assert_int_equal(put_piece(f->st, &bob, 'a', NOW), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(150000);
	/* refused alone; the group it came in stands */
	assert_int_equal(put_piece(f->st, &bob, 'b', NOW), ERR_BUSY);
	assert_int_equal(put(f->st, &alice, &carol, 3, "text"), 0);
	settle(f->st);
	limit_files(RLIM_INFINITY);
	expect_all(f->st, &carol, "1:3:text ");
	assert_int_equal(put_piece(f->st, &bob, 'c', NOW), 0);
	settle(f->st);
	reopen(f, NULL);
	expect_pieces(f->st, &bob, "ac");
	assert_int_equal(ack(f->st, &bob, 1, 9), 2);
	settle(f->st);
}

/* Version 1 kept pieces in the rows, and had no index of them. */
static void
test_a_store_of_version_1(void **state)
{
	struct fixture *f = *state;

	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	settle(f->st);
	change(f,
	    "DROP INDEX messagesInFiles; DROP INDEX messagesRequested;"
	    "DROP TABLE shares; DROP TABLE invites; PRAGMA user_version = 1;"
	    "UPDATE messages SET type = 4, content = x'6f6c64';"
	    "ALTER TABLE mailboxes RENAME TO boxes; CREATE TABLE mailboxes ("
	    " client INTEGER PRIMARY KEY, nextMessage INTEGER, messages"
	    " INTEGER, messageBytes INTEGER, chunks INTEGER, chunkBytes"
	    " INTEGER, blocks INTEGER) STRICT; INSERT INTO mailboxes SELECT"
	    " client, 1, 0, 0, 0, 0, 0 FROM boxes; DROP TABLE boxes;"
	    "UPDATE mailboxes SET nextMessage = 2, chunks = 1, chunkBytes = 3"
	    " WHERE client = (SELECT toClient FROM messages)");
	expect_all(f->st, &bob, "1:4:old ");
	assert_int_equal(put(f->st, &alice, &bob, 4, "new"), 0);
	settle(f->st);
	expect_all(f->st, &bob, "1:4:old 2:4:new ");
	assert_int_equal(ack(f->st, &bob, 1, 1), 1);
	settle(f->st);
	assert_int_equal(ack(f->st, &bob, 2, 2), 1);
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
		EACH(test_register_and_find),
		EACH(test_names_are_unique),
		EACH(test_stale_bundles),
		EACH(test_list_pages),
		EACH(test_put_pull_ack),
		EACH(test_refusals),
		EACH(test_unregister_keeps_the_counter),
		EACH(test_block),
		EACH(test_last_message_id),
		EACH(test_random_steps),
		ON(SQLITE, test_more_mailboxes_than_are_kept),
		ON(SQLITE, test_reopen),
		ON(SQLITE, test_reopen_knows_who_has_left),
		ON(SQLITE, test_texts_count_before_their_counters_do),
		ON(SQLITE, test_last_seen),
		ON(SQLITE, test_not_a_store),
		ON(SQLITE, test_commits_are_synced),
		ON(SQLITE, test_failed_write_is_for_good),
		ON(SQLITE, test_shortage_loses_a_group_only),
		ON(SQLITE, test_pieces_stand_in_files),
		ON(SQLITE, test_many_holes),
		ON(SQLITE, test_pieces_of_a_lost_group),
		ON(SQLITE, test_orphans_go_at_the_start),
		ON(SQLITE, test_files_that_go_leave_nothing_open),
		ON(SQLITE, test_a_piece_that_is_damaged),
		ON(SQLITE, test_a_counter_that_is_damaged),
		ON(SQLITE, test_no_space_for_a_piece),
		ON(SQLITE, test_a_store_of_version_1),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
