/* SPDX-License-Identifier: ISC */
#include "server/pg_reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "server/pg_lib.h"

#define PORT_USUAL 5432

struct options {
	PQconninfoOption *given, *usual;
};

static const char *
find(const PQconninfoOption *o, const char *name)
{
	for (; o->keyword; o++) {
		if (strcmp(o->keyword, name) == 0)
			return o->val && o->val[0] ? o->val : NULL;
	}
	return NULL;
}

/* As libpq sees it: what is given, or what the environment says. */
static const char *
option(const struct options *o, const char *name)
{
	const char *value = find(o->given, name);

	return value ? value : find(o->usual, name);
}

/* Whether any host of the list is not the directory of a socket. */
static bool
is_remote(const char *hosts)
{
	for (; hosts; hosts = strchr(hosts, ',')) {
		hosts += *hosts == ',';
		if (*hosts != '/' && *hosts != '@')
			return true;
	}
	return false;
}

static void
add_port(struct sandbox_outside *out, const char *text)
{
	const unsigned long port = strtoul(text, NULL, 10);

	if (out->ports_n == SANDBOX_PORTS || port > UINT16_MAX)
		out->any_port = true;
	else
		out->ports[out->ports_n++] = port ? (uint16_t)port : PORT_USUAL;
}

/* What follows the first comma of a list; NULL: nothing. */
static const char *
next_of(const char *list)
{
	const char *comma = list ? strchr(list, ',') : NULL;

	return comma ? comma + 1 : NULL;
}

static void
find_ports(struct sandbox_outside *out, const struct options *o)
{
	const char *port = option(o, "port");
	const char *host = option(o, "host");

	if (!option(o, "hostaddr") && !is_remote(host))
		return;
	out->any_port = option(o, "service") != NULL;
	add_port(out, port ? port : "");
	for (port = next_of(port); port; port = next_of(port))
		add_port(out, port);
}

static void
add_dir(struct sandbox_outside *out, const char *path, size_t len)
{
	if (out->dirs_n == SANDBOX_DIRS || len >= sizeof(out->dirs[0]))
		return;
	snprintf(out->dirs[out->dirs_n], sizeof(out->dirs[0]), "%.*s",
	    len > 0 ? (int)len : 1, path);
	out->dirs_n++;
}

static void
find_files(struct sandbox_outside *out, const struct options *o)
{
	static const char *const names[] = { "passfile", "sslcert", "sslkey",
		"sslrootcert", "sslcrl", "sslcrldir" };

	add_dir(out, "/etc", strlen("/etc"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = option(o, names[i]);

		if (path && path[0] == '/')
			add_dir(out, path, (size_t)(strrchr(path, '/') - path));
	}
}

int
pg_reach_find(struct sandbox_outside *out, const char *conninfo)
{
	struct options o = { PQconninfoParse(conninfo, NULL),
		PQconndefaults() };
	int r = 0;

	if (!o.given || !o.usual)
		r = err_set(o.usual ? ERR_USAGE : ERR_NOMEM,
		    "not a CONNINFO of PostgreSQL");
	if (r == 0) {
		find_ports(out, &o);
		find_files(out, &o);
		out->needed = true;
	}
	PQconninfoFree(o.given);
	PQconninfoFree(o.usual);
	return r;
}
