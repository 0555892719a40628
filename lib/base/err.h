/* SPDX-License-Identifier: ISC */
/*
 * Every way in which something can fail: one table of codes, stable words,
 * exit statuses and sentences (the exit table of sentinel(7)).
 *
 * A function that can fail returns 0 or one of these negative codes and writes
 * its out-parameters only when it returns 0.  The function that first sees
 * the fault calls err_set(), which records what happened for this thread and
 * hands the code back; everyone above passes the code on.  What stands in the
 * record is for people and for the JSON error line: never key, plaintext or
 * payload bytes.  Nothing here prints or exits.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* clang-format off */
/*      symbol            value  token                exit retry  sentence */
#define ERR_TABLE(X)                                                           \
	X(ERR_INTERNAL,    -1, "internal",            1, false, "internal error") \
	X(ERR_NOMEM,       -2, "internal",            1, false, "out of memory") \
	X(ERR_USAGE,       -3, "usage",               2, false, "bad command line") \
	X(ERR_PARTIAL,     -4, "partial",             3, false, "some of it failed") \
	X(ERR_TIMEOUT,     -5, "timeout",             4, true,  "nothing came in time") \
	X(ERR_UNREACHABLE, -6, "relay_unreachable",  10, true,  "relay not reachable") \
	X(ERR_UNTRUSTED,   -7, "relay_untrusted",    11, false, "relay key not trusted") \
	X(ERR_DENIED,      -8, "relay_denied",       12, false, "the relay refused") \
	X(ERR_BUSY,        -9, "relay_busy",         13, true,  "the relay is busy") \
	X(ERR_PROTOCOL,   -10, "protocol",           14, false, "protocol violated") \
	X(ERR_UNKNOWN_PEER, -11, "unknown_peer",     20, false, "peer not known") \
	X(ERR_NO_SESSION, -12, "no_session",         21, false, "no session") \
	X(ERR_PEER_CHANGED, -13, "peer_key_changed", 22, false, "peer key changed") \
	X(ERR_NOT_VERIFIED, -14, "peer_not_verified", 23, false, "peer not verified") \
	X(ERR_UNDECRYPTABLE, -15, "undecryptable",   24, false, "does not decrypt") \
	X(ERR_NO_KEYFILE, -16, "keyfile_missing",    30, false, "no key file") \
	X(ERR_LOCKED,     -17, "locked",             31, true,  "locked by another process") \
	X(ERR_CORRUPT,    -18, "keyfile_corrupt",    32, false, "key file damaged") \
	X(ERR_PASSPHRASE, -19, "passphrase",         33, false, "passphrase wrong or missing") \
	X(ERR_IO,         -20, "io",                 34, false, "input or output failed") \
	X(ERR_EXISTS,     -21, "exists",             36, false, "exists already") \
	X(ERR_INSECURE,   -22, "keyfile_insecure",   37, false, "key file not private")
/* clang-format on */

#define ERR_ENUM_(sym, val, tok, ex, retry, msg) sym = (val),
enum err { ERR_TABLE(ERR_ENUM_) };
#undef ERR_ENUM_

/* What is known about the last fault; empty strings and 0 mean: nothing. */
struct err_info {
	int code;
	char message[256]; /* one line, no trailing full stop */
	char hint[512];    /* what to do next; a command ends it */
	char path[256];
	char peer[256];
	int number;              /* errno */
	uint32_t retry_after_ms; /* as the relay said */
	char id[37];             /* of the message that is in doubt */
	bool in_doubt;
};

/* Forget the former fault, record this one and return code. */
int err_set(int code, const char *fmt, ...) PRINTFLIKE(2, 3);

/* As err_set, with ": " and strerror(errno) appended and errno kept. */
int err_sys(int code, const char *fmt, ...) PRINTFLIKE(2, 3);

/* Add to the fault recorded last. */
void err_hint(const char *fmt, ...) PRINTFLIKE(1, 2);
void err_path(const char *path);
void err_peer(const char *peer);
void err_retry_after(uint32_t ms);
void err_in_doubt(const char *id);

/* The fault recorded last; borrowed until the next err_ call. */
const struct err_info *err_last(void);

/*
 * Put a record taken with err_last() back: for the item of a batch whose
 * fault is told later.
 */
void err_restore(const struct err_info *info);

const char *err_token(int code);    /* stable word; "ok" for 0 */
const char *err_sentence(int code); /* short English */
int err_exit(int code);             /* exit status, see sentinel(7) */
bool err_is_retryable(int code);

#endif
