/* SPDX-License-Identifier: ISC */
/* 1105: delete messages of the caller's mailbox. */
#include "base/le.h"
#include "server/serve.h"
#include "server/turn.h"

int
req_ack(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	uint8_t payload[4];
	struct body_range ranges[ACK_RANGES_MAX];
	uint32_t deleted;
	size_t n;
	int r;

	r = body_check_ranges(&n, in, len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		body_unpack_range(&ranges[i], in + i * BODY_RANGE_LEN);
	r = store_ack_all(sv->store, ss->id, ranges, n, &deleted);
	if (r != 0)
		return r;
	le_put32(payload, deleted);
	turn_reply(sv, ss, CODE_ACK, payload, sizeof(payload));
	return 0;
}
