/* SPDX-License-Identifier: ISC */
#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "client/rotate.h"
#include "state/own.h"

struct client {
	const struct settings *settings;
	char path[KEYFILE_PATH_SIZE];
	struct keyfile *keyfile;
	struct keyfile_self self;
	struct addr where; /* of the channel, or the last one */
	struct chan *chan;
	size_t first; /* which of its hosts is asked first */
	bool unseen;  /* its key was trusted on first use */
};

static int
ask_passphrase(void *arg, struct passphrase *out)
{
	const struct client *c = arg;

	return c->settings->ask_passphrase(c->settings, out);
}

static int
load(struct client *c)
{
	const struct keyfile_access access = {
		.lock_timeout_ms = c->settings->lock_timeout_ms,
		.ask = c->settings->ask_passphrase ? ask_passphrase : NULL,
		.arg = c,
	};
	int r = keyfile_open(&c->keyfile, c->path, &access);

	if (r == 0 && keyfile_was_put_back(c->keyfile) && c->settings->warn)
		c->settings->warn("the key file is an older copy of itself: "
				  "its sessions are given up, "
				  "sentinel-keys connect makes new ones");
	return r < 0 ? r : client_reload(c);
}

int
client_prepare(struct client **out, const struct settings *s, bool *found)
{
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(ERR_NOMEM, "no memory for a client");
	c->settings = s;
	r = keyfile_path(c->path, s->keyfile, s->identity);
	if (r == 0)
		r = load(c);
	*found = r == 0;
	if (r < 0 && r != ERR_NO_KEYFILE) {
		client_close(c);
		return r;
	}
	*out = c;
	return 0;
}

int
client_open(struct client **out, const struct settings *s)
{
	struct client *c;
	bool found;
	int r = client_prepare(&c, s, &found);

	if (r < 0)
		return r;
	if (!found) {
		client_close(c);
		return ERR_NO_KEYFILE;
	}
	*out = c;
	return 0;
}

void
client_close(struct client *c)
{
	if (!c)
		return;
	chan_close(c->chan);
	keyfile_close(c->keyfile);
	free(c);
}

/* The address given to this command is that of another relay, or of a new key.
 */
static int
refuse_other(const struct addr *where)
{
	char key[TEXT_KEY_SIZE];
	int r;

	text_key(key, where->key);
	r = err_set(ERR_UNTRUSTED,
	    "the relay address has the key %s, not the pinned one", key);
	err_hint(
	    "without --relay and SENTINEL_RELAY the pinned one is used; if "
	    "the relay's operator says that its key is new: "
	    "sentinel-keys trust-relay %s%s",
	    key[0] == '-' ? "-- " : "", key);
	return r;
}

static int
no_relay(void)
{
	int r = err_set(ERR_USAGE, "no relay given");

	err_hint("its operator has the address; set SENTINEL_RELAY to it, or "
		 "add: --relay sentinel://KEY@HOST:PORT");
	return r;
}

static int
parse(struct addr *where, const char *text)
{
	int r = addr_parse(where, text);

	if (r < 0)
		err_hint("an address is sentinel://KEY@HOST:PORT; the relay's "
			 "operator has it: sentinel-relay --key FILE "
			 "--listen HOST:PORT --print-address");
	return r;
}

/* Where to connect, and the key that must answer there. */
static int
choose(const struct client *c, struct addr *where)
{
	const struct addr *known = &c->self.relay;
	int r;

	if (!c->settings->relay && known->hosts_n == 0)
		return no_relay();
	if (!c->settings->relay) {
		*where = *known;
		return 0;
	}
	r = parse(where, c->settings->relay);
	if (r < 0 || !known->has_key)
		return r;
	if (where->has_key && !secret_equal(where->key, known->key, KEY_LEN))
		return refuse_other(where);
	where->has_key = true;
	memcpy(where->key, known->key, KEY_LEN);
	return 0;
}

static int
dial(struct client *c, const struct addr *where)
{
	int r = chan_open(&c->chan, where, where->has_key ? where->key : NULL,
	    c->settings->timeout_ms);

	/* nothing is pinned yet: the key is the one in the address */
	if (r == ERR_UNTRUSTED && !c->keyfile)
		err_hint("the address is wrong, or somebody sits in between: "
			 "ask the relay's operator for it");
	return r;
}

/* The user's word on the key that answered. */
static int
ask_trust(const struct settings *s, const char *key, bool *yes)
{
	char question[160];

	*yes = false;
	if (!s->ask_yes)
		return 0;
	snprintf(question, sizeof(question),
	    "Nobody has vouched for this relay yet.  Its key is\n"
	    "%s\nTrust this relay?",
	    key);
	return s->ask_yes(s, question, yes);
}

/*
 * Nobody has vouched for the key that answered.  With the user's yes it is
 * reached again, by that key: it does not wait for an answer.
 */
static int
meet_unknown(struct client *c, struct addr *where)
{
	char key[TEXT_KEY_SIZE], address[ADDR_TEXT_SIZE];
	bool yes;
	int r;

	memcpy(where->key, chan_relay_key(c->chan), KEY_LEN);
	where->has_key = true;
	client_hang_up(c);
	where->first = c->first;
	text_key(key, where->key);
	r = ask_trust(c->settings, key, &yes);
	if (r < 0)
		return r;
	if (yes)
		return dial(c, where);
	r = err_set(ERR_UNTRUSTED, "no key is known for this relay; it has %s",
	    key);
	addr_text(address, where);
	err_hint("--tofu trusts it unseen; better compare it with the "
		 "operator's, then: --relay %s",
	    address);
	return r;
}

int
client_reach(struct client *c)
{
	struct addr where;
	bool known;
	int r;

	if (c->chan)
		return 0;
	r = choose(c, &where);
	if (r < 0)
		return r;
	known = where.has_key;
	where.first = c->first;
	r = dial(c, &where);
	if (r == 0 && !known && !c->settings->tofu)
		r = meet_unknown(c, &where);
	if (r < 0)
		return r;
	c->unseen |= !known;
	c->where = where;
	c->where.has_key = true;
	memcpy(c->where.key, chan_relay_key(c->chan), KEY_LEN);
	return 0;
}

bool
client_trusted_unseen(const struct client *c)
{
	return c->unseen;
}

int
client_adopt(struct client *c, const char *name, const struct passphrase *pass)
{
	int r = keyfile_create(&c->keyfile, c->path, name, &c->where, pass,
	    c->settings->lock_timeout_ms);

	return r < 0 ? r : client_reload(c);
}

int
client_remember(struct client *c)
{
	char known[ADDR_TEXT_SIZE], met[ADDR_TEXT_SIZE];
	int r;

	addr_text(known, &c->self.relay);
	addr_text(met, &c->where);
	if (strcmp(known, met) == 0)
		return 0;
	r = keyfile_begin(c->keyfile);
	if (r == 0)
		r = keyfile_set_relay(c->keyfile, &c->where);
	if (r == 0)
		r = keyfile_commit(c->keyfile);
	keyfile_rollback(c->keyfile);
	return r < 0 ? r : client_reload(c);
}

int
client_set_passphrase(struct client *c, const struct passphrase *pass)
{
	return keyfile_set_passphrase(c->keyfile, pass);
}

int
client_has_passphrase(struct client *c, bool *has)
{
	return keyfile_has_passphrase(c->keyfile, has);
}

int
client_not_registered(const struct client *c)
{
	int r = err_set(ERR_DENIED, "this key file is not registered");

	err_hint("sentinel-register %s", c->self.name);
	return r;
}

int
client_connect(struct client *c)
{
	struct own own;
	bool found = false;
	int r;

	if (c->chan)
		return 0;
	r = rotate_resume(c);
	if (r == 0)
		r = own_get(c->keyfile, OWN_CURRENT, &own, &found);
	if (r < 0)
		return r;
	if (!found)
		return client_not_registered(c);
	r = client_reach(c);
	if (r == 0)
		r = chan_bind(c->chan, c->self.id, own.static_sk);
	if (r < 0)
		client_hang_up(c);
	secret_wipe(&own, sizeof(own));
	return r;
}

int
client_reconnect(struct client *c)
{
	if (c->chan && !chan_is_idle(c->chan))
		client_hang_up(c);
	return client_connect(c);
}

void
client_hang_up(struct client *c)
{
	if (c->chan)
		c->first = chan_next_host(c->chan);
	chan_close(c->chan);
	c->chan = NULL;
}

int
client_check_clock(struct client *c)
{
	uint64_t ours = clock_wall_ms(), theirs = chan_relay_time(c->chan);
	uint64_t off = ours > theirs ? ours - theirs : theirs - ours;
	int r;

	if (off <= CLOCK_SKEW_MS)
		return 0;
	r = err_set(ERR_PROTOCOL,
	    "this clock and the relay's are %llu hours "
	    "apart",
	    (unsigned long long)(off / (CLOCK_DAY / 24)));
	err_hint("set the clock of this machine");
	return r;
}

struct keyfile *
client_keyfile(struct client *c)
{
	return c->keyfile;
}

struct chan *
client_chan(struct client *c)
{
	return c->chan;
}

const struct keyfile_self *
client_self(const struct client *c)
{
	return &c->self;
}

const struct settings *
client_settings(const struct client *c)
{
	return c->settings;
}

int
client_reload(struct client *c)
{
	return keyfile_get_self(c->keyfile, &c->self);
}
