/* SPDX-License-Identifier: ISC */
/*
 * Records of the inbox: the first byte chooses the kind, as a bit.  What is
 * accepted packs to a record that means the same, and so to itself again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "client/entry.h"
#include "must.h"

#define FILES     (INBOX_FILE | INBOX_FILE_OFFER | INBOX_FILE_REFUSED)
#define FILE_HEAD (8 + 8 + FILEBOX_DIGEST_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static int
pack_text(struct buf *out, const struct pull_item *item)
{
	size_t len = plain_text_size(&item->text);
	uint8_t *body = malloc(len + 1);
	int r;

	must(body);
	plain_pack_text(body, &item->text);
	r = entry_pack_message(out, item->sent_at, body, len);
	free(body);
	return r;
}

static int
pack(struct buf *out, const struct pull_item *item)
{
	switch (item->row.kind) {
	case INBOX_MESSAGE:
		return pack_text(out, item);
	case INBOX_KEY_REQUEST:
		return entry_pack_flag(out, item->authenticated);
	case INBOX_KEY_RECEIVED:
		return entry_pack_flag(out, item->session == BOOK_ESTABLISHED);
	case INBOX_GAP:
		return entry_pack_gap(out, item->first, item->last);
	case INBOX_UNDECRYPTABLE:
		return entry_pack_error(out, item->error);
	case INBOX_FILE:
	case INBOX_FILE_OFFER:
	case INBOX_FILE_REFUSED:
	default:
		return entry_pack_file(out, &item->file);
	}
}

/* Three texts with their lengths, and nothing behind. */
static bool
is_whole_file(const uint8_t *in, size_t len)
{
	size_t at = FILE_HEAD;

	at += 1 + (size_t)in[at];
	at += 1 + (size_t)in[at];
	return at + 2 + le_get16(in + at) == len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static struct pull_item item, again;
	struct buf *once, *twice;

	if (len == 0)
		return 0;
	item.row.kind = again.row.kind = (enum inbox_kind)(1U << in[0] % 8);
	if (entry_unpack(&item, in + 1, len - 1) != 0) {
		must(err_last()->code == ERR_CORRUPT);
		return 0;
	}
	if (item.row.kind & FILES)
		must(is_whole_file(in + 1, len - 1));
	once = buf_new(2 * len);
	twice = buf_new(2 * len);
	must(once && twice && pack(once, &item) == 0);
	/* an empty word is no word */
	if (item.row.kind != INBOX_UNDECRYPTABLE || item.error[0]) {
		must(entry_unpack(&again, buf_peek(once), buf_len(once)) == 0);
		must(pack(twice, &again) == 0);
		must(buf_len(once) == buf_len(twice));
		must(memcmp(buf_peek(once), buf_peek(twice), buf_len(once)) ==
		    0);
	}
	buf_free(once);
	buf_free(twice);
	return 0;
}
