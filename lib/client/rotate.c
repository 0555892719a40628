/* SPDX-License-Identifier: ISC */
#include "client/rotate.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/block.h"
#include "client/enroll.h"
#include "client/exchange.h"
#include "state/own.h"
#include "wire/codes.h"

/* Rule 11: requests made with a static key that is not the current one. */
static int
renew_requests(struct client *c)
{
	uint8_t peer[ID_LEN] = { 0 };
	bool found;
	int r;

	for (;;) {
		r = handshake_next_requested(client_keyfile(c), peer, &found);
		if (r < 0 || !found)
			return r;
		/* where it fails, sentinel-keys request does it later */
		if (exchange_renew(c, peer) < 0)
			continue;
	}
}

/* The relay has a newer bundle: this one will never be the current one. */
static int
give_up(struct client *c, const struct own *own)
{
	struct keyfile *kf = client_keyfile(c);
	struct err_info why = *err_last();
	int r = keyfile_begin(kf);

	if (r == 0)
		r = own_retire_next(kf, own->issued_at, clock_wall_ms());
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r == 0)
		err_restore(&why);
	return r < 0 ? r : why.code;
}

/* Inside the transaction: later than any date there was. */
static int
date_next(struct client *c)
{
	uint64_t now = clock_wall_ms(), last = client_self(c)->issued_at;

	return own_date_next(client_keyfile(c), now > last ? now : last + 1);
}

/*
 * The pair that a restored key file begins with gets its date once the clock
 * is known to be right.  Where another process has registered it meanwhile
 * own stays without.
 */
static int
date_restored(struct client *c, struct own *own)
{
	struct keyfile *kf = client_keyfile(c);
	bool found = false;
	int r = own->issued_at ? 0 : keyfile_begin(kf);

	if (r < 0 || own->issued_at)
		return r;
	r = client_reload(c);
	if (r == 0)
		r = own_get(kf, OWN_NEXT, own, &found);
	if (r == 0 && found && own->issued_at == 0)
		r = date_next(c);
	if (r == 0 && found)
		r = own_get(kf, OWN_NEXT, own, &found);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r < 0 ? r : client_reload(c);
}

static int
announce(struct client *c, struct own *own)
{
	int r = date_restored(c, own);

	if (r < 0 || own->issued_at == 0)
		return r;
	r = chan_bind(client_chan(c), client_self(c)->id, own->static_sk);
	return r < 0 ? r : enroll_next(c, own, NULL);
}

/* Register the next pair; *refused: the relay will not, or we may not. */
static int
complete(struct client *c, struct own *own, bool *refused)
{
	uint16_t reason = 0;
	int r = client_reach(c);

	*refused = false;
	if (r == 0) {
		r = client_check_clock(c);
		*refused = r < 0;
	}
	if (r == 0)
		r = announce(c, own);
	if (r < 0 && client_chan(c))
		reason = chan_reason(client_chan(c));
	*refused |= reason != 0;
	client_hang_up(c);
	if (reason == REASON_STALE)
		return give_up(c, own);
	if (r == 0)
		r = renew_requests(c);
	if (r == 0)
		r = block_renew(c);
	client_hang_up(c);
	return r;
}

/*
 * *pair: the next one, which is or was registered in part; *found false when
 * there is none.  One without a date belongs to a restored key file, unless no
 * bundle was ever dated.
 */
static int
get_begun(struct client *c, struct own *pair, bool *found)
{
	int r = own_get(client_keyfile(c), OWN_NEXT, pair, found);

	if (r == 0)
		*found = *found && client_self(c)->issued_at != 0;
	return r;
}

int
rotate_resume(struct client *c)
{
	struct own next = { 0 }, current = { 0 };
	bool begun, has = false, refused;
	int r = get_begun(c, &next, &begun);

	if (r < 0 || !begun)
		goto out;
	r = complete(c, &next, &refused);
	if (r == 0 || !refused)
		goto out;
	if (own_get(client_keyfile(c), OWN_CURRENT, &current, &has) == 0 && has)
		r = 0;
out:
	secret_wipe(&next, sizeof(next));
	secret_wipe(&current, sizeof(current));
	return r;
}

/* Inside the transaction: a next pair with its date. */
static int
make(struct client *c, bool with_static)
{
	struct keyfile *kf = client_keyfile(c);
	int r = with_static ? own_make_next(kf) : own_make_prekey(kf);

	return r < 0 ? r : date_next(c);
}

/* The next pair, made now unless another run has just made one. */
static int
begin(struct client *c, bool with_static, struct own *next)
{
	struct keyfile *kf = client_keyfile(c);
	bool found = false;
	int r = keyfile_begin(kf);

	if (r == 0)
		r = client_reload(c);
	if (r == 0)
		r = get_begun(c, next, &found);
	if (r == 0 && !found)
		r = make(c, with_static);
	if (r == 0)
		r = own_get(kf, OWN_NEXT, next, &found);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

/* A relay that is away, or a wrong clock, leaves nothing behind. */
static int
start(struct client *c, bool with_static, struct own *next)
{
	int r = client_reach(c);

	if (r == 0)
		r = client_check_clock(c);
	return r < 0 ? r : begin(c, with_static, next);
}

int
rotate_keys(struct client *c, bool with_static)
{
	struct own current = { 0 }, next = { 0 };
	bool has = false, begun = false, refused;
	int r = own_get(client_keyfile(c), OWN_CURRENT, &current, &has);

	if (r == 0)
		r = get_begun(c, &next, &begun);
	if (r == 0 && !has && !begun)
		r = client_not_registered(c);
	if (r == 0 && begun)
		r = complete(c, &next, &refused);
	if (r < 0 || (begun && !with_static) ||
	    (begun &&
		!secret_equal(current.static_sk, next.static_sk, KEY_LEN)))
		goto out;
	r = start(c, with_static, &next);
	if (r == 0)
		r = complete(c, &next, &refused);
out:
	secret_wipe(&current, sizeof(current));
	secret_wipe(&next, sizeof(next));
	return r;
}
