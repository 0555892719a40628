/* SPDX-License-Identifier: ISC */
#include "client/intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "client/entry.h"
#include "client/exchange.h"
#include "client/exchange_take.h"
#include "client/filing.h"
#include "client/gaps.h"
#include "client/unseal.h"
#include "crypto/hkdf.h"
#include "state/outbox.h"
#include "state/session.h"

#define RESENDS_MAX        64
#define UNDECRYPTABLE_LAST 3 /* in a row: the session is given up */

struct resend {
	uint8_t peer[ID_LEN];
	enum handshake_role role;
};

struct intake {
	struct client *client;
	struct keyfile *kf;
	struct unseal *unseal;
	struct buf *record;
	struct buf *held;
	struct gaps gaps;
	struct resend resend[RESENDS_MAX];
	size_t resends;
	size_t strangers;
	bool keeps_files;
	size_t manifests;
	struct pull_tally tally;
};

int
intake_new(struct intake **out, struct client *c)
{
	struct intake *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return err_set(ERR_NOMEM, "no memory for a pull");
	in->client = c;
	in->kf = client_keyfile(c);
	in->record = buf_new(CONTENT_MAX);
	in->held = buf_new(CONTENT_MAX);
	r = in->record && in->held ? unseal_new(&in->unseal, c)
				   : err_set(ERR_NOMEM, "no memory for a pull");
	if (r < 0) {
		intake_free(in);
		return r;
	}
	*out = in;
	return 0;
}

void
intake_free(struct intake *in)
{
	if (!in)
		return;
	unseal_free(in->unseal);
	buf_free(in->record);
	buf_free(in->held);
	free(in);
}

/* Add what stands in in->record to the inbox, and empty it. */
static int
add_entry(struct intake *in, const uint8_t peer[static ID_LEN],
    enum inbox_kind kind, const uint8_t id[static ID_LEN], uint64_t seq,
    bool *fresh)
{
	struct inbox row = { .kind = kind, .seq = seq, .at = clock_wall_ms() };
	int r;

	memcpy(row.peer, peer, ID_LEN);
	memcpy(row.message_id, id, ID_LEN);
	r = inbox_add(in->kf, &row, buf_peek(in->record), buf_len(in->record),
	    fresh);
	buf_clear(in->record);
	return r;
}

/*
 * An entry for a message that says nothing.  Its id is made of its bytes, so
 * that it is told once however often it comes.
 */
static int
tell_bad(struct intake *in, const struct body_message *m, const char *word,
    bool *fresh)
{
	static const char label[] = "sentinel-undecryptable";
	uint8_t id[HKDF_HASH_LEN];
	int r;

	hkdf_hmac(id, (const uint8_t *)label, sizeof(label), m->content,
	    m->content_len);
	r = entry_pack_error(in->record, word);
	return r < 0
	    ? r
	    : add_entry(in, m->from, INBOX_UNDECRYPTABLE, id, 0, fresh);
}

/* A message of an unknown make: told, but not counted as a failure. */
static int
tell_unknown(struct intake *in, const struct body_message *m, const char *word)
{
	bool fresh;

	return tell_bad(in, m, word, &fresh);
}

static int
tell_failed(struct intake *in, const struct body_message *m, const char *word,
    bool *fresh)
{
	int r = tell_bad(in, m, word, fresh);

	in->tally.undecryptable += r == 0 && *fresh;
	return r;
}

static int
tell_malformed(struct intake *in, const struct body_message *m)
{
	bool fresh;

	return tell_failed(in, m, "malformed", &fresh);
}

/* A message without its keys: several in a row, and the session is lost. */
static int
tell_lost(struct intake *in, const struct body_message *m, const char *word)
{
	bool fresh = false, known = false, active = false;
	struct peer p;
	int r = tell_failed(in, m, word, &fresh);

	if (r < 0 || !fresh)
		return r;
	r = peers_get(in->kf, m->from, &p, &known);
	if (r == 0)
		r = session_has_active(in->kf, m->from, &active);
	if (r < 0 || !known || !active)
		return r;
	p.reset_needed |= ++p.undecryptable >= UNDECRYPTABLE_LAST;
	return peers_put(in->kf, &p);
}

static void
want_resend(struct intake *in, const uint8_t peer[static ID_LEN],
    enum handshake_role role)
{
	struct resend *s;

	for (size_t i = 0; i < in->resends; i++) {
		s = &in->resend[i];
		if (s->role == role && memcmp(s->peer, peer, ID_LEN) == 0)
			return;
	}
	if (in->resends == RESENDS_MAX)
		return;
	s = &in->resend[in->resends++];
	memcpy(s->peer, peer, ID_LEN);
	s->role = role;
}

/* The session is not there: it may be on its way (rule 6). */
static int
take_sessionless(struct intake *in, const struct body_message *m, bool *left)
{
	struct handshake h;
	bool open;
	int r = handshake_get(in->kf, m->from, HANDSHAKE_RESPONDER, &h, &open);

	secret_wipe(&h, sizeof(h));
	if (r < 0)
		return r;
	if (!open)
		return tell_lost(in, m, "no_session");
	want_resend(in, m->from, HANDSHAKE_RESPONDER);
	return session_hold(in->kf, m->from, m->content, m->content_len,
	    clock_wall_ms(), left);
}

/* The first message under a session: its peer has it (rule 5). */
static int
hear_session(struct intake *in, const uint8_t peer[static ID_LEN])
{
	struct handshake h;
	bool found;
	int r = handshake_get(in->kf, peer, HANDSHAKE_INITIATOR, &h, &found);

	if (r == 0 && found && h.stage == HANDSHAKE_FINISHED)
		r = handshake_drop(in->kf, peer, HANDSHAKE_INITIATOR);
	secret_wipe(&h, sizeof(h));
	return r < 0 ? r : session_start_expiry(in->kf, peer, clock_wall_ms());
}

static int
take_text(struct intake *in, const struct body_message *m,
    const struct plain *plain)
{
	struct plain_text text;
	bool fresh = false;
	int r;

	if (plain_unpack_text(&text, plain->body, plain->body_len) < 0)
		return tell_malformed(in, m);
	r = entry_pack_message(in->record, plain->sent_at, plain->body,
	    plain->body_len);
	if (r == 0)
		r = add_entry(in, m->from, INBOX_MESSAGE, plain->message_id,
		    plain->seq, &fresh);
	in->tally.messages += r == 0 && fresh;
	return r;
}

/* Offered where its chunks are not taken in. */
static int
take_manifest(struct intake *in, const struct body_message *m,
    const struct plain *plain)
{
	bool fresh = false;
	int r = filing_take_manifest(in->kf, m, plain, in->record, &fresh);

	if (r == ERR_PROTOCOL)
		return tell_malformed(in, m);
	in->manifests += r == 0 && fresh;
	in->tally.messages += r == 0 && fresh;
	if (r == 0 && fresh && !in->keeps_files)
		r = add_entry(in, m->from, INBOX_FILE_OFFER, plain->message_id,
		    plain->seq, &fresh);
	buf_clear(in->record);
	return r;
}

static int
take_end(struct intake *in, const struct body_message *m,
    const struct plain *plain)
{
	int r = filing_take_end(in->kf, m, plain);

	if (r == ERR_PROTOCOL)
		return tell_malformed(in, m);
	in->tally.messages += r == 0;
	return r;
}

static int
take_noop(struct intake *in, const struct body_message *m,
    const struct plain *plain)
{
	(void)m;
	(void)plain;
	in->tally.messages++;
	return 0;
}

static int
take_plain(struct intake *in, const struct body_message *m,
    const struct plain *plain)
{
	static const struct {
		enum plain_kind kind;
		int (*take)(struct intake *in, const struct body_message *m,
		    const struct plain *plain);
	} kinds[] = {
		{ PLAIN_TEXT, take_text },
		{ PLAIN_NOOP, take_noop },
		{ PLAIN_MANIFEST, take_manifest },
		{ PLAIN_END, take_end },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].kind == plain->kind)
			return kinds[i].take(in, m, plain);
	}
	in->tally.messages++;
	return tell_unknown(in, m, "unknown_kind");
}

/* A message that authenticated, in a step that is saved. */
static int
take_decrypted(struct intake *in, const struct body_message *m, bool first)
{
	const struct buf *bytes = unseal_plain(in->unseal);
	struct plain plain;
	struct peer p;
	bool known, malformed;
	int r = first ? hear_session(in, m->from) : 0;

	if (r == 0)
		r = peers_get(in->kf, m->from, &p, &known);
	if (r == 0 && !known)
		r = err_set(ERR_CORRUPT, "a session with an unknown peer");
	if (r < 0)
		return r;
	malformed = plain_unpack(&plain, buf_peek(bytes), buf_len(bytes)) < 0 ||
	    plain.seq > GAPS_SEQ_MAX;
	if (!malformed)
		gaps_note(&in->gaps, p.id, &p.expect_seq, plain.seq, first);
	p.undecryptable = 0;
	r = peers_put(in->kf, &p);
	if (r < 0)
		return r;
	return malformed ? tell_malformed(in, m) : take_plain(in, m, &plain);
}

static int
take_ratchet(struct intake *in, const struct body_message *m, bool *left)
{
	static const char *const words[] = {
		[UNSEAL_UNDECRYPTABLE] = "undecryptable",
		[UNSEAL_TOO_FAR] = "too_far",
	};
	enum unseal_result result;
	bool first;
	int r = unseal_message(in->unseal, m, &result, &first);

	if (r < 0 || result == UNSEAL_DUPLICATE)
		return r;
	if (result == UNSEAL_OK)
		return take_decrypted(in, m, first);
	if (result == UNSEAL_NO_SESSION)
		return take_sessionless(in, m, left);
	if (result == UNSEAL_MALFORMED)
		return tell_malformed(in, m);
	return tell_lost(in, m, words[result]);
}

/* The session that held messages waited for exists now. */
static int
release_held(struct intake *in, const uint8_t peer[static ID_LEN])
{
	struct body_message m = { .type = MESSAGE_RATCHET };
	bool found, left = false;
	int r;

	memcpy(m.from, peer, ID_LEN);
	for (;;) {
		buf_clear(in->held);
		r = session_take_held(in->kf, peer, in->held, &found);
		if (r < 0 || !found)
			return r;
		m.content = buf_peek(in->held);
		m.content_len = (uint32_t)buf_len(in->held);
		r = take_ratchet(in, &m, &left);
		if (r < 0)
			return r;
	}
}

static int
tell_event(struct intake *in, const struct body_message *m,
    const struct exchange_event *e, enum inbox_kind kind, bool flag)
{
	bool fresh = false;
	int r = entry_pack_flag(in->record, flag);

	if (r == 0)
		r = add_entry(in, m->from, kind, e->hsid, 0, &fresh);
	in->tally.messages += r == 0 && fresh;
	return r == 0 && e->established ? release_held(in, m->from) : r;
}

static int
settle_event(struct intake *in, const struct body_message *m,
    const struct exchange_event *e, bool *left)
{
	switch (e->outcome) {
	case EXCHANGE_DROPPED:
		return 0;
	case EXCHANGE_REQUESTED:
		return tell_event(in, m, e, INBOX_KEY_REQUEST,
		    e->authenticated);
	case EXCHANGE_RECEIVED:
		return tell_event(in, m, e, INBOX_KEY_RECEIVED, e->established);
	case EXCHANGE_RESEND:
		want_resend(in, m->from, e->role);
		return 0;
	case EXCHANGE_MALFORMED:
		return tell_malformed(in, m);
	case EXCHANGE_STALE_BUNDLE:
		return tell_unknown(in, m, "stale_bundle");
	case EXCHANGE_LEFT:
		*left = true;
		return 0;
	}
	return 0;
}

static int
take_request(struct intake *in, const struct body_message *m, bool *left)
{
	struct exchange_event e;
	int r = exchange_take_request(in->client, m->from, m->content,
	    m->content_len, &in->strangers, &e);

	return r < 0 ? r : settle_event(in, m, &e, left);
}

static int
take_key(struct intake *in, const struct body_message *m, bool *left)
{
	struct exchange_event e;
	int r = exchange_take_key(in->client, m->from, m->content,
	    m->content_len, &e);

	return r < 0 ? r : settle_event(in, m, &e, left);
}

int
intake_take(struct intake *in, const struct body_message *m, bool *left)
{
	static int (*const types[])(struct intake * in,
	    const struct body_message *m, bool *left) = {
		[MESSAGE_REQUEST] = take_request,
		[MESSAGE_KEY] = take_key,
		[MESSAGE_RATCHET] = take_ratchet,
	};

	*left = false;
	if (memcmp(m->from, client_self(in->client)->id, ID_LEN) == 0)
		return 0; /* played back: nobody writes to oneself */
	if (m->type >= ARRAY_LEN(types) || !types[m->type])
		return tell_malformed(in, m);
	return types[m->type](in, m, left);
}

static int
tell_expired(struct intake *in, uint64_t now)
{
	struct body_message m = { .type = MESSAGE_RATCHET };
	bool found, fresh;
	int r;

	for (;;) {
		buf_clear(in->held);
		r = session_take_expired(in->kf, now, m.from, in->held, &found);
		if (r < 0 || !found)
			return r;
		m.content = buf_peek(in->held);
		m.content_len = (uint32_t)buf_len(in->held);
		r = tell_failed(in, &m, "no_session", &fresh);
		if (r < 0)
			return r;
	}
}

int
intake_begin(struct intake *in)
{
	uint64_t now = clock_wall_ms();
	int r = tell_expired(in, now);

	in->gaps.n = 0;
	if (r == 0)
		r = own_expire(in->kf, now);
	if (r == 0)
		r = handshake_expire(in->kf, now);
	if (r == 0)
		r = session_expire(in->kf, now);
	if (r == 0)
		r = inbox_expire(in->kf, now);
	if (r == 0)
		r = files_expire(in->kf, now);
	return r < 0 ? r : outbox_expire(in->kf, now);
}

void
intake_rewind(struct intake *in)
{
	in->strangers = 0;
}

int
intake_end(struct intake *in)
{
	uint8_t id[ID_LEN];
	bool fresh;
	int r = 0;

	for (size_t i = 0; i < in->gaps.n && r == 0; i++) {
		const struct gap *gap = &in->gaps.gap[i];

		r = entry_pack_gap(in->record, gap->first, gap->last);
		if (r < 0)
			return r;
		memcpy(id, buf_peek(in->record), ID_LEN);
		r = add_entry(in, gap->peer, INBOX_GAP, id, 0, &fresh);
	}
	return r;
}

void
intake_resend(struct intake *in)
{
	const struct resend *s = in->resend;

	for (; in->resends > 0; in->resends--, s++) {
		/* a courtesy: where it fails, the peer will ask again */
		if (exchange_resend(in->client, s->peer, s->role) < 0)
			continue;
	}
}

void
intake_keep_files(struct intake *in)
{
	in->keeps_files = true;
}

size_t
intake_manifests(const struct intake *in)
{
	return in->manifests;
}

const struct pull_tally *
intake_tally(const struct intake *in)
{
	return &in->tally;
}
