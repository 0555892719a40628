/* SPDX-License-Identifier: ISC */
#include "server/limits.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "wire/limits.h"

#define SECOND 1000ULL
#define KIB    1024ULL
#define MIB    (1024 * KIB)
#define LONG   (365 * CLOCK_DAY)
#define MANY   1000000000ULL

const struct limits limits_default = {
	.max_connections = 16384,
	.max_client_connections = 128,
	.max_unbound = 256,
	.max_source_unbound = 64,
	.bind_timeout = 5 * SECOND,
	.idle_timeout = 60 * SECOND,
	.connection_life = CLOCK_DAY,
	.max_frame = FRAME_MAX,
	.transfer_rate = 16 * KIB,
	.transfer_grace = 10 * SECOND,
	.max_output = 2 * MIB,
	.max_buffers = 256 * MIB,
	.request_rate = 5000,
	.byte_rate = 512 * MIB,
	.directory_rate = 100,
	.rate_burst = 4 * SECOND,
	.registration_rate = 1,
	.registration_burst = 60,
};

#define ROW(name, option, least, most)                             \
	{                                                          \
		option, offsetof(struct limits, name), least, most \
	}

static const struct {
	const char *option;
	size_t offset;
	uint64_t least, most;
} rows[] = {
	ROW(max_connections, "max-connections", 1, 1 << 20),
	ROW(max_client_connections, "max-client-connections", 1, 1 << 20),
	ROW(max_unbound, "max-unbound", 4, 1 << 16),
	ROW(max_source_unbound, "max-source-unbound", 1, 1 << 16),
	ROW(bind_timeout, "bind-timeout", 1, LONG),
	ROW(idle_timeout, "idle-timeout", 1, LONG),
	ROW(connection_life, "connection-life", 1, LONG),
	ROW(max_frame, "max-frame", FRAME_MAX_LEAST, FRAME_MAX),
	ROW(transfer_rate, "transfer-rate", 1, 1024 * MIB),
	ROW(transfer_grace, "transfer-grace", 1, LONG),
	ROW(max_output, "max-output", FRAME_MAX + FRAME_REPLY_LEN, 1024 * MIB),
	ROW(max_buffers, "max-buffers", 2 * MIB, 1024 * 1024 * MIB),
	ROW(request_rate, "request-rate", 1, MANY),
	ROW(byte_rate, "byte-rate", 1, 1024 * 1024 * MIB),
	ROW(directory_rate, "directory-rate", 1, MANY),
	ROW(rate_burst, "rate-burst", 1, CLOCK_DAY),
	ROW(registration_rate, "registration-rate", 1, MANY),
	ROW(registration_burst, "registration-burst", 1, MANY),
};

int
limits_check(const struct limits *l)
{
	_Static_assert(ARRAY_LEN(rows) * sizeof(uint64_t) == sizeof(*l),
	    "each limit has its row");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const void *at = (const char *)l + rows[i].offset;
		uint64_t n = *(const uint64_t *)at;

		if (n < rows[i].least || n > rows[i].most)
			return err_set(ERR_USAGE,
			    "--%s: %llu is not between %llu and %llu",
			    rows[i].option, (unsigned long long)n,
			    (unsigned long long)rows[i].least,
			    (unsigned long long)rows[i].most);
	}
	return 0;
}
