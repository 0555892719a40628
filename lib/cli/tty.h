/* SPDX-License-Identifier: ISC */
/*
 * The terminal of whoever runs the command: questions, and answers that are
 * not shown.  However a question ends, by an answer, a fault or a signal, the
 * terminal is left as it was found.
 */
#ifndef CLI_TTY_H
#define CLI_TTY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Somebody is there to be asked: stdin and stderr are terminals. */
bool tty_is_there(void);

/*
 * Show prompt on the controlling terminal and read one line, without its
 * newline; what was typed before the prompt stood there does not count.  A
 * line of more than cap bytes is cut, end of file is an empty line.
 * hidden: do not show what is typed.  ERR_IO.
 *
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGTSTP do what they would have done,
 * once the terminal is as it was; stopped and continued, it asks again.
 */
int tty_ask(char *out, size_t cap, size_t *len, const char *prompt,
    bool hidden) MUST_USE;

#endif
