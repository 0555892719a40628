/* SPDX-License-Identifier: ISC */
#include "state/forget.h"

#include "state/query.h"

static const char skipped[] = "DELETE FROM skipped WHERE sid IN "
			      "(SELECT sid FROM sessions WHERE peer = ?1)";
static const char newest[] =
    "UPDATE outbox SET peer = zeroblob(16), message_id = randomblob(16), "
    "state = 3, content = NULL "
    "WHERE peer = ?1 AND n = (SELECT max(n) FROM outbox)";

/*
 * Keys of skipped messages go before the sessions they are found by.  The
 * newest row of the outbox stays, empty and nobody's: another process may be
 * sending a row by its number, which must not become that of a new one.
 */
static const char *const statements[] = {
	skipped,
	"DELETE FROM sessions WHERE peer = ?1",
	"DELETE FROM shakes WHERE peer = ?1",
	"DELETE FROM requests WHERE peer = ?1",
	"DELETE FROM finished WHERE peer = ?1",
	"DELETE FROM held WHERE peer = ?1",
	"DELETE FROM inbox WHERE peer = ?1",
	"DELETE FROM files WHERE peer = ?1",
	"DELETE FROM strays WHERE peer = ?1",
	newest,
	"DELETE FROM outbox WHERE peer = ?1",
	"DELETE FROM peers WHERE id = ?1",
};

int
forget_peer(struct keyfile *kf, const uint8_t peer[static ID_LEN])
{
	struct query *q;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(statements) && r == 0; i++) {
		q = query_of(keyfile_db(kf), statements[i]);
		query_bind_blob(q, peer, ID_LEN);
		r = query_run(q);
	}
	return r;
}
