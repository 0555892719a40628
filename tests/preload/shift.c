/* SPDX-License-Identifier: ISC */
/*
 * For LD_PRELOAD: the wall clock is $TEST_CLOCK_SHIFT seconds ahead.  Deadlines
 * go by the monotonic clock and notice nothing.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	const char *shift = getenv("TEST_CLOCK_SHIFT");
	int r = (int)syscall(SYS_clock_gettime, clock, t);

	if (r == 0 && shift && clock == CLOCK_REALTIME)
		t->tv_sec += atol(shift);
	return r;
}
