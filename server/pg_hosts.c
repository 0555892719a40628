/* SPDX-License-Identifier: ISC */
#include "server/pg_hosts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "server/pg_lib.h"

static const char *const lists[PG_HOSTS_LISTS] = { "host", "hostaddr", "port" };

static unsigned
count(const char *list)
{
	unsigned n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* The part of it that comes first then; NULL: no memory. */
static char *
turn(const char *list, unsigned by)
{
	const size_t len = strlen(list);
	const char *first = list;
	char *out = malloc(len + 2);
	int before;

	/* with the comma that is to go */
	for (by %= count(list); by > 0; by--)
		first = strchr(first, ',') + 1;
	before = (int)(first - list);
	if (out)
		snprintf(out, len + 2, "%s%s%.*s", first, before > 0 ? "," : "",
		    before > 0 ? before - 1 : 0, list);
	return out;
}

static int
add(struct pg_hosts *h, const char *name, const char *list, unsigned by)
{
	char *turned = turn(list, by);

	if (!turned)
		return err_set(ERR_NOMEM, "PostgreSQL");
	h->names[h->n] = name;
	h->values[h->n++] = turned;
	return 0;
}

int
pg_hosts_turn(struct pg_hosts *out, const char *conninfo, unsigned by)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	int r = 0;

	*out = (struct pg_hosts){ .n = 0 };
	for (const PQconninfoOption *o = options; o && o->keyword && r == 0;
	     o++) {
		for (int i = 0; i < PG_HOSTS_LISTS && r == 0; i++) {
			if (strcmp(o->keyword, lists[i]) == 0 && o->val &&
			    strchr(o->val, ','))
				r = add(out, lists[i], o->val, by);
		}
	}
	PQconninfoFree(options);
	return r;
}

void
pg_hosts_free(struct pg_hosts *h)
{
	for (int i = 0; i < h->n; i++)
		free(h->values[i]);
	h->n = 0;
}

unsigned
pg_hosts_count(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	unsigned n = 1;

	for (const PQconninfoOption *o = options; o && o->keyword; o++) {
		if (strncmp(o->keyword, "host", strlen("host")) == 0 &&
		    o->val && count(o->val) > n)
			n = count(o->val);
	}
	PQconninfoFree(options);
	return n;
}
