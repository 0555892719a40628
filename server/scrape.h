/* SPDX-License-Identifier: ISC */
/*
 * Where metrics are read: a listener of their own in the relay's loop, which
 * answers GET /metrics by HTTP and closes.  A few connections at once, each
 * for a few seconds at most; the next ones wait to be taken.
 */
#ifndef SERVER_SCRAPE_H
#define SERVER_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/loop.h"

#define SCRAPE_MAX        4    /* connections at once */
#define SCRAPE_TIMEOUT_MS 5000 /* from the first byte to the last */

/* Called before metrics are read, to fill in those of now. */
typedef void (*scrape_fn)(void *arg);

struct scrape;

struct scrape_conn {
	struct scrape *scrape; /* NULL = free */
	struct loop_fd watch;
	struct loop_timer timer;
	struct buf *out; /* NULL = nothing is answered yet */
	size_t in_len;
	char in[HTTP_REQUEST_MAX];
};

struct scrape {
	struct loop *loop;
	scrape_fn fn;
	void *arg;
	struct listener_set listeners;
	size_t n;
	struct scrape_conn conns[SCRAPE_MAX];
};

struct scrape_config {
	const char *at; /* HOST:PORT, port 0 = any */
	bool remote;    /* others than this machine may read them */
	scrape_fn fn;
	void *arg;
};

/*
 * The address it got goes to *at.  s stays where it is until scrape_stop.
 * ERR_USAGE: no address, or not one of this machine alone without config's
 * remote; ERR_IO, ERR_NOMEM.
 */
int scrape_start(struct scrape *s, struct addr_host *at, struct loop *loop,
    const struct scrape_config *config) MUST_USE;

void scrape_stop(struct scrape *s); /* zeroed or again: nothing */

#endif
