/* SPDX-License-Identifier: ISC */
/*
 * The frame every command's main() hangs in: hardening, the common options
 * and their environment, --help and --version, the error line, the exit
 * status.  A command is a table, a run function and one call.
 */
#ifndef CLI_APP_H
#define CLI_APP_H

#include "base/settings.h"
#include "cli/opt.h"

/* A subcommand, such as "fetch" of sentinel-keys. */
struct app_verb {
	const char *name;
	const char *synopsis; /* after "PROGRAM NAME" */
	const char *brief;
	const struct opt *opts;         /* NULL = none; values go to app.args */
	int operands_min, operands_max; /* -1 = any number */
	int (*run)(const struct settings *s, int argc, char **argv);
};

struct app {
	const char *name;
	const char *synopsis;
	const char *brief;
	const struct opt *opts; /* NULL = none */
	void *args;
	int operands_min, operands_max; /* -1 = any number */
	bool bare;                      /* sentinel-relay: it has no key file */
	const char **config; /* where --config stands; NULL = no such option */
	const struct app_verb *verbs; /* ends with a NULL name; then no run */
	/* argv holds the operands alone.  0 or a negative code. */
	int (*run)(const struct settings *s, int argc, char **argv);
};

/*
 * Runs the command and returns the exit status.  A failure is told once, as
 * the last line on stderr: JSON, or text and a hint on a terminal.  A run that
 * has printed its failures as records answers with a bare ERR_PARTIAL,
 * ERR_TIMEOUT or other code whose message err_set() gave.
 */
int app_main(const struct app *app, int argc, char **argv);

/*
 * For a program that goes on: what the command line and the file of --config,
 * as it is now, say instead of what args has, which is of the kind of
 * app.args.  *text holds what the values point to, as of config_read.
 * ERR_USAGE: also when there is no such file; ERR_IO, ERR_NOMEM.
 */
int app_config_again(void *args, char **text) MUST_USE;

/* One line on stderr, in the form of errors, unless -q. */
void app_warn(const char *fmt, ...) PRINTFLIKE(1, 2);

#endif
