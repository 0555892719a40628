/* SPDX-License-Identifier: ISC */
/*
 * Pieces of files come and go together: those of a day are a table, which is
 * made ahead, and goes as a whole once all of it is overdue.
 *
 *	piece_days  day, settled: the tables that there are.  settled NULL: its
 *	            pieces can be had.  Else it is detached, none of them counts
 *	            in the mailboxes up to that client, and once that is the
 *	            last one, the table is dropped.
 *
 * So no row is deleted, and what a step does is bounded.  What has no table of
 * its day is in pieces_other, and is swept row by row.
 */
#include <stddef.h>

#include "server/pg_schema_sql.h"

#define ALL_SETTLED "'ffffffff-ffff-ffff-ffff-ffffffffffff'"
#define NONE_YET    "'00000000-0000-0000-0000-000000000000'"
#define DAY_OF(ms)  "(to_timestamp(" ms " / 1000) AT TIME ZONE 'UTC')::date"
#define TODAY       DAY_OF("p_now")
#define FIRST_DAY   DAY_OF("p_before") /* that is not overdue */

#define TABLES                                                          \
	"CREATE TABLE piece_days (day date PRIMARY KEY, settled uuid);" \
	"CREATE FUNCTION sentinel_day_table(p_day date) RETURNS text"   \
	" LANGUAGE sql AS $$ SELECT to_char(p_day, '\"pieces_\"YYYYMMDD') $$"

/*
 * What locks others out does not wait for long, since those who come later
 * wait behind it.  It is tried again.
 */
#define OR_LATER " EXCEPTION WHEN lock_not_available THEN NULL; "

/* Where pieces of that day are elsewhere already, they stay there. */
#define DAY_BEGIN                                                       \
	"CREATE FUNCTION sentinel_day_begin(p_day date) RETURNS void"   \
	" LANGUAGE plpgsql AS $$ "                                      \
	"DECLARE name text := sentinel_day_table(p_day);"               \
	"BEGIN "                                                        \
	"IF EXISTS (SELECT FROM pieces_other WHERE day = p_day)"        \
	" THEN RETURN; END IF;"                                         \
	"EXECUTE format('CREATE TABLE %I (LIKE pieces INCLUDING ALL)'," \
	" name);"                                                       \
	"EXECUTE format('ALTER TABLE pieces ATTACH PARTITION %I"        \
	" FOR VALUES FROM (%L) TO (%L)', name, p_day, p_day + 1);"      \
	"INSERT INTO piece_days VALUES (p_day);" OR_LATER "END $$;"

#define DAY_END                                                           \
	"CREATE FUNCTION sentinel_day_end(p_day date) RETURNS void"       \
	" LANGUAGE plpgsql AS $$ "                                        \
	"BEGIN "                                                          \
	"EXECUTE format('ALTER TABLE pieces DETACH PARTITION %I',"        \
	" sentinel_day_table(p_day));"                                    \
	"UPDATE piece_days SET settled = " NONE_YET " WHERE day = p_day;" \
	"" OR_LATER "END $$;"

#define DAY_DROP                                        \
	"CREATE FUNCTION sentinel_day_drop(p_day date)" \
	" RETURNS void LANGUAGE plpgsql AS $$ "         \
	"BEGIN "                                        \
	"EXECUTE format('DROP TABLE %I',"               \
	" sentinel_day_table(p_day));"                  \
	"DELETE FROM piece_days WHERE day = p_day;" OR_LATER "END $$;"

/*
 * One relay at a time, and one kind of it.  No commit is waited for with locks
 * held: what is acknowledged later is behind it in the log.
 */
#define DAYS                                                               \
	"CREATE FUNCTION sentinel_days(p_now bigint, p_before bigint)"     \
	" RETURNS int LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$ "  \
	"DECLARE d date; n int := 0;"                                      \
	"BEGIN "                                                           \
	"PERFORM set_config('synchronous_commit', 'off', true);"           \
	"IF NOT pg_try_advisory_xact_lock(5570844) THEN RETURN 0; END IF;" \
	"FOR d IN SELECT " TODAY " + i FROM generate_series(0, 3)"         \
	" AS i EXCEPT SELECT day FROM piece_days LOOP"                     \
	" PERFORM sentinel_day_begin(d); n := n + 1;"                      \
	"END LOOP;"                                                        \
	"IF n > 0 THEN RETURN n; END IF;"                                  \
	"FOR d IN SELECT day FROM piece_days WHERE settled IS NULL"        \
	" AND day < " FIRST_DAY " LOOP"                                    \
	" PERFORM sentinel_day_end(d); n := n + 1;"                        \
	"END LOOP;"                                                        \
	"IF n > 0 THEN RETURN n; END IF;"                                  \
	"FOR d IN SELECT day FROM piece_days"                              \
	" WHERE settled >= " ALL_SETTLED " LOOP"                           \
	" PERFORM sentinel_day_drop(d); n := n + 1;"                       \
	"END LOOP;"                                                        \
	"RETURN n;"                                                        \
	"END $$;"

/* Of one detached table, the next mailboxes: about p_most pieces. */
#define SETTLE                                                                \
	"CREATE FUNCTION sentinel_settle(p_most int," GONE ")"                \
	" LANGUAGE plpgsql AS $$\n"                                           \
	"#variable_conflict use_column\n"                                     \
	"DECLARE x piece_days; g record; last uuid; name text;"               \
	"BEGIN "                                                              \
	"answer := 0; n := 0; n_texts := 0; t_bytes := 0;"                    \
	"n_pieces := 0; p_bytes := 0;"                                        \
	"SELECT * INTO x FROM piece_days WHERE settled < " ALL_SETTLED        \
	" ORDER BY day LIMIT 1 FOR UPDATE SKIP LOCKED;"                       \
	"IF NOT FOUND THEN RETURN; END IF;"                                   \
	"name := sentinel_day_table(x.day);"                                  \
	"EXECUTE format('SELECT to_client FROM (SELECT to_client FROM %I"     \
	" WHERE to_client > $1 ORDER BY to_client LIMIT $2) AS p"             \
	" ORDER BY to_client DESC LIMIT 1', name)"                            \
	" INTO last USING x.settled, p_most;"                                 \
	"UPDATE piece_days SET settled = coalesce(last, " ALL_SETTLED ")"     \
	" WHERE day = x.day;"                                                 \
	"FOR g IN EXECUTE format('SELECT to_client, from_client,"             \
	" count(*) AS n, sum(octet_length(content)) AS len FROM %I"           \
	" WHERE to_client > $1 AND to_client <= $2 GROUP BY 1, 2"             \
	" ORDER BY 1, 2', name) USING x.settled, last LOOP"                   \
	" UPDATE clients SET pieces = pieces - g.n,"                          \
	"  piece_bytes = piece_bytes - g.len WHERE id = g.to_client;"         \
	" UPDATE shares AS s SET n = s.n - g.n, bytes = s.bytes - g.len"      \
	"  WHERE to_client = g.to_client AND kind = 1"                        \
	"  AND from_client = g.from_client;"                                  \
	" DELETE FROM shares AS s WHERE to_client = g.to_client AND kind = 1" \
	"  AND from_client = g.from_client AND s.n = 0;"                      \
	" n_pieces := n_pieces + g.n; p_bytes := p_bytes + g.len;"            \
	"END LOOP;"                                                           \
	"n := n_pieces;"                                                      \
	"END $$;"

#define IS_OLD(table, bound)                                       \
	"EXISTS (SELECT FROM (SELECT stored_at FROM " table        \
	" AS t WHERE to_client = m.id ORDER BY t.id LIMIT 1) AS x" \
	" WHERE stored_at < " bound ")"
#define OLD_TEXTS  IS_OLD("messages", "p_before[1]")
#define OLD_OTHERS IS_OLD("pieces_other", "p_before[2]")
#define OLD_PIECES IS_OLD("pieces", "p_before[3]")

/*
 * What is overdue, of the mailboxes above p_after, a page of them.  at: where
 * to go on; NULL: at the end.  A mailbox that somebody works on is left out.
 * p_before: of texts; of pieces without a table of their day; and of those
 * with one, where it would be too long to wait for its end.
 */
#define SWEEP                                                                        \
	"CREATE OR REPLACE FUNCTION sentinel_sweep(p_after uuid, p_before bigint[]," \
	" p_page int, p_most int, p_limits bigint[]," GONE ", OUT at uuid)"          \
	" LANGUAGE plpgsql AS $$\n"                                                  \
	"#variable_conflict use_column\n"                                            \
	"DECLARE m record; g record; boxes int := 0; before bigint[];"               \
	"BEGIN "                                                                     \
	"SELECT * INTO answer, n, n_texts, t_bytes, n_pieces, p_bytes"               \
	" FROM sentinel_settle(p_most);"                                             \
	"at := p_after;"                                                             \
	"IF n > 0 THEN RETURN; END IF;"                                              \
	"LOCK TABLE ONLY pieces IN ROW EXCLUSIVE MODE;"                              \
	"FOR m IN SELECT id, pieces FROM clients WHERE id > p_after"                 \
	"  AND texts + pieces > 0 ORDER BY id LIMIT p_page LOOP"                     \
	" boxes := boxes + 1;"                                                       \
	" before := ARRAY[CASE WHEN " OLD_TEXTS                                      \
	" THEN p_before[1] ELSE 0 END,"                                              \
	"  CASE WHEN m.pieces = 0 THEN 0 WHEN " OLD_OTHERS                           \
	" THEN p_before[2] WHEN " OLD_PIECES " THEN p_before[3] ELSE 0 END];"        \
	" IF before <> ARRAY[0, 0]::bigint[] THEN"                                   \
	"  PERFORM FROM clients WHERE id = m.id"                                     \
	"   FOR NO KEY UPDATE SKIP LOCKED;"                                          \
	"  IF FOUND THEN"                                                            \
	"   SELECT * INTO g FROM sentinel_remove(m.id, ARRAY[0],"                    \
	"    ARRAY[4294967295], before, p_most - n, p_limits);"                      \
	"   n := n + g.n; n_texts := n_texts + g.n_texts;"                           \
	"   t_bytes := t_bytes + g.t_bytes;"                                         \
	"   n_pieces := n_pieces + g.n_pieces;"                                      \
	"   p_bytes := p_bytes + g.p_bytes;"                                         \
	"   IF g.answer <> 0 AND g.n > 0 THEN RETURN; END IF;"                       \
	"  END IF;"                                                                  \
	" END IF;"                                                                   \
	" at := m.id;"                                                               \
	" IF n >= p_most THEN RETURN; END IF;"                                       \
	"END LOOP;"                                                                  \
	"IF boxes < p_page THEN at := NULL; END IF;"                                 \
	"END $$;"

#define COLUMNS "SELECT m.id, m.from_client, m.type, m.content"
#define THESE   "  WHERE m.to_client = p_id AND m.id > p_after"

#define EACH_ROW                                            \
	" LOOP EXIT WHEN p_most > 0 AND used > 0"           \
	"  AND used + 25 + octet_length(content) > p_most;" \
	" used := used + 25 + octet_length(content);"       \
	" RETURN NEXT; END LOOP; "

/*
 * The first row says how it went: its id is 0, its type the answer.  Where
 * there are no pieces no table of them is opened; one that has come since is
 * above last_id, and then no text beyond it is told.
 */
#define PULL                                                                  \
	"CREATE OR REPLACE FUNCTION sentinel_pull(p_id uuid, p_after bigint," \
	" p_most bigint, p_texts boolean)"                                    \
	" RETURNS TABLE (id bigint, from_client uuid, type smallint,"         \
	" content bytea) LANGUAGE plpgsql AS $$\n"                            \
	"#variable_conflict use_column\n"                                     \
	"DECLARE c clients; used bigint := 0;"                                \
	"BEGIN "                                                              \
	"SELECT * INTO c FROM clients AS x"                                   \
	" WHERE x.id = p_id AND x.user_name IS NOT NULL;"                     \
	"id := 0; type := (CASE WHEN FOUND THEN 0 ELSE 6 END); RETURN NEXT;"  \
	"IF c.texts + (CASE WHEN p_texts THEN 0 ELSE c.pieces END) > 0 THEN " \
	"IF p_texts OR c.pieces = 0 THEN "                                    \
	"FOR id, from_client, type, content IN " COLUMNS                      \
	" FROM messages AS m " THESE                                          \
	" AND m.id <= c.last_id ORDER BY 1" EACH_ROW "ELSE "                  \
	"FOR id, from_client, type, content IN " COLUMNS                      \
	" FROM messages AS m " THESE " UNION ALL " COLUMNS                    \
	" FROM pieces AS m " THESE " ORDER BY 1" EACH_ROW "END IF; END IF;"   \
	"END $$;"

const char *const pg_schema_days[] = { TABLES, DAY_BEGIN, DAY_END, DAY_DROP,
	DAYS, SETTLE, SWEEP, PULL, NULL };
