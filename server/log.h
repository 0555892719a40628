/* SPDX-License-Identifier: ISC */
/*
 * The relay's log: one line an event on stderr, as text for people or as
 * JSON.  What is logged names events and causes; never contents, keys or
 * whole client ids, unless that was asked for.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

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

/* Whether lines of this level are written. */
bool log_is_on(enum log_level level);

/*
 * For what may happen often: a line a second at most, which tells how many it
 * stands for.  Zeroed at first; one for each thing that happens.
 */
struct log_pace {
	uint64_t quiet_until; /* monotonic ms */
	unsigned count;       /* not told yet */
};

/* One more, now: 0, or for how many a line is due. */
unsigned log_due(struct log_pace *pace, uint64_t now_ms);

/* log_fault at that pace, with the number as count. */
void log_fault_often(enum log_level level, const char *event,
    struct log_pace *pace);

/*
 * How a client is named in a line: by 16 hex digits that are the same until
 * the process ends and lead nobody to the id, or by the whole id.
 */
#define LOG_CLIENT_SIZE ID_TEXT_SIZE
void log_client(char out[static LOG_CLIENT_SIZE],
    const uint8_t id[static ID_LEN]);
void log_whole_ids(bool whole);

#endif
