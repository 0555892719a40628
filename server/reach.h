/* SPDX-License-Identifier: ISC */
/*
 * Who can reach the relay: clients by the sockets it listens on, which the
 * options name or the service manager has handed over; and the manager.
 */
#ifndef SERVER_REACH_H
#define SERVER_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "server/listener.h"
#include "server/manager.h"
#include "wire/addr.h"

/* Zeroed but for manager.fd = -1: closed. */
struct reach {
	struct listener_set listeners;
	struct manager manager;
};

/*
 * The hosts that n options name, 127.0.0.1:9876 when there are none and one is
 * needed.  ERR_USAGE.
 */
int reach_parse(struct addr *out, const char *const *listen, size_t n,
    bool needed) MUST_USE;

/*
 * Listen on those and on what was handed over, and find the manager; *out: all
 * of them, with the ports they got.  ERR_USAGE, ERR_IO, ERR_NOMEM; to be closed
 * in any case.
 */
int reach_open(struct reach *r, struct addr *out, const char *const *listen,
    size_t n) MUST_USE;
void reach_close(struct reach *r);

#endif
