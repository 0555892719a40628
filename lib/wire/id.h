/* SPDX-License-Identifier: ISC */
/* 16-byte ids as UUID text (RFC 9562): lower-case 8-4-4-4-12. */
#ifndef WIRE_ID_H
#define WIRE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

void id_text(char out[static ID_TEXT_SIZE], const uint8_t id[static ID_LEN]);

/* Either case in, the whole string; ERR_USAGE. */
int id_parse(uint8_t out[static ID_LEN], const char *text) MUST_USE;

/* Has the shape of a UUID, whatever its version. */
bool id_is_text(const char *text);

/* A UUIDv7 of time ms and 10 random bytes (RFC 9562 5.7). */
void id_v7(uint8_t out[static ID_LEN], uint64_t ms,
    const uint8_t random[static 10]);

#endif
