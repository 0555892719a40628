/* SPDX-License-Identifier: ISC */
#include "client/trust.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "client/book.h"
#include "client/directory.h"
#include "state/handshake.h"
#include "state/session.h"

#define HASH_LEN 32

/* In the one form of its two, lower case. */
static int
read_fingerprint(char out[static TEXT_HEX_SIZE(HASH_LEN)], const char *given)
{
	uint8_t hash[HASH_LEN];

	if (text_unhex(hash, sizeof(hash), given) < 0)
		return err_set(ERR_USAGE, "a fingerprint is 64 hex digits");
	text_hex(out, hash, sizeof(hash));
	return 0;
}

/* Is that identity the one asked for? */
static int
match(const struct body_key *got, const char *wanted)
{
	char met[TEXT_HEX_SIZE(HASH_LEN)];
	int r;

	ident_fingerprint(met, got->bundle.identity_pk);
	if (strcmp(wanted, met) == 0)
		return 0;
	r = err_set(ERR_PEER_CHANGED,
	    "the relay has the identity of fingerprint %s, not the one given",
	    met);
	err_peer(got->name);
	return r;
}

/* The former owner of a name: reads what is under way, says nothing more. */
static int
retire(struct client *c, struct peer *old)
{
	struct keyfile *kf = client_keyfile(c);
	int r = session_retire(kf, old->id, clock_wall_ms());

	if (r == 0)
		r = handshake_drop(kf, old->id, HANDSHAKE_INITIATOR);
	if (r == 0)
		r = handshake_drop(kf, old->id, HANDSHAKE_RESPONDER);
	if (r == 0)
		r = handshake_drop_request(kf, old->id);
	old->name[0] = old->alias[0] = '\0';
	old->verified = false;
	return r < 0 ? r : peers_put(kf, old);
}

/* Inside the transaction: the name goes over. */
static int
move(struct client *c, const struct body_key *got, struct peer *out)
{
	struct keyfile *kf = client_keyfile(c);
	enum directory_status status;
	char alias[NAME_SIZE] = "";
	struct peer old;
	bool held;
	int r = peers_named(kf, got->name, &old, &held);

	if (r == 0 && held && memcmp(old.id, got->id, ID_LEN) != 0) {
		memcpy(alias, old.alias, sizeof(alias));
		r = retire(c, &old);
	}
	if (r == 0)
		r = directory_keep(c, got, out, &status);
	if (r < 0 || !alias[0] || out->alias[0])
		return r;
	memcpy(out->alias, alias, strlen(alias) + 1);
	return peers_put(kf, out);
}

static int
nameless(const char *who)
{
	int r = err_set(ERR_UNKNOWN_PEER,
	    "\"%s\" has no name here that another could take over", who);

	err_peer(who);
	return r;
}

int
trust_peer(struct client *c, const char *who, const char *fingerprint,
    struct peer *out)
{
	struct keyfile *kf = client_keyfile(c);
	char wanted[TEXT_HEX_SIZE(HASH_LEN)];
	struct body_key got = { 0 };
	struct peer old;
	int r = read_fingerprint(wanted, fingerprint);

	if (r == 0)
		r = book_find(c, who, &old);
	if (r == 0 && !old.name[0])
		r = nameless(who);
	if (r == 0)
		r = directory_ask(c, old.name, &got);
	if (r == 0)
		r = match(&got, wanted);
	if (r == 0)
		r = keyfile_begin(kf);
	if (r == 0)
		r = move(c, &got, out);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

int
trust_relay(struct client *c, const char *key)
{
	struct keyfile *kf = client_keyfile(c);
	struct addr relay = client_self(c)->relay;
	int r = text_unkey(relay.key, key, strlen(key));

	if (r < 0)
		return err_set(ERR_USAGE,
		    "a relay's key is 43 characters of base64url");
	relay.has_key = true;
	r = keyfile_begin(kf);
	if (r == 0)
		r = keyfile_set_relay(kf, &relay);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r < 0 ? r : client_reload(c);
}
