/* SPDX-License-Identifier: ISC */
/*
 * The relay's log: one line an event on stderr, as text for people or as
 * JSON.  What is logged names events and causes; never contents, keys or
 * whole client ids.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_JSON }; /* auto: text on a terminal */

/* From the words of the options; ERR_USAGE. */
int log_parse_level(enum log_level *out, const char *word) MUST_USE;
int log_parse_format(enum log_format *out, const char *word) MUST_USE;

/* Before this: errors only, in the format LOG_AUTO. */
void log_open(enum log_format format, enum log_level level);

/*
 * One line: the event and pairs of strings, name and value, up to a NULL.
 * Values may hold any bytes; what is not printable ASCII is escaped.
 */
void log_event(enum log_level level, const char *event, ...)
    __attribute__((sentinel));

/* log_event with the message of err_last(). */
void log_fault(enum log_level level, const char *event);

#endif
