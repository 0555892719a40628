/* SPDX-License-Identifier: ISC */
#include "client/overview.h"

#include "client/book.h"

static int
count(void *arg, const struct peer *p)
{
	struct overview *o = arg;

	o->peers++;
	o->verified += p->verified;
	o->blocked += p->blocked;
	return 0;
}

int
overview_take(struct client *c, struct overview *out)
{
	struct overview o = { .peers = 0 };
	int r = census_take(client_keyfile(c), &o.census);

	if (r == 0)
		r = book_each(c, count, &o);
	if (r == 0)
		*out = o;
	return r;
}
