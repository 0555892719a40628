/* SPDX-License-Identifier: ISC */
/*
 * Known answers for the unit tests: JSON files, and the hex strings in them.
 * Whatever is missing or malformed fails the test that asked for it.
 */
#ifndef UNIT_KAT_H
#define UNIT_KAT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Read tests/unit/vectors/FILE; json_decref the answer. */
json_t *kat_load(const char *file);

/*
 * Read FILE of the published vectors, in $SENTINEL_VECTORS or, when that is
 * not set, ../shared/vectors.  NULL when there is no such directory; a file
 * missing in it is a failure.
 */
json_t *kat_published(const char *file);

/* obj[key], which must be there; borrowed. */
json_t *kat_get(const json_t *obj, const char *key);

/* The hex string obj[key] as bytes, at most cap of them: how many. */
size_t kat_hex(uint8_t *out, size_t cap, const json_t *obj, const char *key);

/* The same of a string that stands in an array. */
size_t kat_unhex(uint8_t *out, size_t cap, const json_t *string);

/* The string or the integer, not negative, obj[key]. */
const char *kat_text(const json_t *obj, const char *key);
uint64_t kat_number(const json_t *obj, const char *key);

/*
 * fn with every test of a published Wycheproof file and the group it stands
 * in; prints how many.  Without the files the test that calls is skipped.
 */
typedef void (*kat_fn)(const json_t *group, const json_t *test);
void kat_wycheproof(const char *file, kat_fn fn);

#endif
