/* SPDX-License-Identifier: ISC */
/*
 * Text in and out of bytes: hex, base64, UTF-8, durations, sizes, times.  Hex
 * and base64 are libsodium's, in constant time, so they may carry keys.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define TEXT_HEX_SIZE(n) (2 * (n) + 1)
/* Padded base64, terminator included. */
#define TEXT_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
/* base64url without padding, terminator included. */
#define TEXT_BASE64URL_SIZE(n) (((n)*4 + 2) / 3 + 1)
#define TEXT_BASE64URL_MAX     64 /* bytes that are read back */
#define TEXT_KEY_SIZE          TEXT_BASE64URL_SIZE(32)

/* Lower-case hex of len bytes into out[TEXT_HEX_SIZE(len)]. */
void text_hex(char *out, const uint8_t *bytes, size_t len);

/* Exactly 2 * len hex digits of either case into out; ERR_USAGE. */
int text_unhex(uint8_t *out, size_t len, const char *hex) MUST_USE;

/* Padded base64 of len bytes into out[TEXT_BASE64_SIZE(len)]. */
void text_base64(char *out, const uint8_t *bytes, size_t len);

/*
 * The bytes of padded base64, at most cap; canonical only.  ERR_USAGE.
 */
int text_unbase64(uint8_t *out, size_t cap, size_t *len,
    const char *text) MUST_USE;

/*
 * base64url without padding into out[TEXT_BASE64URL_SIZE(len)], and back:
 * canonical text of exactly len bytes, at most TEXT_BASE64URL_MAX, else
 * ERR_USAGE.
 */
void text_base64url(char *out, const uint8_t *bytes, size_t len);
int text_unbase64url(uint8_t *out, size_t len, const char *text,
    size_t text_len) MUST_USE;

/* The same for a key. */
void text_key(char out[static TEXT_KEY_SIZE], const uint8_t key[static 32]);
int text_unkey(uint8_t out[static 32], const char *text, size_t len) MUST_USE;

/*
 * Decode one character at s[0..len): its length, or 0 when the bytes are not
 * well-formed UTF-8 (RFC 3629: no surrogates, no long forms, <= U+10FFFF).
 */
size_t text_utf8(uint32_t *code, const uint8_t *s, size_t len);

/*
 * Must not reach a terminal raw: C0, DEL, C1, U+2028/9, bidi controls
 * (U+061C, U+200E/F, U+202A..E, U+2066..9).
 */
bool text_is_control(uint32_t code);

/* Has the shape of a UUID: 8-4-4-4-12 hex digits of either case. */
bool text_is_uuid(const char *s);

/*
 * A name that new clients may take: [A-Za-z0-9][A-Za-z0-9._@+-]{0,253}, not
 * shaped like a UUID and none of "self", "all", "null".
 */
bool text_is_name(const char *s);

/*
 * "30" "30s" "1.5" "5m" "2h" "7d" "inf" (= UINT64_MAX) to ms; fractions under
 * a millisecond are dropped.  ERR_USAGE.
 */
int text_duration(uint64_t *ms, const char *s) MUST_USE;

/* "123" "64K" "10M" "2G" "1T" (powers of 1024) to bytes.  ERR_USAGE. */
int text_size(uint64_t *bytes, const char *s) MUST_USE;

#define TEXT_TIME_SIZE 32
/*
 * RFC 3339 UTC with milliseconds; "2023-11-14T22:13:20.000Z".  Times after
 * the year 9999, which the format cannot hold, are its last millisecond.
 */
void text_time(char out[static TEXT_TIME_SIZE], uint64_t ms);

#endif
