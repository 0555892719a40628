/* SPDX-License-Identifier: ISC */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct row {
	int code;
	const char *token;
	int status;
	bool retry;
	const char *sentence;
} table[] = {
#define ERR_ROW_(sym, val, tok, ex, retry, msg) { sym, tok, ex, retry, msg },
	ERR_TABLE(ERR_ROW_)
#undef ERR_ROW_
};

static const struct row fine = { 0, "ok", 0, false, "ok" };

static _Thread_local struct err_info last;

static const struct row *
row(int code)
{
	if (code == 0)
		return &fine;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].code == code)
			return &table[i];
	}
	return &table[0];
}

static void
copy(char *out, size_t cap, const char *s)
{
	snprintf(out, cap, "%s", s);
}

/* The arguments may stand in the former record, so it goes last. */
static PRINTFLIKE(3, 0) void record(int code, int number, const char *fmt,
    va_list ap)
{
	struct err_info next = { .code = code, .number = number };

	vsnprintf(next.message, sizeof(next.message), fmt, ap);
	last = next;
}

int
err_set(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(code, 0, fmt, ap);
	va_end(ap);
	return code;
}

int
err_sys(int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	record(code, saved, fmt, ap);
	va_end(ap);
	n = strlen(last.message);
	snprintf(last.message + n, sizeof(last.message) - n, ": %s",
	    strerror(saved));
	return code;
}

void
err_hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last.hint, sizeof(last.hint), fmt, ap);
	va_end(ap);
}

void
err_path(const char *path)
{
	copy(last.path, sizeof(last.path), path);
}

void
err_peer(const char *peer)
{
	copy(last.peer, sizeof(last.peer), peer);
}

void
err_retry_after(uint32_t ms)
{
	last.retry_after_ms = ms;
}

void
err_in_doubt(const char *id)
{
	last.in_doubt = true;
	copy(last.id, sizeof(last.id), id);
}

const struct err_info *
err_last(void)
{
	return &last;
}

void
err_restore(const struct err_info *info)
{
	last = *info;
}

const char *
err_token(int code)
{
	return row(code)->token;
}

const char *
err_sentence(int code)
{
	return row(code)->sentence;
}

int
err_exit(int code)
{
	return row(code)->status;
}

bool
err_is_retryable(int code)
{
	return row(code)->retry;
}
