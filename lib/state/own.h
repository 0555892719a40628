/* SPDX-License-Identifier: ISC */
/*
 * Own X25519 keys by the time their bundle was dated: the current pair, the
 * next one (made, perhaps dated, not yet confirmed by the relay), and former
 * ones, kept OWN_KEEP_MS for handshakes that were begun with them.
 */
#ifndef STATE_OWN_H
#define STATE_OWN_H

#include "base/clock.h"
#include "state/keyfile.h"
#include "wire/bundle.h"

#define OWN_KEEP_MS (30 * CLOCK_DAY)

enum own_state { OWN_NEXT = 1, OWN_CURRENT = 2, OWN_FORMER = 3 };

struct own {
	enum own_state state;
	uint64_t issued_at; /* 0: not dated yet */
	uint8_t static_sk[KEY_LEN];
	uint8_t prekey_sk[KEY_LEN];
};

/* The pair in state OWN_NEXT or OWN_CURRENT; *found false when there is none.
 */
int own_get(struct keyfile *kf, enum own_state state, struct own *out,
    bool *found) MUST_USE;

/* The pair, of any state, dated issued_at. */
int own_get_dated(struct keyfile *kf, uint64_t issued_at, struct own *out,
    bool *found) MUST_USE;

/* Make a fresh next pair; there must be none. */
int own_make_next(struct keyfile *kf) MUST_USE;

/* The same with the static key of the current one. */
int own_make_prekey(struct keyfile *kf) MUST_USE;

/* Give the next pair its date; also moves self.issued_at up to it. */
int own_date_next(struct keyfile *kf, uint64_t issued_at) MUST_USE;

/*
 * The relay has the next pair of that date: next becomes current, current
 * former, old ones go.  No effect when it is next no more.
 */
int own_confirm_next(struct keyfile *kf, uint64_t issued_at,
    uint64_t now) MUST_USE;

/*
 * The relay will not have it.  It may have had it for a while, and peers may
 * have fetched it, so it is kept as a former one.
 */
int own_retire_next(struct keyfile *kf, uint64_t issued_at,
    uint64_t now) MUST_USE;

/* The relay has none of them any more: the current and the next are former. */
int own_retire_all(struct keyfile *kf, uint64_t now) MUST_USE;

/* Former pairs whose time is over go. */
int own_expire(struct keyfile *kf, uint64_t now) MUST_USE;

/* Public halves and signature of a dated pair, as registered. */
int own_bundle(struct keyfile *kf, const struct own *own,
    struct bundle *out) MUST_USE;

#endif
