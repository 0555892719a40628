/* SPDX-License-Identifier: ISC */
#include "server/pg_schema.h"

#include <stddef.h>

#include "server/pg_schema_sql.h"

/* Shared by texts and pieces. */
#define MESSAGE_COLUMNS               \
	" to_client uuid NOT NULL,"   \
	" id bigint NOT NULL,"        \
	" from_client uuid NOT NULL," \
	" type smallint NOT NULL,"    \
	" stored_at bigint NOT NULL," \
	" content bytea NOT NULL,"

#define TABLES                                                         \
	"CREATE TABLE clients ("                                       \
	" id uuid PRIMARY KEY,"                                        \
	" user_name text COLLATE \"C\" UNIQUE,"                        \
	" public_key bytea,"                                           \
	" issued_at bigint NOT NULL,"                                  \
	" last_seen bigint NOT NULL,"                                  \
	" last_id bigint NOT NULL DEFAULT 0,"                          \
	" texts bigint NOT NULL DEFAULT 0,"                            \
	" text_bytes bigint NOT NULL DEFAULT 0,"                       \
	" pieces bigint NOT NULL DEFAULT 0,"                           \
	" piece_bytes bigint NOT NULL DEFAULT 0,"                      \
	" blocks int NOT NULL DEFAULT 0,"                              \
	" shared boolean NOT NULL DEFAULT false,"                      \
	" at_relay int NOT NULL DEFAULT 0,"                            \
	" at_until bigint NOT NULL DEFAULT 0"                          \
	") WITH (fillfactor = 60);"                                    \
	"CREATE TABLE messages (" MESSAGE_COLUMNS                      \
	" PRIMARY KEY (to_client, id));"                               \
	"ALTER TABLE messages ALTER content SET STORAGE EXTERNAL;"     \
	"CREATE INDEX messages_requested ON messages"                  \
	" (to_client, from_client) WHERE type = 1;"                    \
	"CREATE TABLE pieces (" MESSAGE_COLUMNS " day date NOT NULL,"  \
	" PRIMARY KEY (to_client, id, day)) PARTITION BY RANGE (day);" \
	"ALTER TABLE pieces ALTER content SET STORAGE EXTERNAL;"       \
	"CREATE TABLE pieces_other PARTITION OF pieces DEFAULT;"       \
	"CREATE TABLE blocks (client uuid, blocked uuid,"              \
	" PRIMARY KEY (client, blocked));"                             \
	"CREATE TABLE shares (to_client uuid, kind smallint,"          \
	" from_client uuid, n bigint NOT NULL, bytes bigint NOT NULL," \
	" PRIMARY KEY (to_client, kind, from_client));"                \
	"CREATE TABLE invites (nonce uuid PRIMARY KEY,"                \
	" expires bigint NOT NULL);"                                   \
	"CREATE INDEX invites_by_expiry ON invites (expires);"

/*
 * The messages of a mailbox, whose row is locked, in ranges, stored before the
 * times given; at most so many, else 10 (busy).
 */
#define REMOVE_KIND(table, kind, counted, count, bytes)                    \
	"WITH gone AS (DELETE FROM " table " WHERE to_client = p_id"       \
	" AND id BETWEEN lo AND hi AND stored_at < p_before[" kind " + 1]" \
	" RETURNING from_client, octet_length(content) AS len),"           \
	" cut AS (UPDATE shares AS s SET n = s.n - g.n,"                   \
	"  bytes = s.bytes - g.bytes FROM (SELECT from_client,"            \
	"  count(*) AS n, sum(len) AS bytes FROM gone GROUP BY 1) AS g"    \
	"  WHERE " counted " AND s.to_client = p_id AND s.kind = " kind    \
	"  AND s.from_client = g.from_client)"                             \
	"SELECT count(*), coalesce(sum(len), 0) INTO k, b FROM gone;"      \
	"" count " := " count " + k; " bytes " := " bytes " + b;"          \
	"n := n + k;"

#define REMOVE                                                                                                \
	"CREATE FUNCTION sentinel_remove(p_id uuid, p_first bigint[],"                                        \
	" p_last bigint[], p_before bigint[], p_most int, p_limits bigint[]," GONE                            \
	") LANGUAGE plpgsql AS $$\n"                                                                          \
	"#variable_conflict use_column\n"                                                                     \
	"DECLARE c clients; lo bigint; hi bigint; k bigint; b bigint;"                                        \
	" room int;"                                                                                          \
	"BEGIN "                                                                                              \
	"answer := 0; n := 0; n_texts := 0; t_bytes := 0;"                                                    \
	"n_pieces := 0; p_bytes := 0;"                                                                        \
	"SELECT * INTO c FROM clients"                                                                        \
	" WHERE id = p_id AND user_name IS NOT NULL;"                                                         \
	"FOR i IN 1 .. coalesce(array_length(p_first, 1), 0) LOOP"                                            \
	" EXIT WHEN answer <> 0 OR n = c.texts + c.pieces;"                                                   \
	" lo := p_first[i]; hi := least(p_last[i], c.last_id);"                                               \
	" room := p_most - n;"                                                                                \
	" IF hi - lo >= room THEN"                                                                            \
	"  SELECT x.id - 1, 10 INTO k, b FROM ("                                                              \
	"   SELECT id FROM messages WHERE to_client = p_id"                                                   \
	"    AND id BETWEEN lo AND hi UNION ALL"                                                              \
	"   SELECT id FROM pieces WHERE to_client = p_id"                                                     \
	"    AND id BETWEEN lo AND hi) AS x"                                                                  \
	"   ORDER BY x.id OFFSET room LIMIT 1;"                                                               \
	"  IF FOUND THEN hi := k; answer := b; END IF;"                                                       \
	" END IF;"                                                                                            \
	" CONTINUE WHEN lo > hi;"                                                                             \
	" IF c.texts > n_texts THEN " REMOVE_KIND("messages", "0", "c.shared",                                \
	    "n_texts",                                                                                        \
	    "t_bytes") " END IF;"                                                                             \
		       " IF c.pieces > n_pieces THEN " REMOVE_KIND("pieces",                                  \
			   "1", "true", "n_pieces",                                                           \
			   "p_bytes") " END IF;"                                                              \
				      "END LOOP;"                                                             \
				      "IF n = 0 THEN RETURN; END IF;"                                         \
				      "c.texts := c.texts - n_texts; c.text_bytes := c.text_bytes - t_bytes;" \
				      "IF c.shared OR n_pieces > 0 THEN"                                      \
				      " DELETE FROM shares WHERE to_client = p_id AND n = 0;"                 \
				      "END IF;"                                                               \
				      "IF c.shared AND c.texts < (p_limits[1] + 3) / 4"                       \
				      " AND c.text_bytes <= (p_limits[2] + 3) / 4 THEN"                       \
				      " DELETE FROM shares WHERE to_client = p_id AND kind = 0;"              \
				      " c.shared := false;"                                                   \
				      "END IF;"                                                               \
				      "UPDATE clients SET texts = c.texts, text_bytes = c.text_bytes,"        \
				      " pieces = c.pieces - n_pieces, piece_bytes = c.piece_bytes - p_bytes," \
				      " shared = c.shared WHERE id = p_id;"                                   \
				      "END $$;"

/* The row is locked, or there is none: 6 (unknown client). */
#define LOCKED                                                           \
	"PERFORM FROM clients WHERE id = p_id AND user_name IS NOT NULL" \
	" FOR NO KEY UPDATE;"                                            \
	"IF NOT FOUND THEN answer := 6; n := 0; RETURN; END IF;"

/* Of an acknowledgement that a crash has lost, messages come once more. */
#define ACK                                                                        \
	"CREATE FUNCTION sentinel_ack(p_id uuid, p_first bigint[],"                \
	" p_last bigint[], p_before bigint[], p_most int, p_limits bigint[]," GONE \
	") LANGUAGE plpgsql AS $$\n"                                               \
	"#variable_conflict use_column\n"                                          \
	"BEGIN "                                                                   \
	"PERFORM set_config('synchronous_commit', 'off', true);" LOCKED            \
	"SELECT * INTO answer, n, n_texts, t_bytes, n_pieces, p_bytes"             \
	" FROM sentinel_remove(p_id, p_first, p_last, p_before, p_most,"           \
	" p_limits);"                                                              \
	"END $$;"

#define UNREGISTER                                                           \
	"CREATE FUNCTION sentinel_unregister(p_id uuid, p_before bigint[],"  \
	" p_most int, p_limits bigint[]," GONE ") LANGUAGE plpgsql AS $$\n"  \
	"#variable_conflict use_column\n"                                    \
	"BEGIN " LOCKED                                                      \
	"SELECT * INTO answer, n, n_texts, t_bytes, n_pieces, p_bytes"       \
	" FROM sentinel_remove(p_id, ARRAY[0], ARRAY[4294967295], p_before," \
	" p_most, p_limits);"                                                \
	"IF answer <> 0 THEN RETURN; END IF;"                                \
	"UPDATE clients SET user_name = NULL, public_key = NULL,"            \
	" issued_at = 0, blocks = 0 WHERE id = p_id;"                        \
	"DELETE FROM blocks WHERE client = p_id;"                            \
	"END $$;"

/*
 * What a primary committed last may be lost with it, and yet have been pulled:
 * its standby's ids begin so far beyond that none is given twice, or an
 * acknowledgement of the one message would take away the other.
 */
#define SKIPPED "1048576"

#define TIMELINE_NOW                                               \
	"('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1," \
	" 8))::bit(32)::int"

#define TIMELINE                                                     \
	"DO $$ BEGIN EXECUTE format('ALTER TABLE clients ADD COLUMN" \
	" IF NOT EXISTS timeline int NOT NULL DEFAULT %s', "         \
	"" TIMELINE_NOW "); END $$;"

#define ENROL                                                                   \
	"CREATE OR REPLACE FUNCTION sentinel_enrol(p_id uuid, p_name text,"     \
	" p_key bytea, p_issued bigint, p_now bigint, p_nonce uuid,"            \
	" p_expires bigint,"                                                    \
	" OUT answer int, OUT added int) LANGUAGE plpgsql AS $$ "               \
	"DECLARE c clients;"                                                    \
	"BEGIN "                                                                \
	"answer := 0; added := 0;"                                              \
	"SELECT * INTO c FROM clients WHERE id = p_id FOR NO KEY UPDATE;"       \
	"IF c.user_name IS NOT NULL THEN"                                       \
	" IF c.issued_at = p_issued AND c.user_name = p_name"                   \
	"  AND c.public_key = p_key THEN RETURN; END IF;"                       \
	" IF p_issued <= c.issued_at THEN answer := 14; RETURN; END IF;"        \
	"END IF;"                                                               \
	"IF EXISTS (SELECT FROM clients WHERE user_name = p_name"               \
	"  AND id <> p_id) THEN answer := 5; RETURN; END IF;"                   \
	"IF p_nonce IS NOT NULL THEN"                                           \
	" DELETE FROM invites WHERE expires < p_now - 86400000;"                \
	" INSERT INTO invites VALUES (p_nonce, p_expires)"                      \
	"  ON CONFLICT DO NOTHING;"                                             \
	" IF NOT FOUND THEN answer := 13; RETURN; END IF;"                      \
	"END IF;"                                                               \
	"INSERT INTO clients (id, user_name, public_key, issued_at, last_seen," \
	" timeline) VALUES (p_id, p_name, p_key, p_issued, p_now,"              \
	" " TIMELINE_NOW ") ON CONFLICT (id)"                                   \
	" DO UPDATE SET user_name = p_name, public_key = p_key,"                \
	" issued_at = p_issued, last_seen = p_now;"                             \
	"added := (c.user_name IS NULL)::int;"                                  \
	"EXCEPTION WHEN unique_violation THEN answer := 5; added := 0;"         \
	"END $$;"

#define BLOCK                                                                   \
	"CREATE FUNCTION sentinel_block(p_id uuid, p_on boolean[],"             \
	" p_whom uuid[], p_most int, OUT answer int, OUT n int)"                \
	" LANGUAGE plpgsql AS $$ "                                              \
	"DECLARE have int; done int;"                                           \
	"BEGIN " LOCKED "answer := 0; n := 0;"                                  \
	"SELECT blocks INTO have FROM clients WHERE id = p_id;"                 \
	"FOR i IN 1 .. array_length(p_on, 1) LOOP"                              \
	" IF p_on[i] AND have >= p_most THEN answer := 4; EXIT; END IF;"        \
	" IF p_on[i] THEN"                                                      \
	"  INSERT INTO blocks VALUES (p_id, p_whom[i]) ON CONFLICT DO NOTHING;" \
	" ELSE"                                                                 \
	"  DELETE FROM blocks WHERE client = p_id AND blocked = p_whom[i];"     \
	" END IF;"                                                              \
	" GET DIAGNOSTICS done = ROW_COUNT;"                                    \
	" have := have + CASE WHEN p_on[i] THEN done ELSE -done END;"           \
	"END LOOP;"                                                             \
	"UPDATE clients SET blocks = have WHERE id = p_id;"                     \
	"END $$;"

/*
 * One message, by all the rules; the row of its mailbox is locked.  Answers as
 * the relay's reasons are; 7 (full) with the limit that was reached above.
 */
#define PUT_ONE                                                              \
	"CREATE FUNCTION sentinel_put_one(p_to uuid, p_from uuid,"           \
	" p_type smallint, p_now bigint, p_content bytea, l bigint[])"       \
	" RETURNS int LANGUAGE plpgsql AS $$ "                               \
	"DECLARE c clients; len bigint := octet_length(p_content);"          \
	" k smallint := CASE p_type WHEN 4 THEN 1 ELSE 0 END;"               \
	" sn bigint := 0; sb bigint := 0; refused int := 0;"                 \
	"BEGIN "                                                             \
	"IF NOT EXISTS (SELECT FROM clients WHERE id = p_from"               \
	"  AND user_name IS NOT NULL) THEN RETURN 3; END IF;"                \
	"SELECT * INTO c FROM clients"                                       \
	" WHERE id = p_to AND user_name IS NOT NULL;"                        \
	"IF NOT FOUND THEN RETURN 6; END IF;"                                \
	"IF c.last_id >= 4294967294 THEN RETURN 7; END IF;"                  \
	"IF c.blocks > 0 AND EXISTS (SELECT FROM blocks WHERE client = p_to" \
	"  AND blocked = p_from) THEN RETURN 4; END IF;"                     \
	"IF k = 0 THEN"                                                      \
	" IF c.texts >= l[1] OR c.text_bytes + len > l[2] THEN"              \
	"  RETURN 7 + 256; END IF;"                                          \
	" IF p_type = 1 AND c.texts > 0 AND (SELECT count(*) FROM messages"  \
	"   WHERE to_client = p_to AND from_client = p_from AND type = 1)"   \
	"   >= l[3] THEN RETURN 7 + 256 * 3; END IF;"                        \
	" IF c.texts >= (l[1] + 1) / 2"                                      \
	"   OR c.text_bytes + len > (l[2] + 1) / 2 THEN"                     \
	"  IF NOT c.shared THEN"                                             \
	"   INSERT INTO shares SELECT p_to, 0, from_client, count(*),"       \
	"    sum(octet_length(content)) FROM messages"                       \
	"    WHERE to_client = p_to GROUP BY from_client;"                   \
	"   c.shared := true;"                                               \
	"   UPDATE clients SET shared = true WHERE id = p_to;"               \
	"  END IF;"                                                          \
	"  SELECT n, bytes INTO sn, sb FROM shares WHERE to_client = p_to"   \
	"   AND kind = 0 AND from_client = p_from;"                          \
	"  IF coalesce(sn, 0) >= (l[1] + 1) / 2"                             \
	"    OR coalesce(sb, 0) + len > (l[2] + 1) / 2 THEN"                 \
	"   RETURN 7 + 256 * 2; END IF;"                                     \
	" END IF;"                                                           \
	" INSERT INTO messages VALUES (p_to, c.last_id + 1, p_from, p_type," \
	"  p_now, p_content);"                                               \
	"ELSE"                                                               \
	" IF c.piece_bytes + len + (c.pieces + 1) * 4096 > l[4] THEN"        \
	"  RETURN 7 + 256 * 4; END IF;"                                      \
	" SELECT n, bytes INTO sn, sb FROM shares WHERE to_client = p_to"    \
	"  AND kind = 1 AND from_client = p_from;"                           \
	" IF coalesce(sb, 0) + len + (coalesce(sn, 0) + 1) * 4096"           \
	"   > (l[4] + 1) / 2 THEN RETURN 7 + 256 * 5; END IF;"               \
	" INSERT INTO pieces VALUES (p_to, c.last_id + 1, p_from, p_type,"   \
	"  p_now, p_content,"                                                \
	"  (to_timestamp(p_now / 1000) AT TIME ZONE 'UTC')::date);"          \
	"END IF;"                                                            \
	"IF k = 1 OR c.shared THEN"                                          \
	" INSERT INTO shares AS s VALUES (p_to, k, p_from, 1, len)"          \
	"  ON CONFLICT (to_client, kind, from_client)"                       \
	"  DO UPDATE SET n = s.n + 1, bytes = s.bytes + len;"                \
	"END IF;"                                                            \
	"UPDATE clients SET last_id = last_id + 1, texts = texts + 1 - k,"   \
	" text_bytes = text_bytes + len * (1 - k), pieces = pieces + k,"     \
	" piece_bytes = piece_bytes + len * k WHERE id = p_to;"              \
	"RETURN 0;"                                                          \
	"END $$;"

#define ITEMS                                                            \
	"unnest(p_to, p_from, p_type, p_now, p_content) WITH ORDINALITY" \
	" AS i(to_client, from_client, type, stored_at, content, ord)"

/*
 * Many messages.  Where nothing can be refused, which is nearly everywhere, all
 * of a mailbox go in with one statement; each of the others by itself.  hint
 * is the relay at which the recipient waits, or 0.
 */
#define PUT                                                                 \
	"CREATE OR REPLACE FUNCTION sentinel_put(p_to uuid[],"              \
	" p_from uuid[], p_type smallint[], p_now bigint[],"                \
	" p_content bytea[], l bigint[])"                                   \
	" RETURNS TABLE (answer int, hint int) LANGUAGE plpgsql AS $$\n"    \
	"#variable_conflict use_column\n"                                   \
	"DECLARE easy uuid[]; answers int[]; renewed boolean;"              \
	" now_on int := " TIMELINE_NOW ";"                                  \
	"BEGIN "                                                            \
	"SELECT bool_or(timeline <> now_on) INTO renewed FROM ("            \
	" SELECT timeline FROM clients WHERE id = ANY (p_to) ORDER BY id"   \
	" FOR NO KEY UPDATE) AS c;"                                         \
	"IF renewed THEN"                                                   \
	" UPDATE clients SET timeline = now_on,"                            \
	"  last_id = least(last_id + " SKIPPED ", 4294967294)"              \
	"  WHERE id = ANY (p_to) AND timeline <> now_on;"                   \
	"END IF;"                                                           \
	"SELECT array_agg(c.id) INTO easy FROM ("                           \
	" SELECT to_client, count(*) AS n,"                                 \
	"  sum(octet_length(content)) AS len,"                              \
	"  bool_or(type NOT IN (2, 3) OR s.id IS NULL) AS hard"             \
	"  FROM " ITEMS " LEFT JOIN clients AS s ON s.id = from_client"     \
	"  AND s.user_name IS NOT NULL GROUP BY to_client) AS i"            \
	" JOIN clients AS c ON c.id = i.to_client"                          \
	" WHERE c.user_name IS NOT NULL AND NOT hard AND c.blocks = 0"      \
	"  AND NOT c.shared AND c.last_id + i.n < 4294967295"               \
	"  AND c.texts + i.n <= (l[1] + 1) / 2"                             \
	"  AND c.text_bytes + i.len <= (l[2] + 1) / 2;"                     \
	"IF easy IS NOT NULL THEN"                                          \
	" WITH new AS (INSERT INTO messages SELECT to_client,"              \
	"   c.last_id + row_number() OVER (PARTITION BY to_client"          \
	"   ORDER BY ord), from_client, type, stored_at, content"           \
	"   FROM " ITEMS " JOIN clients AS c ON c.id = to_client"           \
	"   WHERE to_client = ANY (easy)"                                   \
	"   RETURNING to_client, octet_length(content) AS len)"             \
	" UPDATE clients AS c SET last_id = c.last_id + x.n,"               \
	"  texts = c.texts + x.n, text_bytes = c.text_bytes + x.len"        \
	"  FROM (SELECT to_client, count(*) AS n, sum(len) AS len FROM new" \
	"  GROUP BY 1) AS x WHERE c.id = x.to_client;"                      \
	"END IF;"                                                           \
	"FOR i IN 1 .. array_length(p_to, 1) LOOP"                          \
	" IF p_to[i] = ANY (easy) THEN answers[i] := 0;"                    \
	" ELSE answers[i] := sentinel_put_one(p_to[i], p_from[i],"          \
	"  p_type[i], p_now[i], p_content[i], l); END IF;"                  \
	"END LOOP;"                                                         \
	"RETURN QUERY SELECT a.answer, CASE WHEN c.at_until > p_now[a.ord]" \
	" THEN c.at_relay ELSE 0 END FROM unnest(answers)"                  \
	" WITH ORDINALITY AS a(answer, ord)"                                \
	" LEFT JOIN clients AS c ON c.id = p_to[a.ord] ORDER BY a.ord;"     \
	"END $$;"

static const char *const first[] = { TABLES, REMOVE, ACK, UNREGISTER, BLOCK,
	PUT_ONE, NULL };
static const char *const ids[] = { TIMELINE, ENROL, PUT, NULL };

const char *const *const pg_schema_sql_steps[PG_SCHEMA_VERSION] = { first,
	pg_schema_days, ids };
