/* SPDX-License-Identifier: ISC */
#include "caller.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/le.h"
#include "crypto/ident.h"
#include "crypto/noise.h"

void
caller_make(struct caller *c, unsigned n, const char *name)
{
	memset(c, 0, sizeof(*c));
	le_put32(c->seed, n);
	c->seed[31] = 1;
	ident_public(c->key.bundle.identity_pk, c->seed);
	noise_public(c->key.bundle.prekey_pk, c->seed);
	ident_id(c->key.id, c->key.bundle.identity_pk);
	snprintf(c->key.name, sizeof(c->key.name), "%s", name);
	c->key.issued_at = clock_wall_ms();
	caller_rekey(c, n);
	caller_sign(c);
}

void
caller_rekey(struct caller *c, unsigned n)
{
	le_put32(c->static_sk, n << 3); /* the lowest bits do not count */
	c->static_sk[31] = 2;
	noise_public(c->key.bundle.static_pk, c->static_sk);
}

void
caller_sign(struct caller *c)
{
	ident_sign(&c->key.bundle, c->seed, c->key.issued_at, c->key.name);
}

void
caller_pack(const struct caller *c, uint8_t payload[static BODY_REGISTER_MAX],
    size_t *len)
{
	struct body_register b = { .bundle = c->key.bundle,
		.issued_at = c->key.issued_at };

	memcpy(b.name, c->key.name, sizeof(b.name));
	body_pack_register(payload, len, &b);
}
