/* SPDX-License-Identifier: ISC */
/*
 * Records: the JSON objects on stdout, one a line, written whole and flushed
 * (indented and coloured on a terminal; --get prints chosen fields, --text
 * lines for people).  Strings are made safe: what is not UTF-8 becomes U+FFFD,
 * control and bidi characters leave as \uXXXX escapes.
 *
 * Building never fails in between: the first failure is kept and told by
 * record_emit.  The only user of jansson for output.
 */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/settings.h"

struct record;

/*
 * Which form records take from now on; borrowed for good.
 * ERR_USAGE: a bad --get.
 */
int record_setup(const struct settings *s) MUST_USE;

/* {"v":1,"type":type}; freed by record_emit or record_free. */
struct record *record_new(const char *type);
void record_free(struct record *r); /* NULL is fine */

/*
 * Fields, in the order of the calls.  NULL or no bytes gives null.  Numbers
 * are below 2^53.
 */
void record_str(struct record *r, const char *key, const char *s);
void record_int(struct record *r, const char *key, uint64_t n);
void record_bool(struct record *r, const char *key, bool b);
void record_id(struct record *r, const char *key, const uint8_t *id);
void record_time(struct record *r, const char *key, uint64_t ms);
void record_hex(struct record *r, const char *key, const uint8_t *bytes,
    size_t len);
void record_base64(struct record *r, const char *key, const uint8_t *bytes,
    size_t len);

/*
 * "size_bytes", "body", and "body_base64" when the bytes are not UTF-8 or
 * hold NUL: body is then the nearest text, body_base64 is exact.
 */
void record_body(struct record *r, const uint8_t *bytes, size_t len);

/*
 * What follows goes into an object under key; into an array when its keys
 * are NULL.  key is borrowed until record_end.
 */
void record_begin(struct record *r, const char *key);
void record_end(struct record *r);

/* No JSON line is longer. */
#define RECORD_MAX (32U << 20)

/* Print and free.  ERR_IO, ERR_NOMEM. */
int record_emit(struct record *r) MUST_USE;

/*
 * Append it as one compact JSON line, whatever the form in force, and do not
 * free it: for a program that is handed the record.
 */
int record_json(const struct record *r, struct buf *out) MUST_USE;

/* The same as text for people; a type without a layout is JSON here, too. */
int record_text(const struct record *r, struct buf *out) MUST_USE;

/* The fault in err_last() as the object "error" of a record: code,
 * message and, where it is, in_doubt. */
void record_error(struct record *r, int code);

#endif
