/* SPDX-License-Identifier: ISC */
/* Headers: every 23 and 7 bytes mean something and pack to themselves. */
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	uint8_t out[FRAME_REQUEST_LEN];
	struct frame_request req;
	struct frame_reply rep;

	if (len >= FRAME_REPLY_LEN) {
		frame_unpack_reply(&rep, in);
		frame_pack_reply(out, &rep);
		if (memcmp(out, in, FRAME_REPLY_LEN) != 0)
			abort();
	}
	if (len >= FRAME_REQUEST_LEN) {
		frame_unpack_request(&req, in);
		frame_pack_request(out, &req);
		if (memcmp(out, in, FRAME_REQUEST_LEN) != 0)
			abort();
	}
	return 0;
}
