/* SPDX-License-Identifier: ISC */
#include "wire/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/text.h"
#include "kat.h"
#include "parse.h"

/* struct parse wants one type for all */
#define WRAP(what, type)                                                \
	static int what##_any(void *out, const uint8_t *in, size_t len) \
	{                                                               \
		return body_##what(out, in, len);                       \
	}                                                               \
	static const struct parse what = { #what, sizeof(type), what##_any };
/* clang-format off */
WRAP(unpack_register, struct body_register)
WRAP(unpack_list, struct body_list)
WRAP(unpack_key, struct body_key)
WRAP(unpack_send, struct body_send)
WRAP(unpack_pull, struct body_pull)
WRAP(check_ranges, size_t)
WRAP(check_blocks, size_t)
WRAP(unpack_error, struct body_error)
/* clang-format on */

static int
unpack_message_any(void *out, const uint8_t *in, size_t len)
{
	const uint8_t *p = in;
	size_t left = len;
	struct body_message *b = out;
	int r = body_unpack_message(b, &p, &left);

	if (r != 0)
		assert_true(p == in && left == len);
	else
		assert_true(
		    p + left == in + len && b->content + b->content_len == p);
	return r;
}
static const struct parse unpack_message = { "unpack_message",
	sizeof(struct body_message), unpack_message_any };

static uint8_t kat[1 << 16], out[1 << 16];

static void
get_id(uint8_t id[static ID_LEN], const char *hex)
{
	assert_int_equal(text_unhex(id, ID_LEN, hex), 0);
}

static void
get_bundle(struct bundle *b, const char *who)
{
	json_t *all = kat_load("sentinel-v3-kat.json");
	uint8_t bytes[BUNDLE_LEN];

	kat_hex(bytes, sizeof(bytes), kat_get(all, who), "bundle");
	bundle_unpack(b, bytes);
	json_decref(all);
}

/* Visits every row of a table of known answers: payload and its length. */
static void
each(const char *table, size_t rows, void (*visit)(const json_t *j, size_t len))
{
	json_t *all = kat_load("sentinel-v3-kat-more.json");
	json_t *j;
	size_t i;

	json_array_foreach(kat_get(all, table), i, j)
	    visit(j, kat_hex(kat, sizeof(kat), j, "payload"));
	assert_int_equal(i, rows);
	json_decref(all);
}

static void
register_row(const json_t *j, size_t len)
{
	struct body_register b, want = { .issued_at = 0 };
	struct bundle bundle;
	size_t n;

	get_bundle(&bundle, kat_text(j, "who"));
	assert_int_equal(body_unpack_register(&b, kat, len), 0);
	assert_string_equal(b.name, kat_text(j, "name"));
	assert_string_equal(b.invite, kat_text(j, "invite"));
	assert_true(b.issued_at == kat_number(j, "issued_at"));
	assert_memory_equal(&b.bundle, &bundle, sizeof(bundle));
	snprintf(want.name, sizeof(want.name), "%s", kat_text(j, "name"));
	want.bundle = bundle;
	want.issued_at = kat_number(j, "issued_at");
	body_pack_register(out, &n, &want);
	assert_int_equal(n, len);
	assert_memory_equal(out, kat, n);
	parse_expect_exact(&unpack_register, kat, len, false);
}

static void
test_register(void **state)
{
	(void)state;
	each("register", 2, register_row);
}

static void
test_invites(void **state)
{
	struct body_register b = { .name = "n" }, back;
	size_t n;

	(void)state;
	for (size_t len = 0; len <= INVITE_LEN; len++) {
		memset(b.invite, 'i', len);
		body_pack_register(out, &n, &b);
		assert_int_equal(n, BODY_REGISTER_MIN + len);
		assert_int_equal(body_unpack_register(&back, out, n), 0);
		assert_string_equal(back.invite, b.invite);
		parse_expect_exact(&unpack_register, out, n, false);
	}
	memset(out + n, 'i', 256);
	for (unsigned len = INVITE_LEN + 1; len < 256; len++) {
		out[BODY_REGISTER_MIN - 1] = (uint8_t)len;
		parse_expect(&unpack_register, false, out,
		    BODY_REGISTER_MIN + len);
	}
	out[BODY_REGISTER_MIN - 1] = INVITE_LEN;
	for (unsigned c = 0; c < 256; c++) {
		out[BODY_REGISTER_MIN + c % INVITE_LEN] = (uint8_t)c;
		parse_expect(&unpack_register, c >= 0x21 && c <= 0x7e, out,
		    BODY_REGISTER_MAX);
		out[BODY_REGISTER_MIN + c % INVITE_LEN] = 'i';
	}
}

/*
 * A name field in every layout that has one: each byte value, each length,
 * and something after the end.
 */
static void
try_name_field(const struct parse *p, uint8_t *in, size_t len, uint8_t *field)
{
	for (unsigned c = 0; c < 256; c++) {
		bool good = c >= 0x21 && c <= 0x7e;

		for (size_t at = 0; at < 3; at++) {
			memset(field, 0, NAME_SIZE);
			memset(field, 'n', 3);
			field[at] = (uint8_t)c;
			/* a zero at the end makes it a name of two bytes */
			parse_expect(p, good || (c == 0 && at == 2), in, len);
		}
		memset(field, 'n', NAME_MAX_LEN);
		field[NAME_SIZE - 1] = (uint8_t)c;
		parse_expect(p, c == 0, in, len);
	}
	for (size_t n = 0; n <= NAME_SIZE; n++) {
		memset(field, 0, NAME_SIZE);
		memset(field, 'n', n);
		parse_expect(p, n > 0 && n < NAME_SIZE, in, len);
		if (n + 1 < NAME_SIZE) {
			field[NAME_SIZE - 1] = 'x';
			parse_expect(p, false, in, len);
		}
	}
}

static int
client_any(void *b, const uint8_t *in, size_t len)
{
	assert_int_equal(len, BODY_CLIENT_LEN);
	return body_unpack_client(b, in);
}

static void
test_names(void **state)
{
	static const struct parse client = { "client",
		sizeof(struct body_client), client_any };

	(void)state;
	memset(out, 0, sizeof(out));
	try_name_field(&unpack_register, out, BODY_REGISTER_MIN, out);
	try_name_field(&unpack_key, out, BODY_KEY_LEN,
	    out + BODY_KEY_LEN - NAME_SIZE);
	try_name_field(&client, out, BODY_CLIENT_LEN, out + ID_LEN);
}

static void
test_longest_name(void **state)
{
	struct body_register r = { .issued_at = 1 }, r2;
	struct body_client c = { .id = { 1 } }, c2;
	struct body_key k = { .id = { 2 } }, k2;
	size_t n;

	(void)state;
	memset(r.name, '~', NAME_MAX_LEN);
	memset(c.name, '!', NAME_MAX_LEN);
	memset(k.name, 'k', NAME_MAX_LEN);
	body_pack_register(out, &n, &r);
	assert_int_equal(body_unpack_register(&r2, out, n), 0);
	assert_string_equal(r.name, r2.name);
	body_pack_client(out, &c);
	assert_int_equal(body_unpack_client(&c2, out), 0);
	assert_memory_equal(&c, &c2, sizeof(c));
	body_pack_key(out, &k);
	assert_int_equal(body_unpack_key(&k2, out, BODY_KEY_LEN), 0);
	assert_string_equal(k.name, k2.name);
}

static void
list_row(const json_t *j, size_t len)
{
	struct body_list b,
	    want = { .limit = (uint16_t)kat_number(j, "limit") };
	size_t n;

	get_id(want.after, kat_text(j, "after"));
	snprintf(want.name, sizeof(want.name), "%s", kat_text(j, "name"));
	body_pack_list(out, &n, &want);
	assert_int_equal(n, len);
	assert_memory_equal(out, kat, n);
	assert_int_equal(body_unpack_list(&b, kat, len), 0);
	assert_memory_equal(b.after, want.after, ID_LEN);
	assert_string_equal(b.name, want.name);
	assert_int_equal(b.limit, want.limit ? want.limit : LIST_PAGE_MAX);
	if (len > 0)
		parse_expect_exact(&unpack_list, kat, len, true);
}

static void
test_list(void **state)
{
	(void)state;
	each("list_request", 5, list_row);
}

static void
test_list_limits(void **state)
{
	static const struct {
		uint16_t wire, limit;
	} rows[] = { { 0, 256 }, { 1, 1 }, { 2, 2 }, { 255, 255 }, { 256, 256 },
		{ 257, 256 }, { 0x7fff, 256 }, { 0x8000, 256 },
		{ 0xffff, 256 } };
	struct body_list b;

	(void)state;
	memset(out, 0, 32);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		le_put16(out + 16, rows[i].wire);
		assert_int_equal(body_unpack_list(&b, out, 19), 0);
		assert_int_equal(b.limit, rows[i].limit);
	}
}

static void
test_list_names(void **state)
{
	(void)state;
	memset(out, 0, 19);
	memset(out + 19, 'n', 256);
	for (unsigned len = 0; len < 256; len++) {
		out[18] = (uint8_t)len;
		parse_expect(&unpack_list, len <= 254, out, 19 + len);
		parse_expect(&unpack_list, false, out, 19 + len + 1);
	}
	out[18] = 3;
	for (unsigned c = 0; c < 256 * 3; c++) {
		uint8_t byte = (uint8_t)(c / 3);

		memset(out + 19, 'n', 3);
		out[19 + c % 3] = byte;
		parse_expect(&unpack_list, byte >= 0x21 && byte <= 0x7e, out,
		    22);
	}
}

static void
list_reply_row(const json_t *j, size_t len)
{
	json_t *clients = kat_get(j, "clients"), *row;
	size_t i;

	assert_int_equal(len, BODY_CLIENT_LEN * json_array_size(clients));
	json_array_foreach(clients, i, row)
	{
		const uint8_t *at = kat + i * BODY_CLIENT_LEN;
		struct body_client b, want = { .id = { 0 } };
		uint8_t packed[BODY_CLIENT_LEN];

		get_id(want.id, json_string_value(json_array_get(row, 0)));
		snprintf(want.name, sizeof(want.name), "%s",
		    json_string_value(json_array_get(row, 1)));
		assert_int_equal(body_unpack_client(&b, at), 0);
		assert_memory_equal(&b, &want, sizeof(b));
		body_pack_client(packed, &want);
		assert_memory_equal(packed, at, sizeof(packed));
	}
}

static void
test_list_reply(void **state)
{
	(void)state;
	each("list_reply", 2, list_reply_row);
}

static void
key_row(const json_t *j, size_t len)
{
	const char *who = kat_text(j, "who");
	json_t *all = kat_load("sentinel-v3-kat.json");
	json_t *party = kat_get(all, who);
	struct body_key b,
	    want = { .issued_at = kat_number(party, "issued_at") };

	get_id(want.id, kat_text(party, "client_id"));
	get_bundle(&want.bundle, who);
	snprintf(want.name, sizeof(want.name), "%s", kat_text(party, "name"));
	json_decref(all);
	assert_int_equal(len, BODY_KEY_LEN);
	assert_int_equal(body_unpack_key(&b, kat, len), 0);
	assert_memory_equal(b.id, want.id, ID_LEN);
	assert_memory_equal(&b.bundle, &want.bundle, BUNDLE_LEN);
	assert_true(b.issued_at == want.issued_at);
	assert_memory_equal(b.name, want.name, NAME_SIZE);
	body_pack_key(out, &want);
	assert_memory_equal(out, kat, len);
	parse_expect_exact(&unpack_key, kat, len, false);
}

static void
test_key(void **state)
{
	(void)state;
	each("key_reply", 1, key_row);
}

static void
send_row(const json_t *j, size_t len)
{
	static uint8_t content[4096];
	struct body_send b, want = { .type = (uint8_t)kat_number(j, "type") };

	get_id(want.to, kat_text(j, "to"));
	want.content_len =
	    (uint32_t)kat_hex(content, sizeof(content), j, "content");
	assert_int_equal(body_unpack_send(&b, kat, len), 0);
	assert_memory_equal(b.to, want.to, ID_LEN);
	assert_int_equal(b.type, want.type);
	assert_int_equal(b.content_len, want.content_len);
	assert_memory_equal(b.content, content, want.content_len);
	body_pack_send(out, &want);
	assert_memory_equal(out, kat, SEND_HEAD_LEN);
	assert_int_equal(len, SEND_HEAD_LEN + want.content_len);
	parse_expect_exact(&unpack_send, kat, len, false);
}

static void
test_send(void **state)
{
	(void)state;
	each("send_request", 1, send_row);
}

static void
test_send_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 99, 100, 101, 0x7fffffff,
		0x80000000, 0xffffffeb, 0xffffffec, 0xffffffff };
	uint8_t *big = calloc(1, FRAME_MAX);
	struct body_send b;

	(void)state;
	memset(out, 0, 256);
	for (unsigned type = 0; type < 256; type++) {
		out[16] = (uint8_t)type;
		le_put32(out + 17, 100);
		parse_expect(&unpack_send, type >= 1 && type <= 4, out, 121);
		le_put32(out + 17, 0);
		parse_expect(&unpack_send, false, out, 21);
	}
	out[16] = 4;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		le_put32(out + 17, sizes[i]);
		parse_expect(&unpack_send, sizes[i] == 100, out, 121);
	}
	assert_non_null(big);
	big[16] = 4;
	le_put32(big + 17, CONTENT_MAX);
	assert_int_equal(
	    body_unpack_send(&b, big, FRAME_MAX - FRAME_REQUEST_LEN), 0);
	assert_int_equal(b.content_len, CONTENT_MAX);
	free(big);
}

static void
sent_row(const json_t *j, size_t len)
{
	uint8_t to[ID_LEN];

	get_id(to, kat_text(j, "to"));
	assert_int_equal(len, BODY_SENT_LEN);
	assert_memory_equal(kat, to, ID_LEN);
	assert_int_equal(le_get32(kat + ID_LEN), kat_number(j, "message_id"));
}

static void
test_send_reply(void **state)
{
	(void)state;
	each("send_reply", 1, sent_row);
}

static void
pull_row(const json_t *j, size_t len)
{
	const struct body_pull want = {
		.after = (uint32_t)kat_number(j, "after"),
		.max_bytes = (uint32_t)kat_number(j, "max_bytes"),
		.wait_ms = (uint32_t)kat_number(j, "wait_ms"),
		.no_chunks = kat_number(j, "flags") == 1,
	};
	struct body_pull b;

	assert_int_equal(body_unpack_pull(&b, kat, len), 0);
	assert_int_equal(b.after, want.after);
	assert_int_equal(b.max_bytes, want.max_bytes);
	assert_int_equal(b.wait_ms, want.wait_ms);
	assert_int_equal(b.no_chunks, want.no_chunks);
	if (len == 0)
		return;
	body_pack_pull(out, &want);
	assert_memory_equal(out, kat, BODY_PULL_LEN);
	parse_expect_exact(&unpack_pull, kat, len, true);
}

static void
test_pull(void **state)
{
	(void)state;
	each("pull_request", 4, pull_row);
}

static void
test_pull_fields(void **state)
{
	static const struct {
		uint32_t wire, wait_ms;
	} waits[] = { { 0, 0 }, { 1, 1 }, { 59999, 59999 }, { 60000, 60000 },
		{ 60001, 60000 }, { 0x7fffffff, 60000 }, { 0x80000000, 60000 },
		{ 0xffffffff, 60000 } };
	struct body_pull b;

	(void)state;
	memset(out, 0, BODY_PULL_LEN);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		le_put32(out + 8, waits[i].wire);
		assert_int_equal(body_unpack_pull(&b, out, BODY_PULL_LEN), 0);
		assert_int_equal(b.wait_ms, waits[i].wait_ms);
	}
	for (unsigned c = 0; c < 256; c++) {
		out[12] = (uint8_t)c;
		parse_expect(&unpack_pull, c <= 1, out, BODY_PULL_LEN);
		out[12] = 0;
		for (size_t at = 13; at < BODY_PULL_LEN; at++) {
			out[at] = (uint8_t)c;
			parse_expect(&unpack_pull, c == 0, out, BODY_PULL_LEN);
			out[at] = 0;
		}
	}
}

static void
pull_reply_row(const json_t *j, size_t len)
{
	static uint8_t content[4096];
	json_t *messages = kat_get(j, "messages"), *row;
	const uint8_t *p = kat;
	size_t left = len, i;

	json_array_foreach(messages, i, row)
	{
		const uint8_t *at = p;
		struct body_message b;
		uint8_t from[ID_LEN], head[PULL_ITEM_LEN];
		size_t n;

		assert_int_equal(body_unpack_message(&b, &p, &left), 0);
		get_id(from, json_string_value(json_array_get(row, 0)));
		assert_memory_equal(b.from, from, ID_LEN);
		assert_int_equal(b.id,
		    json_integer_value(json_array_get(row, 1)));
		assert_int_equal(b.type,
		    json_integer_value(json_array_get(row, 2)));
		n = kat_unhex(content, sizeof(content), json_array_get(row, 3));
		assert_int_equal(b.content_len, n);
		assert_memory_equal(b.content, content, n);
		body_pack_message(head, &b);
		assert_memory_equal(head, at, sizeof(head));
		assert_true(at + PULL_ITEM_LEN + n == p);
		for (size_t cut = 0; cut < PULL_ITEM_LEN + n; cut++)
			parse_expect(&unpack_message, false, at, cut);
	}
	assert_int_equal(left, 0);
}

static void
test_pull_reply(void **state)
{
	(void)state;
	each("pull_reply", 2, pull_reply_row);
}

static void
test_message_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 99, 100, 101, 0x7fffffff,
		0x80000000, 0xffffffe7, 0xffffffe8, 0xffffffff };

	(void)state;
	memset(out, 0, 256);
	le_put32(out + 21, 100);
	for (unsigned type = 0; type < 256; type++) {
		out[20] = (uint8_t)type;
		parse_expect(&unpack_message, type >= 1 && type <= 4, out, 125);
	}
	out[20] = 1;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		le_put32(out + 21, sizes[i]);
		/* what follows is the next message's */
		parse_expect(&unpack_message, sizes[i] >= 1 && sizes[i] <= 100,
		    out, 125);
	}
}

static void
ack_row(const json_t *j, size_t len)
{
	json_t *ranges = kat_get(j, "ranges"), *row;
	size_t i, n;

	assert_int_equal(body_check_ranges(&n, kat, len), 0);
	assert_int_equal(n, json_array_size(ranges));
	json_array_foreach(ranges, i, row)
	{
		struct body_range b;

		body_unpack_range(&b, kat + i * BODY_RANGE_LEN);
		assert_int_equal(b.first,
		    json_integer_value(json_array_get(row, 0)));
		assert_int_equal(b.last,
		    json_integer_value(json_array_get(row, 1)));
		body_pack_range(out + i * BODY_RANGE_LEN, &b);
	}
	assert_memory_equal(out, kat, len);
}

static void
test_ack(void **state)
{
	(void)state;
	each("ack_request", 2, ack_row);
}

static void
test_ack_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(out); i += 8) {
		le_put32(out + i, (uint32_t)i);
		le_put32(out + i + 4, (uint32_t)i);
	}
	for (size_t len = 0; len <= 3 * BODY_RANGE_LEN; len++)
		parse_expect(&check_ranges, len % 8 == 0, out, len);
	for (size_t len = 8 * 1023; len <= 8 * 1026; len++)
		parse_expect(&check_ranges, len % 8 == 0 && len <= 8 * 1024,
		    out, len);
}

static void
test_ack_order(void **state)
{
	static const uint32_t ends[] = { 0, 1, 2, 0x7fffffff, 0x80000000,
		0xfffffffe, 0xffffffff };

	(void)state;
	memset(out, 0, 8 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(ends) * ARRAY_LEN(ends); i++) {
		const struct body_range b = { ends[i / 7], ends[i % 7] };
		uint8_t *last = out + 8 * 1023;

		body_pack_range(out, &b);
		parse_expect(&check_ranges, b.first <= b.last, out, 8);
		memset(out, 0, 8);
		body_pack_range(last, &b);
		parse_expect(&check_ranges, b.first <= b.last, out, 8 * 1024);
	}
}

static void
block_row(const json_t *j, size_t len)
{
	json_t *ops = kat_get(j, "ops"), *row;
	size_t i, n;

	assert_int_equal(body_check_blocks(&n, kat, len), 0);
	assert_int_equal(n, json_array_size(ops));
	json_array_foreach(ops, i, row)
	{
		uint8_t id[ID_LEN];
		struct body_block b;

		get_id(id, json_string_value(json_array_get(row, 1)));
		body_unpack_block(&b, kat + i * BODY_BLOCK_LEN);
		assert_int_equal(b.block,
		    json_integer_value(json_array_get(row, 0)));
		assert_memory_equal(b.id, id, ID_LEN);
		body_pack_block(out + i * BODY_BLOCK_LEN, &b);
	}
	assert_memory_equal(out, kat, len);
}

static void
test_block(void **state)
{
	(void)state;
	each("block_request", 1, block_row);
}

static void
test_block_sizes(void **state)
{
	(void)state;
	memset(out, 0, 17 * 260);
	for (size_t len = 0; len <= 3 * BODY_BLOCK_LEN; len++)
		parse_expect(&check_blocks, len % 17 == 0, out, len);
	for (size_t len = 17 * 255; len <= 17 * 258; len++)
		parse_expect(&check_blocks, len % 17 == 0 && len <= 17 * 256,
		    out, len);
	for (unsigned op = 0; op < 256; op++) {
		out[17 * 255] = (uint8_t)op;
		parse_expect(&check_blocks, op <= 1, out, 17 * 256);
	}
}

static void
error_row(const json_t *j, size_t len)
{
	struct body_error b,
	    want = {
		    .reason = (uint16_t)kat_number(j, "reason"),
		    .retry_after_ms = (uint32_t)kat_number(j, "retry_after_ms"),
	    };
	size_t n;

	snprintf(want.text, sizeof(want.text), "%s", kat_text(j, "text"));
	body_pack_error(out, &n, &want);
	assert_int_equal(n, len);
	assert_memory_equal(out, kat, n);
	assert_int_equal(body_unpack_error(&b, kat, len), 0);
	assert_int_equal(b.reason, want.reason);
	assert_int_equal(b.retry_after_ms, want.retry_after_ms);
	assert_string_equal(b.text, want.text);
}

static void
test_error(void **state)
{
	(void)state;
	each("error", 3, error_row);
}

static void
expect_error_text(const void *in, size_t len, const char *want)
{
	struct body_error b;

	memset(out, 0, 6);
	memcpy(out + 6, in, len);
	assert_int_equal(body_unpack_error(&b, out, 6 + len), 0);
	assert_string_equal(b.text, want);
}

static void
test_error_text(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "a\nb\x1b[31mc", "a?b?[31mc" },
		{ "\x7f\xc2\x85\xe2\x80\xae\xe2\x80\xa8\xd8\x9c", "?????" },
		{ "\xff\xfe", "??" },
		{ "\xc3", "?" },
		{ "\xc3(", "?(" },
		{ "\xed\xa0\x80", "???" },
		{ "\xc0\x80", "??" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_error_text(rows[i].in, strlen(rows[i].in), rows[i].want);
		parse_expect(&unpack_error, true, out, 6 + strlen(rows[i].in));
	}
	expect_error_text("a\0b", 3, "a?b");
	expect_error_text("", 0, "");
}

static void
test_error_lengths(void **state)
{
	char in[300], want[300];

	(void)state;
	memset(out, 'x', 512);
	for (size_t len = 0; len < 512; len++)
		parse_expect(&unpack_error, len >= 6, out, len);
	for (size_t len = 190; len < 210; len++) {
		memset(in, 'x', sizeof(in));
		memset(want, 0, sizeof(want));
		memset(want, 'x', len < 200 ? len : 200);
		expect_error_text(in, len, want);
	}
	/* a byte that is no character, the last that is shown */
	memset(in, 'x', sizeof(in));
	memcpy(want, in, 200);
	want[200] = '\0';
	in[199] = '\xff';
	want[199] = '?';
	expect_error_text(in, 200, want);
	expect_error_text(in, 250, want);
	/* characters of two, three and four bytes across the limit */
	for (size_t at = 195; at < 202; at++) {
		static const char *const chars[] = { "\xc3\xbc", "\xe2\x82\xac",
			"\xf0\x9f\x98\x80" };

		for (size_t n = 2; n <= 4; n++) {
			memset(in, 'x', sizeof(in));
			memcpy(in + at, chars[n - 2], n);
			memcpy(want, in, sizeof(want));
			want[at < 200 && at + n > 200 ? at : 200] = '\0';
			expect_error_text(in, 250, want);
		}
	}
}

static void
test_error_numbers(void **state)
{
	static const uint32_t waits[] = { 0, 1, 0x7fffffff, 0x80000000,
		0xffffffff };
	struct body_error b = { .text = "" }, back;
	size_t n;

	(void)state;
	for (unsigned reason = 0; reason <= 0xffff; reason++) {
		b.reason = (uint16_t)reason;
		b.retry_after_ms = waits[reason % 5];
		body_pack_error(out, &n, &b);
		assert_int_equal(n, 6);
		assert_int_equal(body_unpack_error(&back, out, n), 0);
		assert_int_equal(back.reason, b.reason);
		assert_int_equal(back.retry_after_ms, b.retry_after_ms);
	}
	memset(b.text, 'x', ERROR_TEXT_MAX);
	body_pack_error(out, &n, &b);
	assert_int_equal(n, BODY_ERROR_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_invites),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_limits),
		cmocka_unit_test(test_list_names),
		cmocka_unit_test(test_list_reply),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_send_sizes),
		cmocka_unit_test(test_send_reply),
		cmocka_unit_test(test_pull),
		cmocka_unit_test(test_pull_fields),
		cmocka_unit_test(test_pull_reply),
		cmocka_unit_test(test_message_sizes),
		cmocka_unit_test(test_ack),
		cmocka_unit_test(test_ack_sizes),
		cmocka_unit_test(test_ack_order),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_block_sizes),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_error_text),
		cmocka_unit_test(test_error_lengths),
		cmocka_unit_test(test_error_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
