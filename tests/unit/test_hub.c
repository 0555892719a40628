/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "server/hub.h"

#define CLIENTS 6000 /* more than slots with one each could take */
#define EACH    3

static struct session sessions[CLIENTS * EACH];

static unsigned
count(struct hub *h, const uint8_t *id)
{
	unsigned n = 0;

	for (struct session *ss = hub_first(h, id); ss; ss = hub_next(ss)) {
		assert_memory_equal(ss->id, id, ID_LEN);
		n++;
	}
	return n;
}

static void
test_finds_its_own(void **state)
{
	struct hub *h = hub_new();
	uint8_t id[ID_LEN] = { 0 };

	(void)state;
	assert_non_null(h);
	for (uint32_t i = 0; i < CLIENTS * EACH; i++) {
		uint32_t client = i % CLIENTS;

		/* ids that differ in any part of theirs */
		memcpy(sessions[i].id + client % 4 * 4, &client, 4);
		hub_add(h, &sessions[i]);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		assert_int_equal(count(h, sessions[i].id), EACH);
	id[0] = 0xff;
	id[15] = 0xff;
	assert_int_equal(count(h, id), 0);
	for (uint32_t i = 0; i < CLIENTS; i += 2)
		hub_remove(&sessions[i]);
	for (uint32_t i = 0; i < CLIENTS; i++)
		assert_int_equal(count(h, sessions[i].id),
		    i % 2 == 0 ? EACH - 1 : EACH);
	hub_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_its_own),
	};

	return secret_start() < 0 ? 1
				  : cmocka_run_group_tests(tests, NULL, NULL);
}
