/* SPDX-License-Identifier: ISC */
/*
 * How much a client may ask for in a second, however many connections it has
 * or has had; and how often a network address may begin a channel, and
 * register somebody.
 */
#ifndef SERVER_PACE_H
#define SERVER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "server/limits.h"
#include "server/origin.h"
#include "server/rate.h"

struct session;

struct pace {
	struct rate rates[RATE_KINDS];
	struct rate_table *clients;
	struct rate_table *sources;
	struct rate_table *guests; /* addresses that begin a handshake */
};

/* ERR_NOMEM. */
int pace_start(struct pace *p, const struct limits *l) MUST_USE;
void pace_limit(struct pace *p,
    const struct limits *l);    /* others from now on */
void pace_stop(struct pace *p); /* zeroed: nothing */

/*
 * 0: a request of len bytes by a bound client may be served, and counts; or for
 * how many ms whoever sent it is to wait, and it does not.  kind:
 * RATE_REQUESTS, or RATE_DIRECTORY, which is narrower.
 */
uint64_t pace_ask(struct pace *p, const struct session *ss, enum rate_kind kind,
    size_t len);

/*
 * The same for a client that is new, from where it comes; counted apart,
 * when it is registered.
 */
uint64_t pace_newcomer(struct pace *p, const struct session *ss);
void pace_registered(struct pace *p, const struct session *ss);

/* Whether another handshake may be worked on from there; it counts if so. */
bool pace_handshake(struct pace *p, const uint8_t origin[static ORIGIN_LEN]);

/* Whether the log may have a line about that source: one a second. */
bool pace_line(struct pace *p, const uint8_t origin[static ORIGIN_LEN]);

/* Count what is sent to a client. */
void pace_reply(struct pace *p, const struct session *ss, size_t len);

#endif
