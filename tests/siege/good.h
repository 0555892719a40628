/* SPDX-License-Identifier: ISC */
/*
 * The client that behaves well: every 200 ms a message is sent and pulled,
 * each over a new connection, and once more over connections that are kept
 * open.  A process of its own, from 127.0.0.1.
 */
#ifndef SIEGE_GOOD_H
#define SIEGE_GOOD_H

#include <stdint.h>
#include <sys/types.h>

#include "siege.h"

struct good {
	pid_t pid;
	int stop; /* closed to stop it */
	int result;
};

struct good_result {
	uint64_t n; /* sends and pulls */
	uint64_t ok;
	double p50_ms;
	double p99_ms;
	double max_ms;
	char fault[200]; /* the first failure; "": none */
};

/* Answers when both of its people are registered and all has worked once. */
void good_start(struct good *g, const struct siege *sg);
void good_stop(struct good *g, struct good_result *result);

#endif
