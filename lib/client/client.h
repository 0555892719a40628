/* SPDX-License-Identifier: ISC */
/*
 * A command's hold on the world: its key file, and its channel to the relay
 * once something has to be said there.  The verbs stand in enroll,
 * directory, trust, rotate, book, exchange, meet, talk and pull; each loads
 * state, steps it, commits, then talks.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/attr.h"
#include "base/settings.h"
#include "net/chan.h"
#include "state/keyfile.h"

struct client;

/*
 * Open the key file the settings name; s is borrowed, and asked for its
 * passphrase when it has one.  ERR_NO_KEYFILE, ERR_PASSPHRASE, ...
 */
int client_open(struct client **out, const struct settings *s) MUST_USE;
void client_close(struct client *c); /* NULL is fine */

/*
 * A client around a key file that may not exist yet: *found tells.  Without
 * one, only client_reach and client_adopt are of use.
 */
int client_prepare(struct client **out, const struct settings *s,
    bool *found) MUST_USE;

/*
 * Connect as far as message 2 and hold the relay's key against the pin.
 * An address without a key, and no pin, is trusted only when the settings
 * say so (tofu) or the user does (ask_yes), else ERR_UNTRUSTED.
 */
int client_reach(struct client *c) MUST_USE;

/* The relay's key was trusted unseen, by this process. */
bool client_trusted_unseen(const struct client *c);

/*
 * Make the key file, for name, with the relay just reached pinned, under a
 * passphrase unless pass is NULL.
 */
int client_adopt(struct client *c, const char *name,
    const struct passphrase *pass) MUST_USE;

/* The address by which the relay was reached last is kept in the key file. */
int client_remember(struct client *c) MUST_USE;

/* Set, change or (NULL) remove the passphrase: keyfile_set_passphrase. */
int client_set_passphrase(struct client *c,
    const struct passphrase *pass) MUST_USE;
int client_has_passphrase(struct client *c, bool *has) MUST_USE;

/*
 * A channel bound to the own id; ERR_DENIED when not registered.  A pair of
 * own keys whose registration was never confirmed is registered first.
 */
int client_connect(struct client *c) MUST_USE;

/*
 * The same for one that may have a channel already, with nothing outstanding:
 * where the relay has closed that meanwhile, a new one.
 */
int client_reconnect(struct client *c) MUST_USE;

/* The fault of a key file that has no keys at the relay; ERR_DENIED. */
int client_not_registered(const struct client *c);

/*
 * Drop the channel; the next client_reach makes a new one, first to the same
 * host, or to the next where this one has failed (chan_next_host).
 */
void client_hang_up(struct client *c);

/* ERR_PROTOCOL when the own clock and the relay's are a day apart. */
int client_check_clock(struct client *c) MUST_USE;

/* Borrowed; the channel is NULL before client_reach. */
struct keyfile *client_keyfile(struct client *c);
struct chan *client_chan(struct client *c);
const struct keyfile_self *client_self(const struct client *c);
const struct settings *client_settings(const struct client *c);

/* Read the own row again after it has changed. */
int client_reload(struct client *c) MUST_USE;

#endif
