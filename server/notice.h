/* SPDX-License-Identifier: ISC */
/*
 * What the log says of limits that were reached: for each of them a line a
 * second at most, with the number of times since the line before, and where
 * the last came from.
 */
#ifndef SERVER_NOTICE_H
#define SERVER_NOTICE_H

#include <stdint.h>

enum notice {
	NOTICE_CONNECTIONS,
	NOTICE_CLIENT_CONNECTIONS,
	NOTICE_UNBOUND,
	NOTICE_SOURCE_UNBOUND,
	NOTICE_BUFFERS,
	NOTICE_DESCRIPTORS,
	NOTICE_MEMORY,
	NOTICE_RATE,
	NOTICE_REGISTRATIONS,
	NOTICE_INVITE,
	NOTICE_N,
};

/* origin: ORIGIN_LEN bytes, NULL = of no matter. */
void notice_put(enum notice limit, const uint8_t *origin, uint64_t now_ms);

#endif
