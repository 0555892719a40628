/* SPDX-License-Identifier: ISC */
/* 1102: the public key of a client. */
#include "server/serve.h"
#include "server/turn.h"

int
req_key(struct serve *sv, struct session *ss, const uint8_t *in, size_t len)
{
	uint8_t payload[BODY_KEY_LEN];
	struct body_key k;
	int r;

	(void)len; /* the table allows one size */
	r = store_find(sv->store, &k, in);
	if (r != 0)
		return r;
	body_pack_key(payload, &k);
	turn_reply(sv, ss, CODE_KEY, payload, sizeof(payload));
	return 0;
}
