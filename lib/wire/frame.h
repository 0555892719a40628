/* SPDX-License-Identifier: ISC */
/*
 * The two fixed headers of the relay protocol, both little-endian:
 *
 *	request  id 16 | version 1 | code 2 | size 4     23 bytes
 *	reply            version 1 | code 2 | size 4      7 bytes
 *
 * These functions only move bytes: no I/O, no allocation and no policy;
 * whether a version or a size is acceptable is the caller's to say, before
 * it takes memory for the payload.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdint.h>

#include "wire/limits.h"

struct frame_request {
	uint8_t id[ID_LEN];
	uint8_t version;
	uint16_t code;
	uint32_t size; /* payload bytes that follow */
};

struct frame_reply {
	uint8_t version;
	uint16_t code;
	uint32_t size;
};

void frame_pack_request(uint8_t out[static FRAME_REQUEST_LEN],
    const struct frame_request *req);
void frame_unpack_request(struct frame_request *req,
    const uint8_t in[static FRAME_REQUEST_LEN]);

void frame_pack_reply(uint8_t out[static FRAME_REPLY_LEN],
    const struct frame_reply *rep);
void frame_unpack_reply(struct frame_reply *rep,
    const uint8_t in[static FRAME_REPLY_LEN]);

#endif
