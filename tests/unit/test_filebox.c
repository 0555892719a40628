/* SPDX-License-Identifier: ISC */
#include "e2e/filebox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "kat.h"
#include "wire/plain.h"

#define PLAIN_MAX 64
#define BOX_MAX   (PLAIN_MAX + FILEBOX_OVERHEAD)

static uint8_t key[KEY_LEN], from[ID_LEN], to[ID_LEN];

static int
load(void **state)
{
	json_t *kat = kat_load("sentinel-v3-kat.json");

	kat_hex(key, sizeof(key), kat_get(kat, "file"), "key");
	kat_hex(from, sizeof(from), kat_get(kat, "alice"), "client_id");
	kat_hex(to, sizeof(to), kat_get(kat, "bob"), "client_id");
	*state = kat;
	return 0;
}

static int
unload(void **state)
{
	json_decref(*state);
	return 0;
}

static void
answer(const json_t *file, size_t i)
{
	const json_t *chunk = json_array_get(kat_get(file, "chunks"), i);
	uint8_t want[BOX_MAX], box[BOX_MAX], plain[PLAIN_MAX], back[PLAIN_MAX];
	struct filebox_header head, met;
	size_t len = kat_hex(want, sizeof(want), chunk, "content");
	size_t plain_len = kat_hex(plain, sizeof(plain), chunk, "plain");

	kat_hex(head.file_id, ID_LEN, file, "file_id");
	head.index = kat_number(chunk, "index");
	head.final = json_is_true(kat_get(chunk, "final"));
	assert_int_equal(plain_len + FILEBOX_OVERHEAD, len);
	filebox_seal(box, &head, key, from, to, plain, plain_len,
	    want + FILEBOX_HEADER_LEN);
	assert_memory_equal(box, want, len);
	assert_int_equal(filebox_peek(&met, want, len), 0);
	assert_memory_equal(met.file_id, head.file_id, ID_LEN);
	assert_int_equal(met.index, head.index);
	assert_int_equal(met.final, head.final);
	assert_int_equal(filebox_open(back, key, from, to, want, len), 0);
	assert_memory_equal(back, plain, plain_len);
}

static void
test_known_answers(void **state)
{
	const json_t *file = kat_get(*state, "file");

	assert_int_equal(json_array_size(kat_get(file, "chunks")), 2);
	for (size_t i = 0; i < 2; i++)
		answer(file, i);
}

/* Not a bit of a box may change, nor who sent it to whom. */
static void
test_tampering(void **state)
{
	const json_t *chunks = kat_get(kat_get(*state, "file"), "chunks");
	uint8_t box[BOX_MAX], out[PLAIN_MAX], other[KEY_LEN];
	size_t len =
	    kat_hex(box, sizeof(box), json_array_get(chunks, 1), "content");

	for (size_t i = 0; i < 8 * len; i++) {
		memset(out, 0xa5, sizeof(out));
		box[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(filebox_open(out, key, from, to, box, len),
		    ERR_UNDECRYPTABLE);
		box[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(filebox_open(out, key, to, from, box, len),
	    ERR_UNDECRYPTABLE);
	assert_int_equal(filebox_open(out, key, from, to, box, len - 1),
	    ERR_UNDECRYPTABLE);
	memcpy(other, key, KEY_LEN);
	other[31] ^= 1;
	assert_int_equal(filebox_open(out, other, from, to, box, len),
	    ERR_UNDECRYPTABLE);
	assert_int_equal(filebox_open(out, key, from, to, box, len), 0);
}

static void
test_peek_refuses(void **state)
{
	static const uint8_t nonce[FILEBOX_NONCE_LEN];
	struct filebox_header head = { .index = 7 };
	uint8_t box[BOX_MAX];

	(void)state;
	filebox_seal(box, &head, key, from, to, nonce, 0, nonce);
	assert_int_equal(filebox_peek(&head, box, FILEBOX_OVERHEAD), 0);
	for (size_t len = 0; len < FILEBOX_OVERHEAD; len++)
		assert_int_equal(filebox_peek(&head, box, len), ERR_PROTOCOL);
	assert_int_equal(
	    filebox_peek(&head, box, FILEBOX_OVERHEAD + CHUNK_MAX + 1),
	    ERR_PROTOCOL);
	for (size_t bit = 0; bit < 32; bit++) {
		box[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(filebox_peek(&head, box, FILEBOX_OVERHEAD),
		    bit == 16 ? 0 : ERR_PROTOCOL);
		box[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
test_shape(void **state)
{
	static const struct {
		uint64_t size, chunks;
		uint32_t last;
	} cases[] = {
		{ 0, 1, 0 },
		{ 1, 1, 1 },
		{ 4095, 1, 4096 },
		{ 4096, 1, 4096 },
		{ 4097, 2, 256 }, /* padme(4097) = 4352 */
		{ 1048576, 256, 4096 },
		{ 1048577, 264, 4096 },
		{ FILE_SIZE_MAX, FILE_SIZE_MAX / 4096, 4096 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t n = filebox_chunks(cases[i].size, 4096);

		assert_int_equal(n, cases[i].chunks);
		assert_int_equal(filebox_chunk_len(cases[i].size, 4096, n - 1),
		    cases[i].last);
		if (n > 1)
			assert_int_equal(
			    filebox_chunk_len(cases[i].size, 4096, 0), 4096);
		assert_true(filebox_is_index(n - 1, 4096));
	}
	assert_false(filebox_is_index(FILE_SIZE_MAX / 4096, 4096));
	assert_false(filebox_is_index(UINT64_MAX, 4096));
	assert_true(filebox_is_index(FILE_SIZE_MAX / CHUNK_MAX - 1, CHUNK_MAX));
	assert_false(filebox_is_index(FILE_SIZE_MAX / 5000, 5000));
}

/* The chunks cover the padded stream, whatever the sizes. */
static void
test_shape_adds_up(void **state)
{
	static const uint32_t chunk_sizes[] = { 4096, 5000, 65536, 262144 };

	(void)state;
	for (uint64_t size = 0; size < 3000000; size += 1 + size / 7) {
		for (size_t c = 0; c < ARRAY_LEN(chunk_sizes); c++) {
			uint64_t n = filebox_chunks(size, chunk_sizes[c]);
			uint64_t sum = 0;

			for (uint64_t i = 0; i < n; i++)
				sum +=
				    filebox_chunk_len(size, chunk_sizes[c], i);
			assert_int_equal(sum, plain_padme(size));
		}
	}
}

/* RFC 7693's "abc", shortened to 256 bits as `b2sum -l 256` does. */
static void
test_digest(void **state)
{
	static const uint8_t abc[FILEBOX_DIGEST_LEN] = { 0xbd, 0xdd, 0x81, 0x3c,
		0x63, 0x42, 0x39, 0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98,
		0x57, 0x9b, 0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42,
		0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19 };
	uint8_t out[FILEBOX_DIGEST_LEN];
	struct filebox_digest d;

	(void)state;
	filebox_digest_init(&d);
	filebox_digest_add(&d, (const uint8_t *)"a", 1);
	filebox_digest_add(&d, (const uint8_t *)"bc", 2);
	filebox_digest_end(&d, out);
	assert_memory_equal(out, abc, sizeof(out));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_peek_refuses),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_shape_adds_up),
		cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
