/* SPDX-License-Identifier: ISC */
/* 1103: put a message into a mailbox. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/serve.h"
#include "server/turn.h"

int
req_send(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	uint8_t payload[BODY_SENT_LEN] = { 0 };
	struct body_send m;
	int r;

	r = body_unpack_send(&m, in, len);
	if (r < 0)
		return r;
	if (memcmp(m.to, ss->id, ID_LEN) == 0)
		return err_set(ERR_PROTOCOL, "a message to oneself");
	r = store_put(sv->store, &m, ss->id, clock_wall_ms());
	if (r != 0)
		return r;
	turn_wake(sv, m.to);
	memcpy(payload, m.to, ID_LEN); /* the message id stays 0 */
	turn_reply(sv, ss, CODE_SEND, payload, sizeof(payload));
	if (m.type == MESSAGE_CHUNK)
		turn_is_piece(sv, ss, m.content_len);
	return 0;
}
