/* SPDX-License-Identifier: ISC */
#include "server/figures.h"

#include "server/quota.h"

void
figures_in(struct figures *f, uint8_t type, uint32_t len)
{
	enum quota_kind kind = quota_kind(type);

	f->held[kind]++;
	f->held_bytes[kind] += len;
	f->stored[kind]++;
}

void
figures_out(struct figures *f, uint8_t type, uint32_t len, bool expired)
{
	enum quota_kind kind = quota_kind(type);

	f->held[kind]--;
	f->held_bytes[kind] -= len;
	if (expired)
		f->expired[kind]++;
	else
		f->deleted[kind]++;
}
