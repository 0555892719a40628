/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "state/snapshot.h"

#define RELAY "sentinel://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@relay:1"
#define PEERS 2

static int
setup(void **state)
{
	(void)state;
	return secret_start();
}

static struct snapshot
make(void)
{
	struct snapshot s = { .made_at = 1, .issued_at = 2, .peers_n = PEERS };

	memset(s.seed, 3, sizeof(s.seed));
	memset(s.name, 'n', NAME_MAX_LEN);
	assert_int_equal(addr_parse(&s.relay, RELAY), 0);
	return s;
}

static struct peer
make_peer(uint8_t n)
{
	struct peer p = {
		.issued_at = UINT64_MAX - n,
		.verified = n == 0,
		.blocked = n == 0,
		.reset_needed = n == 1,
		.first_seen = 10,
		.next_seq = 11,
		.expect_seq = 12,
		.last_init_ts = 13,
		.last_sent_ts = 14,
	};

	memset(p.id, n, ID_LEN);
	memset(&p.bundle, n, sizeof(p.bundle));
	memset(p.name, 'b', n == 0 ? NAME_MAX_LEN : 1);
	memset(p.alias, 'a', n == 0 ? NAME_MAX_LEN : 0);
	memset(p.signed_name, 's', NAME_MAX_LEN);
	return p;
}

static struct buf *
pack(void)
{
	struct buf *b = buf_new(65536);
	const struct snapshot s = make();
	struct peer p;

	assert_non_null(b);
	assert_int_equal(snapshot_put(b, &s), 0);
	for (uint8_t i = 0; i < PEERS; i++) {
		p = make_peer(i);
		assert_int_equal(snapshot_put_peer(b, &p), 0);
	}
	return b;
}

static void
comes_back(void **state)
{
	struct buf *b = pack();
	const struct snapshot want = make();
	struct snapshot s;
	struct peer p, q;

	(void)state;
	assert_int_equal(snapshot_get(&s, buf_peek(b), buf_len(b)), 0);
	assert_int_equal(s.made_at, want.made_at);
	assert_int_equal(s.issued_at, want.issued_at);
	assert_int_equal(s.peers_n, PEERS);
	assert_memory_equal(s.seed, want.seed, KEY_LEN);
	assert_string_equal(s.name, want.name);
	assert_memory_equal(&s.relay, &want.relay, sizeof(s.relay));
	for (uint8_t i = 0; i < PEERS; i++) {
		memset(&p, 0, sizeof(p));
		q = make_peer(i);
		assert_int_equal(snapshot_get_peer(&s, &p), 0);
		assert_memory_equal(p.id, q.id, ID_LEN);
		assert_memory_equal(&p.bundle, &q.bundle, sizeof(p.bundle));
		assert_string_equal(p.name, q.name);
		assert_string_equal(p.alias, q.alias);
		assert_string_equal(p.signed_name, q.signed_name);
		assert_int_equal(p.issued_at, q.issued_at);
		assert_int_equal(p.verified, q.verified);
		assert_int_equal(p.blocked, q.blocked);
		assert_int_equal(p.reset_needed, q.reset_needed);
		assert_int_equal(p.first_seen, q.first_seen);
		assert_int_equal(p.next_seq, q.next_seq);
		assert_int_equal(p.expect_seq, q.expect_seq);
		assert_int_equal(p.last_init_ts, q.last_init_ts);
		assert_int_equal(p.last_sent_ts, q.last_sent_ts);
	}
	buf_free(b);
}

static int
get(const uint8_t *bytes, size_t len)
{
	struct snapshot s;
	/* so that a sanitizer sees what is read beyond it */
	uint8_t *exact = malloc(len + (len == 0));
	int r;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	r = snapshot_get(&s, exact, len);
	free(exact);
	return r;
}

static void
no_part_of_it_will_do(void **state)
{
	struct buf *b = pack();

	(void)state;
	for (size_t n = 0; n < buf_len(b); n++)
		assert_int_equal(get(buf_peek(b), n), ERR_CORRUPT);
	assert_int_equal(buf_put(b, "", 1), 0);
	assert_int_equal(get(buf_peek(b), buf_len(b)), ERR_CORRUPT);
	buf_free(b);
}

static void
senseless_values(void **state)
{
	const size_t name = 8 + KEY_LEN + 8, relay = name + 1 + NAME_MAX_LEN;
	const size_t peers = relay + 2 + strlen(RELAY), flags = peers + 4 + 16;
	const size_t verified = flags + 1 + 5 * 8 + 2;
	const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{ name, 255 },      /* longer than a name */
		{ name + 7, 0 },    /* an end before the end */
		{ relay + 2, 'S' }, /* no address */
		{ peers, PEERS + 1 },
		{ peers, PEERS - 1 },
		{ flags, 4 },
		{ verified, 2 },
	};
	struct buf *b = pack();
	uint8_t *copy = malloc(buf_len(b));

	(void)state;
	assert_non_null(copy);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memcpy(copy, buf_peek(b), buf_len(b));
		copy[bad[i].at] = bad[i].value;
		assert_int_equal(get(copy, buf_len(b)), ERR_CORRUPT);
	}
	free(copy);
	buf_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(no_part_of_it_will_do),
		cmocka_unit_test(senseless_values),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
