/* SPDX-License-Identifier: ISC */
#include "state/census.h"

#include "state/handshake.h"
#include "state/inbox.h"
#include "state/outbox.h"
#include "state/query.h"

/* Rows that are not done, by the index that holds them alone. */
#define INBOX " FROM inbox INDEXED BY inbox_open WHERE record IS NOT NULL"
#define OUTBOX                                                           \
	" FROM outbox INDEXED BY outbox_open WHERE content IS NOT NULL " \
	"AND state IN (?6, ?7, ?8)"

int
census_take(struct keyfile *kf, struct census *out)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT (SELECT count(*) FROM sessions WHERE active = 1), "
	    "(SELECT count(*) FROM sessions WHERE active = 0), "
	    "(SELECT count(*) FROM peers WHERE reset_needed = 1), "
	    "(SELECT count(*) FROM shakes WHERE stage = ?1), "
	    "(SELECT count(*) FROM requests), "
	    "(SELECT count(*) FROM shakes WHERE stage = ?2), "
	    "(SELECT count(*) FROM shakes WHERE stage = ?3), "
	    "(SELECT count(*)" INBOX " AND state = ?4), "
	    "(SELECT count(*)" INBOX " AND state = ?5), "
	    "(SELECT count(*)" INBOX " AND state NOT IN (?4, ?5)), "
	    "(SELECT ifnull(min(at), 0)" INBOX " AND state IN (?4, ?5)), "
	    "(SELECT count(*)" OUTBOX " AND state = ?6), "
	    "(SELECT count(*)" OUTBOX " AND state = ?7), "
	    "(SELECT count(*)" OUTBOX " AND state = ?8), "
	    "(SELECT ifnull(min(at), 0)" OUTBOX ")");
	struct census n = { .active = 0 };
	uint64_t *const fields[] = { &n.active, &n.previous, &n.reset_needed,
		&n.request_sent, &n.request_received, &n.key_sent,
		&n.key_received, &n.inbox_new, &n.inbox_shown, &n.inbox_dead,
		&n.inbox_oldest, &n.outbox_sealed, &n.outbox_in_doubt,
		&n.outbox_queued, &n.outbox_oldest };
	int r;

	query_bind_u64(q, HANDSHAKE_REQUESTED);
	query_bind_u64(q, HANDSHAKE_OPEN);
	query_bind_u64(q, HANDSHAKE_ANSWERED);
	query_bind_u64(q, INBOX_NEW);
	query_bind_u64(q, INBOX_SHOWN);
	query_bind_u64(q, OUTBOX_SEALED);
	query_bind_u64(q, OUTBOX_IN_DOUBT);
	query_bind_u64(q, OUTBOX_PLAIN);
	if (query_row(q)) {
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			*fields[i] = query_get_u64(q);
	}
	r = query_end(q);
	if (r == 0)
		*out = n;
	return r;
}
