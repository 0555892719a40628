/* SPDX-License-Identifier: ISC */
#include "server/notice.h"

#include <stdio.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/origin.h"

const char *const notice_names[NOTICE_N] = {
	[NOTICE_CONNECTIONS] = "connections",
	[NOTICE_CLIENT_CONNECTIONS] = "client_connections",
	[NOTICE_UNBOUND] = "unbound",
	[NOTICE_SOURCE_UNBOUND] = "source_unbound",
	[NOTICE_BUFFERS] = "buffers",
	[NOTICE_DESCRIPTORS] = "descriptors",
	[NOTICE_MEMORY] = "memory",
	[NOTICE_RATE] = "rate",
	[NOTICE_BYTE_RATE] = "byte_rate",
	[NOTICE_DIRECTORY_RATE] = "directory_rate",
	[NOTICE_REGISTRATIONS] = "registrations",
	[NOTICE_HANDSHAKES] = "handshakes",
	[NOTICE_INVITE] = "invite",
	[NOTICE_BIND_TIMEOUT] = "bind_timeout",
	[NOTICE_IDLE_TIMEOUT] = "idle_timeout",
	[NOTICE_CONNECTION_LIFE] = "connection_life",
	[NOTICE_TRANSFER_RATE] = "transfer_rate",
	[NOTICE_FRAME] = "frame",
	[NOTICE_OUTPUT] = "output",
	[NOTICE_MAILBOX] = "mailbox",
	[NOTICE_MAILBOX_SHARE] = "mailbox_share",
	[NOTICE_MAILBOX_REQUESTS] = "mailbox_requests",
	[NOTICE_FILES] = "files",
	[NOTICE_FILES_SHARE] = "files_share",
	[NOTICE_STORE] = "store",
};

/* As the log itself, this is the process's. */
static struct log_pace paces[NOTICE_N];

void
notice_count(enum notice limit)
{
	metrics.limits[limit]++;
}

void
notice_put(enum notice limit, const uint8_t *origin, uint64_t now_ms)
{
	notice_put_client(limit, origin, NULL, now_ms);
}

void
notice_put_client(enum notice limit, const uint8_t *origin, const uint8_t *id,
    uint64_t now_ms)
{
	char count[16], source[ORIGIN_TEXT_SIZE], client[LOG_CLIENT_SIZE];
	const struct log_field fields[] = {
		{ "limit", notice_names[limit] },
		{ "count", count },
		{ "source", source },
		{ "client", client },
	};
	const unsigned n = log_due(&paces[limit], now_ms);

	notice_count(limit);
	if (n == 0)
		return;
	snprintf(count, sizeof(count), "%u", n);
	if (origin)
		origin_text(source, origin);
	if (id)
		log_client(client, id);
	log_event(LOG_WARN, "limit_reached", fields, id ? 4 : origin ? 3 : 2);
}
