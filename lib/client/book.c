/* SPDX-License-Identifier: ISC */
#include "client/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "client/parts.h"
#include "state/forget.h"
#include "state/handshake.h"
#include "state/own.h"
#include "state/session.h"
#include "wire/id.h"

const char *
book_session_word(enum book_session s)
{
	static const char *const words[] = {
		[BOOK_NONE] = "none",
		[BOOK_REQUEST_SENT] = "request_sent",
		[BOOK_REQUEST_RECEIVED] = "request_received",
		[BOOK_KEY_SENT] = "key_sent",
		[BOOK_KEY_RECEIVED] = "key_received",
		[BOOK_ESTABLISHED] = "established",
		[BOOK_RESET_NEEDED] = "reset_needed",
	};

	return words[s];
}

/* All that the answer depends on. */
struct facts {
	bool requested, responding, initiating, active, reset;
	enum handshake_stage stage; /* as initiator */
};

static int
gather(struct client *c, const uint8_t id[static ID_LEN], struct facts *f)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake_request q;
	struct handshake h;
	struct peer p;
	bool known;
	int r = handshake_get_request(kf, id, &q, &f->requested);

	if (r == 0)
		r = handshake_get(kf, id, HANDSHAKE_RESPONDER, &h,
		    &f->responding);
	if (r == 0)
		r = handshake_get(kf, id, HANDSHAKE_INITIATOR, &h,
		    &f->initiating);
	if (r == 0 && f->initiating)
		f->stage = h.stage;
	secret_wipe(&h, sizeof(h));
	if (r == 0)
		r = session_has_active(kf, id, &f->active);
	if (r == 0)
		r = peers_get(kf, id, &p, &known);
	if (r == 0)
		f->reset = known && p.reset_needed;
	return r;
}

int
book_session(struct client *c, const uint8_t id[static ID_LEN],
    enum book_session *out)
{
	struct facts f = { 0 };
	int r = gather(c, id, &f);

	if (r < 0)
		return r;
	if (f.requested)
		*out = BOOK_REQUEST_RECEIVED;
	else if (f.initiating && f.stage == HANDSHAKE_ANSWERED)
		*out = BOOK_KEY_RECEIVED;
	else if (f.reset)
		*out = BOOK_RESET_NEEDED;
	else if (f.active)
		*out = BOOK_ESTABLISHED;
	else if (f.responding)
		*out = BOOK_KEY_SENT;
	else if (f.initiating)
		*out = BOOK_REQUEST_SENT;
	else
		*out = BOOK_NONE;
	return 0;
}

const char *
book_name(const struct peer *p, char uuid[static ID_TEXT_SIZE])
{
	if (p->name[0])
		return p->name;
	if (p->alias[0])
		return p->alias;
	id_text(uuid, p->id);
	return uuid;
}

const char *
book_call(const struct peer *p, char uuid[static ID_TEXT_SIZE])
{
	return p->alias[0] ? p->alias : book_name(p, uuid);
}

int
book_find(struct client *c, const char *who, struct peer *out)
{
	return peers_find(client_keyfile(c), who, out);
}

int
book_find_id(struct client *c, const char *who, uint8_t id[static ID_LEN])
{
	struct peer p;
	int r;

	if (id_is_text(who))
		return id_parse(id, who);
	r = book_find(c, who, &p);
	if (r == 0)
		memcpy(id, p.id, ID_LEN);
	return r;
}

int
book_get(struct client *c, const uint8_t id[static ID_LEN], struct peer *out,
    bool *known)
{
	int r = peers_get(client_keyfile(c), id, out, known);

	if (r == 0 && !*known) {
		*out = (struct peer){ 0 };
		memcpy(out->id, id, ID_LEN);
	}
	return r;
}

int
book_fits(struct client *c, const uint8_t id[static ID_LEN], const char *name,
    bool *fits)
{
	struct peer other;
	bool taken = false;
	int r = 0;

	*fits = text_is_name(name);
	if (*fits)
		r = peers_named(client_keyfile(c), name, &other, &taken);
	*fits = *fits && (!taken || memcmp(other.id, id, ID_LEN) == 0);
	return r;
}

int
book_each(struct client *c, int (*each)(void *arg, const struct peer *p),
    void *arg)
{
	struct peer *list;
	size_t n;
	int r = peers_list(client_keyfile(c), &list, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = each(arg, &list[i]);
	free(list);
	return r;
}

int
book_own_bundle(struct client *c, struct bundle *out, uint64_t *issued_at,
    bool *found)
{
	struct own own;
	int r = own_get(client_keyfile(c), OWN_CURRENT, &own, found);

	if (r == 0 && *found) {
		*issued_at = own.issued_at;
		r = own_bundle(client_keyfile(c), &own, out);
	}
	secret_wipe(&own, sizeof(own));
	return r;
}

void
book_safety(struct client *c, const struct peer *p,
    char out[static IDENT_SAFETY_LEN + 1])
{
	ident_safety(out, client_self(c)->identity_pk, p->bundle.identity_pk);
}

/* Begin a transaction on the peer as it is now. */
static int
begin(struct client *c, struct peer *p)
{
	struct keyfile *kf = client_keyfile(c);
	bool known = false;
	int r = keyfile_begin(kf);

	if (r == 0)
		r = peers_get(kf, p->id, p, &known);
	if (r == 0 && !known)
		r = err_set(ERR_UNKNOWN_PEER, "the peer was forgotten");
	return r;
}

/* One of the marks of p, which it is part of. */
static int
mark(struct client *c, struct peer *p, bool *which, bool value)
{
	struct keyfile *kf = client_keyfile(c);
	int r = begin(c, p);

	*which = value;
	if (r == 0)
		r = peers_put(kf, p);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

int
book_no_session(struct client *c, const struct peer *p, const char *what)
{
	static const struct {
		const char *why, *command;
	} next[] = {
		[BOOK_NONE] = { "the ten steps of sentinel(7) make one",
		    "sentinel-keys request" },
		[BOOK_REQUEST_SENT] = { "the other side pulls, and answers "
					"with sentinel-keys send; then",
		    "sentinel-pull" },
		[BOOK_REQUEST_RECEIVED] = { "the other side has asked for one",
		    "sentinel-keys send" },
		[BOOK_KEY_SENT] = { "the other side pulls, and ends it with "
				    "sentinel-keys send; then",
		    "sentinel-pull" },
		[BOOK_KEY_RECEIVED] = { "only the last step is missing",
		    "sentinel-keys send" },
		[BOOK_ESTABLISHED] = { "there is a session",
		    "sentinel-send -m TEXT" },
		[BOOK_RESET_NEEDED] = { "it has to be made anew",
		    "sentinel-keys request" },
	};
	enum book_session state;
	char uuid[ID_TEXT_SIZE];
	const char *name = book_call(p, uuid);
	int r = book_session(c, p->id, &state);

	if (r < 0)
		return r;
	r = err_set(ERR_NO_SESSION, "%s \"%s\"", what, name);
	err_peer(name);
	err_hint("%s: %s %s", next[state].why, next[state].command,
	    strcmp(next[state].command, "sentinel-pull") == 0 ? "" : name);
	return r;
}

/* The digits of a safety number without the spaces. */
static int
read_safety(char out[static IDENT_SAFETY_LEN], const char *number)
{
	size_t n = 0;

	for (; *number; number++) {
		if (*number == ' ')
			continue;
		if (*number < '0' || *number > '9' || n == IDENT_SAFETY_LEN)
			break;
		out[n++] = *number;
	}
	if (*number || n != IDENT_SAFETY_LEN)
		return err_set(ERR_USAGE, "a safety number is %d digits",
		    IDENT_SAFETY_LEN);
	return 0;
}

int
book_verify(struct client *c, struct peer *p, const char *number)
{
	char safety[IDENT_SAFETY_LEN + 1], given[IDENT_SAFETY_LEN];
	char uuid[ID_TEXT_SIZE];
	int r = read_safety(given, number);

	if (r < 0)
		return r;
	book_safety(c, p, safety);
	if (!secret_equal(given, safety, IDENT_SAFETY_LEN)) {
		r = err_set(ERR_NOT_VERIFIED,
		    "that is not the safety number with \"%s\"",
		    book_call(p, uuid));
		err_peer(book_call(p, uuid));
		err_hint("somebody may sit in between: compare over another "
			 "way what both sides get from: "
			 "sentinel-keys fingerprint %s",
		    book_call(p, uuid));
		return r;
	}
	return mark(c, p, &p->verified, true);
}

int
book_unverify(struct client *c, struct peer *p)
{
	return mark(c, p, &p->verified, false);
}

int
book_block(struct client *c, struct peer *p, bool blocked)
{
	return mark(c, p, &p->blocked, blocked);
}

int
book_require_verified(const struct peer *p, const char *who)
{
	if (p->verified)
		return 0;
	err_set(ERR_NOT_VERIFIED, "\"%s\" is not verified", who);
	err_peer(who);
	err_hint("compare the number with the other side, then "
		 "sentinel-keys verify %s NUMBER; it is told by: "
		 "sentinel-keys fingerprint %s",
	    who, who);
	return ERR_NOT_VERIFIED;
}

/* Does that name lead to anybody else? */
static int
check_free(struct client *c, const struct peer *p, const char *name)
{
	struct peer other;
	bool taken;
	int r = peers_named(client_keyfile(c), name, &other, &taken);

	if (r < 0 || !taken || memcmp(other.id, p->id, ID_LEN) == 0)
		return r;
	r = err_set(ERR_EXISTS, "\"%s\" is another peer", name);
	err_peer(name);
	return r;
}

int
book_alias(struct client *c, struct peer *p, const char *name)
{
	struct keyfile *kf = client_keyfile(c);
	int r;

	if (!text_is_name(name))
		return err_set(ERR_USAGE, "not a name: \"%s\"", name);
	r = begin(c, p);
	if (r == 0)
		r = check_free(c, p, name);
	if (r == 0) {
		snprintf(p->alias, sizeof(p->alias), "%s",
		    strcmp(p->name, name) == 0 ? "" : name);
		r = peers_put(kf, p);
	}
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

int
book_forget(struct client *c, struct peer *p)
{
	struct keyfile *kf = client_keyfile(c);
	int r = begin(c, p);

	if (r == 0)
		r = parts_drop_all(c, p->id);
	if (r == 0)
		r = forget_peer(kf, p->id);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}
