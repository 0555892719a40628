/* SPDX-License-Identifier: ISC */
/*
 * Which chunks of a file there are.  A first byte of 0: runs as they stand in
 * the key file, which pack to themselves.  Else numbers, added one after the
 * other, beside a plain array.
 */
#include <string.h>

#include "must.h"
#include "state/spans.h"

#define NUMBERS 1024

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
try_unpack(const uint8_t *in, size_t len)
{
	static uint8_t out[SPANS_PACKED_MAX];
	static struct spans s;
	size_t n;

	if (spans_unpack(&s, in, len) != 0)
		return;
	spans_pack(out, &n, &s);
	must(n == len && memcmp(out, in, n) == 0);
	for (size_t i = 0; i < s.n; i++) {
		must(spans_has(&s, s.run[i].first));
		must(spans_has(&s, s.run[i].last));
		must(s.run[i].last == UINT64_MAX ||
		    !spans_has(&s, s.run[i].last + 1));
	}
}

static size_t
count_runs(const bool *there)
{
	size_t n = 0;

	for (size_t i = 0; i < NUMBERS; i++)
		n += there[i] && (i == 0 || !there[i - 1]);
	return n;
}

static void
check(const struct spans *s, const bool *there)
{
	size_t missing = 0, end = NUMBERS;

	while (missing < NUMBERS && there[missing])
		missing++;
	while (end > 0 && !there[end - 1])
		end--;
	must(spans_missing(s) == missing);
	must(s->n == count_runs(there));
	must(end == 0 || spans_is_whole(s, end) == (missing == end));
	for (size_t i = 0; i < NUMBERS; i++)
		must(spans_has(s, i) == there[i]);
}

static void
try_add(const uint8_t *in, size_t len)
{
	static struct spans s;
	bool there[NUMBERS] = { false };

	s.n = 0;
	for (; len >= 2; in += 2, len -= 2) {
		size_t number = (in[0] + 256U * in[1]) % NUMBERS;
		bool had = there[number];

		there[number] = true;
		if (!spans_add(&s, number)) {
			must(!had && count_runs(there) > SPANS_MAX);
			there[number] = false;
		}
	}
	check(&s, there);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	if (len > 0 && in[0] == 0)
		try_unpack(in + 1, len - 1);
	else if (len > 0)
		try_add(in + 1, len - 1);
	return 0;
}
