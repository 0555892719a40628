/* SPDX-License-Identifier: ISC */
/*
 * Limits that are reached: counted in the metrics, and of the first ones the
 * log says so.  For each of them it has a line a second at most, with the
 * number of times since the line before, and where the last came from.
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
	NOTICE_RATE, /* of requests */
	NOTICE_BYTE_RATE,
	NOTICE_DIRECTORY_RATE,
	NOTICE_REGISTRATIONS,
	NOTICE_HANDSHAKES,
	NOTICE_INVITE,

	/* counted alone: many of them belong to every day */
	NOTICE_BIND_TIMEOUT,
	NOTICE_IDLE_TIMEOUT,
	NOTICE_CONNECTION_LIFE,
	NOTICE_TRANSFER_RATE,
	NOTICE_FRAME,
	NOTICE_OUTPUT,
	NOTICE_MAILBOX, /* in all, and what one sender may have of it */
	NOTICE_MAILBOX_SHARE,
	NOTICE_MAILBOX_REQUESTS,
	NOTICE_FILES,
	NOTICE_FILES_SHARE,
	NOTICE_STORE,
	NOTICE_N,
};

/* What each is called, in the log and in the metrics. */
extern const char *const notice_names[NOTICE_N];

/* Count it alone. */
void notice_count(enum notice limit);

/* Count it, and tell; origin: ORIGIN_LEN bytes, NULL = of no matter. */
void notice_put(enum notice limit, const uint8_t *origin, uint64_t now_ms);

/* The same of a client that is known; id: ID_LEN bytes. */
void notice_put_client(enum notice limit, const uint8_t *origin,
    const uint8_t *id, uint64_t now_ms);

#endif
