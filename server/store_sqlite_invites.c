/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

/* For how long after its end a used invite is known, should a clock go back. */
#define KEPT_MS CLOCK_DAY

int
store_sqlite_invites_check(struct store_sqlite *s, const struct invite *invite)
{
	int r;

	sql_set_blob(s->sql, QUERY_IS_USED, 1, invite->nonce, INVITE_NONCE_LEN);
	r = sql_step(s->sql, QUERY_IS_USED);
	if (r <= 0)
		return r;
	sql_settle(s->sql, QUERY_IS_USED);
	return REASON_INVITE;
}

int
store_sqlite_invites_use(struct store_sqlite *s, const struct invite *invite,
    uint64_t now)
{
	int r = sql_begin(s->sql);

	if (r < 0)
		return r;
	sql_set_int(s->sql, QUERY_FORGET_USED, 1,
	    now > KEPT_MS ? (int64_t)(now - KEPT_MS) : 0);
	r = sql_run(s->sql, QUERY_FORGET_USED);
	if (r < 0)
		return r;
	sql_set_blob(s->sql, QUERY_USE, 1, invite->nonce, INVITE_NONCE_LEN);
	sql_set_int(s->sql, QUERY_USE, 2, (int64_t)invite->expires);
	return sql_run(s->sql, QUERY_USE);
}
