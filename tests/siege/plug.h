/* SPDX-License-Identifier: ISC */
/*
 * One connection of an attacker, step by step, from a source address of its
 * own.  Being refused is nothing unusual here: what failed answers false.
 */
#ifndef SIEGE_PLUG_H
#define SIEGE_PLUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "caller.h"
#include "net/replies.h"
#include "net/transport.h"
#include "siege.h"

#define PLUG_MS 10000 /* for one step */

struct plug {
	int fd;
	struct transport t;
	struct replies *replies;
};

/* source: a number below 2^22, which stands for an address in 127.64/10. */
bool plug_connect(struct plug *p, const struct siege *sg, unsigned source);
/* The same with a receive buffer as small as there can be. */
bool plug_connect_narrow(struct plug *p, const struct siege *sg,
    unsigned source);

/* The steps after that; plug_open does all of them. */
bool plug_hello(struct plug *p);
bool plug_answer(struct plug *p);
bool plug_finish(struct plug *p, const struct caller *who);
bool plug_open(struct plug *p, const struct siege *sg, unsigned source,
    const struct caller *who);

bool plug_send(struct plug *p, const void *bytes, size_t len);

/* A request whose header says size; the payload may be less. */
size_t plug_pack(struct plug *p, const struct caller *who, uint16_t code,
    uint32_t size, const void *payload, size_t len,
    uint8_t out[static TRANSPORT_RECORD_MAX + TRANSPORT_LENGTH_LEN]);
bool plug_put(struct plug *p, const struct caller *who, uint16_t code,
    const void *payload, size_t len);

/* The next reply, its payload borrowed; false: the relay has closed. */
bool plug_get(struct plug *p, struct frame_reply *head,
    const uint8_t **payload);
/* Its code, or the reason of a 9000, or 0: closed. */
unsigned plug_next(struct plug *p);
unsigned plug_ask(struct plug *p, const struct caller *who, uint16_t code,
    const void *payload, size_t len);

/* Whether the other side has closed by then. */
bool plug_has_ended(struct plug *p, uint64_t deadline);

void plug_close(struct plug *p);
void plug_reset(struct plug *p); /* with a RST */

/*
 * The n-th of the people that the attacks act as, registered when it is
 * asked for the first time.
 */
#define PEOPLE_MAX 1200
const struct caller *plug_person(const struct siege *sg, unsigned n);
/* Acknowledge all that is in the mailbox of the n-th. */
void plug_empty(const struct siege *sg, unsigned n);
/* Pull it in pages, each acknowledged: how many there were. */
unsigned plug_drain(const struct siege *sg, unsigned n);
/* Register any other; answers as plug_ask. */
unsigned plug_register(const struct siege *sg, unsigned source,
    const struct caller *who);

#endif
