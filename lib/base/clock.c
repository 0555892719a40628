/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

#define NS_PER_S  1000000000U
#define NS_PER_MS 1000000U

static uint64_t
read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t
clock_wall_ms(void)
{
	return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

uint64_t
clock_mono_ms(void)
{
	return clock_mono_ns() / NS_PER_MS;
}

uint64_t
clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_deadline(uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	return ms > CLOCK_NEVER - now ? CLOCK_NEVER : now + ms;
}

int
clock_left(uint64_t deadline)
{
	uint64_t now = clock_mono_ms();

	if (deadline == CLOCK_NEVER)
		return -1;
	if (deadline <= now)
		return 0;
	return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

void
clock_sleep(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000),
		(long)(ms % 1000) * 1000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) != 0)
		continue;
}
