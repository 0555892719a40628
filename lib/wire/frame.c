/* SPDX-License-Identifier: ISC */
#include "wire/frame.h"

#include <string.h>

#include "base/le.h"

/* The part both headers share: version 1 | code 2 | size 4. */
#define TAIL_LEN FRAME_REPLY_LEN

_Static_assert(FRAME_REQUEST_LEN == ID_LEN + TAIL_LEN, "request header");

static void
pack_tail(uint8_t out[static TAIL_LEN], uint8_t version, uint16_t code,
    uint32_t size)
{
	out[0] = version;
	le_put16(out + 1, code);
	le_put32(out + 3, size);
}

void
frame_pack_request(uint8_t out[static FRAME_REQUEST_LEN],
    const struct frame_request *req)
{
	memcpy(out, req->id, ID_LEN);
	pack_tail(out + ID_LEN, req->version, req->code, req->size);
}

void
frame_unpack_request(struct frame_request *req,
    const uint8_t in[static FRAME_REQUEST_LEN])
{
	const uint8_t *tail = in + ID_LEN;

	memcpy(req->id, in, ID_LEN);
	req->version = tail[0];
	req->code = le_get16(tail + 1);
	req->size = le_get32(tail + 3);
}

void
frame_pack_reply(uint8_t out[static FRAME_REPLY_LEN],
    const struct frame_reply *rep)
{
	pack_tail(out, rep->version, rep->code, rep->size);
}

void
frame_unpack_reply(struct frame_reply *rep,
    const uint8_t in[static FRAME_REPLY_LEN])
{
	rep->version = in[0];
	rep->code = le_get16(in + 1);
	rep->size = le_get32(in + 3);
}
