/* SPDX-License-Identifier: ISC */
/* 1107: whom the caller takes nothing from. */
#include "server/serve.h"
#include "server/turn.h"

int
req_block(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	struct body_block ops[BLOCK_OPS_MAX];
	size_t n;
	int r;

	r = body_check_blocks(&n, in, len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		body_unpack_block(&ops[i], in + i * BODY_BLOCK_LEN);
	r = store_block_all(sv->store, ss->id, ops, n);
	if (r != 0)
		return r;
	turn_reply(sv, ss, CODE_BLOCK, NULL, 0);
	return 0;
}
