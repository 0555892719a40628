/* SPDX-License-Identifier: ISC */
/*
 * What the common options and the environment of a command say.  The cli
 * floor fills it in, the client floor reads it.  Strings are borrowed from
 * argv and the environment; NULL = not given.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

struct settings {
	const char *keyfile;
	const char *identity;
	const char *relay;
	const char *get;    /* dotted paths, comma-separated */
	const char *errors; /* "json", "text" */
	const char *color;  /* "auto", "always", "never" */
	bool text;
	bool quiet;
	bool verbose;
	bool tofu; /* accept an unknown relay key on first use */
	uint64_t timeout_ms;
	uint64_t lock_timeout_ms;
};

#endif
