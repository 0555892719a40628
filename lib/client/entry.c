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
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].kind == item->row.kind &&
		    kinds[i].unpack(item, in, len) == 0)
			return 0;
	}
	return err_set(ERR_CORRUPT, "an inbox record that cannot be read");
}
