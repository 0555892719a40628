/* SPDX-License-Identifier: ISC */
#include "client/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/book.h"
#include "wire/body.h"

static int
tell(struct client *c, const struct peer *list, size_t n, bool block)
{
	uint8_t payload[BLOCK_OPS_MAX * BODY_BLOCK_LEN];
	struct body_block op = { .block = block };
	struct chan_reply reply;
	int r = client_connect(c);

	for (size_t i = 0; i < n; i++) {
		memcpy(op.id, list[i].id, ID_LEN);
		body_pack_block(payload + i * BODY_BLOCK_LEN, &op);
	}
	if (r == 0)
		r = chan_call(client_chan(c), &reply, CODE_BLOCK, payload,
		    n * BODY_BLOCK_LEN);
	if (r == 0 && reply.len != 0)
		r = err_set(ERR_PROTOCOL, "2107 of %zu bytes", reply.len);
	return r;
}

int
block_peer(struct client *c, const char *who, bool block, struct peer *out)
{
	int r = book_find(c, who, out);

	if (r == 0)
		r = client_connect(c);
	if (r == 0 && !block)
		r = book_block(c, out, false);
	if (r == 0)
		r = tell(c, out, 1, block);
	return r == 0 && block ? book_block(c, out, true) : r;
}

/* Move those that are marked to the front; how many there are. */
static size_t
sift(struct peer *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].blocked)
			list[kept++] = list[i];
	}
	return kept;
}

int
block_renew(struct client *c)
{
	struct peer *list;
	size_t n, part;
	int r = peers_list(client_keyfile(c), &list, &n);

	if (r < 0)
		return r;
	n = sift(list, n);
	for (size_t i = 0; r == 0 && i < n; i += part) {
		part = n - i < BLOCK_OPS_MAX ? n - i : BLOCK_OPS_MAX;
		r = tell(c, list + i, part, true);
	}
	free(list);
	return r;
}
