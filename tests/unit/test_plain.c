/* SPDX-License-Identifier: ISC */
#include "wire/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "kat.h"
#include "parse.h"

static int
plain_any(void *p, const uint8_t *in, size_t len)
{
	return plain_unpack(p, in, len);
}

static int
text_any(void *t, const uint8_t *in, size_t len)
{
	return plain_unpack_text(t, in, len);
}

static int
manifest_any(void *m, const uint8_t *in, size_t len)
{
	return plain_unpack_manifest(m, in, len);
}

static int
end_any(void *e, const uint8_t *in, size_t len)
{
	return plain_unpack_end(e, in, len);
}

static const struct parse plain = { "plain", sizeof(struct plain), plain_any };
static const struct parse text = { "text", sizeof(struct plain_text),
	text_any };
static const struct parse manifest = { "manifest",
	sizeof(struct plain_manifest), manifest_any };
static const struct parse end = { "end", sizeof(struct plain_end), end_any };

static uint8_t kat[1 << 17], out[1 << 17];

static json_t *
known(const char *table)
{
	json_t *all = kat_load("sentinel-v3-kat-more.json");
	json_t *rows = json_incref(kat_get(all, table));

	json_decref(all);
	return rows;
}

static void
test_padme_known(void **state)
{
	json_t *all = kat_load("sentinel-v3-kat.json");
	json_t *chunks = known("chunks"), *j;
	size_t i;

	(void)state;
	json_array_foreach(kat_get(all, "padme"), i, j)
	{
		uint64_t padded = plain_padme(kat_number(j, "len"));

		/* this table is of plaintexts, which have at least 256 bytes */
		assert_true(
		    (padded < 256 ? 256 : padded) == kat_number(j, "padded"));
	}
	assert_int_equal(i, 13);
	json_array_foreach(chunks, i, j) assert_true(
	    plain_padme(kat_number(j, "size")) == kat_number(j, "padded"));
	assert_int_equal(i, 7);
	json_decref(chunks);
	json_decref(all);
}

/* The words of the definition: floors of logarithms, a mask of zeros. */
static void
test_padme_properties(void **state)
{
	uint64_t before = 0;

	(void)state;
	assert_true(plain_padme(0) == 0);
	assert_true(plain_padme(1) == 1);
	for (uint64_t len = 2; len < 300000; len++) {
		uint64_t padded = plain_padme(len);

		assert_true(padded >= len && padded >= before);
		assert_true(plain_padme(padded) == padded);
		/* at most 12 % more, and 1/8 only where len is small */
		assert_true((padded - len) * 100 <= len * 12);
		before = padded;
	}
	for (unsigned bit = 1; bit <= 62; bit++) {
		uint64_t power = 1ULL << bit;

		assert_true(plain_padme(power) == power);
		assert_true(plain_padme(power - 1) >= power - 1);
		assert_true(plain_padme(power - 1) <= power);
		assert_true(plain_padme(power + 1) > power);
	}
}

static void
test_sizes(void **state)
{
	static const struct {
		size_t body, padded;
	} rows[] = { { 0, 256 }, { 1, 256 }, { 218, 256 }, { 219, 256 },
		{ 220, 272 }, { 235, 272 }, { 236, 288 }, { 475, 512 },
		{ 476, 544 }, { 1048576, 1081344 }, { 1049602, 1081344 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(plain_size(rows[i].body), rows[i].padded);
}

static void
expect_head(const struct plain *p, const json_t *j, size_t body_len)
{
	uint8_t id[ID_LEN];

	kat_hex(id, sizeof(id), j, "message_id");
	assert_int_equal(p->kind, kat_number(j, "kind"));
	assert_memory_equal(p->message_id, id, ID_LEN);
	assert_true(p->sent_at == kat_number(j, "sent_at"));
	assert_true(p->seq == kat_number(j, "seq"));
	assert_int_equal(p->body_len, body_len);
}

/* One known plaintext both ways; its body is left in kat. */
static size_t
check_plaintext(const json_t *j)
{
	size_t len = kat_hex(kat, sizeof(kat), j, "plaintext");
	static uint8_t body[4096];
	size_t body_len = kat_hex(body, sizeof(body), j, "body");
	struct plain p;

	assert_int_equal(plain_unpack(&p, kat, len), 0);
	expect_head(&p, j, body_len);
	assert_memory_equal(p.body, body, body_len);
	assert_int_equal(plain_size(body_len), len);
	p.body = body;
	memset(out, 0xff, len + 1);
	plain_pack(out, &p);
	assert_memory_equal(out, kat, len);
	assert_int_equal(out[len], 0xff);
	parse_expect_exact(&plain, kat, len, false);
	memcpy(kat, body, body_len);
	return body_len;
}

/* Plaintexts of the ratchet's known answers, whose bodies are opaque. */
static void
test_ratchet_plaintexts(void **state)
{
	json_t *all = kat_load("sentinel-v3-kat.json");
	json_t *j;
	size_t i;

	(void)state;
	json_array_foreach(kat_get(kat_get(all, "dr"), "messages"), i, j)
	{
		size_t len = kat_hex(kat, sizeof(kat), j, "plaintext");
		struct plain p;

		assert_int_equal(plain_unpack(&p, kat, len), 0);
		assert_int_equal(p.kind, PLAIN_TEXT);
		plain_pack(out, &p);
		assert_memory_equal(out, kat, len);
		parse_expect_exact(&plain, kat, len, false);
	}
	assert_int_equal(i, 7);
	json_decref(all);
}

static void
test_every_body_length(void **state)
{
	struct plain p = { .kind = 0xff, .sent_at = UINT64_MAX, .seq = 1 }, q;

	(void)state;
	memset(kat, 0x80, 2000);
	p.body = kat;
	for (p.body_len = 0; p.body_len < 2000; p.body_len++) {
		size_t len = plain_size(p.body_len);

		if (p.body_len > 0)
			kat[p.body_len - 1] = 0;
		plain_pack(out, &p);
		assert_int_equal(plain_unpack(&q, out, len), 0);
		assert_int_equal(q.body_len, p.body_len);
		assert_memory_equal(q.body, p.body, p.body_len);
		assert_int_equal(q.kind, 0xff);
		assert_true(q.sent_at == UINT64_MAX && q.seq == 1);
	}
	p.body = NULL;
	p.body_len = 0;
	plain_pack(out, &p);
	assert_int_equal(plain_unpack(&q, out, 256), 0);
	assert_int_equal(q.body_len, 0);
}

static void
test_plain_refused(void **state)
{
	struct plain p = { .kind = 1,
		.body = (const uint8_t *)"hi",
		.body_len = 2 };

	(void)state;
	plain_pack(out, &p);
	parse_expect(&plain, true, out, 256);
	for (size_t at = 1; at < 4; at++) {
		for (unsigned c = 0; c < 256; c++) {
			out[at] = (uint8_t)c;
			parse_expect(&plain, c == 0, out, 256);
		}
		out[at] = 0;
	}
	for (unsigned c = 0; c < 256; c++) {
		out[38] = (uint8_t)c;
		parse_expect(&plain, c == 0x80, out, 256);
	}
	/* with the mark in the last byte the padding is over */
	for (unsigned c = 0; c < 256; c++) {
		out[38] = 0x80;
		out[255] = (uint8_t)c;
		parse_expect(&plain, c == 0 || c == 0x80, out, 256);
	}
	/* no mark behind the head, nor one in it */
	memset(out, 0, 512);
	parse_expect(&plain, false, out, 256);
	out[35] = 0x80;
	parse_expect(&plain, false, out, 256);
	parse_expect(&plain, false, out, 36);
	parse_expect(&plain, false, out, 0);
	/* right length, but for another body */
	out[36] = 0x80;
	parse_expect(&plain, true, out, 256);
	parse_expect(&plain, false, out, 272);
	parse_expect(&plain, false, out, 37);
}

static void
text_row(const json_t *j)
{
	const char *type =
	    json_string_value(json_object_get(j, "content_type"));
	const char *words = kat_text(j, "text");
	size_t len = check_plaintext(j);
	struct plain_text t;

	assert_int_equal(plain_unpack_text(&t, kat, len), 0);
	assert_int_equal(t.text_len, strlen(words));
	assert_memory_equal(t.text, words, t.text_len);
	assert_string_equal(t.content_type, type ? type : "");
	assert_int_equal(t.has_reply_to,
	    json_is_string(json_object_get(j, "in_reply_to")));
	if (t.has_reply_to) {
		uint8_t id[ID_LEN];

		kat_hex(id, sizeof(id), j, "in_reply_to");
		assert_memory_equal(t.reply_to, id, ID_LEN);
	}
	if (!json_is_true(kat_get(j, "known_tags_only")))
		return;
	t.text = (const uint8_t *)words;
	assert_int_equal(plain_text_size(&t), len);
	memset(out, 0xff, len + 1);
	plain_pack_text(out, &t);
	assert_memory_equal(out, kat, len);
	assert_int_equal(out[len], 0xff);
}

static void
test_texts(void **state)
{
	json_t *rows = known("text"), *j;
	size_t i;

	(void)state;
	json_array_foreach(rows, i, j) text_row(j);
	assert_int_equal(i, 7);
	json_decref(rows);
}

static void
refuse_table(const char *table, const struct parse *p, size_t rows)
{
	json_t *all = known(table), *j;
	size_t i;

	json_array_foreach(all, i, j)
	    parse_expect(p, false, kat, kat_hex(kat, sizeof(kat), j, "body"));
	assert_int_equal(i, rows);
	json_decref(all);
}

static void
test_texts_refused(void **state)
{
	(void)state;
	refuse_table("text_refused", &text, 7);
}

/* One tag in a meta that ends with it, and a text of one byte. */
static size_t
one_tag(uint8_t *to, uint8_t tag, size_t claimed, size_t given)
{
	le_put16(to, (uint16_t)(3 + given));
	to[2] = tag;
	le_put16(to + 3, (uint16_t)claimed);
	memset(to + 5, 'v', given + 1);
	return 5 + given + 1;
}

/* Every length of content_type, beside short texts and long. */
static void
test_text_both_ways(void **state)
{
	struct plain_text t = { .text = kat }, back;

	(void)state;
	memset(kat, 'k', 1000);
	for (size_t i = 0; i <= 2 * CONTENT_TYPE_MAX + 1; i++) {
		size_t len;

		t.has_reply_to = i % 2;
		memset(t.content_type, 'c', i / 2);
		t.text_len = i % 7 ? i % 7 : i;
		len = plain_text_size(&t);
		plain_pack_text(out, &t);
		assert_int_equal(plain_unpack_text(&back, out, len), 0);
		assert_int_equal(back.has_reply_to, t.has_reply_to);
		assert_string_equal(back.content_type, t.content_type);
		assert_int_equal(back.text_len, t.text_len);
		assert_memory_equal(back.text, kat, t.text_len);
	}
}

static void
test_tag_lengths(void **state)
{
	static const size_t wrong[] = { 0x7fff, 0x8000, 0xffff };

	(void)state;
	for (size_t n = 0; n <= 1100; n++) {
		bool fits = 3 + n <= META_MAX;

		parse_expect(&text, n == 16, out, one_tag(out, 1, n, n));
		parse_expect(&text, n <= 255, out, one_tag(out, 2, n, n));
		parse_expect(&text, fits, out, one_tag(out, 0, n, n));
		parse_expect(&text, fits, out, one_tag(out, 255, n, n));
		parse_expect(&text, false, out, one_tag(out, 9, n + 1, n));
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		for (unsigned tag = 0; tag < 256; tag++)
			parse_expect(&text, false, out,
			    one_tag(out, (uint8_t)tag, wrong[i], 16));
	}
}

static void
test_tag_twice(void **state)
{
	(void)state;
	for (unsigned tag = 0; tag < 256; tag++) {
		size_t n = tag == 1 ? 16 : 4;

		memset(out, 'v', 100);
		le_put16(out, (uint16_t)(2 * (3 + n)));
		for (size_t i = 0; i < 2; i++) {
			out[2 + i * (3 + n)] = (uint8_t)tag;
			le_put16(out + 3 + i * (3 + n), (uint16_t)n);
		}
		parse_expect(&text, false, out, 2 + 2 * (3 + n));
		/* the same bytes, but another tag first */
		out[2] = (uint8_t)(tag == 200 ? 201 : 200);
		parse_expect(&text, true, out, 2 + 2 * (3 + n));
	}
}

static void
test_content_type_bytes(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256 * 3; c++) {
		uint8_t byte = (uint8_t)(c / 3);
		size_t len = one_tag(out, 2, 3, 3);

		out[5 + c % 3] = byte;
		parse_expect(&text, byte >= 0x20 && byte <= 0x7e, out, len);
	}
	for (unsigned c = 1; c < 256; c++) {
		const char type[] = { 'a', (char)c, '\0' };

		assert_int_equal(plain_is_content_type(type),
		    c >= 0x20 && c <= 0x7e);
	}
	assert_false(plain_is_content_type(""));
	memset(out, 'x', CONTENT_TYPE_MAX + 1);
	out[CONTENT_TYPE_MAX + 1] = '\0';
	assert_false(plain_is_content_type((const char *)out));
	assert_true(plain_is_content_type((const char *)out + 1));
}

static void
test_meta_lengths(void **state)
{
	static const uint16_t lens[] = { 1, 2, 3, 0x3ff, 0x400, 0x401, 0x7fff,
		0x8000, 0xffff };

	(void)state;
	memset(out, 0, 70000);
	parse_expect(&text, true, out, 2);
	parse_expect(&text, false, out, 1);
	parse_expect(&text, false, out, 0);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		/* one unknown tag fills it */
		le_put16(out, lens[i]);
		le_put16(out + 3, (uint16_t)(lens[i] - 3));
		parse_expect(&text, lens[i] >= 3 && lens[i] <= META_MAX, out,
		    70000);
		parse_expect(&text, false, out, lens[i] + 1U);
	}
}

static void
test_longest_text(void **state)
{
	uint8_t *big = calloc(1, 2 + META_MAX + TEXT_MAX + 1);
	struct plain_text t;

	(void)state;
	assert_non_null(big);
	assert_int_equal(plain_unpack_text(&t, big, 2 + TEXT_MAX), 0);
	assert_int_equal(t.text_len, TEXT_MAX);
	assert_int_equal(plain_text_size(&t), 2 + TEXT_MAX);
	assert_int_equal(plain_unpack_text(&t, big, 2 + TEXT_MAX + 1),
	    ERR_PROTOCOL);
	/* the meta does not count */
	le_put16(big, META_MAX);
	le_put16(big + 3, META_MAX - 3);
	assert_int_equal(plain_unpack_text(&t, big, 2 + META_MAX + TEXT_MAX),
	    0);
	assert_int_equal(t.text_len, TEXT_MAX);
	assert_int_equal(
	    plain_unpack_text(&t, big, 2 + META_MAX + TEXT_MAX + 1),
	    ERR_PROTOCOL);
	free(big);
	/* and the longest of all that can be sent fits a frame */
	assert_true(
	    plain_size(2 + META_MAX + TEXT_MAX) + 52 + 24 + 16 <= CONTENT_MAX);
}

static void
manifest_row(const json_t *j)
{
	const char *name = kat_text(j, "name");
	uint64_t size = strtoull(kat_text(j, "size"), NULL, 10);
	size_t len = check_plaintext(j), n;
	uint8_t part[KEY_LEN];
	struct plain_manifest m;

	assert_int_equal(plain_unpack_manifest(&m, kat, len), 0);
	kat_hex(part, sizeof(part), j, "file_id");
	assert_memory_equal(m.file_id, part, ID_LEN);
	kat_hex(part, sizeof(part), j, "file_key");
	assert_memory_equal(m.file_key, part, KEY_LEN);
	assert_true(m.size == size);
	assert_int_equal(m.chunk_size, kat_number(j, "chunk_size"));
	assert_true(m.mtime == kat_number(j, "mtime"));
	assert_int_equal(m.name_len, strlen(name));
	assert_memory_equal(m.name, name, m.name_len);
	m.name = (const uint8_t *)name;
	plain_pack_manifest(out, &n, &m);
	assert_int_equal(n, len);
	assert_memory_equal(out, kat, len);
	parse_expect_exact(&manifest, kat, len, false);
}

static void
test_manifests(void **state)
{
	json_t *rows = known("manifest"), *j;
	size_t i;

	(void)state;
	json_array_foreach(rows, i, j) manifest_row(j);
	assert_int_equal(i, 3);
	json_decref(rows);
	refuse_table("manifest_refused", &manifest, 7);
}

static const uint64_t file_sizes[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, (1ULL << 62) - 1, 1ULL << 62, (1ULL << 62) + 1,
	(1ULL << 63) - 1, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX };

static void
test_manifest_numbers(void **state)
{
	static const uint32_t chunks[] = { 0, 1, 4095, 4096, 4097, 1048575,
		1048576, 1048577, 0x7fffffff, 0x80000000, 0xffffffff };
	struct plain_manifest m = { .chunk_size = 4096,
		.name = (const uint8_t *)"n",
		.name_len = 1 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(file_sizes); i++) {
		m.size = file_sizes[i];
		plain_pack_manifest(out, &n, &m);
		parse_expect(&manifest,
		    m.size <= 1ULL << 62 || m.size == UINT64_MAX, out, n);
	}
	m.size = 1;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		m.chunk_size = chunks[i];
		plain_pack_manifest(out, &n, &m);
		parse_expect(&manifest,
		    m.chunk_size >= 4096 && m.chunk_size <= 1048576, out, n);
	}
	m.chunk_size = 4096;
	m.mtime = UINT64_MAX;
	plain_pack_manifest(out, &n, &m);
	parse_expect(&manifest, true, out, n);
	for (unsigned bit = 0; bit < 32; bit++) {
		le_put32(out + 60, 1U << bit);
		parse_expect(&manifest, false, out, n);
	}
}

static void
test_manifest_names(void **state)
{
	(void)state;
	memset(out, 0, 74);
	le_put32(out + 56, 4096);
	for (unsigned len = 0; len <= 0xffff; len++) {
		le_put16(out + 72, (uint16_t)len);
		if (len < 300 || len == 0x7fff || len == 0x8000 ||
		    len == 0xffff)
			parse_expect(&manifest, len >= 1 && len <= 255, out,
			    74 + len);
	}
	/* any byte may stand in a name: who stores it sees to that */
	le_put16(out + 72, 1);
	for (unsigned c = 0; c < 256; c++) {
		out[74] = (uint8_t)c;
		parse_expect(&manifest, true, out, 75);
	}
}

static void
end_row(const json_t *j)
{
	uint8_t part[32];
	size_t len = check_plaintext(j);
	struct plain_end e;

	assert_int_equal(plain_unpack_end(&e, kat, len), 0);
	kat_hex(part, sizeof(part), j, "file_id");
	assert_memory_equal(e.file_id, part, ID_LEN);
	kat_hex(part, sizeof(part), j, "blake2b");
	assert_memory_equal(e.digest, part, 32);
	assert_true(e.size == kat_number(j, "size"));
	assert_true(e.chunks == kat_number(j, "chunks"));
	plain_pack_end(out, &e);
	assert_int_equal(len, PLAIN_END_LEN);
	assert_memory_equal(out, kat, len);
	parse_expect_exact(&end, kat, len, false);
}

static void
test_ends(void **state)
{
	json_t *rows = known("end"), *j;
	size_t i;

	(void)state;
	json_array_foreach(rows, i, j) end_row(j);
	assert_int_equal(i, 3);
	json_decref(rows);
}

static void
test_end_numbers(void **state)
{
	struct plain_end e = { .chunks = 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(file_sizes); i++) {
		e.size = file_sizes[i];
		plain_pack_end(out, &e);
		parse_expect(&end, e.size <= 1ULL << 62, out, PLAIN_END_LEN);
	}
	e.size = 0;
	e.chunks = 0;
	plain_pack_end(out, &e);
	parse_expect(&end, false, out, PLAIN_END_LEN);
	e.chunks = UINT64_MAX;
	plain_pack_end(out, &e);
	parse_expect(&end, true, out, PLAIN_END_LEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_padme_known),
		cmocka_unit_test(test_padme_properties),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_ratchet_plaintexts),
		cmocka_unit_test(test_every_body_length),
		cmocka_unit_test(test_plain_refused),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_texts_refused),
		cmocka_unit_test(test_text_both_ways),
		cmocka_unit_test(test_tag_lengths),
		cmocka_unit_test(test_tag_twice),
		cmocka_unit_test(test_content_type_bytes),
		cmocka_unit_test(test_meta_lengths),
		cmocka_unit_test(test_longest_text),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_manifest_numbers),
		cmocka_unit_test(test_manifest_names),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_end_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
