/* SPDX-License-Identifier: ISC */
#include "client/directory.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "client/book.h"
#include "crypto/ident.h"
#include "wire/codes.h"
#include "wire/id.h"

/* Whether a client may have that name, so that it is worth asking for. */
static bool
is_name(const char *name)
{
	size_t len = 0;

	while (name[len] >= 0x21 && name[len] <= 0x7e)
		len++;
	return name[len] == '\0' && len >= 1 && len <= NAME_MAX_LEN;
}

/* One page of 2101 from reply into each; moves ask->after to the last id. */
static int
take_page(struct body_list *ask, const struct chan_reply *reply,
    int (*each)(void *arg, const struct body_client *b), void *arg)
{
	struct body_client entry;
	int r;

	if (reply->len % BODY_CLIENT_LEN != 0)
		return err_set(ERR_PROTOCOL, "a list page of %zu bytes",
		    reply->len);
	for (size_t at = 0; at < reply->len; at += BODY_CLIENT_LEN) {
		r = body_unpack_client(&entry, reply->payload + at);
		if (r < 0)
			return r;
		if (memcmp(entry.id, ask->after, ID_LEN) <= 0)
			return err_set(ERR_PROTOCOL,
			    "the relay's list is out of order");
		if (ask->name[0] && strcmp(entry.name, ask->name) != 0)
			return err_set(ERR_PROTOCOL,
			    "the relay answers other names than asked for");
		memcpy(ask->after, entry.id, ID_LEN);
		r = each(arg, &entry);
		if (r < 0)
			return r;
	}
	return 0;
}

int
directory_list(struct client *c, const char *name,
    int (*each)(void *arg, const struct body_client *b), void *arg)
{
	struct body_list ask = { .limit = LIST_PAGE_MAX };
	uint8_t payload[BODY_LIST_MAX];
	struct chan_reply reply;
	size_t len;
	int r;

	if (name && !is_name(name))
		return 0;
	if (name)
		snprintf(ask.name, sizeof(ask.name), "%s", name);
	r = client_connect(c);
	while (r == 0) {
		body_pack_list(payload, &len, &ask);
		r = chan_call(client_chan(c), &reply, CODE_LIST, payload, len);
		if (r < 0 || reply.len == 0)
			return r;
		r = take_page(&ask, &reply, each, arg);
	}
	return r;
}

struct match {
	uint8_t id[ID_LEN];
	bool found;
};

static int
take_match(void *arg, const struct body_client *b)
{
	struct match *m = arg;

	if (m->found)
		return err_set(ERR_PROTOCOL,
		    "two clients of one name at the relay");
	memcpy(m->id, b->id, ID_LEN);
	m->found = true;
	return 0;
}

static int
unknown(const char *who)
{
	int r = err_set(ERR_UNKNOWN_PEER, "no client \"%s\" at the relay", who);

	err_peer(who);
	err_hint("see who is there: sentinel-clients");
	return r;
}

/* 1102, and everything a bundle must satisfy by itself. */
static int
ask_bundle(struct client *c, const uint8_t id[static ID_LEN],
    struct body_key *out)
{
	struct chan_reply reply;
	char text[ID_TEXT_SIZE];
	int r = client_connect(c);

	if (r < 0)
		return r;
	r = chan_call(client_chan(c), &reply, CODE_KEY, id, ID_LEN);
	id_text(text, id);
	if (r == ERR_UNKNOWN_PEER)
		return unknown(text);
	if (r == 0)
		r = body_unpack_key(out, reply.payload, reply.len);
	if (r != 0)
		return r;
	if (memcmp(out->id, id, ID_LEN) != 0)
		return err_set(ERR_PROTOCOL, "a bundle of another id");
	r = ident_check(&out->bundle, id, out->issued_at, out->name);
	if (r == 0 && out->issued_at > clock_wall_ms() + CLOCK_SKEW_MS)
		r = err_set(ERR_PROTOCOL, "the bundle is dated ahead");
	return r;
}

/* The id that the relay has under a name, and no other. */
static int
look_up(struct client *c, const char *name, uint8_t id[static ID_LEN])
{
	struct match m = { .found = false };
	int r = directory_list(c, name, take_match, &m);

	if (r == 0 && !m.found)
		r = unknown(name);
	if (r == 0)
		memcpy(id, m.id, ID_LEN);
	return r;
}

/* The bundle of an id, which must be signed for that name (NULL: for any). */
static int
ask_signed(struct client *c, const uint8_t id[static ID_LEN], const char *name,
    struct body_key *out)
{
	int r = ask_bundle(c, id, out);

	if (r == 0 && name && strcmp(out->name, name) != 0)
		r = err_set(ERR_PROTOCOL, "a bundle signed for another name");
	return r;
}

int
directory_ask(struct client *c, const char *name, struct body_key *out)
{
	uint8_t id[ID_LEN];
	int r = look_up(c, name, id);

	return r < 0 ? r : ask_signed(c, id, name, out);
}

/* Another identity under a pinned name: say which, so that it can be judged. */
static int
tell_changed(struct client *c, const uint8_t id[static ID_LEN],
    const char *name)
{
	struct body_key got = { 0 };
	char fingerprint[65];
	int r = ask_signed(c, id, name, &got);

	if (r < 0)
		return r;
	ident_fingerprint(fingerprint, got.bundle.identity_pk);
	r = err_set(ERR_PEER_CHANGED,
	    "another identity, of fingerprint %s, is \"%s\" at the relay now",
	    fingerprint, name);
	err_peer(name);
	err_hint("ask the person over another way; if it is a new key file: "
		 "sentinel-keys trust %s %s",
	    name, fingerprint);
	return r;
}

/* Which id to fetch, and which name the bundle must carry (NULL: any). */
static int
resolve(struct client *c, const char *who, uint8_t id[static ID_LEN],
    const char **must_sign)
{
	struct peer p;
	bool found;
	int r;

	*must_sign = NULL;
	if (id_is_text(who))
		return id_parse(id, who);
	r = peers_named(client_keyfile(c), who, &p, &found);
	if (r < 0)
		return r;
	if (found && strcmp(p.alias, who) == 0) {
		memcpy(id, p.id, ID_LEN);
		return 0;
	}
	r = look_up(c, who, id);
	if (r < 0)
		return r;
	if (found && memcmp(p.id, id, ID_LEN) != 0)
		return tell_changed(c, id, who);
	*must_sign = who;
	return 0;
}

/* How a checked bundle stands to the one that is pinned. */
static int
compare(const struct peer *held, const struct body_key *got,
    enum directory_status *status)
{
	const struct bundle *a = &held->bundle, *b = &got->bundle;
	const char *why = NULL;

	if (memcmp(a->identity_pk, b->identity_pk, KEY_LEN) != 0)
		why = "another identity key";
	else if (got->issued_at < held->issued_at)
		why = "an older bundle than the one held (rollback)";
	else if (got->issued_at == held->issued_at &&
	    (memcmp(a, b, sizeof(*a)) != 0 ||
		strcmp(held->signed_name, got->name) != 0))
		why = "a second bundle of the same date";
	if (why)
		return err_set(ERR_PEER_CHANGED, "the relay gives %s", why);
	*status = got->issued_at == held->issued_at ? DIRECTORY_UNCHANGED
						    : DIRECTORY_UPDATED;
	return 0;
}

static int
pin(struct client *c, struct peer *p, const struct body_key *got)
{
	bool fits;
	int r = book_fits(c, got->id, got->name, &fits);

	if (r < 0)
		return r;
	p->bundle = got->bundle;
	p->issued_at = got->issued_at;
	memcpy(p->id, got->id, ID_LEN);
	snprintf(p->signed_name, sizeof(p->signed_name), "%s", got->name);
	snprintf(p->name, sizeof(p->name), "%s", fits ? got->name : "");
	return peers_put(client_keyfile(c), p);
}

int
directory_keep(struct client *c, const struct body_key *got, struct peer *out,
    enum directory_status *status)
{
	bool held;
	int r = peers_get(client_keyfile(c), got->id, out, &held);

	if (r == 0 && held)
		r = compare(out, got, status);
	if (r == 0 && !held) {
		*out = (struct peer){ .first_seen = clock_wall_ms() };
		*status = DIRECTORY_PINNED;
	}
	/* a name that belonged to somebody else may be free by now */
	if (r == 0 && (*status != DIRECTORY_UNCHANGED || !out->name[0]))
		r = pin(c, out, got);
	return r;
}

/* The row may have changed since it was asked: judged inside. */
static int
keep(struct client *c, const struct body_key *got, struct peer *out,
    enum directory_status *status)
{
	struct keyfile *kf = client_keyfile(c);
	int r = keyfile_begin(kf);

	if (r == 0)
		r = directory_keep(c, got, out, status);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

int
directory_fetch(struct client *c, const char *who, struct peer *out,
    enum directory_status *status)
{
	const char *must_sign;
	struct body_key got = { 0 };
	uint8_t id[ID_LEN];
	int r = resolve(c, who, id, &must_sign);

	if (r < 0)
		return r;
	if (memcmp(id, client_self(c)->id, ID_LEN) == 0)
		return err_set(ERR_USAGE, "\"%s\" is this key file itself",
		    who);
	r = ask_signed(c, id, must_sign, &got);
	if (r == 0)
		r = keep(c, &got, out, status);
	if (r < 0)
		err_peer(who);
	return r;
}

int
directory_refresh(struct client *c, const uint8_t id[static ID_LEN])
{
	enum directory_status status;
	struct body_key got = { 0 };
	struct peer p;
	int r = ask_bundle(c, id, &got);

	return r < 0 ? r : keep(c, &got, &p, &status);
}
