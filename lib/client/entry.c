/* SPDX-License-Identifier: ISC */
#include "client/entry.h"

#include <string.h>

#include "base/err.h"
#include "base/le.h"

int
entry_pack_message(struct buf *out, uint64_t sent_at, const uint8_t *body,
    size_t len)
{
	uint8_t at[8];
	int r;

	le_put64(at, sent_at);
	r = buf_put(out, at, sizeof(at));
	return r < 0 ? r : buf_put(out, body, len);
}

int
entry_pack_flag(struct buf *out, bool flag)
{
	uint8_t byte = flag;

	return buf_put(out, &byte, 1);
}

int
entry_pack_gap(struct buf *out, uint64_t first, uint64_t last)
{
	uint8_t both[16];

	le_put64(both, first);
	le_put64(both + 8, last);
	return buf_put(out, both, sizeof(both));
}

int
entry_pack_error(struct buf *out, const char *word)
{
	return buf_put(out, word, strlen(word));
}

static int
put_text(struct buf *out, const char *s, size_t prefix)
{
	uint8_t len[2];
	int r;

	le_put16(len, (uint16_t)strlen(s));
	r = buf_put(out, len, prefix);
	return r < 0 ? r : buf_put(out, s, strlen(s));
}

enum {
	FILE_SIZE = 8,
	FILE_DIGEST = FILE_SIZE + 8,
	FILE_TEXTS = FILE_DIGEST + FILEBOX_DIGEST_LEN,
};

int
entry_pack_file(struct buf *out, const struct pull_file *f)
{
	uint8_t head[FILE_TEXTS];
	int r;

	le_put64(head, f->sent_at);
	le_put64(head + FILE_SIZE, f->size);
	memcpy(head + FILE_DIGEST, f->digest, sizeof(f->digest));
	r = buf_put(out, head, sizeof(head));
	if (r == 0)
		r = put_text(out, f->error, 1);
	if (r == 0)
		r = put_text(out, f->name, 1);
	return r < 0 ? r : put_text(out, f->path, 2);
}

/* A text of at most size - 1 bytes: advances past it. */
static int
get_text(char *out, size_t size, size_t prefix, const uint8_t **in, size_t *len)
{
	size_t n;

	if (*len < prefix)
		return ERR_CORRUPT;
	n = prefix == 1 ? (*in)[0] : le_get16(*in);
	if (n >= size || n > *len - prefix)
		return ERR_CORRUPT;
	memcpy(out, *in + prefix, n);
	out[n] = '\0';
	*in += prefix + n;
	*len -= prefix + n;
	return 0;
}

static int
unpack_file(struct pull_item *item, const uint8_t *in, size_t len)
{
	struct pull_file *f = &item->file;
	int r;

	if (len < FILE_TEXTS)
		return ERR_CORRUPT;
	f->sent_at = le_get64(in);
	f->size = le_get64(in + FILE_SIZE);
	memcpy(f->digest, in + FILE_DIGEST, sizeof(f->digest));
	in += FILE_TEXTS;
	len -= FILE_TEXTS;
	r = get_text(f->error, sizeof(f->error), 1, &in, &len);
	if (r == 0)
		r = get_text(f->name, sizeof(f->name), 1, &in, &len);
	if (r == 0)
		r = get_text(f->path, sizeof(f->path), 2, &in, &len);
	return r == 0 && len > 0 ? ERR_CORRUPT : r;
}

static int
unpack_message(struct pull_item *item, const uint8_t *in, size_t len)
{
	if (len < 8)
		return ERR_CORRUPT;
	item->sent_at = le_get64(in);
	return plain_unpack_text(&item->text, in + 8, len - 8);
}

static int
unpack_request(struct pull_item *item, const uint8_t *in, size_t len)
{
	if (len != 1)
		return ERR_CORRUPT;
	item->authenticated = in[0] != 0;
	return 0;
}

static int
unpack_received(struct pull_item *item, const uint8_t *in, size_t len)
{
	if (len != 1)
		return ERR_CORRUPT;
	item->session = in[0] ? BOOK_ESTABLISHED : BOOK_KEY_RECEIVED;
	return 0;
}

static int
unpack_gap(struct pull_item *item, const uint8_t *in, size_t len)
{
	if (len != 16)
		return ERR_CORRUPT;
	item->first = le_get64(in);
	item->last = le_get64(in + 8);
	return 0;
}

static int
unpack_error(struct pull_item *item, const uint8_t *in, size_t len)
{
	if (len == 0 || len >= sizeof(item->error))
		return ERR_CORRUPT;
	memcpy(item->error, in, len);
	item->error[len] = '\0';
	return 0;
}

int
entry_unpack(struct pull_item *item, const uint8_t *in, size_t len)
{
	static const struct {
		enum inbox_kind kind;
		int (*unpack)(struct pull_item *item, const uint8_t *in,
		    size_t len);
	} kinds[] = {
		{ INBOX_MESSAGE, unpack_message },
		{ INBOX_KEY_REQUEST, unpack_request },
		{ INBOX_KEY_RECEIVED, unpack_received },
		{ INBOX_GAP, unpack_gap },
		{ INBOX_UNDECRYPTABLE, unpack_error },
		{ INBOX_FILE, unpack_file },
		{ INBOX_FILE_OFFER, unpack_file },
		{ INBOX_FILE_REFUSED, unpack_file },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].kind == item->row.kind &&
		    kinds[i].unpack(item, in, len) == 0)
			return 0;
	}
	return err_set(ERR_CORRUPT, "an inbox record that cannot be read");
}
