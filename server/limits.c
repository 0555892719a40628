/* SPDX-License-Identifier: ISC */
#include "server/limits.h"

#include "base/clock.h"
#include "wire/limits.h"

#define SECOND 1000ULL
#define KIB    1024ULL
#define MIB    (1024 * KIB)

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
	.handshake_rate = 500,
	.handshake_burst = 2000,
};
