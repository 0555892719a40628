/* SPDX-License-Identifier: ISC */
/*
 * What a relay answers: replies put together from the frame bytes of its
 * records, and what a 9000 means.  No sockets and no keys.
 */
#ifndef NET_REPLIES_H
#define NET_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/frame.h"

struct replies;

struct replies *replies_new(void); /* NULL: no memory */
void replies_free(struct replies *rs);

/*
 * Append the body of one record.  Replies that are complete must be taken
 * before the next is added: memory is for one reply and one record.
 */
int replies_add(struct replies *rs, const uint8_t *bytes, size_t len) MUST_USE;

/*
 * The next reply, its payload borrowed until the next call; *payload is NULL
 * while it has not come whole.  ERR_PROTOCOL: not version 3, or over
 * FRAME_MAX, as soon as the header is there.
 */
int replies_next(struct replies *rs, struct frame_reply *head,
    const uint8_t **payload) MUST_USE;

/* A reply has begun that has not been taken. */
bool replies_is_amid(const struct replies *rs);

/*
 * The error that a 9000 with this payload stands for, its reason in *reason.
 * What does not unpack is ERR_PROTOCOL, and *reason stays.
 */
int replies_refusal(uint16_t *reason, const uint8_t *payload,
    size_t len) MUST_USE;

#endif
