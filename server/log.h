/* SPDX-License-Identifier: ISC */
/*
 * The relay's log: one line an event on stderr, as text for people or as
 * JSON.  What is logged names events and causes; never contents, keys or
 * whole client ids.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stddef.h>

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_JSON }; /* auto: text on a terminal */

/* From the words of the options; ERR_USAGE. */
int log_parse_level(enum log_level *out, const char *word) MUST_USE;
int log_parse_format(enum log_format *out, const char *word) MUST_USE;

/* Before this: errors only, in the format LOG_AUTO. */
void log_open(enum log_format format, enum log_level level);

/* A value may hold any bytes; what is not printable ASCII is escaped. */
struct log_field {
	const char *name;
	const char *value;
};

/* One line: the event and its fields. */
void log_event(enum log_level level, const char *event,
    const struct log_field *fields, size_t n);

/* log_event with the message of err_last(). */
void log_fault(enum log_level level, const char *event);

#endif
