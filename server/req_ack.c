/* SPDX-License-Identifier: ISC */
/* 1105: delete messages of the caller's mailbox. */
#include "base/le.h"
#include "server/serve.h"
#include "server/turn.h"

int
req_ack(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	uint8_t payload[4];
	uint32_t deleted = 0;
	size_t n;
	int r;

	r = body_check_ranges(&n, in, len);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct body_range range;

		body_unpack_range(&range, in + i * BODY_RANGE_LEN);
		r = store_ack(sv->store, ss->id, &range, &deleted);
	}
	if (r != 0)
		return r;
	le_put32(payload, deleted);
	turn_reply(sv, ss, CODE_ACK, payload, sizeof(payload));
	return 0;
}
