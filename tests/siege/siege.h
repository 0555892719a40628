/* SPDX-License-Identifier: ISC */
/*
 * Attacks on a relay that runs, one after the other, each beside a client
 * that behaves well and whose answers are timed.
 */
#ifndef SIEGE_SIEGE_H
#define SIEGE_SIEGE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/err.h"
#include "wire/addr.h"

/* What the siege itself cannot do without. */
#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, \
			    #cond, err_last()->message);                       \
			exit(1);                                               \
		}                                                              \
	} while (0)

struct siege {
	struct addr relay;
	pid_t pid; /* the relay's */
	unsigned n;
	unsigned ms;
	int how;
	json_t *told; /* the line that will be printed */
};

/*
 * prepare: what the attack needs at the relay, before anything is measured;
 * may be NULL.  run: all its connections are closed in the end.  n: how many,
 * of what the name says; ms: for how long.  how: what makes the difference
 * between the rows of one function.
 */
struct attack {
	const char *name;
	void (*prepare)(struct siege *sg);
	void (*run)(struct siege *sg);
	unsigned n;
	unsigned ms;
	int how;
};

/* What an attack has seen. */
void siege_tell(struct siege *sg, const char *key, uint64_t value);

/* Ends with a row without a name. */
extern const struct attack open_attacks[];
extern const struct attack size_attacks[];
extern const struct attack read_attacks[];
extern const struct attack mail_attacks[];
extern const struct attack soak_attacks[]; /* none, but a long life */

#endif
