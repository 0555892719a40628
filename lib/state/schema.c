/* SPDX-License-Identifier: ISC */
#include "state/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "state/scrub.h"
#include "state/sqlbox.h"

/*
 * What is a box (colbox.h) is marked so.  A row of outbox or inbox that is
 * done has no content; the partial indices hold those that are not, however
 * many done ones are kept.  A box that may be long is the last column: those
 * behind it would be read through it.
 */
static const char *const tables[] = {
	"CREATE TABLE IF NOT EXISTS self ("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	" file_uuid BLOB NOT NULL,"
	" generation INTEGER NOT NULL," /* of the data key */
	" ops INTEGER NOT NULL,"        /* what follows: pwlock.h */
	" mem_kib INTEGER NOT NULL,"
	" salt BLOB NOT NULL,"
	" dek_box BLOB NOT NULL,"
	" client_id BLOB NOT NULL,"
	" identity_sk BLOB NOT NULL," /* box: Ed25519 seed */
	" identity_pk BLOB NOT NULL," /* box */
	" name BLOB NOT NULL,"        /* box */
	" issued_at INTEGER NOT NULL,"
	" relay_addr BLOB NOT NULL," /* box: hosts */
	" relay_pin BLOB NOT NULL,"  /* box: the relay's key, or nothing */
	" last_contact INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE IF NOT EXISTS own_keys ("
	" n INTEGER PRIMARY KEY,"
	" state INTEGER NOT NULL,"
	" issued_at INTEGER NOT NULL,"
	" static_sk BLOB NOT NULL," /* box */
	" prekey_sk BLOB NOT NULL," /* box */
	" expires_at INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE IF NOT EXISTS peers ("
	" id BLOB PRIMARY KEY NOT NULL,"
	" name_tag BLOB UNIQUE,"  /* colbox_tag, NULL: has none */
	" alias_tag BLOB UNIQUE," /* the same */
	" pin BLOB NOT NULL,"     /* box, see peers.c */
	" blocked INTEGER NOT NULL,"
	" reset_needed INTEGER NOT NULL,"
	" first_seen INTEGER NOT NULL,"
	" next_seq INTEGER NOT NULL,"
	" expect_seq INTEGER NOT NULL,"
	" last_init_ts INTEGER NOT NULL,"
	" last_sent_ts INTEGER NOT NULL,"
	" undecryptable INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE IF NOT EXISTS shakes ("
	" peer BLOB NOT NULL,"
	" role INTEGER NOT NULL,"
	" stage INTEGER NOT NULL,"
	" hsid BLOB NOT NULL,"
	" state BLOB," /* box */
	" sent BLOB NOT NULL,"
	" answer BLOB NOT NULL,"
	" ts INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" sent_at INTEGER NOT NULL,"
	" PRIMARY KEY (peer, role)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE IF NOT EXISTS requests ("
	" peer BLOB PRIMARY KEY NOT NULL,"
	" hsid BLOB NOT NULL,"
	" content BLOB NOT NULL,"
	" authenticated INTEGER NOT NULL,"
	" ts INTEGER NOT NULL,"
	" at INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE IF NOT EXISTS finished ("
	" n INTEGER PRIMARY KEY,"
	" peer BLOB NOT NULL,"
	" hsid BLOB NOT NULL,"
	" at INTEGER NOT NULL,"
	" UNIQUE (peer, hsid)"
	") STRICT",

	"CREATE TABLE IF NOT EXISTS sessions ("
	" peer BLOB NOT NULL,"
	" sid BLOB NOT NULL,"
	" active INTEGER NOT NULL,"
	" state BLOB NOT NULL,"         /* box */
	" expires_at INTEGER NOT NULL," /* 0: does not, or not yet */
	" PRIMARY KEY (peer, sid)"
	") STRICT",

	"CREATE TABLE IF NOT EXISTS skipped ("
	" sid BLOB NOT NULL,"
	" dh BLOB NOT NULL,"
	" n INTEGER NOT NULL,"
	" mk BLOB NOT NULL," /* box */
	" at INTEGER NOT NULL,"
	" PRIMARY KEY (sid, dh, n)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE IF NOT EXISTS held ("
	" n INTEGER PRIMARY KEY,"
	" peer BLOB NOT NULL,"
	" at INTEGER NOT NULL,"
	" content BLOB NOT NULL"
	") STRICT",
	"CREATE INDEX IF NOT EXISTS held_peer ON held (peer)",

	"CREATE TABLE IF NOT EXISTS outbox ("
	" n INTEGER PRIMARY KEY,"
	" peer BLOB NOT NULL,"
	" message_id BLOB NOT NULL,"
	" seq INTEGER NOT NULL,"
	" type INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" content BLOB," /* box */
	" UNIQUE (peer, message_id)"
	") STRICT",
	"CREATE INDEX IF NOT EXISTS outbox_open ON outbox (n) WHERE content IS NOT NULL",

	"CREATE TABLE IF NOT EXISTS inbox ("
	" n INTEGER PRIMARY KEY,"
	" peer BLOB NOT NULL,"
	" kind INTEGER NOT NULL,"
	" message_id BLOB NOT NULL,"
	" seq INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" tries INTEGER NOT NULL,"
	" next_try INTEGER NOT NULL," /* 0: at any time */
	" record BLOB,"               /* box */
	" UNIQUE (peer, kind, message_id)"
	") STRICT",
	"CREATE INDEX IF NOT EXISTS inbox_open ON inbox (n) WHERE record IS NOT NULL",
	"CREATE INDEX IF NOT EXISTS inbox_retry ON inbox (next_try) WHERE next_try > 0",

	"CREATE TABLE IF NOT EXISTS files ("
	" peer BLOB NOT NULL,"
	" direction INTEGER NOT NULL,"
	" file_id BLOB NOT NULL,"
	" stage INTEGER NOT NULL,"
	" message_id BLOB NOT NULL,"
	" seq INTEGER NOT NULL,"
	" sent_at INTEGER NOT NULL,"
	" path BLOB,"     /* box; it and the next three NULL when done */
	" name BLOB,"     /* box */
	" manifest BLOB," /* box */
	" ending BLOB,"   /* box, or NULL */
	" padded INTEGER NOT NULL,"
	" device INTEGER NOT NULL,"
	" inode INTEGER NOT NULL,"
	" modified INTEGER NOT NULL,"
	" progress BLOB NOT NULL," /* spans */
	" at INTEGER NOT NULL,"
	" end_id BLOB NOT NULL,"
	" PRIMARY KEY (peer, direction, file_id)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE IF NOT EXISTS strays ("
	" peer BLOB NOT NULL,"
	" file_id BLOB NOT NULL,"
	" first_seen INTEGER NOT NULL,"
	" ending BLOB," /* box, or NULL */
	" PRIMARY KEY (peer, file_id)"
	") STRICT, WITHOUT ROWID",
};

/* Every box there is, and what the row of each is called by. */
static const struct {
	const char *table, *column, *key;
} boxes[] = {
	{ "self", "identity_sk", "id" },
	{ "self", "identity_pk", "id" },
	{ "self", "name", "id" },
	{ "self", "relay_addr", "id" },
	{ "self", "relay_pin", "id" },
	{ "own_keys", "static_sk", "n" },
	{ "own_keys", "prekey_sk", "n" },
	{ "peers", "pin", "id" },
	{ "shakes", "state", "peer, role" },
	{ "sessions", "state", "peer, sid" },
	{ "skipped", "mk", "sid, dh, n" },
	{ "outbox", "content", "n" },
	{ "inbox", "record", "n" },
	{ "files", "manifest", "peer, direction, file_id" },
	{ "files", "ending", "peer, direction, file_id" },
	{ "files", "path", "peer, direction, file_id" },
	{ "files", "name", "peer, direction, file_id" },
	{ "strays", "ending", "peer, file_id" },
};

/* SQLite's header is big-endian. */
static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

int
schema_check(const uint8_t header[static SCHEMA_HEADER_LEN])
{
	static const char magic[16] = "SQLite format 3";
	const uint32_t version = be32(header + 60);

	if (memcmp(header, magic, sizeof(magic)) != 0 ||
	    be32(header + 68) != SCHEMA_APPLICATION_ID)
		return err_set(ERR_CORRUPT, "not a key file");
	if (version < 1 || version > SCHEMA_VERSION)
		return err_set(ERR_CORRUPT,
		    "key file of format %u; this program knows 1 to %u",
		    version, SCHEMA_VERSION);
	/* pages of 4096 bytes; a rollback journal, not WAL */
	if (memcmp(header + 16, "\x10\x00\x01\x01", 4) != 0)
		return err_set(ERR_CORRUPT, "key file in a foreign mode");
	return 0;
}

uint32_t
schema_count(const uint8_t header[static SCHEMA_HEADER_LEN])
{
	return be32(header + SCRUB_COUNT_AT);
}

int
schema_create(struct db *db)
{
	char sql[96];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(tables); i++)
		r = db_exec(db, tables[i]);
	if (r < 0)
		return r;
	snprintf(sql, sizeof(sql),
	    "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
	return db_exec(db, sql);
}

int
schema_rebox(struct db *db, const struct colbox_key *from)
{
	char sql[160];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(boxes); i++) {
		const char *t = boxes[i].table, *c = boxes[i].column;

		snprintf(sql, sizeof(sql),
		    "UPDATE %s SET %s = rebox('%s', '%s', %s, %s)", t, c, t, c,
		    c, boxes[i].key);
		r = sqlbox_run(db, from, sql);
	}
	return r;
}

/* Looks twice: a page that there was no memory for is reported like one that
 * is damaged. */
static int
check_pages(struct db *db)
{
	int64_t faults = 1;
	int r = 0;

	for (int looks = 0; r == 0 && faults > 0 && looks < 2; looks++)
		r = query_number(query_of(db,
				     "SELECT count(*) FROM "
				     "pragma_integrity_check(1) "
				     "WHERE integrity_check <> 'ok'"),
		    &faults);
	return r == 0 && faults > 0 ? db_damage(db, "a page is damaged") : r;
}

int
schema_verify(struct db *db)
{
	char sql[160];
	int r = check_pages(db);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(boxes); i++) {
		const char *t = boxes[i].table, *c = boxes[i].column;

		snprintf(sql, sizeof(sql),
		    "SELECT count(rebox('%s', '%s', %s, %s)) FROM %s", t, c, c,
		    boxes[i].key, t);
		r = sqlbox_run(db, db->key, sql);
	}
	return r;
}
