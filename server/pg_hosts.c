/* SPDX-License-Identifier: ISC */
#include "server/pg_hosts.h"

#include <stdbool.h>
#include <string.h>

static unsigned
count(const char *list)
{
	unsigned n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* One value may stand for all servers. */
static void
pick(char *list, unsigned nth)
{
	const char *one = list;
	size_t len;

	for (nth %= count(list); nth > 0; nth--)
		one = strchr(one, ',') + 1;
	len = strcspn(one, ",");
	memmove(list, one, len);
	list[len] = '\0';
}

static bool
is_list(const PQconninfoOption *o)
{
	return o->val &&
	    (strcmp(o->keyword, "host") == 0 ||
		strcmp(o->keyword, "hostaddr") == 0 ||
		strcmp(o->keyword, "port") == 0);
}

PQconninfoOption *
pg_hosts_pick(const char *conninfo, unsigned nth)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);

	for (PQconninfoOption *o = options; o && o->keyword; o++) {
		if (is_list(o))
			pick(o->val, nth);
	}
	return options;
}

unsigned
pg_hosts_count(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	unsigned n = 1;

	for (const PQconninfoOption *o = options; o && o->keyword; o++) {
		if (is_list(o) && count(o->val) > n)
			n = count(o->val);
	}
	PQconninfoFree(options);
	return n;
}
