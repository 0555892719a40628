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

#include "base/passphrase.h"

#define SETTINGS_NO_FD UINT64_MAX

struct settings {
	const char *keyfile;
	const char *identity;
	bool keyfile_option; /* an option has named it */
	const char *relay;
	const char *get;    /* dotted paths, comma-separated */
	const char *errors; /* "json", "text" */
	const char *color;  /* "auto", "always", "never" */
	const char *passphrase_file;
	uint64_t passphrase_fd; /* SETTINGS_NO_FD: none */
	bool text;
	bool quiet;
	bool verbose;
	bool tofu; /* accept an unknown relay key on first use */
	uint64_t timeout_ms;
	uint64_t lock_timeout_ms;

	/*
	 * What only the user can answer, asked when it is needed; NULL: nobody
	 * can.  The passphrase of the key file, from where the options say or
	 * from the terminal: ERR_PASSPHRASE when it is not to be had, ERR_IO.
	 * A yes or no on the terminal; *yes is false where there is none.
	 */
	int (*ask_passphrase)(const struct settings *s, struct passphrase *out);
	int (*ask_yes)(const struct settings *s, const char *question,
	    bool *yes);
	/* What the user should know although it is no failure; NULL: nobody
	 * listens. */
	void (*warn)(const char *text);
};

#endif
