/* SPDX-License-Identifier: ISC */
#include "cli/human.h"

#include <stdio.h>
#include <time.h>

#include "base/attr.h"

#define SECOND 1000ULL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

void
human_bytes(char out[static HUMAN_SIZE], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB",
		"PiB", "EiB" };
	size_t unit = 0;
	double n = (double)bytes;

	while (n >= 1000 && unit < ARRAY_LEN(units) - 1) {
		n /= 1024;
		unit++;
	}
	snprintf(out, HUMAN_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", n,
	    units[unit]);
}

static struct tm
local(uint64_t ms)
{
	const time_t seconds = (time_t)(ms / SECOND);
	struct tm tm = { 0 };

	localtime_r(&seconds, &tm);
	return tm;
}

static void
date(char out[static HUMAN_SIZE], uint64_t at)
{
	const struct tm tm = local(at);

	strftime(out, HUMAN_SIZE, "%Y-%m-%d %H:%M", &tm);
}

void
human_clock(char out[static HUMAN_SIZE], uint64_t at, uint64_t now)
{
	const struct tm then = local(at), today = local(now);

	if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday)
		strftime(out, HUMAN_SIZE, "%H:%M", &then);
	else
		date(out, at);
}

void
human_ago(char out[static HUMAN_SIZE], uint64_t at, uint64_t now)
{
	const uint64_t ms = at < now ? now - at : 0, days = ms / DAY;
	char when[HUMAN_SIZE];

	date(when, at);
	if (at > now + MINUTE)
		snprintf(out, HUMAN_SIZE, "%.20s", when);
	else if (ms < MINUTE)
		snprintf(out, HUMAN_SIZE, "just now");
	else if (ms < HOUR)
		snprintf(out, HUMAN_SIZE, "%u min ago",
		    (unsigned)(ms / MINUTE));
	else if (ms < DAY)
		snprintf(out, HUMAN_SIZE, "%u h ago", (unsigned)(ms / HOUR));
	else
		snprintf(out, HUMAN_SIZE, "%u day%s ago (%.20s)",
		    (unsigned)days, days == 1 ? "" : "s", when);
}
