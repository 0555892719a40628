/* SPDX-License-Identifier: ISC */
#include "server/store_sqlite_plan.h"

/* The places of all pieces of files, the oldest first. */
#define FILES_INDEX \
	"CREATE INDEX messagesInFiles ON messages (content) WHERE type = 4;"

/*
 * Since version 3: the requests that wait, and what a sender has in a mailbox,
 * of one kind (see store_sqlite_count.c).
 */
#define REQUESTS_INDEX                                                      \
	"CREATE INDEX messagesRequested ON messages (toClient, fromClient)" \
	" WHERE type = 1;"
#define SHARES_TABLE                          \
	"CREATE TABLE shares ("               \
	" client INTEGER NOT NULL,"           \
	" kind INTEGER NOT NULL,"             \
	" sender INTEGER NOT NULL,"           \
	" messages INTEGER NOT NULL,"         \
	" bytes INTEGER NOT NULL,"            \
	" PRIMARY KEY (client, kind, sender)" \
	") STRICT, WITHOUT ROWID;"

/*
 * Since version 3: all that a send needs to know of its recipient, found by
 * the ID alone.
 */
#define MAILBOXES_TABLE                             \
	"CREATE TABLE mailboxes ("                  \
	" ID BLOB PRIMARY KEY,"                     \
	" client INTEGER NOT NULL,"                 \
	" registered INTEGER NOT NULL DEFAULT 1,"   \
	" nextMessage INTEGER NOT NULL DEFAULT 1,"  \
	" messages INTEGER NOT NULL DEFAULT 0,"     \
	" messageBytes INTEGER NOT NULL DEFAULT 0," \
	" chunks INTEGER NOT NULL DEFAULT 0,"       \
	" chunkBytes INTEGER NOT NULL DEFAULT 0,"   \
	" blocks INTEGER NOT NULL DEFAULT 0"        \
	") STRICT, WITHOUT ROWID;"

/* Since version 4. */
#define INVITES_TABLE               \
	"CREATE TABLE invites ("    \
	" nonce BLOB PRIMARY KEY,"  \
	" expires INTEGER NOT NULL" \
	") STRICT, WITHOUT ROWID;"  \
	"CREATE INDEX invitesByExpiry ON invites (expires);"

static const char schema[] =
    "CREATE TABLE clients ("
    " number INTEGER PRIMARY KEY,"
    " ID BLOB NOT NULL UNIQUE,"
    " userName TEXT UNIQUE,"
    " publicKey BLOB,"
    " issuedAt INTEGER NOT NULL,"
    " lastSeen INTEGER NOT NULL"
    ") STRICT;" MAILBOXES_TABLE "CREATE TABLE messages ("
    " toClient INTEGER NOT NULL,"
    " ID INTEGER NOT NULL,"
    " fromClient INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " storedAt INTEGER NOT NULL,"
    " content BLOB NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX messagesByMailbox ON messages (toClient, ID);" FILES_INDEX
	REQUESTS_INDEX SHARES_TABLE "CREATE TABLE blocks ("
    " client INTEGER NOT NULL,"
    " blocked BLOB NOT NULL,"
    " PRIMARY KEY (client, blocked)"
    ") STRICT, WITHOUT ROWID;" INVITES_TABLE;

/* What is told of a row that is deleted. */
#define GONE                                     \
	" RETURNING type, length(content), CASE" \
	" WHEN type = 4 THEN content END, fromClient"

static const char *const queries[QUERY_N] = {
	[QUERY_FIND] = "SELECT userName, publicKey, issuedAt FROM clients"
		       " WHERE ID = ?1 AND userName IS NOT NULL",
	[QUERY_LIST] = "SELECT ID, userName FROM clients"
		       " WHERE ID > ?1 AND userName IS NOT NULL ORDER BY ID",
	[QUERY_LIST_NAME] = "SELECT ID, userName FROM clients"
			    " WHERE ID > ?1 AND userName = ?2",
	[QUERY_NAME_OWNER] = "SELECT ID FROM clients WHERE userName = ?1",
	[QUERY_REGISTER] = "INSERT INTO clients"
			   " (ID, userName, publicKey, issuedAt, lastSeen)"
			   " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (ID) DO"
			   " UPDATE SET userName = ?2, publicKey = ?3,"
			   " issuedAt = ?4, lastSeen = ?5",
	[QUERY_ADD_MAILBOX] = "INSERT INTO mailboxes (ID, client)"
			      " SELECT ID, number FROM clients WHERE ID = ?1"
			      " ON CONFLICT (ID) DO UPDATE SET registered = 1",
	[QUERY_FORGET_CLIENT] = "UPDATE clients SET userName = NULL,"
				" publicKey = NULL, issuedAt = 0"
				" WHERE number = ?1",
	[QUERY_FORGET_BLOCKS] = "DELETE FROM blocks WHERE client = ?1",
	[QUERY_MAILBOX] = "SELECT client, registered,"
			  " nextMessage, messages, messageBytes, chunks,"
			  " chunkBytes, blocks, EXISTS (SELECT 1 FROM shares"
			  " AS s WHERE s.client = m.client AND kind = 0)"
			  " FROM mailboxes AS m WHERE ID = ?1",
	[QUERY_SEEN] = "SELECT lastSeen FROM clients WHERE number = ?1",
	[QUERY_UNCOUNTED] = "SELECT count(*), sum(length(content)), max(ID)"
			    " FROM messages WHERE toClient = ?1 AND ID >= ?2",
	[QUERY_SET_COUNTERS] = "UPDATE mailboxes SET nextMessage = ?2,"
			       " messages = ?3, messageBytes = ?4,"
			       " chunks = ?5, chunkBytes = ?6, blocks = ?7,"
			       " registered = ?8 WHERE ID = ?1",
	[QUERY_SET_SEEN] = "UPDATE clients SET lastSeen = ?2"
			   " WHERE number = ?1",
	[QUERY_BLOCK] = "INSERT OR IGNORE INTO blocks VALUES (?1, ?2)",
	[QUERY_UNBLOCK] = "DELETE FROM blocks"
			  " WHERE client = ?1 AND blocked = ?2",
	[QUERY_IS_BLOCKED] = "SELECT 1 FROM blocks"
			     " WHERE client = ?1 AND blocked = ?2",
	[QUERY_PUT] = "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[QUERY_PULL] = "SELECT c.ID, m.ID, m.type, m.content"
		       " FROM messages AS m"
		       " JOIN clients AS c ON c.number = m.fromClient"
		       " WHERE m.toClient = ?1 AND m.ID > ?2"
		       " AND (?3 = 0 OR m.type <> 4) ORDER BY m.ID",
	[QUERY_DELETE] = "DELETE FROM messages"
			 " WHERE toClient = ?1 AND ID BETWEEN ?2 AND ?3" GONE,
	[QUERY_NTH] = "SELECT ID FROM messages WHERE toClient = ?1"
		      " AND ID BETWEEN ?2 AND ?3 ORDER BY ID"
		      " LIMIT 1 OFFSET ?4",
	[QUERY_PLACES] = "SELECT content FROM messages WHERE type = 4"
			 " ORDER BY content",
	[QUERY_REQUESTS] = "SELECT count(*) FROM messages WHERE toClient = ?1"
			   " AND fromClient = ?2 AND type = 1",
	[QUERY_SHARE] = "SELECT messages, bytes FROM shares"
			" WHERE client = ?1 AND kind = ?2 AND sender = ?3",
	[QUERY_ADD_SHARE] = "INSERT INTO shares VALUES (?1, ?2, ?3, 1, ?4)"
			    " ON CONFLICT DO UPDATE SET"
			    " messages = messages + 1, bytes = bytes + ?4",
	[QUERY_CUT_SHARE] = "UPDATE shares SET"
			    " messages = messages - 1, bytes = bytes - ?4"
			    " WHERE client = ?1 AND kind = ?2 AND sender = ?3"
			    " RETURNING messages",
	[QUERY_END_SHARE] = "DELETE FROM shares"
			    " WHERE client = ?1 AND kind = ?2 AND sender = ?3",
	/* lengths first: else all contents are sorted, in memory */
	[QUERY_MAKE_SHARES] =
	    "WITH held AS MATERIALIZED (SELECT fromClient AS sender,"
	    " length(content) AS bytes FROM messages"
	    " WHERE toClient = ?1 AND type < 4)"
	    " INSERT INTO shares SELECT ?1, 0, sender, count(*), sum(bytes)"
	    " FROM held GROUP BY sender",
	[QUERY_END_SHARES] = "DELETE FROM shares"
			     " WHERE client = ?1 AND kind = 0",
	[QUERY_OLDEST_TEXTS] =
	    "SELECT c.ID, m.ID, m.storedAt, m.type, m.rowid"
	    " FROM messages AS m JOIN clients AS c ON c.number = m.toClient"
	    " WHERE m.rowid > ?2 ORDER BY m.rowid LIMIT ?1",
	[QUERY_OLDEST] = "SELECT c.ID, m.ID, m.storedAt FROM messages AS m"
			 " JOIN clients AS c ON c.number = m.toClient"
			 " WHERE m.type = 4 ORDER BY m.content LIMIT ?1",
	[QUERY_IS_USED] = "SELECT 1 FROM invites WHERE nonce = ?1",
	[QUERY_USE] = "INSERT INTO invites VALUES (?1, ?2)",
	[QUERY_CENSUS] =
	    "SELECT ifnull(sum(registered), 0),"
	    " ifnull(sum(messages), 0), ifnull(sum(messageBytes), 0),"
	    " ifnull(sum(chunks), 0), ifnull(sum(chunkBytes), 0)"
	    " FROM mailboxes",
	[QUERY_LATE] = "WITH part AS MATERIALIZED (SELECT ID, client,"
		       " nextMessage FROM mailboxes WHERE ID > ?1"
		       " ORDER BY ID LIMIT ?2)"
		       " SELECT (SELECT count(*) FROM part),"
		       " (SELECT max(ID) FROM part), count(*),"
		       " ifnull(sum(length(content)), 0)"
		       " FROM part AS p CROSS JOIN messages AS t"
		       " ON t.toClient = p.client AND t.ID >= p.nextMessage",
	[QUERY_FORGET_USED] = "DELETE FROM invites WHERE expires < ?1",
};

/* The length that stands at the end of a place, big-endian (chunks.h). */
#define DIGIT(at, bits)                                                  \
	" + (instr('123456789ABCDEF', substr(hex(content), " #at ", 1))" \
	" << " #bits ")"
#define PLACE_LEN                                                  \
	"0" DIGIT(35, 20) DIGIT(36, 16) DIGIT(37, 12) DIGIT(38, 8) \
	    DIGIT(39, 4) DIGIT(40, 0)

static const char mailboxes_and_shares[] = REQUESTS_INDEX SHARES_TABLE
    "ALTER TABLE mailboxes RENAME TO formerMailboxes;" MAILBOXES_TABLE
    "INSERT INTO mailboxes SELECT ID, client, userName IS NOT NULL,"
    " nextMessage, messages, messageBytes, chunks, chunkBytes, blocks"
    " FROM formerMailboxes JOIN clients ON number = client;"
    "DROP TABLE formerMailboxes;"
    "INSERT INTO shares SELECT toClient, 1, fromClient, count(*),"
    " sum(CASE length(content) WHEN 20 THEN " PLACE_LEN
    " ELSE length(content) END)"
    " FROM messages WHERE type = 4 GROUP BY toClient, fromClient;";

static const char *const upgrades[] = { FILES_INDEX, mailboxes_and_shares,
	INVITES_TABLE };

const struct sql_plan store_sqlite_plan = {
	.application_id = 0x534e544c, /* "SNTL" */
	.version = 4,
	.schema = schema,
	.upgrades = upgrades,
	.queries = queries,
	.queries_n = QUERY_N,
};
