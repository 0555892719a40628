/* SPDX-License-Identifier: ISC */
/*
 * What goes to stderr: one line of JSON, or text on a terminal, as --errors
 * may force either way.  Text is safe for the terminal.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "base/settings.h"

/*
 * Why the command failed: {"v":1,"type":"error","tool":...}, or a sentence
 * and, where there is one, a hint on a line of its own.  The details are
 * those of err_last() when it tells of the same code.
 */
void report_fault(const struct settings *s, const char *tool, int code);

/* What the user should know although it is no failure. */
void report_warning(const struct settings *s, const char *tool,
    const char *message);

/* What a user who asked for more (-v) wants to know besides. */
void report_note(const struct settings *s, const char *tool,
    const char *message);

#endif
