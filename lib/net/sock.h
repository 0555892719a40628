/* SPDX-License-Identifier: ISC */
/*
 * TCP sockets: non-blocking, close-on-exec, TCP_NODELAY.  Calls that wait take
 * a deadline (base/clock); when it passes they answer ERR_UNREACHABLE.
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/addr.h"

/*
 * Resolve and try every address of h in turn; *fd is the caller's.
 * ERR_UNREACHABLE with the errno of the last address; none where the name does
 * not resolve; ERR_NOMEM. Resolving takes the time the system's resolver takes.
 */
int sock_connect(int *fd, const struct addr_host *h,
    uint64_t deadline) MUST_USE;

/* The deadline of the next of n attempts that share the time left. */
uint64_t sock_share(uint64_t deadline, size_t n);

/*
 * Listen on h (port 0: any), SO_REUSEADDR; the bound port goes to *port.
 * An IPv6 address takes no IPv4 connections.  ERR_IO.
 */
int sock_listen(int *fd, uint16_t *port, const struct addr_host *h) MUST_USE;

/* All len bytes; ERR_UNREACHABLE, and never a SIGPIPE. */
int sock_write(int fd, const uint8_t *bytes, size_t len,
    uint64_t deadline) MUST_USE;

/* 1..cap bytes, or *len = 0 at the end of the stream. */
int sock_read(int fd, uint8_t *out, size_t cap, size_t *len,
    uint64_t deadline) MUST_USE;

/* Nothing to read now, no end and no error. */
bool sock_is_quiet(int fd);

/* Exactly len bytes; an end of stream before counts as a reset. */
int sock_read_all(int fd, uint8_t *out, size_t len, uint64_t deadline) MUST_USE;

#endif
