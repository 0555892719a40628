/* SPDX-License-Identifier: ISC */
/*
 * Where a connection comes from, as far as one party can be told from
 * another by it: an IPv4 address, or the first half of an IPv6 address, the
 * other half of which is anybody's to choose.
 */
#ifndef SERVER_ORIGIN_H
#define SERVER_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ORIGIN_LEN       16
#define ORIGIN_TEXT_SIZE 64

/* An IPv4 address in an IPv6 one is that address; any other: zeros. */
void origin_get(uint8_t out[static ORIGIN_LEN],
    const struct sockaddr_storage *from);

/* "192.0.2.1", "2001:db8:1:2::/64", "unknown". */
void origin_text(char out[static ORIGIN_TEXT_SIZE],
    const uint8_t origin[static ORIGIN_LEN]);

/* Only the machine itself has such an address. */
bool origin_is_loopback(const struct sockaddr_storage *address);

#endif
