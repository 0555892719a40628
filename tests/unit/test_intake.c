/* SPDX-License-Identifier: ISC */
/* What messages of the mailbox do to the key file. */
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
#include "base/le.h"
#include "base/secret.h"
#include "client/intake.h"
#include "stage.h"
#include "state/files.h"
#include "state/session.h"

/* All that a message may change but the inbox. */
#define STATE                                                                \
	"SELECT (SELECT group_concat(quote(sid) || active || quote(state)) " \
	"FROM sessions) || ifnull((SELECT group_concat(quote(peer) || "      \
	"stage || quote(state)) FROM shakes), '') || ifnull((SELECT "        \
	"group_concat(quote(content)) FROM requests), '')"

static void
inbox_is(struct stage *st, const char *want)
{
	assert_string_equal(stage_inbox(st), want);
}

static void
take_all(struct stage *st, struct stage_message *m, size_t n)
{
	assert_int_equal(stage_take(st, m, n), 0);
	for (size_t i = 0; i < n; i++)
		stage_message_free(&m[i]);
}

/* bob says a text, and we take it. */
static void
hear(struct stage *st, struct puppet *p, const char *text)
{
	struct stage_message m;

	puppet_text(st, p, &m, text);
	take_all(st, &m, 1);
}

static void
expect_tally(struct stage *st, size_t messages, size_t undecryptable)
{
	const struct pull_tally *t = intake_tally(st->intake);

	assert_int_equal(t->messages, messages);
	assert_int_equal(t->undecryptable, undecryptable);
}

/* --- texts --- */

static void
texts(void **state)
{
	struct stage *st = *state;

	for (int asks = 0; asks < 2; asks++) {
		stage_shake(st, &st->bob, asks == 1);
		hear(st, &st->bob, "hello");
		hear(st, &st->bob, "");
		stage_tell(st, &st->bob, "answer");
		hear(st, &st->bob, "again");
		inbox_is(st, "message hello|message |message again");
		assert_int_equal(stage_peer(st, &st->bob).expect_seq,
		    st->bob.seq);
	}
}

static void
record_of_a_text(void **state)
{
	struct stage *st = *state;
	struct inbox_filter messages = { .kinds = INBOX_MESSAGE };
	struct stage_message m;
	struct inbox row;
	size_t n;

	stage_shake(st, &st->bob, true);
	hear(st, &st->bob, "one");
	inbox_is(st, "message one");
	puppet_text(st, &st->bob, &m, "two");
	take_all(st, &m, 1);
	assert_int_equal(inbox_page(st->kf, &messages, 0, &row, 1, &n), 0);
	assert_int_equal(n, 1);
	assert_memory_equal(row.peer, st->bob.who.key.id, ID_LEN);
	assert_int_equal(row.seq, 1);
	assert_int_equal(row.state, INBOX_NEW);
	assert_in_range(row.at, clock_wall_ms() - 60000, clock_wall_ms());
	inbox_is(st, "message two");
}

static void
largest_text(void **state)
{
	struct stage *st = *state;
	struct buf *record = buf_new(CONTENT_MAX);
	struct inbox_filter all = { 0 };
	char *text = malloc(TEXT_MAX + 1);
	struct inbox row;
	size_t n;

	assert_true(text && record);
	for (size_t i = 0; i < TEXT_MAX; i++)
		text[i] = (char)('a' + i % 23);
	text[TEXT_MAX] = '\0';
	stage_shake(st, &st->bob, true);
	hear(st, &st->bob, text);
	assert_int_equal(inbox_page(st->kf, &all, 0, &row, 1, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(inbox_read(st->kf, row.n, record), 0);
	/* sent_at 8 | meta_len 2 | text */
	assert_int_equal(buf_len(record), 10 + TEXT_MAX);
	assert_memory_equal(buf_peek(record) + 10, text, TEXT_MAX);
	free(text);
	buf_free(record);
}

static void
noop_says_nothing(void **state)
{
	struct stage *st = *state;
	struct stage_message m;

	stage_shake(st, &st->bob, true);
	puppet_say(st, &st->bob, &m, PLAIN_NOOP, NULL, 0);
	take_all(st, &m, 1);
	expect_tally(st, 1, 0);
	hear(st, &st->bob, "next");
	inbox_is(st, "message next");
}

/* --- order --- */

static void
any_order(void **state)
{
	static const size_t order[] = { 4, 0, 3, 1, 7, 2, 6, 5 };
	struct stage *st = *state;
	struct stage_message m[8], shuffled[8];
	char text[12];

	stage_shake(st, &st->bob, true);
	for (int i = 0; i < 8; i++) {
		/* three chains of the ratchet */
		if (i == 3 || i == 6)
			stage_tell(st, &st->bob, "turn");
		snprintf(text, sizeof(text), "%d", i);
		puppet_text(st, &st->bob, &m[i], text);
	}
	for (size_t i = 0; i < 8; i++)
		shuffled[i] = m[order[i]];
	assert_int_equal(stage_take(st, shuffled, 3), 0);
	inbox_is(st, "message 4|message 0|message 3|gap 1 2");
	assert_int_equal(stage_take(st, shuffled + 3, 5), 0);
	inbox_is(st, "message 1|message 7|message 2|message 6|message 5");
	/* and nothing a second time */
	take_all(st, m, 8);
	inbox_is(st, "");
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM skipped"), 0);
}

static void
gaps(void **state)
{
	struct stage *st = *state;
	struct stage_message m[3];

	stage_shake(st, &st->bob, true);
	st->bob.seq = 2;
	hear(st, &st->bob, "two");
	inbox_is(st, "message two|gap 0 1");
	st->bob.seq = 10;
	puppet_text(st, &st->bob, &m[0], "ten");
	st->bob.seq = 4;
	puppet_text(st, &st->bob, &m[1], "four");
	st->bob.seq = 12;
	puppet_text(st, &st->bob, &m[2], "twelve");
	take_all(st, m, 3);
	inbox_is(st,
	    "message ten|message four|message twelve|gap 3 3|gap 5 9|gap 11 11");
	/* late: it arrives, and no more is said */
	st->bob.seq = 3;
	hear(st, &st->bob, "three");
	inbox_is(st, "message three");
	assert_int_equal(stage_peer(st, &st->bob).expect_seq, 13);
}

/* A restored peer counts anew, in the first message of its new session. */
static void
counts_anew_in_a_new_session(void **state)
{
	struct stage *st = *state;
	struct stage_message late;

	stage_shake(st, &st->bob, true);
	st->bob.seq = 0;
	puppet_text(st, &st->bob, &late, "late");
	stage_shake(st, &st->bob, true);
	st->bob.seq = 100;
	hear(st, &st->bob, "hundred");
	inbox_is(st, "message hundred|gap 0 99");
	/* the first of a former session is only late */
	take_all(st, &late, 1);
	inbox_is(st, "message late");
	assert_int_equal(stage_peer(st, &st->bob).expect_seq, 101);
	stage_shake(st, &st->bob, true);
	st->bob.seq = 3;
	hear(st, &st->bob, "restored");
	inbox_is(st, "message restored");
	assert_int_equal(stage_peer(st, &st->bob).expect_seq, 4);
	st->bob.seq = 2;
	hear(st, &st->bob, "smaller");
	inbox_is(st, "message smaller");
	assert_int_equal(stage_peer(st, &st->bob).expect_seq, 4);
}

/* --- twice the same --- */

/* A page comes again after a crash between commit and acknowledgement. */
static void
page_again(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], in[SHAKE_REQUEST_LEN];
	uint8_t answer[SHAKE_ANSWER_LEN];
	struct stage_message m[8];
	struct stage_sum before, after;
	struct puppet eve, carol;

	puppet_make(&eve, 2, "eve");
	puppet_make(&carol, 3, "carol");
	stage_pin(st, &carol);
	stage_shake(st, &st->bob, true);
	puppet_request(st, &eve, 5, in);
	stage_message(&m[0], &eve, MESSAGE_REQUEST, in, sizeof(in));
	puppet_request(st, &st->bob, 9, in);
	stage_message(&m[1], &st->bob, MESSAGE_REQUEST, in, sizeof(in));
	stage_request(st, &carol, own);
	puppet_answer(st, &carol, own, answer);
	stage_message(&m[2], &carol, MESSAGE_KEY, answer, sizeof(answer));
	puppet_text(st, &st->bob, &m[3], "zero");
	puppet_text(st, &st->bob, &m[4], "one");
	st->bob.seq = 5;
	puppet_text(st, &st->bob, &m[5], "five");
	puppet_text(st, &st->bob, &m[6], "spoilt");
	m[6].bytes[m[6].len - 1] ^= 1;
	stage_message(&m[7], &st->bob, MESSAGE_RATCHET, in, sizeof(in));
	assert_int_equal(stage_take(st, m, 8), 0);
	expect_tally(st, 6, 2);
	before = stage_file(st);
	take_all(st, m, 8);
	expect_tally(st, 0, 0);
	after = stage_file(st);
	stage_same(&before, &after);
	inbox_is(st,
	    "key_request 0|key_request 1|key_received key_received|"
	    "message zero|message one|message five|"
	    "undecryptable undecryptable|undecryptable malformed|gap 2 4");
}

/* The same id in another message: the sender was not sure. */
static void
same_id_told_once(void **state)
{
	struct stage *st = *state;
	static const uint8_t body[] = { 0, 0, 'h', 'i' };
	struct plain plain = { .kind = PLAIN_TEXT,
		.message_id = { 7 },
		.body = body,
		.body_len = sizeof(body) };
	struct stage_message m;
	uint8_t bytes[256];

	stage_shake(st, &st->bob, true);
	for (plain.seq = 0; plain.seq < 3; plain.seq++) {
		plain_pack(bytes, &plain);
		puppet_seal(st, &st->bob, &m, bytes, sizeof(bytes));
		take_all(st, &m, 1);
	}
	inbox_is(st, "message hi");
	expect_tally(st, 1, 0);
}

static void
nothing_without_a_commit(void **state)
{
	struct stage *st = *state;
	struct stage_message m;
	struct stage_sum before, after;
	struct body_message b = { .type = MESSAGE_RATCHET };
	bool left;

	stage_shake(st, &st->bob, true);
	before = stage_file(st);
	puppet_text(st, &st->bob, &m, "precious");
	memcpy(b.from, m.from, ID_LEN);
	b.content = m.bytes;
	b.content_len = (uint32_t)m.len;
	stage_begin(st);
	assert_int_equal(intake_begin(st->intake), 0);
	assert_int_equal(intake_take(st->intake, &b, &left), 0);
	keyfile_rollback(st->kf);
	after = stage_file(st);
	stage_same(&before, &after);
	take_all(st, &m, 1);
	inbox_is(st, "message precious");
}

/* --- what is no message --- */

static void
from_ourselves(void **state)
{
	struct stage *st = *state;
	struct stage_sum before;
	struct stage_sum after;
	struct stage_message m;
	uint8_t own[SHAKE_REQUEST_LEN];

	stage_shake(st, &st->bob, true);
	stage_request(st, &st->bob, own);
	before = stage_file(st);
	for (unsigned type = 0; type < 256; type++) {
		stage_message(&m, &st->bob, (uint8_t)type, own, sizeof(own));
		memcpy(m.from, client_self(st->client)->id, ID_LEN);
		take_all(st, &m, 1);
	}
	expect_tally(st, 0, 0);
	after = stage_file(st);
	stage_same(&before, &after);
}

/* Our own ciphertext, said to be bob's. */
static void
reflected(void **state)
{
	struct stage *st = *state;
	uint8_t content[64 + RATCHET_OVERHEAD], plain[64] = { 0 };
	uint8_t nonce[RATCHET_NONCE_LEN] = { 0 };
	struct stage_sum before, after;
	struct ratchet s;
	bool found;

	stage_shake(st, &st->bob, true);
	hear(st, &st->bob, "hello");
	inbox_is(st, "message hello");
	assert_int_equal(
	    session_get_active(st->kf, st->bob.who.key.id, &s, &found), 0);
	assert_int_equal(ratchet_seal(&s, content, client_self(st->client)->id,
			     st->bob.who.key.id, plain, sizeof(plain), nonce),
	    0);
	before = stage_sum(st, STATE);
	stage_take_one(st, &st->bob, MESSAGE_RATCHET, content, sizeof(content));
	inbox_is(st, "undecryptable undecryptable");
	after = stage_sum(st, STATE);
	stage_same(&before, &after);
}

/* Every type with what is right for another one; then each as it should be. */
static void
types_are_not_confused(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN], own[SHAKE_REQUEST_LEN];
	uint8_t answer[SHAKE_ANSWER_LEN], finish[SHAKE_FINISH_LEN];
	uint8_t chunk[128] = { 0x03, 0x20 };
	struct stage_message m[5];
	struct stage_sum before, after;
	struct puppet carol;

	/* bob has a session and asks; carol is amid both directions */
	puppet_make(&carol, 3, "carol");
	stage_pin(st, &carol);
	stage_shake(st, &st->bob, true);
	puppet_request(st, &carol, 1, in);
	stage_take_one(st, &carol, MESSAGE_REQUEST, in, sizeof(in));
	stage_answer(st, &carol, answer);
	puppet_finish(st, &carol, answer, finish);
	stage_message(&m[2], &carol, MESSAGE_KEY, finish, sizeof(finish));
	stage_request(st, &carol, own);
	puppet_answer(st, &carol, own, answer);
	stage_message(&m[1], &carol, MESSAGE_KEY, answer, sizeof(answer));
	puppet_request(st, &st->bob, 9, in);
	stage_message(&m[0], &st->bob, MESSAGE_REQUEST, in, sizeof(in));
	puppet_text(st, &st->bob, &m[3], "hello");
	stage_message(&m[4], &st->bob, MESSAGE_CHUNK, chunk, sizeof(chunk));
	inbox_is(st, "key_request 1");

	before = stage_sum(st, STATE);
	for (unsigned type = 0; type < 256; type++) {
		for (size_t i = 0; i < 5; i++) {
			struct stage_message wrong = m[i];

			wrong.type = (uint8_t)type;
			if (type != m[i].type || type == MESSAGE_CHUNK)
				assert_int_equal(stage_take(st, &wrong, 1), 0);
		}
	}
	/* told once each, however often */
	inbox_is(st,
	    "undecryptable malformed|undecryptable malformed|"
	    "undecryptable malformed|undecryptable malformed|"
	    "undecryptable malformed");
	expect_tally(st, 0, 5);
	assert_int_equal(stage_peer(st, &st->bob).undecryptable, 0);
	after = stage_sum(st, STATE);
	stage_same(&before, &after);
	stage_message_free(&m[4]);
	take_all(st, m, 4);
	inbox_is(st,
	    "key_request 1|key_received key_received|"
	    "key_received established|message hello");
}

/* Plaintexts that authenticate and are not what they should be. */
static void
malformed_plaintexts(void **state)
{
	static const uint8_t tag_twice[] = { 6, 0, 9, 0, 0, 9, 0, 0 };
	static const uint8_t short_id[] = { 4, 0, 1, 1, 0, 7 };
	static const uint8_t past_meta[] = { 9, 0, 'x' };
	static const struct {
		const uint8_t *body;
		size_t len;
	} texts[] = {
		{ NULL, 0 },
		{ tag_twice, sizeof(tag_twice) },
		{ short_id, sizeof(short_id) },
		{ past_meta, sizeof(past_meta) },
	};
	struct stage *st = *state;
	struct stage_message m;
	uint8_t bytes[256] = { PLAIN_TEXT };
	size_t n = 0;

	stage_shake(st, &st->bob, true);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++, n++) {
		puppet_say(st, &st->bob, &m, PLAIN_TEXT, texts[i].body,
		    texts[i].len);
		take_all(st, &m, 1);
		inbox_is(st, "undecryptable malformed");
	}
	/* no end mark; not the padded length; reserved bytes; no head */
	for (size_t i = 0; i < 4; i++, n++) {
		memset(bytes + 1, 0, sizeof(bytes) - 1);
		bytes[38] = i == 0 ? 0 : 0x80;
		bytes[1] = i == 2;
		puppet_seal(st, &st->bob, &m, bytes,
		    i == 1       ? 255
			: i == 3 ? 0
				 : 256);
		take_all(st, &m, 1);
		inbox_is(st, "undecryptable malformed");
	}
	expect_tally(st, 0, n);
	/* none of it is the session's fault: the steps are kept */
	assert_int_equal(stage_peer(st, &st->bob).undecryptable, 0);
	assert_false(stage_peer(st, &st->bob).reset_needed);
	st->bob.seq = 0;
	hear(st, &st->bob, "good");
	inbox_is(st, "message good");
	expect_tally(st, 1, n);
}

static void
too_large_a_number(void **state)
{
	struct stage *st = *state;

	stage_shake(st, &st->bob, true);
	st->bob.seq = 1ULL << 53;
	hear(st, &st->bob, "beyond");
	inbox_is(st, "undecryptable malformed");
	assert_int_equal(stage_peer(st, &st->bob).expect_seq, 0);
	st->bob.seq = (1ULL << 53) - 1;
	hear(st, &st->bob, "last");
	inbox_is(st, "message last|gap 0 9007199254740990");
}

/* Told once, not counted as a failure; its number counts. */
static void
unknown_kinds(void **state)
{
	static const uint8_t kinds[] = { 0, 2, 4, PLAIN_END + 1, 255 };
	struct stage *st = *state;
	struct stage_message m;

	stage_shake(st, &st->bob, true);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		puppet_say(st, &st->bob, &m, kinds[i], (const uint8_t *)"x", 1);
		take_all(st, &m, 1);
		inbox_is(st, "undecryptable unknown_kind");
	}
	expect_tally(st, ARRAY_LEN(kinds), 0);
	assert_int_equal(stage_peer(st, &st->bob).expect_seq, ARRAY_LEN(kinds));
}

/* --- files --- */

static void
say_manifest(struct stage *st, uint8_t file_id)
{
	struct plain_manifest m = { .size = 5000,
		.chunk_size = CHUNK_MIN,
		.name = (const uint8_t *)"../n",
		.name_len = 4 };
	uint8_t body[PLAIN_MANIFEST_MAX];
	struct stage_message message;
	size_t len;

	memset(m.file_id, file_id, ID_LEN);
	plain_pack_manifest(body, &len, &m);
	puppet_say(st, &st->bob, &message, PLAIN_MANIFEST, body, len);
	take_all(st, &message, 1);
}

static void
say_end(struct stage *st, uint8_t file_id, uint64_t size)
{
	struct plain_end e = { .size = size, .chunks = 2 };
	uint8_t body[PLAIN_END_LEN];
	struct stage_message message;

	memset(e.file_id, file_id, ID_LEN);
	plain_pack_end(body, &e);
	puppet_say(st, &st->bob, &message, PLAIN_END, body, sizeof(body));
	take_all(st, &message, 1);
}

static struct files
file(struct stage *st, uint8_t file_id)
{
	struct files f;
	uint8_t id[ID_LEN];
	bool found;

	memset(id, file_id, ID_LEN);
	assert_int_equal(
	    files_find(st->kf, st->bob.who.key.id, FILES_IN, id, &f, &found),
	    0);
	assert_true(found);
	return f;
}

/* Offered once; the END finds its way whichever comes first. */
static void
files_are_offered(void **state)
{
	struct stage *st = *state;
	struct plain_end e;
	struct files f;

	stage_shake(st, &st->bob, true);
	say_manifest(st, 7);
	inbox_is(st, "file_offer n 5000");
	say_manifest(st, 7);
	inbox_is(st, "");
	assert_false(file(st, 7).has_end);
	say_end(st, 7, 5000);
	say_end(st, 7, 1);
	f = file(st, 7);
	assert_true(f.has_end);
	files_describe_end(&f, &e);
	assert_int_equal(e.size, 5000);

	say_end(st, 8, 5000);
	say_manifest(st, 8);
	inbox_is(st, "file_offer n 5000");
	assert_true(file(st, 8).has_end);
	assert_int_equal(intake_manifests(st->intake), 2);

	intake_keep_files(st->intake);
	say_manifest(st, 9);
	inbox_is(st, "");
	assert_int_equal(intake_manifests(st->intake), 3);
}

static void
malformed_files(void **state)
{
	static const uint8_t kinds[] = { PLAIN_MANIFEST, PLAIN_END };
	struct stage *st = *state;
	struct stage_message m;

	stage_shake(st, &st->bob, true);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		puppet_say(st, &st->bob, &m, kinds[i], (const uint8_t *)"x", 1);
		take_all(st, &m, 1);
		inbox_is(st, "undecryptable malformed");
	}
	expect_tally(st, 0, ARRAY_LEN(kinds));
}

/* --- what does not decrypt --- */

/* No bit of it can be changed, and the session stays as it was. */
static void
flipped(void **state)
{
	struct stage *st = *state;
	struct stage_sum before, after;
	struct stage_message m;

	stage_shake(st, &st->bob, true);
	hear(st, &st->bob, "first");
	inbox_is(st, "message first");
	before = stage_sum(st, STATE);
	puppet_text(st, &st->bob, &m, "second");
	for (size_t bit = 0; bit < 8 * m.len; bit += bit < 1000 ? 1 : 37) {
		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(stage_take(st, &m, 1), 0);
		/* one bit less in its number, and it was there before */
		assert_int_equal(
		    strncmp(stage_inbox(st), "undecryptable ", 14) == 0,
		    bit != 8 * 48);
		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	after = stage_sum(st, STATE);
	stage_same(&before, &after);
	take_all(st, &m, 1);
	inbox_is(st, "message second");
}

static void
truncated(void **state)
{
	struct stage *st = *state;
	struct stage_message m;
	size_t whole;

	stage_shake(st, &st->bob, true);
	puppet_text(st, &st->bob, &m, "text");
	whole = m.len;
	for (m.len = 1; m.len < whole; m.len++)
		assert_int_equal(stage_take(st, &m, 1), 0);
	expect_tally(st, 0, whole - 1);
	take_all(st, &m, 1);
	expect_tally(st, 1, whole - 1);
}

static struct stage_message
spoilt(struct stage *st, struct puppet *p)
{
	struct stage_message m;

	puppet_text(st, p, &m, "spoilt");
	m.bytes[m.len - 1] ^= 1;
	return m;
}

/* Three in a row, and it takes a new handshake. */
static void
three_undecryptable(void **state)
{
	struct stage *st = *state;
	struct stage_message m[3];

	stage_shake(st, &st->bob, true);
	m[0] = spoilt(st, &st->bob);
	m[1] = spoilt(st, &st->bob);
	take_all(st, m, 2);
	hear(st, &st->bob, "fine");
	m[0] = spoilt(st, &st->bob);
	m[1] = spoilt(st, &st->bob);
	m[2] = spoilt(st, &st->bob);
	/* the same again is not another one */
	assert_int_equal(stage_take(st, m, 2), 0);
	assert_int_equal(stage_take(st, m, 2), 0);
	assert_false(stage_peer(st, &st->bob).reset_needed);
	take_all(st, m, 3);
	assert_true(stage_peer(st, &st->bob).reset_needed);
	expect_tally(st, 1, 5);
	/* it still decrypts what can be; the mark stays */
	hear(st, &st->bob, "fine");
	assert_true(stage_peer(st, &st->bob).reset_needed);
	stage_shake(st, &st->bob, true);
	assert_false(stage_peer(st, &st->bob).reset_needed);
}

static void
unknown_session(void **state)
{
	struct stage *st = *state;
	struct stage_message m[3];
	struct puppet eve = st->bob;

	/* no session at all: nothing to be reset */
	stage_shake(st, &eve, true);
	stage_sql(st, "DELETE FROM sessions");
	for (int i = 0; i < 3; i++)
		puppet_text(st, &eve, &m[i], "lost");
	take_all(st, m, 3);
	inbox_is(st,
	    "undecryptable no_session|undecryptable no_session|"
	    "undecryptable no_session");
	assert_false(stage_peer(st, &st->bob).reset_needed);
	/* beside another one */
	stage_shake(st, &st->bob, true);
	for (int i = 0; i < 3; i++)
		puppet_text(st, &eve, &m[i], "lost");
	take_all(st, m, 3);
	assert_true(stage_peer(st, &st->bob).reset_needed);
	/* from who is not even known */
	puppet_make(&eve, 2, "eve");
	puppet_text(st, &eve, &m[0], "lost");
	take_all(st, m, 1);
}

static void
too_far(void **state)
{
	struct stage *st = *state;
	struct stage_message m, far;
	struct stage_sum before, after;

	stage_shake(st, &st->bob, true);
	before = stage_sum(st, STATE);
	for (int i = 0; i < 1001; i++) {
		puppet_text(st, &st->bob, &m, "passed over");
		if (i < 1000)
			stage_message_free(&m);
	}
	puppet_text(st, &st->bob, &far, "too far");
	assert_int_equal(stage_take(st, &far, 1), 0);
	inbox_is(st, "undecryptable too_far");
	after = stage_sum(st, STATE);
	stage_same(&before, &after);
	/* the one before is just near enough, and then it is, too */
	take_all(st, &m, 1);
	take_all(st, &far, 1);
	inbox_is(st, "message passed over|gap 0 999|message too far");
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM skipped"), 1000);
}

/* --- sessions --- */

static void
former_sessions_decrypt(void **state)
{
	struct stage *st = *state;
	struct puppet was[6];
	struct stage_message m;
	char text[12];

	for (int i = 0; i < 6; i++) {
		stage_shake(st, &st->bob, i % 2 == 0);
		was[i] = st->bob;
	}
	/* the active one and four before it */
	for (int i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "%d", i);
		was[i].seq = (uint64_t)i;
		puppet_text(st, &was[i], &m, text);
		take_all(st, &m, 1);
	}
	inbox_is(st,
	    "undecryptable no_session|message 1|gap 0 0|message 2|message 3|"
	    "message 4|message 5");
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM sessions"), 5);
}

static enum handshake_stage
stage_of(struct stage *st, const struct puppet *p)
{
	return stage_handshake(st, p, HANDSHAKE_INITIATOR).stage;
}

/* The finish is kept until bob is heard under the session it gave him. */
static void
finish_kept_until_heard(void **state)
{
	struct stage *st = *state;
	struct stage_message late;

	stage_shake(st, &st->bob, true);
	puppet_text(st, &st->bob, &late, "under the former one");
	stage_shake(st, &st->bob, false);
	st->bob.seq = 1;
	assert_int_equal(stage_of(st, &st->bob), HANDSHAKE_FINISHED);
	/* the first of a former session proves nothing */
	take_all(st, &late, 1);
	assert_int_equal(stage_of(st, &st->bob), HANDSHAKE_FINISHED);
	assert_int_equal(stage_sql(st,
			     "SELECT count(*) FROM sessions "
			     "WHERE active = 0 AND expires_at = 0"),
	    1);
	hear(st, &st->bob, "under the new one");
	assert_false(stage_has(st, &st->bob, HANDSHAKE_INITIATOR));
	assert_int_equal(stage_sql(st,
			     "SELECT count(*) FROM sessions "
			     "WHERE active = 0 AND expires_at > 0"),
	    1);
	inbox_is(st, "message under the former one|message under the new one");
}

/* --- rule 6: messages before their session --- */

/* A handshake of bob's of which only the finish is still to come. */
static void
half_open(struct stage *st, struct puppet *p,
    uint8_t finish[static SHAKE_FINISH_LEN])
{
	uint8_t in[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	struct peer peer = stage_peer(st, p);

	puppet_request(st, p, peer.last_init_ts + 1, in);
	stage_take_one(st, p, MESSAGE_REQUEST, in, sizeof(in));
	stage_answer(st, p, answer);
	puppet_finish(st, p, answer, finish);
	stage_inbox(st);
	stage_reopen(st);
}

static void
held_until_the_finish(void **state)
{
	struct stage *st = *state;
	uint8_t finish[SHAKE_FINISH_LEN];
	struct stage_message m[4];
	struct stage_sum before, after;

	half_open(st, &st->bob, finish);
	puppet_text(st, &st->bob, &m[0], "zero");
	puppet_text(st, &st->bob, &m[1], "one");
	puppet_text(st, &st->bob, &m[2], "two");
	m[3] = spoilt(st, &st->bob);
	assert_int_equal(stage_take(st, m, 4), 0);
	/* the same page again */
	before = stage_file(st);
	take_all(st, m, 4);
	after = stage_file(st);
	stage_same(&before, &after);
	expect_tally(st, 0, 0);
	inbox_is(st, "");
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM held"), 4);
	stage_take_one(st, &st->bob, MESSAGE_KEY, finish, sizeof(finish));
	expect_tally(st, 4, 1);
	inbox_is(st,
	    "key_received established|message zero|message one|message two|"
	    "undecryptable undecryptable");
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM held"), 0);
}

/* 64 a peer; the rest stays at the relay, and another peer's is held. */
static void
held_are_capped(void **state)
{
	struct stage *st = *state;
	uint8_t finish[SHAKE_FINISH_LEN], other[SHAKE_FINISH_LEN];
	struct stage_message m[66], carols;
	struct puppet carol;
	char text[12];

	puppet_make(&carol, 3, "carol");
	stage_pin(st, &carol);
	half_open(st, &carol, other);
	half_open(st, &st->bob, finish);
	for (int i = 0; i < 66; i++) {
		snprintf(text, sizeof(text), "%d", i);
		puppet_text(st, &st->bob, &m[i], text);
	}
	assert_int_equal(stage_take(st, m, 66), 2);
	/* again: those that are held need not stay */
	assert_int_equal(stage_take(st, m, 66), 2);
	puppet_text(st, &carol, &carols, "carol's");
	take_all(st, &carols, 1);
	stage_take_one(st, &st->bob, MESSAGE_KEY, finish, sizeof(finish));
	assert_int_equal(intake_tally(st->intake)->messages, 65);
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM held"), 1);
	/* now there is a session for what stayed */
	take_all(st, m, 66);
	expect_tally(st, 2, 0);
}

/* Held for another session than the one that comes about. */
static void
held_in_vain(void **state)
{
	struct stage *st = *state;
	uint8_t first[SHAKE_FINISH_LEN], second[SHAKE_FINISH_LEN];
	struct puppet was;
	struct stage_message m[2];

	half_open(st, &st->bob, first);
	was = st->bob;
	half_open(st, &st->bob, second);
	puppet_text(st, &was, &m[0], "lost");
	puppet_text(st, &st->bob, &m[1], "found");
	take_all(st, m, 2);
	stage_take_one(st, &st->bob, MESSAGE_KEY, second, sizeof(second));
	inbox_is(st,
	    "key_received established|undecryptable no_session|message found");
}

static void
held_expire(void **state)
{
	struct stage *st = *state;
	uint8_t finish[SHAKE_FINISH_LEN];
	struct stage_message m[2];

	half_open(st, &st->bob, finish);
	puppet_text(st, &st->bob, &m[0], "old");
	take_all(st, m, 1);
	stage_sql(st, "UPDATE held SET at = at - 7 * 86400000 - 1000");
	puppet_text(st, &st->bob, &m[1], "young");
	take_all(st, m + 1, 1);
	expect_tally(st, 0, 1);
	inbox_is(st, "undecryptable no_session");
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM held"), 1);
	/* an empty page tells it, too */
	stage_sql(st, "UPDATE held SET at = at - 7 * 86400000 - 1000");
	take_all(st, NULL, 0);
	inbox_is(st, "undecryptable no_session");
}

/* 64 answers go out again after a page; here nobody can be called. */
static void
resends_are_capped(void **state)
{
	enum { MOST = 64, MANY = MOST + 3 };
	struct stage *st = *state;
	struct handshake h = { .role = HANDSHAKE_RESPONDER,
		.stage = HANDSHAKE_OPEN,
		.sent_len = SHAKE_ANSWER_LEN,
		.at = clock_wall_ms() };
	struct stage_message early, m[MANY];

	st->settings.relay = "";
	stage_shake(st, &st->bob, true);
	puppet_text(st, &st->bob, &early, "early");
	stage_begin(st);
	for (int i = 0; i < MANY; i++) {
		m[i] = early;
		memset(m[i].from, i + 1, ID_LEN);
		memset(h.peer, i + 1, ID_LEN);
		assert_int_equal(handshake_put(st->kf, &h), 0);
	}
	stage_commit(st);
	assert_int_equal(stage_take(st, m, MANY), 0);
	stage_message_free(&early);
	intake_resend(st->intake);
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM held"), MANY);
	assert_int_equal(
	    stage_sql(st, "SELECT count(*) FROM shakes WHERE sent_at > 0"),
	    MOST);
}

/* --- what a page forgets --- */

static void
a_page_forgets(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];

	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	stage_sql(st, "UPDATE shakes SET at = at - 7 * 86400000 - 1000");
	/* an answer after seven days is one to nothing */
	stage_take_one(st, &st->bob, MESSAGE_KEY, answer, sizeof(answer));
	inbox_is(st, "");
	assert_false(stage_has(st, &st->bob, HANDSHAKE_INITIATOR));

	stage_shake(st, &st->bob, true);
	stage_shake(st, &st->bob, true);
	stage_sql(st, "UPDATE sessions SET expires_at = 1 WHERE active = 0");
	stage_sql(st, "UPDATE inbox SET at = 1");
	take_all(st, NULL, 0);
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM sessions"), 1);
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM inbox"), 0);
}

/* --- handshake messages in a page --- */

static void
events(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN];
	struct stage_message m;
	struct puppet eve;

	puppet_make(&eve, 2, "eve");
	puppet_request(st, &eve, 1, in);
	stage_take_one(st, &eve, MESSAGE_REQUEST, in, sizeof(in));
	puppet_request(st, &st->bob, 1, in);
	stage_take_one(st, &st->bob, MESSAGE_REQUEST, in, sizeof(in));
	expect_tally(st, 2, 0);
	inbox_is(st, "key_request 0|key_request 1");
	/* dropped ones count for nothing */
	in[50] ^= 1;
	stage_take_one(st, &st->bob, MESSAGE_REQUEST, in, sizeof(in));
	inbox_is(st, "");
	/* made with keys of ours that are gone: told, and not counted */
	in[50] ^= 1;
	le_put64(in + 12, 5);
	stage_take_one(st, &st->bob, MESSAGE_REQUEST, in, sizeof(in));
	inbox_is(st, "undecryptable stale_bundle");
	expect_tally(st, 2, 0);
	stage_message(&m, &st->bob, MESSAGE_KEY, in, 20);
	take_all(st, &m, 1);
	inbox_is(st, "undecryptable malformed");
	expect_tally(st, 2, 1);
}

/* What is over the cap of strangers stays at the relay. */
static void
strangers_are_left(void **state)
{
	struct stage *st = *state;
	struct stage_message m[18];
	uint8_t in[SHAKE_REQUEST_LEN];
	struct puppet eve;

	for (unsigned i = 0; i < 17; i++) {
		puppet_make(&eve, 10 + i, "eve");
		puppet_request(st, &eve, 1, in);
		stage_message(&m[i], &eve, MESSAGE_REQUEST, in, sizeof(in));
	}
	stage_shake(st, &st->bob, true);
	puppet_text(st, &st->bob, &m[17], "behind");
	assert_int_equal(stage_take(st, m, 18), 1);
	expect_tally(st, 17, 0);
	/* the count is the pull's, not the page's */
	assert_int_equal(stage_take(st, m, 18), 1);
	stage_reopen(st);
	take_all(st, m, 18);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(texts),
		FRESH(record_of_a_text),
		FRESH(largest_text),
		FRESH(noop_says_nothing),
		FRESH(any_order),
		FRESH(gaps),
		FRESH(counts_anew_in_a_new_session),
		FRESH(page_again),
		FRESH(same_id_told_once),
		FRESH(nothing_without_a_commit),
		FRESH(from_ourselves),
		FRESH(reflected),
		FRESH(types_are_not_confused),
		FRESH(malformed_plaintexts),
		FRESH(too_large_a_number),
		FRESH(unknown_kinds),
		FRESH(files_are_offered),
		FRESH(malformed_files),
		FRESH(flipped),
		FRESH(truncated),
		FRESH(three_undecryptable),
		FRESH(unknown_session),
		FRESH(too_far),
		FRESH(former_sessions_decrypt),
		FRESH(finish_kept_until_heard),
		FRESH(held_until_the_finish),
		FRESH(held_are_capped),
		FRESH(held_in_vain),
		FRESH(held_expire),
		FRESH(resends_are_capped),
		FRESH(a_page_forgets),
		FRESH(events),
		FRESH(strangers_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
