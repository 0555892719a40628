/* SPDX-License-Identifier: ISC */
/*
 * A relay of a bench's own, in a directory of its own: first its store is
 * filled, then it runs, and it is asked what it costs.
 */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/store.h"
#include "wire/addr.h"

struct person {
	uint8_t id[ID_LEN];
	uint8_t static_sk[KEY_LEN];
};

struct stage {
	char dir[256];
	char store[300];
	char where[512];      /* $STORE, or sqlite: and that */
	const char *conninfo; /* within it, of PostgreSQL; or NULL */
	pid_t pid;
	struct addr relay;
	volatile uint64_t *syncs; /* fdatasync of the relay, so far */
};

/* Runs $RELAY_BIN, else sentinel-relay of $SENTINEL_BIN. */
void stage_make(struct stage *s);

/* The store that the relay will have: fill it, commit, store_close it. */
struct store *stage_open_store(const struct stage *s);

/*
 * Register n people, with keys of theirs; and n more that only stand there,
 * from number first on.
 */
void stage_add_people(struct store *st, struct person *out, size_t n);
void stage_add_crowd(struct store *st, size_t first, size_t n);

/* The id of one of the crowd. */
void stage_crowd_id(uint8_t out[static ID_LEN], size_t n);

/* n messages of len bytes for to. */
void stage_add_mail(struct store *st, const uint8_t *to, const uint8_t *from,
    size_t n, size_t len);

void stage_start(struct stage *s);
void stage_stop(struct stage *s); /* and remove everything */

uint64_t stage_cpu_ns(const struct stage *s); /* user and system */
double stage_rss_kib(const struct stage *s);

#endif
