/* SPDX-License-Identifier: ISC */
/* What is left of a peer that was forgotten: nothing; of another: all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/secret.h"
#include "stage.h"
#include "state/files.h"
#include "state/forget.h"
#include "state/outbox.h"
#include "state/session.h"

/* The tables that name a peer; one that is new belongs into forget.c, too. */
static const char *const tables[] = { "files", "finished", "held", "inbox",
	"outbox", "requests", "sessions", "shakes", "strays" };

static int64_t
rows(struct stage *st, const char *table, const struct puppet *p)
{
	char hex[2 * ID_LEN + 1], sql[160];

	for (size_t i = 0; i < ID_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", p->who.key.id[i]);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s = x'%s'",
	    table, strcmp(table, "peers") == 0 ? "id" : "peer", hex);
	return stage_sql(st, sql);
}

/* A message in the inbox, and the key of one that is still to come. */
static void
hear(struct stage *st, struct puppet *p)
{
	struct stage_message m[2];

	puppet_text(st, p, &m[0], "late");
	puppet_text(st, p, &m[1], "early");
	stage_take(st, &m[1], 1);
	stage_message_free(&m[0]);
	stage_message_free(&m[1]);
}

static int64_t
write_to(struct stage *st, const struct puppet *p)
{
	struct outbox o = { .type = MESSAGE_RATCHET, .at = SCRATCH_NOW };

	memcpy(o.peer, p->who.key.id, ID_LEN);
	secret_random(o.message_id, ID_LEN);
	stage_begin(st);
	assert_int_equal(outbox_add(st->kf, &o, o.peer, ID_LEN), 0);
	stage_commit(st);
	return o.n;
}

/* Something in every table. */
static void
fill(struct stage *st, struct puppet *p)
{
	struct handshake_request q = { .at = SCRATCH_NOW };
	struct files f = { .direction = FILES_IN, .stage = FILES_OPEN };
	uint8_t request[SHAKE_REQUEST_LEN];
	bool full, fresh;

	stage_shake(st, p, true);
	hear(st, p);
	stage_request(st, p, request);
	write_to(st, p);
	memcpy(q.peer, p->who.key.id, ID_LEN);
	memcpy(f.peer, p->who.key.id, ID_LEN);
	stage_begin(st);
	assert_int_equal(files_add(st->kf, &f, &fresh), 0);
	assert_int_equal(files_note_stray(st->kf, f.peer, f.peer, SCRATCH_NOW),
	    0);
	assert_int_equal(handshake_put_request(st->kf, &q), 0);
	assert_int_equal(session_hold(st->kf, q.peer, request, sizeof(request),
			     SCRATCH_NOW, &full),
	    0);
	stage_commit(st);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		assert_true(rows(st, tables[i], p) > 0);
}

static void
forget(struct stage *st, const struct puppet *p)
{
	stage_begin(st);
	assert_int_equal(forget_peer(st->kf, p->who.key.id), 0);
	stage_commit(st);
}

static void
leaves_nothing_of_one(void **state)
{
	struct stage *st = *state;
	int64_t before[ARRAY_LEN(tables)];
	struct puppet carol;

	assert_int_equal(stage_sql(st,
			     "SELECT count(*) FROM sqlite_schema s, "
			     "pragma_table_info(s.name) c "
			     "WHERE s.type = 'table' AND c.name = 'peer'"),
	    ARRAY_LEN(tables));
	puppet_make(&carol, 2, "carol");
	stage_pin(st, &carol);
	fill(st, &st->bob);
	fill(st, &carol);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		before[i] = rows(st, tables[i], &carol);
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM skipped"), 2);
	forget(st, &st->bob);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		assert_int_equal(rows(st, tables[i], &st->bob), 0);
		assert_int_equal(rows(st, tables[i], &carol), before[i]);
	}
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM skipped"), 1);
	assert_int_equal(rows(st, "peers", &st->bob), 0);
	assert_int_equal(rows(st, "peers", &carol), 1);
	assert_false(scratch_has(st->scratch, st->bob.who.key.id, ID_LEN));
	forget(st, &st->bob);
}

/* Who sends a row knows it by its number: that is not given out again. */
static void
keeps_numbers_of_the_outbox(void **state)
{
	struct stage *st = *state;
	struct puppet carol;
	int64_t n;

	puppet_make(&carol, 2, "carol");
	stage_pin(st, &carol);
	write_to(st, &st->bob);
	n = write_to(st, &st->bob);
	forget(st, &st->bob);
	assert_int_equal(rows(st, "outbox", &st->bob), 0);
	assert_true(write_to(st, &carol) > n);
	assert_int_equal(stage_sql(st,
			     "SELECT count(*) FROM outbox "
			     "WHERE content IS NOT NULL"),
	    1);
}

#define STAGED(test) \
	cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGED(leaves_nothing_of_one),
		STAGED(keeps_numbers_of_the_outbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
