/* SPDX-License-Identifier: ISC */
/*
 * Plaintexts and their bodies: a first byte of 0 gives a whole plaintext,
 * one of a kind the body of that kind.  What is accepted packs to itself; of
 * a text, what is understood does.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
try_text(const uint8_t *in, size_t len)
{
	static uint8_t out[2 + META_MAX + TEXT_MAX];
	struct plain_text t, again;
	size_t n;

	if (plain_unpack_text(&t, in, len) != 0)
		return;
	n = plain_text_size(&t);
	if (n > len)
		abort();
	plain_pack_text(out, &t);
	if (plain_unpack_text(&again, out, n) != 0 ||
	    t.has_reply_to != again.has_reply_to ||
	    memcmp(t.reply_to, again.reply_to, ID_LEN) != 0 ||
	    strcmp(t.content_type, again.content_type) != 0 ||
	    t.text_len != again.text_len ||
	    memcmp(t.text, again.text, t.text_len) != 0)
		abort();
}

static void
try_manifest(const uint8_t *in, size_t len)
{
	uint8_t out[PLAIN_MANIFEST_MAX];
	struct plain_manifest m;
	size_t n;

	if (plain_unpack_manifest(&m, in, len) != 0)
		return;
	plain_pack_manifest(out, &n, &m);
	if (n != len || memcmp(out, in, n) != 0)
		abort();
}

static void
try_end(const uint8_t *in, size_t len)
{
	uint8_t out[PLAIN_END_LEN];
	struct plain_end e;

	if (plain_unpack_end(&e, in, len) != 0)
		return;
	plain_pack_end(out, &e);
	if (memcmp(out, in, sizeof(out)) != 0)
		abort();
}

static void
try_body(uint8_t kind, const uint8_t *in, size_t len)
{
	if (kind == PLAIN_TEXT)
		try_text(in, len);
	else if (kind == PLAIN_MANIFEST)
		try_manifest(in, len);
	else if (kind == PLAIN_END)
		try_end(in, len);
}

static void
try_plain(const uint8_t *in, size_t len)
{
	struct plain p;
	uint8_t *out;

	if (plain_unpack(&p, in, len) != 0)
		return;
	out = malloc(len);
	if (!out || plain_size(p.body_len) != len)
		abort();
	plain_pack(out, &p);
	if (memcmp(out, in, len) != 0)
		abort();
	free(out);
	try_body(p.kind, p.body, p.body_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	if (len == 0)
		return 0;
	if (in[0] == 0)
		try_plain(in + 1, len - 1);
	else
		try_body(in[0], in + 1, len - 1);
	return 0;
}
