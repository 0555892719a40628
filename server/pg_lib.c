/* SPDX-License-Identifier: ISC */
#include "server/pg_lib.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"

#define LIBRARY "libpq.so.5"

#define ENTRY(name) { "PQ" #name, offsetof(struct pg_lib, name) },
static const struct {
	const char *name;
	size_t at;
} entries[] = { PG_LIB_TABLE(ENTRY) };
#undef ENTRY

struct pg_lib pg_lib;

static int
fill(struct pg_lib *out, void *library)
{
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		void *found = dlsym(library, entries[i].name);

		if (!found)
			return err_set(ERR_IO, "PostgreSQL: %s has no %s",
			    LIBRARY, entries[i].name);
		memcpy((char *)out + entries[i].at, &found, sizeof(found));
	}
	return 0;
}

/* What it has begun cannot be taken back: it stays until the end. */
int
pg_lib_open(void)
{
	struct pg_lib all;
	void *library;
	int r;

	if (pg_lib.clear)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	r = library ? fill(&all, library)
		    : err_set(ERR_IO, "PostgreSQL: %s", dlerror());
	if (r == 0)
		pg_lib = all;
	else
		err_hint("libpq 14 or later has to be installed");
	return r;
}
