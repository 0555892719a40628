/* SPDX-License-Identifier: ISC */
#include "server/rate.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "server/idhash.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL
#define WAYS      8 /* places where a key may stand */

_Static_assert(RATE_KEY_LEN == ID_LEN, "idhash hashes keys");

struct entry {
	uint8_t key[RATE_KEY_LEN];
	struct bucket buckets[RATE_KINDS];
};

struct rate_table {
	uint64_t salt;
	size_t sets_n;
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
	struct rate_table *t =
	    calloc(1, sizeof(*t) + keys * sizeof(struct entry));

	if (!t)
		return NULL;
	t->sets_n = keys / WAYS;
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

struct bucket *
rate_find(struct rate_table *t, const uint8_t key[static RATE_KEY_LEN])
{
	struct entry *set = t->sets[idhash(key, t->salt) % t->sets_n];
	struct entry *least = set;

	for (struct entry *e = set; e < set + WAYS; e++) {
		if (memcmp(e->key, key, RATE_KEY_LEN) == 0)
			return e->buckets;
		if (full_at(e) < full_at(least))
			least = e;
	}
	*least = (struct entry){ 0 };
	memcpy(least->key, key, RATE_KEY_LEN);
	return least->buckets;
}
