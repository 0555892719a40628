/* SPDX-License-Identifier: ISC */
/*
 * Is anything wrong with the key file, the machine around it, or the relay?
 * A list of questions, each of which somebody can do something about.
 */
#ifndef CLIENT_CHECKUP_H
#define CLIENT_CHECKUP_H

#include "client/client.h"

enum checkup_status { CHECKUP_OK, CHECKUP_WARN, CHECKUP_FAIL };

struct checkup {
	const char *name; /* a stable word */
	enum checkup_status status;
	char detail[256];
	char hint[512]; /* what to type next; "" */
};

/*
 * Ask them all, in a fixed order; what needs a thing that has failed is left
 * out.  *first: the code of the first failure, recorded as the last fault, or
 * 0.  Stops at the first negative answer of each and returns it.
 */
int checkup_run(const struct settings *s,
    int (*each)(void *arg, const struct checkup *f), void *arg,
    int *first) MUST_USE;

#endif
