/* SPDX-License-Identifier: ISC */
/*
 * The input's first byte says in which pieces the rest comes; the replies
 * put together from them must be the bytes of the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "net/replies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Take what is whole from data, and say how much that was. */
static int
take(struct replies *rs, const uint8_t *data, size_t *taken)
{
	uint8_t packed[FRAME_REPLY_LEN];
	struct frame_reply head;
	const uint8_t *payload;
	uint16_t reason;
	int r;

	while ((r = replies_next(rs, &head, &payload)) == 0 && payload) {
		frame_pack_reply(packed, &head);
		if (memcmp(packed, data + *taken, sizeof(packed)) != 0 ||
		    memcmp(payload, data + *taken + sizeof(packed),
			head.size) != 0 ||
		    replies_refusal(&reason, payload, head.size) >= 0)
			abort();
		*taken += sizeof(packed) + head.size;
	}
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct replies *rs = replies_new();
	const size_t piece = len > 0 ? data[0] + 1u : 1;
	size_t taken = 1;

	for (size_t at = 1; at < len; at += piece) {
		size_t part = len - at < piece ? len - at : piece;

		if (replies_add(rs, data + at, part) < 0)
			abort();
		if (take(rs, data, &taken) < 0)
			break;
		if (replies_is_amid(rs) != (taken < at + part))
			abort();
	}
	replies_free(rs);
	return 0;
}
