/* SPDX-License-Identifier: ISC */
/*
 * What a command has to ask its user: passphrases, and a yes.  A passphrase
 * comes from the first of: a descriptor, a file (option or variable), the
 * service manager's credential "sentinel-passphrase", the terminal when
 * standard input and standard error are one.  Where none of them gives it
 * nobody is asked.
 *
 * A passphrase is all that a source holds, but for one newline at its end.
 * Until it is in out it stands in secret memory only.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/passphrase.h"
#include "base/settings.h"

/*
 * Let s ask by the functions below and warn by app_warn, and keep its
 * descriptor from programs that the command may start.  ERR_USAGE: there is no
 * such descriptor.
 */
int ask_setup(struct settings *s) MUST_USE;

/*
 * The passphrase of the key file.  A descriptor can be read once.  A file
 * that others may read gives a warning.  ERR_PASSPHRASE: empty, too long, or
 * not to be had; ERR_IO.
 */
int ask_passphrase(const struct settings *s, struct passphrase *out) MUST_USE;

/*
 * One that is to be set: from file, or for NULL from the terminal, twice.
 * Errors as above, ERR_PASSPHRASE also when the two differ.
 */
int ask_new_passphrase(const char *file, struct passphrase *out) MUST_USE;

/*
 * Show a safety number in groups and ask for what who reads out, whatever it
 * is.  ERR_USAGE where there is no terminal; ERR_IO.
 */
int ask_number(char *out, size_t size, const char *safety,
    const char *who) MUST_USE;

/* "y" or "yes"; anything else is no, and so is no terminal.  ERR_IO. */
int ask_yes(const struct settings *s, const char *question, bool *yes) MUST_USE;

#endif
