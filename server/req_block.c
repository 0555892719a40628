/* SPDX-License-Identifier: ISC */
/* 1107: whom the caller takes nothing from. */
#include "server/serve.h"
#include "server/turn.h"

int
req_block(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	size_t n;
	int r;

	r = body_check_blocks(&n, in, len);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct body_block op;

		body_unpack_block(&op, in + i * BODY_BLOCK_LEN);
		r = store_block(sv->store, ss->id, &op);
	}
	if (r != 0)
		return r;
	turn_reply(sv, ss, CODE_BLOCK, NULL, 0);
	return 0;
}
