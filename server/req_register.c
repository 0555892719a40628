/* SPDX-License-Identifier: ISC */
/* 1100: take a name and a bundle for the id that calls. */
#include <string.h>

#include "base/clock.h"
#include "crypto/ident.h"
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

/* Whether the id may register; and whether with another static than so far. */
static int
admit(struct serve *sv, const struct session *ss, bool *rekeyed)
{
	struct body_key held;
	int r = store_find(sv->store, &held, ss->id);

	if (r == REASON_UNKNOWN_CLIENT) {
		*rekeyed = false;
		return sv->registration == SERVE_CLOSED ? REASON_CLOSED : 0;
	}
	if (r == 0)
		*rekeyed =
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
	bool rekeyed;
	int r;

	r = body_unpack_register(&b, in, len);
	if (r == 0)
		r = check(ss, &b, now);
	if (r == 0)
		r = admit(sv, ss, &rekeyed);
	if (r != 0)
		return r;
	k = (struct body_key){ .bundle = b.bundle, .issued_at = b.issued_at };
	memcpy(k.id, ss->id, ID_LEN);
	memcpy(k.name, b.name, NAME_SIZE);
	r = store_register(sv->store, &k, now);
	if (r != 0)
		return r;
	if (rekeyed)
		turn_kick_others(sv, ss);
	turn_reply(sv, ss, CODE_REGISTER, ss->id, ID_LEN);
	return 0;
}
