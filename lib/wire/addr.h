/* SPDX-License-Identifier: ISC */
/*
 * The address of a relay: sentinel://KEY@HOST[:PORT][,HOST[:PORT]]..., KEY =
 * the relay's static key in base64url (43 characters); HOST may be IPv6 in
 * brackets.  A bare HOST[:PORT][,...] names a relay whose key is not known.
 */
#ifndef WIRE_ADDR_H
#define WIRE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

#define ADDR_PORT      9876
#define ADDR_HOSTS_MAX 8
#define ADDR_HOST_SIZE 256
#define ADDR_TEXT_SIZE 2304 /* any address, printed */

struct addr_host {
	char name[ADDR_HOST_SIZE]; /* without brackets */
	uint16_t port;
};

struct addr {
	bool has_key;
	uint8_t key[KEY_LEN];
	size_t hosts_n; /* 1..ADDR_HOSTS_MAX */
	struct addr_host hosts[ADDR_HOSTS_MAX];
	size_t first; /* who is asked first, counted round; not printed */
};

/* ERR_USAGE, with what is wrong. */
int addr_parse(struct addr *a, const char *text) MUST_USE;

/* Parse one HOST:PORT, port 0 allowed, for a listener; ERR_USAGE. */
int addr_parse_host(struct addr_host *h, const char *text) MUST_USE;

/* Always with key (where there is one) and ports. */
void addr_text(char out[static ADDR_TEXT_SIZE], const struct addr *a);

#endif
