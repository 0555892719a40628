/* SPDX-License-Identifier: ISC */
#include "client/enroll.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "client/block.h"
#include "client/patience.h"
#include "state/own.h"
#include "wire/body.h"
#include "wire/codes.h"

#define INVITE_FILE_MAX 255

/* 1100 for a dated pair, over the channel as it stands. */
static int
announce(struct client *c, const struct own *own, const char *invite)
{
	uint8_t payload[BODY_REGISTER_MAX];
	struct body_register body = { .issued_at = own->issued_at };
	struct chan_reply reply;
	size_t len;
	int r;

	snprintf(body.name, sizeof(body.name), "%s", client_self(c)->name);
	snprintf(body.invite, sizeof(body.invite), "%s", invite ? invite : "");
	r = own_bundle(client_keyfile(c), own, &body.bundle);
	if (r < 0)
		return r;
	body_pack_register(payload, &len, &body);
	r = chan_call(client_chan(c), &reply, CODE_REGISTER, payload, len);
	if (r < 0)
		return r;
	if (reply.len != ID_LEN ||
	    memcmp(reply.payload, client_self(c)->id, ID_LEN) != 0)
		return err_set(ERR_PROTOCOL, "the relay registered another id");
	return 0;
}

/*
 * Inside the transaction: the next pair, made now where an unregistration has
 * left none, with a date, unless it has one that may be on its way.  Where
 * another process has just registered: the current one, to be told again.
 */
static int
date_next(struct client *c, struct own *own, const char *name)
{
	struct keyfile *kf = client_keyfile(c);
	const uint64_t now = clock_wall_ms(), last = client_self(c)->issued_at;
	const bool renamed = strcmp(client_self(c)->name, name) != 0;
	bool found;
	int r = own_get(kf, OWN_CURRENT, own, &found);

	if (r < 0 || found)
		return r;
	r = own_get(kf, OWN_NEXT, own, &found);
	if (r == 0 && found && own->issued_at != 0 && !renamed)
		return 0;
	if (r == 0 && !found)
		r = own_make_next(kf);
	if (r == 0)
		r = own_date_next(kf, now > last ? now : last + 1);
	if (r == 0 && renamed)
		r = keyfile_set_name(kf, name);
	return r < 0 ? r : own_get(kf, OWN_NEXT, own, &found);
}

/* The next pair, ready to be registered under a name. */
static int
prepare_next(struct client *c, struct own *own, const char *name)
{
	struct keyfile *kf = client_keyfile(c);
	int r = keyfile_begin(kf);

	if (r == 0)
		r = client_reload(c);
	if (r == 0)
		r = date_next(c, own, name);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r < 0 ? r : client_reload(c);
}

static int
confirm_next(struct client *c, uint64_t issued_at)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	int r = keyfile_begin(kf);

	if (r == 0)
		r = own_confirm_next(kf, issued_at, now);
	if (r == 0)
		r = keyfile_set_contact(kf, now);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r < 0 ? r : client_reload(c);
}

int
enroll_next(struct client *c, const struct own *own, const char *invite)
{
	int r = announce(c, own, invite);

	return r < 0 ? r : confirm_next(c, own->issued_at);
}

static int
bind(struct client *c, const struct own *own)
{
	return chan_bind(client_chan(c), client_self(c)->id, own->static_sk);
}

static int
register_next(struct client *c, const char *name, const char *invite)
{
	struct own own = { 0 };
	int r = client_reach(c);

	if (r == 0)
		r = client_check_clock(c);
	if (r == 0)
		r = prepare_next(c, &own, name);
	if (r == 0)
		r = bind(c, &own);
	if (r == 0)
		r = enroll_next(c, &own, invite);
	secret_wipe(&own, sizeof(own));
	if (r == ERR_EXISTS && chan_reason(client_chan(c)) == REASON_NAME_TAKEN)
		err_hint("choose another name: sentinel-register NAME");
	return r;
}

/* Does the relay still know the current pair?  If not, tell it again. */
static int
renew(struct client *c, const char *invite)
{
	struct chan_reply reply;
	struct own own;
	bool found;
	int r = client_connect(c);

	if (r == 0)
		r = client_check_clock(c);
	if (r < 0)
		return r;
	r = chan_call(client_chan(c), &reply, CODE_KEY, client_self(c)->id,
	    ID_LEN);
	if (r == 0 || chan_reason(client_chan(c)) != REASON_NOT_REGISTERED)
		return r;
	client_hang_up(c);
	r = own_get(client_keyfile(c), OWN_CURRENT, &own, &found);
	if (r < 0)
		return r;
	r = found ? client_reach(c) : client_not_registered(c);
	if (r == 0)
		r = bind(c, &own);
	if (r == 0)
		r = announce(c, &own, invite);
	secret_wipe(&own, sizeof(own));
	return r;
}

static int
check_name(struct client *c, const char *name)
{
	int r;

	if (strcmp(client_self(c)->name, name) == 0)
		return 0;
	r = err_set(ERR_EXISTS, "this key file is registered as \"%s\"",
	    client_self(c)->name);
	err_hint("with another key file: "
		 "sentinel-register --identity %s %s",
	    name, name);
	return r;
}

static int
enroll(struct client *c, const char *name, const char *invite, bool *again)
{
	struct own own;
	bool found;
	int r = own_get(client_keyfile(c), OWN_CURRENT, &own, &found);

	secret_wipe(&own, sizeof(own));
	if (r < 0)
		return r;
	*again = found;
	if (!found)
		return register_next(c, name, invite);
	r = check_name(c, name);
	return r < 0 ? r : renew(c, invite);
}

static int
enroll_patiently(struct client *c, const char *name, const char *invite,
    bool *again)
{
	struct patience patience;
	int r;

	patience_init(&patience, c);
	do {
		r = enroll(c, name, invite, again);
		client_hang_up(c);
	} while (r == ERR_BUSY && patience_wait(&patience, r) == 0);
	return r;
}

int
enroll_register(struct client *c, const char *name,
    const struct passphrase *pass, const char *invite, bool *again)
{
	int r;

	if (!text_is_name(name)) {
		r = err_set(ERR_USAGE, "not a name: \"%s\"", name);
		err_hint("a letter or digit, then up to 253 of A-Z a-z 0-9 "
			 ". _ @ + -");
		return r;
	}
	if (!client_keyfile(c)) {
		r = client_reach(c);
		if (r == 0)
			r = client_check_clock(c);
		if (r == 0)
			r = client_adopt(c, name, pass);
		if (r < 0)
			return r;
	}
	r = enroll_patiently(c, name, invite, again);
	if (r == 0)
		r = client_remember(c);
	return r < 0 ? r : block_renew(c);
}

int
enroll_read_invite(char out[static INVITE_LEN + 1], const char *file)
{
	const bool piped = strcmp(file, "-") == 0;
	int fd = piped ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	char text[INVITE_FILE_MAX + 1];
	size_t len = 0;
	int r;

	if (fd < 0) {
		r = err_sys(ERR_IO, "%s", file);
		err_path(file);
		return r;
	}
	r = file_read(fd, text, sizeof(text), FILE_HERE, &len, file);
	if (!piped)
		close(fd);
	while (len > 0 && text[len - 1] != '\0' &&
	    strchr(" \t\r\n", text[len - 1]))
		len--;
	if (r == 0 && (len != INVITE_LEN || memchr(text, '\0', len)))
		r = err_set(ERR_USAGE, "%s: an invite has %d characters", file,
		    INVITE_LEN);
	if (r == 0)
		snprintf(out, INVITE_LEN + 1, "%.*s", INVITE_LEN, text);
	secret_wipe(text, sizeof(text));
	return r;
}

/* 1106; a relay that knows nobody of this id has forgotten it. */
static int
leave(struct client *c)
{
	struct chan_reply reply;
	int r = client_connect(c);

	if (r < 0)
		return r;
	r = chan_call(client_chan(c), &reply, CODE_UNREGISTER, NULL, 0);
	if (chan_reason(client_chan(c)) == REASON_NOT_REGISTERED)
		r = 0;
	client_hang_up(c);
	return r;
}

static int
note_left(struct client *c)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	int r = keyfile_begin(kf);

	if (r == 0)
		r = own_retire_all(kf, now);
	if (r == 0)
		r = keyfile_set_contact(kf, now);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r < 0 ? r : client_reload(c);
}

int
enroll_unregister(struct client *c, const char *name)
{
	struct own own;
	bool current, begun;
	int r = name ? check_name(c, name) : 0;

	if (r == 0)
		r = own_get(client_keyfile(c), OWN_CURRENT, &own, &current);
	if (r == 0)
		r = own_get(client_keyfile(c), OWN_NEXT, &own, &begun);
	if (r == 0 && (current || (begun && client_self(c)->issued_at != 0)))
		r = leave(c);
	secret_wipe(&own, sizeof(own));
	return r < 0 ? r : note_left(c);
}
