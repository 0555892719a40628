/* SPDX-License-Identifier: ISC */
#include "server/notice.h"

#include <stdio.h>

#include "server/log.h"
#include "server/origin.h"

#define EVERY_MS 1000

static const char *const names[] = {
	[NOTICE_CONNECTIONS] = "connections",
	[NOTICE_CLIENT_CONNECTIONS] = "client_connections",
	[NOTICE_UNBOUND] = "unbound",
	[NOTICE_SOURCE_UNBOUND] = "source_unbound",
	[NOTICE_BUFFERS] = "buffers",
	[NOTICE_DESCRIPTORS] = "descriptors",
	[NOTICE_MEMORY] = "memory",
	[NOTICE_RATE] = "rate",
	[NOTICE_REGISTRATIONS] = "registrations",
	[NOTICE_INVITE] = "invite",
};

/* As the log itself, this is the process's. */
static struct {
	uint64_t quiet_until;
	unsigned count; /* not told yet */
} notices[NOTICE_N];

void
notice_put(enum notice limit, const uint8_t *origin, uint64_t now_ms)
{
	char count[16], source[ORIGIN_TEXT_SIZE];
	const struct log_field fields[] = {
		{ "limit", names[limit] },
		{ "count", count },
		{ "source", source },
	};

	notices[limit].count++;
	if (now_ms < notices[limit].quiet_until)
		return;
	snprintf(count, sizeof(count), "%u", notices[limit].count);
	if (origin)
		origin_text(source, origin);
	log_event(LOG_WARN, "limit_reached", fields, origin ? 3 : 2);
	notices[limit].count = 0;
	notices[limit].quiet_until = now_ms + EVERY_MS;
}
