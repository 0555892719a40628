/* SPDX-License-Identifier: ISC */
#include "server/rate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "server/idhash.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL
#define WAYS      8  /* places in a set */
#define NEAR      16 /* one of so many sets is a near one */

_Static_assert(RATE_KEY_LEN == ID_LEN, "idhash hashes keys");

struct entry {
	uint8_t key[RATE_KEY_LEN];
	struct bucket buckets[RATE_KINDS];
};

/*
 * The near sets come first, and take whoever finds a full bucket there.  A far
 * one that was never taken is not even looked at: some kernels give a page to
 * whoever reads it.
 */
struct rate_table {
	uint64_t salt;
	size_t near_n, far_n;
	bool *taken; /* of the far ones; behind them */
	struct entry sets[][WAYS];
};

_Static_assert(sizeof(struct entry) * RATE_KEYS <= 5 * 1024 * 1024,
    "two of them may be had");

struct rate
rate_of(uint64_t per_s, uint64_t n)
{
	return (struct rate){ per_s, (n * 1000 + per_s - 1) / per_s };
}

/* For how long b will not be full. */
static uint64_t
missing(const struct bucket *b, uint64_t now_ms)
{
	uint64_t now = now_ms * NS_PER_MS;

	return b->full_at > now ? b->full_at - now : 0;
}

uint64_t
rate_wait(const struct bucket *b, const struct rate *r, uint64_t now_ms)
{
	uint64_t burst = r->burst_ms * NS_PER_MS, one = NS_PER_S / r->per_s;
	uint64_t used = missing(b, now_ms), over;

	/* a full one is good for whatever is smaller than it */
	if (used == 0 || used + one <= burst)
		return 0;
	over = one < burst ? used + one - burst : used;
	return (over + NS_PER_MS - 1) / NS_PER_MS;
}

void
rate_take(struct bucket *b, const struct rate *r, uint64_t now_ms, uint64_t n)
{
	uint64_t cost =
	    n / r->per_s * NS_PER_S + n % r->per_s * NS_PER_S / r->per_s;

	b->full_at = now_ms * NS_PER_MS + missing(b, now_ms) + cost;
}

struct rate_table *
rate_new(size_t keys)
{
	const size_t sets = keys / WAYS, near = (sets + NEAR - 1) / NEAR;
	struct rate_table *t =
	    calloc(1, sizeof(*t) + sets * sizeof(t->sets[0]) + (sets - near));

	if (!t)
		return NULL;
	t->near_n = near;
	t->far_n = sets - near;
	t->taken = (bool *)(t->sets + sets);
	secret_random(&t->salt, sizeof(t->salt));
	return t;
}

void
rate_free(struct rate_table *t)
{
	free(t);
}

/* When all that e has used will be forgotten by itself. */
static uint64_t
full_at(const struct entry *e)
{
	uint64_t last = 0;

	for (size_t i = 0; i < RATE_KINDS; i++) {
		if (e->buckets[i].full_at > last)
			last = e->buckets[i].full_at;
	}
	return last;
}

static bool
is_of(const struct entry *e, const uint8_t *key)
{
	return memcmp(e->key, key, RATE_KEY_LEN) == 0;
}

/* Where key stands in a set, else the place that is nearest to full. */
static struct entry *
place_of(struct entry *set, const uint8_t *key)
{
	struct entry *least = set;

	for (struct entry *e = set; e < set + WAYS; e++) {
		if (is_of(e, key))
			return e;
		if (full_at(e) < full_at(least))
			least = e;
	}
	return least;
}

struct bucket *
rate_find(struct rate_table *t, const uint8_t key[static RATE_KEY_LEN],
    uint64_t now_ms)
{
	uint64_t hash = idhash(key, t->salt);
	size_t i = hash / t->near_n % t->far_n;
	struct entry *near = place_of(t->sets[hash % t->near_n], key);
	struct entry *far = t->sets[t->near_n + i];

	if (is_of(near, key))
		return near->buckets;
	if (t->taken[i]) {
		far = place_of(far, key);
		if (is_of(far, key))
			return far->buckets;
	}
	if (full_at(near) > now_ms * NS_PER_MS) {
		near = far;
		t->taken[i] = true;
	}
	*near = (struct entry){ 0 };
	memcpy(near->key, key, RATE_KEY_LEN);
	return near->buckets;
}
