/* SPDX-License-Identifier: ISC */
#include "wire/plain.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"

#define PADDED_MIN 256
#define END_MARK   0x80

enum {
	PLAIN_ID = 4,
	PLAIN_SENT = PLAIN_ID + ID_LEN,
	PLAIN_SEQ = PLAIN_SENT + 8,
	PLAIN_BODY = PLAIN_SEQ + 8,
};
_Static_assert(PLAIN_BODY == PLAIN_HEAD_LEN, "plaintext");

static int
malformed(const char *what)
{
	return err_set(ERR_PROTOCOL, "malformed %s", what);
}

static unsigned
floor_log2(uint64_t v)
{
	unsigned n = 0;

	while (v >>= 1)
		n++;
	return n;
}

uint64_t
plain_padme(uint64_t len)
{
	unsigned e, s;
	uint64_t mask;

	if (len < 2)
		return len;
	e = floor_log2(len);
	s = floor_log2(e) + 1;
	assert(s <= e);
	mask = (1ULL << (e - s)) - 1;
	return (len + mask) & ~mask;
}

size_t
plain_size(size_t body_len)
{
	size_t len = plain_padme(PLAIN_BODY + body_len + 1);

	return len < PADDED_MIN ? PADDED_MIN : len;
}

void
plain_pack(uint8_t *out, const struct plain *p)
{
	size_t end = PLAIN_BODY + p->body_len;

	memset(out, 0, PLAIN_BODY);
	out[0] = p->kind;
	memcpy(out + PLAIN_ID, p->message_id, ID_LEN);
	le_put64(out + PLAIN_SENT, p->sent_at);
	le_put64(out + PLAIN_SEQ, p->seq);
	if (p->body_len > 0)
		memcpy(out + PLAIN_BODY, p->body, p->body_len);
	out[end] = END_MARK;
	memset(out + end + 1, 0, plain_size(p->body_len) - end - 1);
}

int
plain_unpack(struct plain *p, const uint8_t *in, size_t len)
{
	size_t end = len;

	while (end > PLAIN_BODY && in[end - 1] == 0)
		end--;
	if (end <= PLAIN_BODY || in[end - 1] != END_MARK)
		return malformed("plaintext: no end mark");
	end--;
	if (len != plain_size(end - PLAIN_BODY))
		return malformed("plaintext: padding");
	if (in[1] != 0 || in[2] != 0 || in[3] != 0)
		return malformed("plaintext: reserved bytes");
	p->kind = in[0];
	memcpy(p->message_id, in + PLAIN_ID, ID_LEN);
	p->sent_at = le_get64(in + PLAIN_SENT);
	p->seq = le_get64(in + PLAIN_SEQ);
	p->body = in + PLAIN_BODY;
	p->body_len = end - PLAIN_BODY;
	return 0;
}

#define META_HEAD_LEN 2
#define TAG_HEAD_LEN  3

enum tag {
	TAG_REPLY_TO = 1,
	TAG_CONTENT_TYPE = 2,
};

static size_t
meta_len(const struct plain_text *t)
{
	size_t type_len = strlen(t->content_type);

	return (t->has_reply_to ? TAG_HEAD_LEN + ID_LEN : 0) +
	    (type_len > 0 ? TAG_HEAD_LEN + type_len : 0);
}

size_t
plain_text_size(const struct plain_text *t)
{
	return META_HEAD_LEN + meta_len(t) + t->text_len;
}

static uint8_t *
put_tag(uint8_t *out, enum tag tag, const void *value, size_t len)
{
	out[0] = (uint8_t)tag;
	le_put16(out + 1, (uint16_t)len);
	memcpy(out + TAG_HEAD_LEN, value, len);
	return out + TAG_HEAD_LEN + len;
}

void
plain_pack_text(uint8_t *out, const struct plain_text *t)
{
	size_t type_len = strlen(t->content_type);

	le_put16(out, (uint16_t)meta_len(t));
	out += META_HEAD_LEN;
	if (t->has_reply_to)
		out = put_tag(out, TAG_REPLY_TO, t->reply_to, ID_LEN);
	if (type_len > 0)
		out = put_tag(out, TAG_CONTENT_TYPE, t->content_type, type_len);
	if (t->text_len > 0)
		memcpy(out, t->text, t->text_len);
}

static bool
is_printable(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	}
	return true;
}

bool
plain_is_content_type(const char *s)
{
	const size_t len = strlen(s);

	return len > 0 && len <= CONTENT_TYPE_MAX &&
	    is_printable((const uint8_t *)s, len);
}

/* Unknown tags are skipped. */
static int
get_tag(struct plain_text *t, uint8_t tag, const uint8_t *value, size_t len)
{
	if (tag == TAG_REPLY_TO) {
		if (len != ID_LEN)
			return malformed("text: in_reply_to");
		t->has_reply_to = true;
		memcpy(t->reply_to, value, ID_LEN);
	} else if (tag == TAG_CONTENT_TYPE) {
		if (len > CONTENT_TYPE_MAX || !is_printable(value, len))
			return malformed("text: content_type");
		memcpy(t->content_type, value, len);
	}
	return 0;
}

static int
get_meta(struct plain_text *t, const uint8_t *in, size_t len)
{
	bool seen[UINT8_MAX + 1] = { false };

	while (len > 0) {
		size_t value_len;
		int r;

		if (len < TAG_HEAD_LEN)
			return malformed("text: tag cut");
		value_len = le_get16(in + 1);
		if (value_len > len - TAG_HEAD_LEN)
			return malformed("text: value past the meta");
		if (seen[in[0]])
			return malformed("text: tag twice");
		seen[in[0]] = true;
		r = get_tag(t, in[0], in + TAG_HEAD_LEN, value_len);
		if (r < 0)
			return r;
		in += TAG_HEAD_LEN + value_len;
		len -= TAG_HEAD_LEN + value_len;
	}
	return 0;
}

int
plain_unpack_text(struct plain_text *t, const uint8_t *in, size_t len)
{
	struct plain_text found = { .has_reply_to = false };
	size_t meta;
	int r;

	if (len < META_HEAD_LEN)
		return malformed("text: too short");
	meta = le_get16(in);
	in += META_HEAD_LEN;
	len -= META_HEAD_LEN;
	if (meta > META_MAX || meta > len)
		return malformed("text: length of the meta");
	if (len - meta > TEXT_MAX)
		return malformed("text: too long");
	r = get_meta(&found, in, meta);
	if (r < 0)
		return r;
	found.text = in + meta;
	found.text_len = len - meta;
	*t = found;
	return 0;
}

enum {
	MANIFEST_KEY = ID_LEN,
	MANIFEST_SIZE = MANIFEST_KEY + KEY_LEN,
	MANIFEST_CHUNK = MANIFEST_SIZE + 8,
	MANIFEST_FLAGS = MANIFEST_CHUNK + 4,
	MANIFEST_MTIME = MANIFEST_FLAGS + 4,
	MANIFEST_NAME_LEN = MANIFEST_MTIME + 8,
	MANIFEST_NAME = MANIFEST_NAME_LEN + 2,
};
_Static_assert(MANIFEST_NAME + FILE_NAME_MAX == PLAIN_MANIFEST_MAX, "manifest");

void
plain_pack_manifest(uint8_t out[static PLAIN_MANIFEST_MAX], size_t *len,
    const struct plain_manifest *m)
{
	memcpy(out, m->file_id, ID_LEN);
	memcpy(out + MANIFEST_KEY, m->file_key, KEY_LEN);
	le_put64(out + MANIFEST_SIZE, m->size);
	le_put32(out + MANIFEST_CHUNK, m->chunk_size);
	le_put32(out + MANIFEST_FLAGS, 0);
	le_put64(out + MANIFEST_MTIME, m->mtime);
	le_put16(out + MANIFEST_NAME_LEN, m->name_len);
	memcpy(out + MANIFEST_NAME, m->name, m->name_len);
	*len = MANIFEST_NAME + (size_t)m->name_len;
}

int
plain_unpack_manifest(struct plain_manifest *m, const uint8_t *in, size_t len)
{
	uint64_t size;
	uint32_t chunk_size;
	uint16_t name_len;

	if (len < MANIFEST_NAME)
		return malformed("manifest: too short");
	name_len = le_get16(in + MANIFEST_NAME_LEN);
	if (name_len == 0 || name_len > FILE_NAME_MAX ||
	    len != MANIFEST_NAME + (size_t)name_len)
		return malformed("manifest: length of the name");
	size = le_get64(in + MANIFEST_SIZE);
	chunk_size = le_get32(in + MANIFEST_CHUNK);
	if (size > FILE_SIZE_MAX && size != PLAIN_SIZE_UNKNOWN)
		return malformed("manifest: size");
	if (chunk_size < CHUNK_MIN || chunk_size > CHUNK_MAX)
		return malformed("manifest: chunk size");
	if (le_get32(in + MANIFEST_FLAGS) != 0)
		return malformed("manifest: flags");
	memcpy(m->file_id, in, ID_LEN);
	memcpy(m->file_key, in + MANIFEST_KEY, KEY_LEN);
	m->size = size;
	m->chunk_size = chunk_size;
	m->mtime = le_get64(in + MANIFEST_MTIME);
	m->name = in + MANIFEST_NAME;
	m->name_len = name_len;
	return 0;
}

enum {
	END_SIZE = ID_LEN,
	END_CHUNKS = END_SIZE + 8,
	END_DIGEST = END_CHUNKS + 8,
};
_Static_assert(END_DIGEST + 32 == PLAIN_END_LEN, "end");

void
plain_pack_end(uint8_t out[static PLAIN_END_LEN], const struct plain_end *e)
{
	memcpy(out, e->file_id, ID_LEN);
	le_put64(out + END_SIZE, e->size);
	le_put64(out + END_CHUNKS, e->chunks);
	memcpy(out + END_DIGEST, e->digest, sizeof(e->digest));
}

int
plain_unpack_end(struct plain_end *e, const uint8_t *in, size_t len)
{
	uint64_t size, chunks;

	if (len != PLAIN_END_LEN)
		return malformed("end of file: wrong length");
	size = le_get64(in + END_SIZE);
	chunks = le_get64(in + END_CHUNKS);
	if (size > FILE_SIZE_MAX || chunks == 0)
		return malformed("end of file: size");
	memcpy(e->file_id, in, ID_LEN);
	e->size = size;
	e->chunks = chunks;
	memcpy(e->digest, in + END_DIGEST, sizeof(e->digest));
	return 0;
}
