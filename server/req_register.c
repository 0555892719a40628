/* SPDX-License-Identifier: ISC */
/* 1100: take a name and a bundle for the id that calls. */
#include <string.h>

#include "base/clock.h"
#include "crypto/ident.h"
#include "server/invite.h"
#include "server/notice.h"
#include "server/serve.h"
#include "server/turn.h"

/* The bundle is the caller's own, and made for this channel. */
static int
check(const struct session *ss, const struct body_register *b, uint64_t now)
{
	uint8_t id[ID_LEN];
	int r;

	ident_id(id, b->bundle.identity_pk);
	if (memcmp(id, ss->id, ID_LEN) != 0 ||
	    memcmp(b->bundle.static_pk, ss->static_pk, KEY_LEN) != 0)
		return REASON_DENIED;
	r = ident_check(&b->bundle, id, b->issued_at, b->name);
	if (r < 0)
		return r;
	return b->issued_at > now + CLOCK_SKEW_MS ? REASON_STALE : 0;
}

/* What it is to the relay. */
struct standing {
	bool new;
	bool rekeyed; /* with another static than so far */
	const struct invite *invited;
	struct invite invite;
};

static int
read_invite(const struct serve *sv, const struct session *ss,
    struct standing *out, const char *text, uint64_t now)
{
	int r = invite_unpack(&out->invite, text, sv->invite_key);

	if (r == 0 && out->invite.expires > now) {
		out->invited = &out->invite;
		return 0;
	}
	notice_put(NOTICE_INVITE, ss->origin, clock_mono_ms());
	return REASON_INVITE;
}

static int
admit_new(struct serve *sv, const struct session *ss, struct standing *out,
    const char *invite, uint64_t now)
{
	int r = 0;

	if (sv->registration == SERVE_CLOSED)
		return REASON_CLOSED;
	if (sv->registration == SERVE_INVITE)
		r = read_invite(sv, ss, out, invite, now);
	if (r != 0)
		return r;
	return pace_newcomer(&sv->pace, ss) > 0 ? REASON_RATE_LIMITED : 0;
}

/* Whether the id may register. */
static int
admit(struct serve *sv, const struct session *ss, struct standing *out,
    const char *invite, uint64_t now)
{
	struct body_key held;
	int r = store_find(sv->store, &held, ss->id);

	*out = (struct standing){ .new = r == REASON_UNKNOWN_CLIENT };
	if (out->new)
		return admit_new(sv, ss, out, invite, now);
	if (r == 0)
		out->rekeyed =
		    memcmp(held.bundle.static_pk, ss->static_pk, KEY_LEN) != 0;
	return r;
}

int
req_register(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len)
{
	uint64_t now = clock_wall_ms();
	struct body_register b;
	struct body_key k;
	struct standing standing;
	int r;

	r = body_unpack_register(&b, in, len);
	if (r == 0)
		r = check(ss, &b, now);
	if (r == 0)
		r = admit(sv, ss, &standing, b.invite, now);
	if (r != 0)
		return r;
	k = (struct body_key){ .bundle = b.bundle, .issued_at = b.issued_at };
	memcpy(k.id, ss->id, ID_LEN);
	memcpy(k.name, b.name, NAME_SIZE);
	r = store_register_invited(sv->store, &k, standing.invited, now);
	if (r != 0)
		return r;
	if (standing.new)
		pace_registered(&sv->pace, ss);
	if (standing.rekeyed)
		turn_kick_others(sv, ss);
	turn_reply(sv, ss, CODE_REGISTER, ss->id, ID_LEN);
	return 0;
}
