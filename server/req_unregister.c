/* SPDX-License-Identifier: ISC */
/* 1106: the relay forgets the caller, and the channel ends. */
#include "server/serve.h"
#include "server/turn.h"

int
req_unregister(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len)
{
	int r;

	(void)in;
	(void)len; /* the table allows no payload */
	r = store_unregister(sv->store, ss->id);
	if (r != 0)
		return r;
	turn_kick_others(sv, ss);
	turn_reply(sv, ss, CODE_UNREGISTER, NULL, 0);
	ss->closing = true;
	return 0;
}
