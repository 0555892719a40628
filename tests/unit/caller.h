/* SPDX-License-Identifier: ISC */
/* A client as the relay sees it: keys, id, and bundles it signs. */
#ifndef UNIT_CALLER_H
#define UNIT_CALLER_H

#include <stdint.h>

#include "wire/body.h"

struct caller {
	uint8_t seed[KEY_LEN];
	uint8_t static_sk[KEY_LEN];
	struct body_key key; /* as registered: id, name, bundle, time */
};

/* The n-th client, always the same, with this name. */
void caller_make(struct caller *c, unsigned n, const char *name);

/* Sign what c->key says by now: a later time, a new name, other keys. */
void caller_sign(struct caller *c);

/* Another static key, not signed yet. */
void caller_rekey(struct caller *c, unsigned n);

/* Payload of 1100. */
void caller_pack(const struct caller *c,
    uint8_t payload[static BODY_REGISTER_MAX], size_t *len);

#endif
