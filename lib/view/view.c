/* SPDX-License-Identifier: ISC */
#include "view/view.h"

#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/record.h"
#include "wire/id.h"

static int
give_up(struct record *r, int e)
{
	record_free(r);
	return e;
}

/* "id", "name" and, where there is one, another "relay_name" and "alias". */
static void
put_names(struct record *r, const struct peer *p, bool known)
{
	char uuid[ID_TEXT_SIZE];

	id_text(uuid, p->id);
	record_str(r, "id", uuid);
	if (!known) {
		record_str(r, "name", NULL);
		return;
	}
	record_str(r, "name", book_name(p, uuid));
	if (strcmp(p->name, p->signed_name) != 0)
		record_str(r, "relay_name", p->signed_name);
	if (p->alias[0])
		record_str(r, "alias", p->alias);
}

static void
put_relay(struct record *r, const struct addr *relay)
{
	char address[ADDR_TEXT_SIZE];

	addr_text(address, relay);
	record_str(r, "address", address);
}

static void
put_party(struct record *r, const char *key, const struct peer *p)
{
	record_begin(r, key);
	put_names(r, p, true);
	record_bool(r, "verified", p->verified);
	record_end(r);
}

static void
put_keys(struct record *r, const struct bundle *b)
{
	char fingerprint[65];
	uint8_t packed[BUNDLE_LEN];

	ident_fingerprint(fingerprint, b->identity_pk);
	record_str(r, "fingerprint", fingerprint);
	bundle_pack(packed, b);
	record_base64(r, "public_key_base64", packed, sizeof(packed));
}

/* Fingerprint, bundle and date of oneself; the latter two null before 2100. */
static int
put_own_keys(struct record *r, struct client *c)
{
	char fingerprint[65];
	uint64_t issued_at;
	struct bundle b;
	bool found;
	int e = book_own_bundle(c, &b, &issued_at, &found);

	if (e < 0)
		return e;
	if (found) {
		put_keys(r, &b);
		record_time(r, "issued_at", issued_at);
		return 0;
	}
	ident_fingerprint(fingerprint, client_self(c)->identity_pk);
	record_str(r, "fingerprint", fingerprint);
	record_str(r, "public_key_base64", NULL);
	record_str(r, "issued_at", NULL);
	return 0;
}

static void
put_session(struct record *r, enum book_session s)
{
	record_str(r, "session", book_session_word(s));
}

int
view_registration(struct client *c, const char *status)
{
	const struct keyfile_self *self = client_self(c);
	struct record *r = record_new("registration");
	int e;

	record_str(r, "status", status);
	record_id(r, "id", self->id);
	record_str(r, "name", self->name);
	e = put_own_keys(r, c);
	if (e < 0)
		return give_up(r, e);
	record_str(r, "keyfile", keyfile_name(client_keyfile(c)));
	record_begin(r, "relay");
	put_relay(r, &self->relay);
	record_str(r, "trust",
	    client_trusted_unseen(c) ? "first_use" : "pinned");
	record_end(r);
	return record_emit(r);
}

int
view_client(struct client *c, const struct body_client *b)
{
	struct record *r = record_new("client");
	enum book_session session = BOOK_NONE;
	char uuid[ID_TEXT_SIZE];
	struct peer p;
	bool known = false, fit = false;
	int e = book_get(c, b->id, &p, &known);

	if (e == 0)
		e = book_session(c, b->id, &session);
	if (e == 0)
		e = book_fits(c, b->id, b->name, &fit);
	if (e < 0)
		return give_up(r, e);
	id_text(uuid, b->id);
	record_str(r, "id", uuid);
	record_str(r, "name", fit ? b->name : uuid);
	if (!fit)
		record_str(r, "relay_name", b->name);
	record_bool(r, "known", known);
	record_bool(r, "verified", p.verified);
	put_session(r, session);
	return record_emit(r);
}

int
view_peer(struct client *c, const struct peer *p, const char *status)
{
	struct record *r = record_new("peer");
	enum book_session session;
	int e = book_session(c, p->id, &session);

	if (e < 0)
		return give_up(r, e);
	record_str(r, "status", status);
	put_names(r, p, true);
	put_keys(r, &p->bundle);
	record_time(r, "issued_at", p->issued_at);
	record_bool(r, "verified", p->verified);
	record_bool(r, "blocked", p->blocked);
	put_session(r, session);
	record_time(r, "first_seen", p->first_seen);
	return record_emit(r);
}

int
view_identity(struct client *c)
{
	const struct keyfile_self *self = client_self(c);
	struct record *r = record_new("identity");
	char address[ADDR_TEXT_SIZE];
	int e;

	record_id(r, "id", self->id);
	record_str(r, "name", self->name);
	e = put_own_keys(r, c);
	if (e < 0)
		return give_up(r, e);
	addr_text(address, &self->relay);
	record_str(r, "keyfile", keyfile_name(client_keyfile(c)));
	record_str(r, "relay", self->relay.hosts_n ? address : NULL);
	return record_emit(r);
}

int
view_fingerprint(struct client *c, const struct peer *p)
{
	const struct keyfile_self *self = client_self(c);
	struct record *r = record_new("fingerprint");
	char fingerprint[65], safety[IDENT_SAFETY_LEN + 1];

	record_id(r, "id", self->id);
	ident_fingerprint(fingerprint, self->identity_pk);
	record_str(r, "fingerprint", fingerprint);
	if (p) {
		put_party(r, "peer", p);
		book_safety(c, p, safety);
		record_str(r, "safety_number", safety);
	}
	return record_emit(r);
}

int
view_exchange(struct client *c, const struct exchange *x, const char *step)
{
	struct record *r = record_new("key_exchange");
	enum book_session session;
	int e = book_session(c, x->peer.id, &session);

	if (e < 0)
		return give_up(r, e);
	record_str(r, "step", step);
	record_id(r, "id", x->hsid);
	put_party(r, "peer", &x->peer);
	put_session(r, session);
	return record_emit(r);
}

int
view_meet(struct client *c, const struct meet *m)
{
	const char *step = m->failed ? "failed"
	    : m->established         ? "established"
				     : "requested";
	struct record *r = record_new("key_exchange");
	enum book_session session;
	int e = book_session(c, m->last.peer.id, &session);

	if (e < 0)
		return give_up(r, e);
	record_str(r, "step", step);
	record_id(r, "id", m->begun ? m->last.hsid : NULL);
	put_party(r, "peer", &m->last.peer);
	put_session(r, session);
	if (m->failed) {
		err_restore(&m->why);
		record_error(r, m->failed);
	}
	return record_emit(r);
}

int
view_relay(struct client *c, const char *status)
{
	struct record *r = record_new("relay");

	record_str(r, "status", status);
	put_relay(r, &client_self(c)->relay);
	return record_emit(r);
}

int
view_backup(const struct backup_info *b, const char *status, const char *file,
    const char *keyfile)
{
	struct record *r = record_new("backup");
	char fingerprint[65], address[ADDR_TEXT_SIZE];

	ident_fingerprint(fingerprint, b->identity_pk);
	addr_text(address, &b->relay);
	record_str(r, "status", status);
	record_id(r, "id", b->id);
	record_str(r, "name", b->name);
	record_str(r, "fingerprint", fingerprint);
	record_str(r, "path", file);
	record_str(r, "keyfile", keyfile);
	record_str(r, "relay", address);
	record_int(r, "peers", b->peers);
	record_time(r, "made_at", b->made_at);
	return record_emit(r);
}

/* null where it never was. */
static void
put_when(struct record *r, const char *key, uint64_t ms)
{
	if (ms == 0)
		record_str(r, key, NULL);
	else
		record_time(r, key, ms);
}

static int
put_self(struct record *r, struct client *c)
{
	const struct keyfile_self *self = client_self(c);
	int e;

	record_begin(r, "identity");
	record_id(r, "id", self->id);
	record_str(r, "name", self->name);
	e = put_own_keys(r, c);
	record_end(r);
	return e;
}

static void
put_sessions(struct record *r, const struct census *n)
{
	record_begin(r, "sessions");
	record_int(r, "established", n->active);
	record_int(r, "previous", n->previous);
	record_int(r, "reset_needed", n->reset_needed);
	record_int(r, "request_sent", n->request_sent);
	record_int(r, "request_received", n->request_received);
	record_int(r, "key_sent", n->key_sent);
	record_int(r, "key_received", n->key_received);
	record_end(r);
}

static void
put_boxes(struct record *r, const struct census *n)
{
	record_begin(r, "inbox");
	record_int(r, "new", n->inbox_new);
	record_int(r, "shown", n->inbox_shown);
	put_when(r, "oldest_at", n->inbox_oldest);
	record_end(r);
	record_begin(r, "outbox");
	record_int(r, "queued", n->outbox_queued);
	record_int(r, "sealed", n->outbox_sealed);
	record_int(r, "in_doubt", n->outbox_in_doubt);
	put_when(r, "oldest_at", n->outbox_oldest);
	record_end(r);
	record_int(r, "dead_letters", n->inbox_dead);
}

int
view_status(struct client *c, const struct overview *o)
{
	const struct keyfile_self *self = client_self(c);
	const struct census *n = &o->census;
	struct record *r = record_new("status");
	int e = put_self(r, c);

	if (e < 0)
		return give_up(r, e);
	record_str(r, "keyfile", keyfile_name(client_keyfile(c)));
	record_begin(r, "relay");
	put_relay(r, &self->relay);
	record_end(r);
	record_begin(r, "peers");
	record_int(r, "known", o->peers);
	record_int(r, "verified", o->verified);
	record_int(r, "blocked", o->blocked);
	record_end(r);
	put_sessions(r, n);
	put_boxes(r, n);
	put_when(r, "last_contact", self->last_contact);
	record_bool(r, "memory_locked", secret_is_locked());
	return record_emit(r);
}

int
view_check(const struct checkup *f)
{
	static const char *const words[] = {
		[CHECKUP_OK] = "ok",
		[CHECKUP_WARN] = "warn",
		[CHECKUP_FAIL] = "fail",
	};
	struct record *r = record_new("check");

	record_str(r, "name", f->name);
	record_str(r, "status", words[f->status]);
	record_str(r, "detail", f->detail);
	if (f->hint[0])
		record_str(r, "hint", f->hint);
	return record_emit(r);
}

/* As much as is known of a peer that something failed for. */
static void
put_target(struct record *r, const struct peer *known, const char *who)
{
	if (known) {
		put_party(r, "to", known);
		return;
	}
	record_begin(r, "to");
	record_str(r, "id", NULL);
	record_str(r, "name", who);
	record_end(r);
}

static void
put_letter(struct record *r, const struct letter *l)
{
	if (l->line > 0)
		record_int(r, "line", l->line);
	if (l->ref && l->ref->text)
		record_str(r, "ref", l->ref->text);
	if (l->ref && l->ref->is_number)
		record_int(r, "ref", l->ref->number);
}

int
view_sent(const struct batch_item *s, const struct letter *l)
{
	static const char *const words[] = {
		[BATCH_ACCEPTED] = "accepted",
		[BATCH_QUEUED] = "queued",
		[BATCH_DUPLICATE] = "duplicate",
		[BATCH_FAILED] = "failed",
	};
	const bool good = s->status != BATCH_FAILED;
	struct record *r = record_new("sent");

	record_str(r, "status", words[s->status]);
	if (good || s->why.in_doubt)
		record_id(r, "id", s->message_id);
	if (good && s->sealed)
		record_int(r, "seq", s->seq);
	put_target(r, s->known ? &s->peer : NULL, s->who);
	if (good) {
		record_int(r, "size_bytes", s->len);
		record_time(r, "sent_at", s->sent_at);
	}
	put_letter(r, l);
	if (!good) {
		err_restore(&s->why);
		record_error(r, s->failed);
	}
	return record_emit(r);
}

static void
put_content(struct record *r, uint64_t size,
    const uint8_t digest[static FILEBOX_DIGEST_LEN])
{
	record_int(r, "size_bytes", size);
	record_hex(r, "blake2b", digest, FILEBOX_DIGEST_LEN);
}

int
view_file_sent(const struct sendfile_sent *s)
{
	const bool good = s->failed == 0;
	struct record *r = record_new("file_sent");

	record_str(r, "status", good ? "accepted" : "failed");
	if (good)
		record_id(r, "id", s->id);
	put_target(r, s->known ? &s->peer : NULL, s->who);
	record_str(r, "path", s->path);
	record_str(r, "name", s->name);
	if (good) {
		put_content(r, s->size, s->digest);
		record_int(r, "chunks", s->chunks);
		record_int(r, "resumed_bytes", s->resumed);
		record_time(r, "sent_at", s->sent_at);
	} else {
		err_restore(&s->why);
		record_error(r, s->failed);
	}
	return record_emit(r);
}

static void
put_message(struct record *r, const struct pull_item *i)
{
	const struct plain_text *t = &i->text;

	record_time(r, "sent_at", i->sent_at);
	record_time(r, "received_at", i->row.at);
	if (t->has_reply_to)
		record_id(r, "in_reply_to", t->reply_to);
	if (t->content_type[0])
		record_str(r, "content_type", t->content_type);
	if (i->redelivered)
		record_bool(r, "redelivered", true);
	record_body(r, t->text, t->text_len);
}

static void
put_event(struct record *r, const struct pull_item *i)
{
	record_time(r, "received_at", i->row.at);
	if (i->redelivered)
		record_bool(r, "redelivered", true);
}

static void
put_request(struct record *r, const struct pull_item *i)
{
	put_event(r, i);
	put_session(r, i->session);
	record_bool(r, "authenticated", i->authenticated);
}

static void
put_received(struct record *r, const struct pull_item *i)
{
	put_event(r, i);
	put_session(r, i->session);
}

static void
put_gap(struct record *r, const struct pull_item *i)
{
	put_event(r, i);
	record_begin(r, "missing");
	record_int(r, NULL, i->first);
	record_int(r, NULL, i->last);
	record_end(r);
}

static void
put_undecryptable(struct record *r, const struct pull_item *i)
{
	put_event(r, i);
	record_str(r, "error", i->error);
}

static void
put_file(struct record *r, const struct pull_item *i)
{
	const struct pull_file *f = &i->file;

	record_time(r, "sent_at", f->sent_at);
	put_event(r, i);
	record_str(r, "name", f->name);
	if (i->row.kind == INBOX_FILE) {
		record_str(r, "path", f->path);
		put_content(r, f->size, f->digest);
	} else if (f->size < 1ULL << 53) {
		record_int(r, "size_bytes", f->size);
	} else {
		record_str(r, "size_bytes", NULL);
	}
	if (f->error[0])
		record_str(r, "error", f->error);
}

/* The last one is for whatever else there may be. */
static const struct {
	enum inbox_kind kind;
	const char *type;
	void (*put)(struct record *r, const struct pull_item *i);
} kinds[] = {
	{ INBOX_MESSAGE, "message", put_message },
	{ INBOX_KEY_REQUEST, "key_request", put_request },
	{ INBOX_KEY_RECEIVED, "key_received", put_received },
	{ INBOX_GAP, "gap", put_gap },
	{ INBOX_FILE, "file", put_file },
	{ INBOX_FILE_OFFER, "file_offer", put_file },
	{ INBOX_FILE_REFUSED, "file_offer", put_file },
	{ INBOX_UNDECRYPTABLE, "undecryptable", put_undecryptable },
};

static size_t
kind_of(const struct pull_item *i)
{
	size_t k = 0;

	while (k < ARRAY_LEN(kinds) - 1 && kinds[k].kind != i->row.kind)
		k++;
	return k;
}

const char *
view_item_type(const struct pull_item *i)
{
	return kinds[kind_of(i)].type;
}

unsigned
view_item_kinds(const char *type)
{
	const size_t len = strlen(type);
	unsigned found = 0;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		/* offers of files are about files */
		if (strncmp(kinds[k].type, type, len) == 0 &&
		    (kinds[k].type[len] == '\0' ||
			strcmp(kinds[k].type + len, "_offer") == 0))
			found |= kinds[k].kind;
	}
	return found;
}

struct record *
view_item_record(const struct pull_item *i)
{
	const unsigned with_seq =
	    INBOX_MESSAGE | INBOX_FILE | INBOX_FILE_OFFER | INBOX_FILE_REFUSED;
	struct record *r = record_new(view_item_type(i));

	record_id(r, "id", i->row.message_id);
	if (i->row.kind & with_seq)
		record_int(r, "seq", i->row.seq);
	record_begin(r, "from");
	put_names(r, &i->peer, i->known);
	record_bool(r, "verified", i->peer.verified);
	record_bool(r, "known", i->known);
	record_end(r);
	kinds[kind_of(i)].put(r, i);
	return r;
}

int
view_item(const struct pull_item *i)
{
	return record_emit(view_item_record(i));
}
