/* SPDX-License-Identifier: ISC */
/*
 * Find a host of an address that answers, and go with it through message 2.
 * Whether its key is the right one is the caller's to say.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "net/transport.h"
#include "wire/addr.h"

struct dial_met {
	size_t host; /* which of the address's */
	struct transport_answer answer;
};

/*
 * t is ready for transport_finish then; *fd is the caller's.
 * The hosts are asked in turn, a->first first.  One among several has a short
 * while to answer, and longer in each further round: one that is silent holds
 * up the others no more than that.
 * ERR_UNREACHABLE: no host answered.  While one of them refused or reset the
 * connection, or might have answered later, all are tried again until the
 * deadline.  ERR_PROTOCOL: one answered something else; no other is asked then.
 */
int dial_relay(int *fd, struct transport *t, struct dial_met *met,
    const struct addr *a, uint64_t deadline) MUST_USE;

#endif
