/* SPDX-License-Identifier: ISC */
/*
 * Parsers of the relay for fuzz_small.c: what is in a file, or a text.  Those
 * of PostgreSQL do nothing where it is not.
 */
#ifndef FUZZ_SMALL_H
#define FUZZ_SMALL_H

#include <stddef.h>

void small_relay_key(const char *file, const char *in, size_t len);
void small_relay_timeline(const char *file, const char *in, size_t len);
void small_relay_servers(const char *file, const char *text, size_t len);
void small_relay_notice(const char *file, const char *text, size_t len);

#endif
