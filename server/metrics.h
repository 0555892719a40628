/* SPDX-License-Identifier: ISC */
/*
 * What the relay counts of itself: plain numbers of the process, as its log
 * is, put where the thing happens and read by metrics_text.  No id, name or
 * address is among them.
 *
 * What requests do counts when their turn is settled, as it came out: a group
 * that was lost was answered with busy, whatever was to be said first.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "server/notice.h"
#include "server/store.h"
#include "wire/codes.h"

#define METRICS_TEXT_MAX (64 * 1024)

/* Codes from CODE_REGISTER on, and all others as one. */
#define METRICS_REQUESTS (CODE_BLOCK - CODE_REGISTER + 2)
#define METRICS_RESULTS  (REASON_STALE + 1) /* an enum reason, 0 = done */
#define METRICS_BUCKETS  14                 /* with the one without bound */

/* Why a connection is no more. */
enum metrics_end {
	METRICS_END_CLOSED, /* in order, by whichever side */
	METRICS_END_HUNG_UP,
	METRICS_END_TIMEOUT,
	METRICS_END_PROTOCOL,
	METRICS_END_KICKED,  /* its client has other keys, or is no more */
	METRICS_END_CROWDED, /* made room for another */
	METRICS_END_RATE,    /* one handshake too many from where it was */
	METRICS_END_MEMORY,
	METRICS_END_STORE,
	METRICS_END_STOPPED, /* with the relay */
	METRICS_ENDS,
};

enum metrics_handshake {
	METRICS_HANDSHAKE_OK,
	METRICS_HANDSHAKE_FAILED, /* or never finished */
	METRICS_HANDSHAKES,
};

struct metrics_histogram {
	uint64_t counts[METRICS_BUCKETS];
	uint64_t sum_ns;
};

/* Of the turn that is not settled yet. */
struct metrics_turn {
	uint64_t begun_ns; /* 0 = nothing was asked */
	uint32_t answers;
	uint32_t requests[METRICS_REQUESTS][METRICS_RESULTS];
	uint32_t delivered[FIGURES_KINDS];
};

struct metrics {
	struct metrics_turn turn, under_way;

	/* since the start */
	uint64_t requests[METRICS_REQUESTS][METRICS_RESULTS];
	uint64_t delivered[FIGURES_KINDS]; /* as often as they were */
	uint64_t limits[NOTICE_N];         /* how often each was reached */
	struct metrics_histogram request_time;
	struct metrics_histogram commit_time; /* of those that wrote */
	uint64_t groups_lost;
	uint64_t accepted;
	uint64_t ended[METRICS_ENDS];
	uint64_t handshakes[METRICS_HANDSHAKES];
	uint64_t bytes_in, bytes_out; /* of sockets */
	uint64_t sweeps;              /* that came to their end */

	/* now; those below are filled in before they are read */
	uint64_t waiting; /* pulls */
	uint64_t connections, unbound, buffers;
	uint64_t started_s; /* unix time */
	struct figures store;
	struct figures_size size;
};

extern struct metrics metrics;

/* A request, or part of a turn, begins to be worked on. */
void metrics_begin(void);

/* It was answered so. */
void metrics_answer(uint16_t code, unsigned result);

/* The turn is over; or it is under way and will be. */
void metrics_settle(bool lost);
void metrics_depart(void);
void metrics_land(bool lost);

/* n times so many nanoseconds. */
void metrics_time(struct metrics_histogram *h, uint64_t ns, uint64_t n);

/*
 * metrics_text.c: all of it in the text format 0.0.4 of Prometheus.  ERR_NOMEM,
 * or ERR_INTERNAL when out has no room for METRICS_TEXT_MAX bytes.
 */
int metrics_text(struct buf *out) MUST_USE;

/* The upper bounds of the buckets but the last. */
extern const uint64_t metrics_bounds_ns[METRICS_BUCKETS - 1];

#endif
