/* SPDX-License-Identifier: ISC */
/* The numbers of sentinel-status: each row counts where it belongs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/secret.h"
#include "stage.h"
#include "state/census.h"
#include "state/inbox.h"
#include "state/outbox.h"

#define NOW SCRATCH_NOW

static struct census
take(struct stage *st)
{
	struct census n;

	assert_int_equal(census_take(st->kf, &n), 0);
	return n;
}

static void
is_empty_at_first(void **state)
{
	static const struct census none;
	struct census n = take(*state);

	assert_memory_equal(&n, &none, sizeof(n));
}

static void
counts_handshakes_and_sessions(void **state)
{
	struct stage *st = *state;
	uint8_t request[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	struct puppet *bob = &st->bob;
	struct peer p;

	stage_request(st, bob, request);
	assert_int_equal(take(st).request_sent, 1);
	puppet_answer(st, bob, request, answer);
	stage_take_one(st, bob, MESSAGE_KEY, answer, sizeof(answer));
	assert_int_equal(take(st).request_sent, 0);
	assert_int_equal(take(st).key_received, 1);
	stage_shake(st, bob, true);
	stage_shake(st, bob, true);
	assert_int_equal(take(st).active, 1);
	assert_int_equal(take(st).previous, 1);
	puppet_request(st, bob, stage_peer(st, bob).last_init_ts + 1, request);
	stage_take_one(st, bob, MESSAGE_REQUEST, request, sizeof(request));
	assert_int_equal(take(st).request_received, 1);
	stage_answer(st, bob, answer);
	assert_int_equal(take(st).request_received, 0);
	assert_int_equal(take(st).key_sent, 1);
	p = stage_peer(st, bob);
	p.reset_needed = true;
	stage_put_peer(st, &p);
	assert_int_equal(take(st).reset_needed, 1);
}

static int64_t
receive(struct stage *st, uint64_t at, enum inbox_state as)
{
	struct inbox i = { .kind = INBOX_MESSAGE, .at = at };
	bool fresh;

	secret_random(i.message_id, ID_LEN);
	stage_begin(st);
	assert_int_equal(inbox_add(st->kf, &i, i.message_id, ID_LEN, &fresh),
	    0);
	assert_int_equal(inbox_set(st->kf, i.n, as), 0);
	stage_commit(st);
	return i.n;
}

static void
counts_the_inbox(void **state)
{
	struct stage *st = *state;
	struct census n;

	receive(st, NOW, INBOX_DONE);
	receive(st, NOW + 2, INBOX_NEW);
	receive(st, NOW + 1, INBOX_SHOWN);
	receive(st, NOW + 3, INBOX_NEW);
	n = take(st);
	assert_int_equal(n.inbox_new, 2);
	assert_int_equal(n.inbox_shown, 1);
	assert_int_equal(n.inbox_dead, 0);
	assert_int_equal(n.inbox_oldest, NOW + 1);
	/* neither to be printed nor done */
	receive(st, NOW, (enum inbox_state)4);
	assert_int_equal(take(st).inbox_dead, 1);
}

static void
counts_the_outbox(void **state)
{
	struct stage *st = *state;
	struct outbox o = { .type = MESSAGE_RATCHET };
	struct census n;

	stage_begin(st);
	for (uint64_t i = 0; i < 5; i++) {
		o.at = NOW + i;
		secret_random(o.message_id, ID_LEN);
		assert_int_equal(outbox_add(st->kf, &o, o.message_id, ID_LEN),
		    0);
		if (i == 0)
			assert_int_equal(outbox_done(st->kf, o.n), 0);
		if (i >= 3)
			assert_int_equal(outbox_doubt(st->kf, o.n), 0);
	}
	o.at = NOW;
	secret_random(o.message_id, ID_LEN);
	assert_int_equal(outbox_add_plain(st->kf, &o, o.message_id, ID_LEN), 0);
	secret_random(o.message_id, ID_LEN);
	assert_int_equal(outbox_add(st->kf, &o, o.message_id, ID_LEN), 0);
	assert_int_equal(
	    outbox_refuse(st->kf, o.n, o.message_id, o.message_id, ID_LEN), 0);
	stage_commit(st);
	n = take(st);
	assert_int_equal(n.outbox_queued, 1);
	assert_int_equal(n.outbox_sealed, 2);
	assert_int_equal(n.outbox_in_doubt, 2);
	assert_int_equal(n.outbox_oldest, NOW);
}

#define STAGED(test) \
	cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGED(is_empty_at_first),
		STAGED(counts_handshakes_and_sessions),
		STAGED(counts_the_inbox),
		STAGED(counts_the_outbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
