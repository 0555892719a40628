/* SPDX-License-Identifier: ISC */
#include "stage.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/entry.h"
#include "crypto/noise.h"
#include "state/session.h"

/* --- the client --- */

static void
open_client(struct stage *st)
{
	bool found;

	assert_int_equal(client_open(&st->client, &st->settings), 0);
	st->kf = client_keyfile(st->client);
	assert_int_equal(own_get(st->kf, OWN_CURRENT, &st->own, &found), 0);
	assert_true(found);
	assert_int_equal(intake_new(&st->intake, st->client), 0);
}

static void
close_client(struct stage *st)
{
	intake_free(st->intake);
	client_close(st->client);
}

int
stage_setup(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));
	uint64_t now = clock_wall_ms();
	void *scratch;

	if (!st || scratch_setup(&scratch) < 0)
		return -1;
	st->scratch = scratch;
	scratch_begin(st->scratch);
	assert_int_equal(own_date_next(st->scratch->kf, now), 0);
	assert_int_equal(own_confirm_next(st->scratch->kf, now, now), 0);
	scratch_commit(st->scratch);
	scratch_close(st->scratch);
	st->settings = (struct settings){ .keyfile = st->scratch->path,
		.timeout_ms = 1000,
		.lock_timeout_ms = 1000 };
	open_client(st);
	puppet_make(&st->bob, 1, "bob");
	stage_pin(st, &st->bob);
	*state = st;
	return 0;
}

int
stage_teardown(void **state)
{
	struct stage *st = *state;
	void *scratch = st->scratch;

	close_client(st);
	free(st);
	return scratch_teardown(&scratch);
}

void
stage_reopen(struct stage *st)
{
	close_client(st);
	open_client(st);
}

int64_t
stage_sql(struct stage *st, const char *sql)
{
	int64_t n;

	close_client(st);
	n = scratch_sql(st->scratch, sql);
	open_client(st);
	return n;
}

struct stage_sum
stage_sum(struct stage *st, const char *sql)
{
	static uint8_t rows[1 << 20];
	struct stage_sum sum;
	size_t len;

	close_client(st);
	len = scratch_sql_blob(st->scratch, sql, rows, sizeof(rows));
	open_client(st);
	crypto_generichash(sum.hash, sizeof(sum.hash), rows, len, NULL, 0);
	return sum;
}

struct stage_sum
stage_file(struct stage *st)
{
	struct stage_sum sum;
	uint8_t *all;
	size_t len;

	close_client(st);
	all = scratch_read(st->scratch->path, &len);
	open_client(st);
	crypto_generichash(sum.hash, sizeof(sum.hash), all, len, NULL, 0);
	free(all);
	return sum;
}

void
stage_same(const struct stage_sum *a, const struct stage_sum *b)
{
	assert_memory_equal(a->hash, b->hash, sizeof(a->hash));
}

void
stage_begin(struct stage *st)
{
	assert_int_equal(keyfile_begin(st->kf), 0);
}

void
stage_commit(struct stage *st)
{
	assert_int_equal(keyfile_commit(st->kf), 0);
}

struct peer
stage_peer(struct stage *st, const struct puppet *p)
{
	struct peer peer;
	bool known;

	assert_int_equal(peers_get(st->kf, p->who.key.id, &peer, &known), 0);
	assert_true(known);
	return peer;
}

void
stage_put_peer(struct stage *st, const struct peer *p)
{
	stage_begin(st);
	assert_int_equal(peers_put(st->kf, p), 0);
	stage_commit(st);
}

static bool
get(struct stage *st, const struct puppet *p, enum handshake_role role,
    struct handshake *h)
{
	bool found;

	assert_int_equal(handshake_get(st->kf, p->who.key.id, role, h, &found),
	    0);
	return found;
}

bool
stage_has(struct stage *st, const struct puppet *p, enum handshake_role role)
{
	struct handshake h;

	return get(st, p, role, &h);
}

struct handshake
stage_handshake(struct stage *st, const struct puppet *p,
    enum handshake_role role)
{
	struct handshake h;

	assert_true(get(st, p, role, &h));
	return h;
}

void
stage_put(struct stage *st, const struct handshake *h)
{
	stage_begin(st);
	assert_int_equal(handshake_put(st->kf, h), 0);
	stage_commit(st);
}

bool
stage_has_request(struct stage *st, const struct puppet *p)
{
	struct handshake_request q;
	bool found;

	assert_int_equal(
	    handshake_get_request(st->kf, p->who.key.id, &q, &found), 0);
	return found;
}

/* --- peers --- */

void
puppet_make(struct puppet *p, unsigned n, const char *name)
{
	memset(p, 0, sizeof(*p));
	caller_make(&p->who, n, name);
	p->who.key.issued_at += n; /* later than ours */
	caller_sign(&p->who);
}

void
stage_pin(struct stage *st, const struct puppet *p)
{
	const struct body_key *key = &p->who.key;
	struct peer peer = { .bundle = key->bundle,
		.issued_at = key->issued_at,
		.first_seen = clock_wall_ms() };

	memcpy(peer.id, key->id, ID_LEN);
	memcpy(peer.name, key->name, sizeof(peer.name));
	memcpy(peer.signed_name, key->name, sizeof(peer.signed_name));
	stage_put_peer(st, &peer);
}

void
stage_make_beside(struct stage *st, struct puppet *p, bool smaller)
{
	const uint8_t *own = client_self(st->client)->id;
	unsigned n = 100;

	do
		puppet_make(p, n++, smaller ? "carol" : "dave");
	while ((memcmp(p->who.key.id, own, ID_LEN) < 0) != smaller);
	stage_pin(st, p);
}

struct shake_party
puppet_party(const struct puppet *p)
{
	struct shake_party party = { .issued_at = p->who.key.issued_at };

	memcpy(party.id, p->who.key.id, ID_LEN);
	memcpy(party.identity_pk, p->who.key.bundle.identity_pk, KEY_LEN);
	noise_public(party.static_pk, p->who.static_sk);
	return party;
}

struct shake_party
stage_party(struct stage *st, const struct own *own)
{
	struct shake_party party;

	exchange_take_own_party(&party, st->client, own);
	return party;
}

void
puppet_request(struct stage *st, struct puppet *p, uint64_t ts,
    uint8_t out[static SHAKE_REQUEST_LEN])
{
	const struct shake_party a = puppet_party(p),
				 b = stage_party(st, &st->own);
	uint8_t fresh[KEY_LEN];

	secret_random(fresh, sizeof(fresh));
	assert_int_equal(shake_request(&p->pending, out, &a, p->who.static_sk,
			     &b, ts, fresh),
	    0);
}

void
puppet_answer(struct stage *st, struct puppet *p,
    const uint8_t in[static SHAKE_REQUEST_LEN],
    uint8_t out[static SHAKE_ANSWER_LEN])
{
	const struct shake_party a = stage_party(st, &st->own),
				 b = puppet_party(p);
	uint8_t fresh[3 * KEY_LEN];

	secret_random(fresh, sizeof(fresh));
	assert_int_equal(
	    shake_answer(&p->open, out, &a, &b, p->who.static_sk, in, fresh),
	    0);
}

void
puppet_finish(struct stage *st, struct puppet *p,
    const uint8_t in[static SHAKE_ANSWER_LEN],
    uint8_t out[static SHAKE_FINISH_LEN])
{
	uint8_t fresh[2 * KEY_LEN];

	(void)st;
	secret_random(fresh, sizeof(fresh));
	assert_int_equal(shake_finish(&p->session, out, &p->pending,
			     p->who.static_sk, in, fresh),
	    0);
}

void
puppet_accept(struct puppet *p, const uint8_t in[static SHAKE_FINISH_LEN])
{
	uint8_t fresh[KEY_LEN];

	secret_random(fresh, sizeof(fresh));
	assert_int_equal(shake_accept(&p->session, &p->open, in, fresh), 0);
}

/* --- our steps --- */

void
stage_request(struct stage *st, const struct puppet *p,
    uint8_t out[static SHAKE_REQUEST_LEN])
{
	const struct shake_party a = stage_party(st, &st->own),
				 b = puppet_party(p);
	uint64_t now = clock_wall_ms();
	struct handshake h = { .role = HANDSHAKE_INITIATOR,
		.stage = HANDSHAKE_REQUESTED,
		.sent_len = SHAKE_REQUEST_LEN,
		.ts = now,
		.at = now,
		.sent_at = now };
	uint8_t fresh[KEY_LEN];

	secret_random(fresh, sizeof(fresh));
	assert_int_equal(shake_request(&h.pending, h.sent, &a,
			     st->own.static_sk, &b, now, fresh),
	    0);
	memcpy(h.peer, p->who.key.id, ID_LEN);
	memcpy(h.hsid, h.pending.hsid, ID_LEN);
	memcpy(out, h.sent, SHAKE_REQUEST_LEN);
	stage_put(st, &h);
}

void
stage_answer(struct stage *st, const struct puppet *p,
    uint8_t out[static SHAKE_ANSWER_LEN])
{
	const struct shake_party a = puppet_party(p),
				 b = stage_party(st, &st->own);
	struct handshake h = { .role = HANDSHAKE_RESPONDER,
		.stage = HANDSHAKE_OPEN,
		.sent_len = SHAKE_ANSWER_LEN,
		.at = clock_wall_ms(),
		.sent_at = clock_wall_ms() };
	struct handshake_request q;
	uint8_t fresh[3 * KEY_LEN];
	bool found;

	assert_int_equal(
	    handshake_get_request(st->kf, p->who.key.id, &q, &found), 0);
	assert_true(found);
	secret_random(fresh, sizeof(fresh));
	assert_int_equal(shake_answer(&h.open, h.sent, &a, &b,
			     st->own.static_sk, q.content, fresh),
	    0);
	memcpy(h.peer, q.peer, ID_LEN);
	memcpy(h.hsid, q.hsid, ID_LEN);
	h.ts = q.ts;
	memcpy(out, h.sent, SHAKE_ANSWER_LEN);
	stage_begin(st);
	assert_int_equal(handshake_put(st->kf, &h), 0);
	assert_int_equal(handshake_drop_request(st->kf, q.peer), 0);
	stage_commit(st);
}

void
stage_finish(struct stage *st, const struct puppet *p,
    uint8_t out[static SHAKE_FINISH_LEN])
{
	struct handshake h = stage_handshake(st, p, HANDSHAKE_INITIATOR);
	uint8_t fresh[2 * KEY_LEN];
	struct ratchet session;

	assert_int_equal(h.stage, HANDSHAKE_ANSWERED);
	secret_random(fresh, sizeof(fresh));
	assert_int_equal(shake_finish(&session, h.sent, &h.pending,
			     st->own.static_sk, h.answer, fresh),
	    0);
	h.stage = HANDSHAKE_FINISHED;
	h.sent_len = SHAKE_FINISH_LEN;
	memcpy(out, h.sent, SHAKE_FINISH_LEN);
	stage_begin(st);
	assert_int_equal(
	    session_activate(st->kf, h.peer, &session, true, clock_wall_ms()),
	    0);
	assert_int_equal(handshake_put(st->kf, &h), 0);
	stage_commit(st);
}

void
stage_shake(struct stage *st, struct puppet *p, bool asks)
{
	uint8_t request[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	struct peer peer = stage_peer(st, p);

	if (asks) {
		puppet_request(st, p, peer.last_init_ts + 1, request);
		stage_take_one(st, p, MESSAGE_REQUEST, request,
		    sizeof(request));
		stage_answer(st, p, answer);
		puppet_finish(st, p, answer, finish);
		stage_take_one(st, p, MESSAGE_KEY, finish, sizeof(finish));
	} else {
		stage_request(st, p, request);
		puppet_answer(st, p, request, answer);
		stage_take_one(st, p, MESSAGE_KEY, answer, sizeof(answer));
		stage_finish(st, p, finish);
		puppet_accept(p, finish);
	}
	stage_inbox(st);
	stage_reopen(st);
}

/* --- messages --- */

void
stage_message(struct stage_message *m, const struct puppet *p, uint8_t type,
    const void *content, size_t len)
{
	memcpy(m->from, p->who.key.id, ID_LEN);
	m->type = type;
	m->len = len;
	m->bytes = malloc(len);
	assert_non_null(m->bytes);
	memcpy(m->bytes, content, len);
}

void
stage_message_free(struct stage_message *m)
{
	free(m->bytes);
	m->bytes = NULL;
}

void
puppet_seal(struct stage *st, struct puppet *p, struct stage_message *m,
    const uint8_t *plain, size_t len)
{
	uint8_t *content = malloc(len + RATCHET_OVERHEAD);
	uint8_t nonce[RATCHET_NONCE_LEN];

	assert_non_null(content);
	secret_random(nonce, sizeof(nonce));
	assert_int_equal(ratchet_seal(&p->session, content, p->who.key.id,
			     client_self(st->client)->id, plain, len, nonce),
	    0);
	stage_message(m, p, MESSAGE_RATCHET, content, len + RATCHET_OVERHEAD);
	free(content);
}

void
puppet_say(struct stage *st, struct puppet *p, struct stage_message *m,
    uint8_t kind, const uint8_t *body, size_t len)
{
	struct plain plain = { .kind = kind,
		.sent_at = SCRATCH_NOW,
		.seq = p->seq++,
		.body = body,
		.body_len = len };
	uint8_t *bytes = malloc(plain_size(len));

	assert_non_null(bytes);
	secret_random(plain.message_id, ID_LEN);
	plain_pack(bytes, &plain);
	puppet_seal(st, p, m, bytes, plain_size(len));
	free(bytes);
}

void
puppet_text(struct stage *st, struct puppet *p, struct stage_message *m,
    const char *text)
{
	struct plain_text t = { .text = (const uint8_t *)text,
		.text_len = strlen(text) };
	size_t len = plain_text_size(&t);
	uint8_t *body = malloc(len);

	assert_non_null(body);
	plain_pack_text(body, &t);
	puppet_say(st, p, m, PLAIN_TEXT, body, len);
	free(body);
}

void
stage_tell(struct stage *st, struct puppet *p, const char *text)
{
	uint8_t content[256 + RATCHET_OVERHEAD], out[256];
	uint8_t plain[256] = { 0 };
	uint8_t nonce[RATCHET_NONCE_LEN], fresh[KEY_LEN];
	struct ratchet_skips skips;
	struct ratchet s;
	bool found;

	snprintf((char *)plain, sizeof(plain), "%s", text);
	assert_int_equal(session_get_active(st->kf, p->who.key.id, &s, &found),
	    0);
	assert_true(found);
	secret_random(nonce, sizeof(nonce));
	secret_random(fresh, sizeof(fresh));
	assert_int_equal(ratchet_seal(&s, content, client_self(st->client)->id,
			     p->who.key.id, plain, sizeof(plain), nonce),
	    0);
	stage_begin(st);
	assert_int_equal(session_save(st->kf, p->who.key.id, &s), 0);
	stage_commit(st);
	assert_int_equal(ratchet_open(&p->session, &skips, out,
			     client_self(st->client)->id, p->who.key.id,
			     content, sizeof(content), NULL, fresh),
	    RATCHET_OK);
	assert_memory_equal(out, plain, sizeof(plain));
}

size_t
stage_take(struct stage *st, const struct stage_message *m, size_t n)
{
	struct body_message b;
	size_t all = 0;
	bool left;

	stage_begin(st);
	assert_int_equal(intake_begin(st->intake), 0);
	for (size_t i = 0; i < n; i++) {
		b = (struct body_message){ .id = (uint32_t)i + 1,
			.type = m[i].type,
			.content = m[i].bytes,
			.content_len = (uint32_t)m[i].len };
		memcpy(b.from, m[i].from, ID_LEN);
		assert_int_equal(intake_take(st->intake, &b, &left), 0);
		all += left;
	}
	assert_int_equal(intake_end(st->intake), 0);
	stage_commit(st);
	return all;
}

size_t
stage_take_one(struct stage *st, const struct puppet *p, uint8_t type,
    const void *content, size_t len)
{
	struct stage_message m;
	size_t left;

	stage_message(&m, p, type, content, len);
	left = stage_take(st, &m, 1);
	stage_message_free(&m);
	return left;
}

/* --- what came of it --- */

static void
describe(char *out, size_t size, const struct pull_item *i)
{
	switch (i->row.kind) {
	case INBOX_MESSAGE:
		snprintf(out, size, "message %.*s", (int)i->text.text_len,
		    (const char *)i->text.text);
		break;
	case INBOX_KEY_REQUEST:
		snprintf(out, size, "key_request %d", i->authenticated);
		break;
	case INBOX_KEY_RECEIVED:
		snprintf(out, size, "key_received %s",
		    book_session_word(i->session));
		break;
	case INBOX_GAP:
		snprintf(out, size, "gap %llu %llu",
		    (unsigned long long)i->first, (unsigned long long)i->last);
		break;
	case INBOX_UNDECRYPTABLE:
		snprintf(out, size, "undecryptable %s", i->error);
		break;
	case INBOX_FILE:
		snprintf(out, size, "file %s", i->file.path);
		break;
	case INBOX_FILE_OFFER:
		snprintf(out, size, "file_offer %s %llu", i->file.name,
		    (unsigned long long)i->file.size);
		break;
	case INBOX_FILE_REFUSED:
		snprintf(out, size, "file_offer %s %s", i->file.name,
		    i->file.error);
		break;
	}
}

const char *
stage_inbox(struct stage *st)
{
	static const struct inbox_filter all = { 0 };
	static char line[16384];
	struct inbox rows[INBOX_PAGE_MAX];
	struct buf *record = buf_new(CONTENT_MAX);
	struct pull_item item;
	size_t n, at = 0;

	assert_non_null(record);
	line[0] = '\0';
	stage_begin(st);
	do {
		assert_int_equal(
		    inbox_page(st->kf, &all, 0, rows, INBOX_PAGE_MAX, &n), 0);
		for (size_t i = 0; i < n; i++) {
			item = (struct pull_item){ .row = rows[i] };
			buf_clear(record);
			assert_int_equal(inbox_read(st->kf, rows[i].n, record),
			    0);
			assert_int_equal(entry_unpack(&item, buf_peek(record),
					     buf_len(record)),
			    0);
			if (at > 0)
				line[at++] = '|';
			describe(line + at, sizeof(line) - at, &item);
			at += strlen(line + at);
			assert_int_equal(
			    inbox_set(st->kf, rows[i].n, INBOX_DONE), 0);
		}
	} while (n > 0);
	stage_commit(st);
	buf_free(record);
	return line;
}
