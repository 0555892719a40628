/* SPDX-License-Identifier: ISC */
/*
 * Payloads: the first byte chooses the parser.  What is accepted packs to the
 * same bytes, or where more than one form is allowed, to its one meaning.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
same(const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (a_len != b_len || memcmp(a, b, a_len) != 0)
		abort();
}

static void
try_register(const uint8_t *in, size_t len)
{
	uint8_t out[BODY_REGISTER_MAX];
	struct body_register b;
	size_t n;

	if (body_unpack_register(&b, in, len) == 0) {
		body_pack_register(out, &n, &b);
		same(out, n, in, len);
	}
}

static void
try_list(const uint8_t *in, size_t len)
{
	struct body_list b, again;
	uint8_t out[BODY_LIST_MAX];
	size_t n;

	if (body_unpack_list(&b, in, len) == 0) {
		body_pack_list(out, &n, &b);
		if (body_unpack_list(&again, out, n) != 0 ||
		    b.limit != again.limit || strcmp(b.name, again.name) != 0)
			abort();
		same(b.after, ID_LEN, again.after, ID_LEN);
	}
}

static void
try_clients(const uint8_t *in, size_t len)
{
	uint8_t out[BODY_CLIENT_LEN];
	struct body_client b;

	for (; len >= BODY_CLIENT_LEN; len -= BODY_CLIENT_LEN) {
		if (body_unpack_client(&b, in) == 0) {
			body_pack_client(out, &b);
			same(out, sizeof(out), in, BODY_CLIENT_LEN);
		}
		in += BODY_CLIENT_LEN;
	}
}

static void
try_key(const uint8_t *in, size_t len)
{
	uint8_t out[BODY_KEY_LEN];
	struct body_key b;

	if (body_unpack_key(&b, in, len) == 0) {
		body_pack_key(out, &b);
		same(out, sizeof(out), in, len);
	}
}

static void
try_send(const uint8_t *in, size_t len)
{
	uint8_t out[SEND_HEAD_LEN];
	struct body_send b;

	if (body_unpack_send(&b, in, len) == 0) {
		body_pack_send(out, &b);
		same(out, sizeof(out), in, SEND_HEAD_LEN);
		same(b.content, b.content_len, in + SEND_HEAD_LEN,
		    len - SEND_HEAD_LEN);
	}
}

static void
try_pull(const uint8_t *in, size_t len)
{
	struct body_pull b, again;
	uint8_t out[BODY_PULL_LEN];

	if (body_unpack_pull(&b, in, len) == 0) {
		body_pack_pull(out, &b);
		if (b.wait_ms > PULL_WAIT_MAX ||
		    body_unpack_pull(&again, out, sizeof(out)) != 0 ||
		    again.after != b.after || again.wait_ms != b.wait_ms ||
		    again.max_bytes != b.max_bytes ||
		    again.no_chunks != b.no_chunks)
			abort();
	}
}

static void
try_messages(const uint8_t *in, size_t len)
{
	uint8_t out[PULL_ITEM_LEN];
	struct body_message b;
	const uint8_t *p = in;

	while (body_unpack_message(&b, &p, &len) == 0) {
		body_pack_message(out, &b);
		same(out, sizeof(out), in, PULL_ITEM_LEN);
		same(b.content, b.content_len, in + PULL_ITEM_LEN,
		    (size_t)(p - in) - PULL_ITEM_LEN);
		in = p;
	}
}

static void
try_ranges(const uint8_t *in, size_t len)
{
	uint8_t out[BODY_RANGE_LEN];
	struct body_range b;
	size_t n;

	if (body_check_ranges(&n, in, len) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		body_unpack_range(&b, in + i * BODY_RANGE_LEN);
		body_pack_range(out, &b);
		if (b.first > b.last)
			abort();
		same(out, sizeof(out), in + i * BODY_RANGE_LEN, sizeof(out));
	}
}

static void
try_blocks(const uint8_t *in, size_t len)
{
	uint8_t out[BODY_BLOCK_LEN];
	struct body_block b;
	size_t n;

	if (body_check_blocks(&n, in, len) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		body_unpack_block(&b, in + i * BODY_BLOCK_LEN);
		body_pack_block(out, &b);
		same(out, sizeof(out), in + i * BODY_BLOCK_LEN, sizeof(out));
	}
}

static void
try_error(const uint8_t *in, size_t len)
{
	struct body_error b, again;
	uint8_t out[BODY_ERROR_MAX];
	size_t n;

	if (body_unpack_error(&b, in, len) == 0) {
		body_pack_error(out, &n, &b);
		if (body_unpack_error(&again, out, n) != 0)
			abort();
		same(b.text, strlen(b.text), again.text, strlen(again.text));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static void (*const tries[])(const uint8_t *, size_t) = { try_register,
		try_list, try_clients, try_key, try_send, try_pull,
		try_messages, try_ranges, try_blocks, try_error };

	if (len > 0 && in[0] < ARRAY_LEN(tries))
		tries[in[0]](in + 1, len - 1);
	return 0;
}
