/* SPDX-License-Identifier: ISC */
/* Wall and monotonic time in milliseconds, and deadlines. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX
#define CLOCK_DAY   (24ULL * 60 * 60 * 1000)

/* Unix time; what stands in messages and key files. */
uint64_t clock_wall_ms(void);

/* Never goes back; what deadlines are made of. */
uint64_t clock_mono_ms(void);

/* The same in nanoseconds, to measure with. */
uint64_t clock_mono_ns(void);

/* Monotonic now + ms, CLOCK_NEVER when ms is CLOCK_NEVER or overflows. */
uint64_t clock_deadline(uint64_t ms);

/* Milliseconds left until a deadline, for poll(2): 0..INT_MAX, -1 = never. */
int clock_left(uint64_t deadline);

/* Sleep, whatever signals come. */
void clock_sleep(uint64_t ms);

#endif
