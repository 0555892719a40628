/* SPDX-License-Identifier: ISC */
#include "server/pg_lib.h"

#include <dlfcn.h>
#include <stddef.h>

#include "base/err.h"

#define LIBRARY "libpq.so.5"

#define NAME(name) "PQ" #name,
static const char *const names[] = { PG_LIB_TABLE(NAME) };
#undef NAME

/* A function is found as an object. */
union found {
	void *all[ARRAY_LEN(names)];
	struct pg_lib lib;
};

_Static_assert(sizeof(union found) == sizeof(struct pg_lib), "one each");

struct pg_lib pg_lib;

static int
find(union found *out, void *library)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		out->all[i] = dlsym(library, names[i]);
		if (!out->all[i])
			return err_set(ERR_IO, "PostgreSQL: %s has no %s",
			    LIBRARY, names[i]);
	}
	return 0;
}

/* What it has begun cannot be taken back: it stays until the end. */
int
pg_lib_open(void)
{
	union found found;
	void *library;
	int r;

	if (pg_lib.clear)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	r = library ? find(&found, library)
		    : err_set(ERR_IO, "PostgreSQL: %s", dlerror());
	if (r == 0)
		pg_lib = found.lib;
	else
		err_hint("libpq 14 or later has to be installed");
	return r;
}
