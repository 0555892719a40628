/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

#define NAME_TEXT_MAX 254

void
text_hex(char *out, const uint8_t *bytes, size_t len)
{
	sodium_bin2hex(out, TEXT_HEX_SIZE(len), bytes, len);
}

int
text_unhex(uint8_t *out, size_t len, const char *hex)
{
	uint8_t byte;

	if (strlen(hex) != 2 * len)
		return err_set(ERR_USAGE, "not %zu hex digits", 2 * len);
	/* first without out, which stays as it was when a digit is wrong */
	for (size_t i = 0; i < len; i++) {
		if (sodium_hex2bin(&byte, 1, hex + 2 * i, 2, NULL, NULL,
			NULL) != 0)
			return err_set(ERR_USAGE, "not hex digits");
	}
	(void)sodium_hex2bin(out, len, hex, 2 * len, NULL, NULL, NULL);
	sodium_memzero(&byte, sizeof(byte));
	return 0;
}

void
text_base64(char *out, const uint8_t *bytes, size_t len)
{
	sodium_bin2base64(out, TEXT_BASE64_SIZE(len), bytes, len,
	    sodium_base64_VARIANT_ORIGINAL);
}

int
text_unbase64(uint8_t *out, size_t cap, size_t *len, const char *text)
{
	const size_t text_len = strlen(text);

	/* libsodium 1.0.18 takes bytes over 0x7f for digits */
	for (size_t i = 0; i < text_len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return err_set(ERR_USAGE, "not base64");
	}
	if (sodium_base642bin(out, cap, text, text_len, NULL, len, NULL,
		sodium_base64_VARIANT_ORIGINAL) < 0)
		return err_set(ERR_USAGE, "not base64");
	return 0;
}

void
text_base64url(char *out, const uint8_t *bytes, size_t len)
{
	sodium_bin2base64(out, TEXT_BASE64URL_SIZE(len), bytes, len,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int
text_unbase64url(uint8_t *out, size_t len, const char *text, size_t text_len)
{
	char back[TEXT_BASE64URL_SIZE(TEXT_BASE64URL_MAX)] = "";
	uint8_t bytes[TEXT_BASE64URL_MAX];
	int r = 0;

	assert(len <= sizeof(bytes));
	if (text_len != TEXT_BASE64URL_SIZE(len) - 1)
		return err_set(ERR_USAGE, "not %zu characters",
		    TEXT_BASE64URL_SIZE(len) - 1);
	/* libsodium 1.0.18 takes bytes over 0x7f for digits: encode again */
	if (sodium_base642bin(bytes, len, text, text_len, NULL, NULL, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0)
		text_base64url(back, bytes, len);
	if (sodium_memcmp(back, text, text_len) == 0)
		memcpy(out, bytes, len);
	else
		r = err_set(ERR_USAGE, "not base64url");
	sodium_memzero(bytes, sizeof(bytes));
	sodium_memzero(back, sizeof(back));
	return r;
}

void
text_key(char out[static TEXT_KEY_SIZE], const uint8_t key[static 32])
{
	text_base64url(out, key, 32);
}

int
text_unkey(uint8_t out[static 32], const char *text, size_t len)
{
	int r = text_unbase64url(out, 32, text, len);

	return r < 0 ? err_set(r, "not a key: %d characters of base64url",
			   TEXT_KEY_SIZE - 1)
		     : 0;
}

size_t
text_utf8(uint32_t *code, const uint8_t *s, size_t len)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least; /* smaller ones have a shorter form */
	} forms[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};
	size_t n = 0;
	uint32_t c;

	if (len == 0)
		return 0;
	while (n < ARRAY_LEN(forms) && (s[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == ARRAY_LEN(forms) || n >= len)
		return 0;
	c = s[0] & (uint8_t)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < forms[n].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n + 1;
}

bool
text_is_control(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },     /* C0 */
		{ 0x7f, 0x9f },     /* DEL and C1 */
		{ 0x061c, 0x061c }, /* bidi */
		{ 0x200e, 0x200f }, /* bidi */
		{ 0x2028, 0x202e }, /* line separators and bidi */
		{ 0x2066, 0x2069 }, /* bidi */
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

bool
text_is_uuid(const char *s)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	static const size_t groups[] = { 8, 4, 4, 4, 12 };

	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (i > 0 && *s++ != '-')
			return false;
		if (strspn(s, hex) != groups[i])
			return false;
		s += groups[i];
	}
	return *s == '\0';
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

bool
text_is_name(const char *s)
{
	static const char *const taken[] = { "self", "all", "null" };
	size_t len = 0;

	if (!is_alnum(s[0]) || text_is_uuid(s))
		return false;
	while (is_alnum(s[len]) || (s[len] && strchr("._@+-", s[len])))
		len++;
	if (s[len] || len > NAME_TEXT_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		if (strcmp(s, taken[i]) == 0)
			return false;
	}
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Milliseconds in the unit that s names; 0 when it names none. */
static uint64_t
unit_ms(const char *s)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "s", 1000 },
		{ "m", 60 * 1000 },
		{ "h", 60 * 60 * 1000 },
		{ "d", 24 * 60 * 60 * 1000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(s, units[i].name) == 0)
			return units[i].ms;
	}
	return 0;
}

int
text_duration(uint64_t *ms, const char *s)
{
	const char *point = s + strspn(s, "0123456789");
	const char *end = point;
	uint64_t unit, total = 0;

	if (strcmp(s, "inf") == 0) {
		*ms = UINT64_MAX;
		return 0;
	}
	if (*point == '.')
		end += 1 + strspn(point + 1, "0123456789");
	unit = unit_ms(end);
	if (!is_digit(*s) || !is_digit(end[-1]) || unit == 0)
		return err_set(ERR_USAGE, "not a duration: %s", s);
	for (; s < point; s++) {
		if (total > (UINT64_MAX / unit - 10) / 10)
			return err_set(ERR_USAGE, "too long a duration");
		total = total * 10 + (uint64_t)(*s - '0');
	}
	total *= unit;
	/* what is under a millisecond does not count */
	while (++s < end) {
		unit /= 10;
		total += unit * (uint64_t)(*s - '0');
	}
	*ms = total;
	return 0;
}

int
text_size(uint64_t *bytes, const char *s)
{
	static const char units[] = "KMGT";
	const char *end = s + strspn(s, "0123456789");
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	uint64_t most = UINT64_MAX >> shift, n = 0;

	if (end == s || (*end && (!unit || end[1])))
		return err_set(ERR_USAGE, "not a size: %s", s);
	for (; s < end; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (n > (most - digit) / 10)
			return err_set(ERR_USAGE, "too large a size");
		n = n * 10 + digit;
	}
	*bytes = n << shift;
	return 0;
}

void
text_time(char out[static TEXT_TIME_SIZE], uint64_t ms)
{
	const uint64_t last = 253402300799999; /* of the year 9999 */
	struct tm tm;
	time_t t;
	size_t n;

	if (ms > last)
		ms = last;
	t = (time_t)(ms / 1000);
	gmtime_r(&t, &tm);
	n = strftime(out, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TEXT_TIME_SIZE - n, ".%03uZ", (unsigned)(ms % 1000));
}
