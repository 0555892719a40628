/* SPDX-License-Identifier: ISC */
/*
 * Sessions (one active and up to four previous ones a peer), the keys of
 * skipped messages, and messages held until their session exists.
 */
#ifndef STATE_SESSION_H
#define STATE_SESSION_H

#include "base/buf.h"
#include "base/clock.h"
#include "e2e/ratchet.h"
#include "state/keyfile.h"

#define SESSION_PREVIOUS_MAX 4
#define SESSION_KEEP_MS      (14 * CLOCK_DAY) /* a previous one receives */
#define SESSION_SKIP_KEEP_MS (30 * CLOCK_DAY)
#define SESSION_HELD_MAX     64 /* messages a peer */
#define SESSION_HELD_KEEP_MS (7 * CLOCK_DAY)

int session_has_active(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    bool *has) MUST_USE;
int session_get_active(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    struct ratchet *out, bool *found) MUST_USE;
/* Active or previous, of that peer. */
int session_get(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t sid[static RATCHET_SID_LEN], struct ratchet *out,
    bool *found) MUST_USE;

/* Save a session that exists. */
int session_save(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const struct ratchet *r) MUST_USE;

/*
 * Add r as the active session.  The former one receives for SESSION_KEEP_MS
 * more, counted from now, or with lazy from session_start_expiry (an
 * initiator does not know yet that its peer has the new one).
 */
int session_activate(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const struct ratchet *r, bool lazy, uint64_t now) MUST_USE;
int session_start_expiry(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    uint64_t now) MUST_USE;

/* No session of the peer sends any more; all receive for SESSION_KEEP_MS. */
int session_retire(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    uint64_t now) MUST_USE;

/* Every peer with an active session needs a new one before it is written to.
 */
int session_give_up(struct keyfile *kf) MUST_USE;

/* Keys of skipped messages, erased when taken out. */
int session_get_skipped(struct keyfile *kf,
    const uint8_t sid[static RATCHET_SID_LEN], const uint8_t dh[static KEY_LEN],
    uint32_t n, uint8_t mk[static KEY_LEN], bool *found) MUST_USE;
int session_drop_skipped(struct keyfile *kf,
    const uint8_t sid[static RATCHET_SID_LEN], const uint8_t dh[static KEY_LEN],
    uint32_t n) MUST_USE;
/* All that skips holds; the oldest beyond SKIP_STORED_MAX go. */
int session_add_skipped(struct keyfile *kf,
    const uint8_t sid[static RATCHET_SID_LEN], struct ratchet_skips *skips,
    uint64_t now) MUST_USE;

/*
 * Hold a message, unless it is held already; *full when the peer has
 * SESSION_HELD_MAX others.
 */
int session_hold(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t *content, size_t len, uint64_t now, bool *full) MUST_USE;
/* Append the oldest held message to out and drop its row. */
int session_take_held(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    struct buf *out, bool *found) MUST_USE;
/*
 * Append a held message older than SESSION_HELD_KEEP_MS, of any peer, to out
 * and drop its row.
 */
int session_take_expired(struct keyfile *kf, uint64_t now,
    uint8_t peer[static ID_LEN], struct buf *out, bool *found) MUST_USE;

/* Drop previous sessions and skipped keys whose time is over. */
int session_expire(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
