/* SPDX-License-Identifier: ISC */
#include "state/spans.h"

#include <string.h>

#include "base/err.h"
#include "base/le.h"

/* The first run that ends at number or later, s->n when there is none. */
static size_t
find(const struct spans *s, uint64_t number)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->run[mid].last < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
spans_has(const struct spans *s, uint64_t number)
{
	size_t at = find(s, number);

	return at < s->n && s->run[at].first <= number;
}

/* Take run at out. */
static void
close_up(struct spans *s, size_t at)
{
	s->n--;
	memmove(&s->run[at], &s->run[at + 1], (s->n - at) * sizeof(s->run[0]));
}

static bool
insert(struct spans *s, size_t at, uint64_t number)
{
	if (s->n == SPANS_MAX)
		return false;
	memmove(&s->run[at + 1], &s->run[at], (s->n - at) * sizeof(s->run[0]));
	s->run[at] = (struct spans_run){ number, number };
	s->n++;
	return true;
}

bool
spans_add(struct spans *s, uint64_t number)
{
	size_t at = find(s, number);
	bool after = at > 0 && s->run[at - 1].last + 1 == number;
	bool before = at < s->n && s->run[at].first == number + 1;

	if (spans_has(s, number))
		return true;
	if (after && before) {
		s->run[at - 1].last = s->run[at].last;
		close_up(s, at);
	} else if (after) {
		s->run[at - 1].last = number;
	} else if (before) {
		s->run[at].first = number;
	} else {
		return insert(s, at, number);
	}
	return true;
}

bool
spans_is_whole(const struct spans *s, uint64_t end)
{
	return s->n == 1 && s->run[0].first == 0 && s->run[0].last == end - 1;
}

uint64_t
spans_missing(const struct spans *s)
{
	return s->n > 0 && s->run[0].first == 0 ? s->run[0].last + 1 : 0;
}

void
spans_pack(uint8_t out[static SPANS_PACKED_MAX], size_t *len,
    const struct spans *s)
{
	for (size_t i = 0; i < s->n; i++, out += SPANS_RUN_LEN) {
		le_put64(out, s->run[i].first);
		le_put64(out + 8, s->run[i].last);
	}
	*len = s->n * SPANS_RUN_LEN;
}

int
spans_unpack(struct spans *s, const uint8_t *in, size_t len)
{
	const size_t n = len / SPANS_RUN_LEN;

	if (len % SPANS_RUN_LEN != 0 || n > SPANS_MAX)
		return err_set(ERR_CORRUPT, "the chunks of a file");
	for (size_t i = 0; i < n; i++, in += SPANS_RUN_LEN) {
		uint64_t first = le_get64(in), last = le_get64(in + 8);

		if (first > last ||
		    (i > 0 && (first < 2 || first - 2 < s->run[i - 1].last)))
			return err_set(ERR_CORRUPT, "the chunks of a file");
		s->run[i] = (struct spans_run){ first, last };
	}
	s->n = n;
	return 0;
}
