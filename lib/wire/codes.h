/* SPDX-License-Identifier: ISC */
/*
 * Request codes with their replies (code + 1000), error reasons and message
 * types: what each number is called and what it means to a command.
 */
#ifndef WIRE_CODES_H
#define WIRE_CODES_H

#include <stdint.h>

#define WIRE_VERSION 3
#define CODE_REPLY   1000 /* reply code - request code */
#define CODE_ERROR   9000

/*      symbol           code  name */
#define CODE_TABLE(X)                          \
	X(CODE_REGISTER, 1100, "register")     \
	X(CODE_LIST, 1101, "list")             \
	X(CODE_KEY, 1102, "public_key")        \
	X(CODE_SEND, 1103, "send")             \
	X(CODE_PULL, 1104, "pull")             \
	X(CODE_ACK, 1105, "acknowledge")       \
	X(CODE_UNREGISTER, 1106, "unregister") \
	X(CODE_BLOCK, 1107, "block")

#define CODE_ENUM_(sym, val, name) sym = (val),
enum code { CODE_TABLE(CODE_ENUM_) };
#undef CODE_ENUM_

/*      symbol                    value  name           error code */
#define REASON_TABLE(X)                                                 \
	X(REASON_MALFORMED, 1, "malformed", ERR_PROTOCOL)               \
	X(REASON_UNSUPPORTED, 2, "unsupported", ERR_PROTOCOL)           \
	X(REASON_NOT_REGISTERED, 3, "not_registered", ERR_DENIED)       \
	X(REASON_DENIED, 4, "denied", ERR_DENIED)                       \
	X(REASON_NAME_TAKEN, 5, "name_taken", ERR_EXISTS)               \
	X(REASON_UNKNOWN_CLIENT, 6, "unknown_client", ERR_UNKNOWN_PEER) \
	X(REASON_MAILBOX_FULL, 7, "mailbox_full", ERR_BUSY)             \
	X(REASON_RATE_LIMITED, 8, "rate_limited", ERR_BUSY)             \
	X(REASON_TOO_LARGE, 9, "too_large", ERR_PROTOCOL)               \
	X(REASON_BUSY, 10, "busy", ERR_BUSY)                            \
	X(REASON_INTERNAL, 11, "internal", ERR_BUSY)                    \
	X(REASON_CLOSED, 12, "registration_closed", ERR_DENIED)         \
	X(REASON_INVITE, 13, "invite_invalid", ERR_DENIED)              \
	X(REASON_STALE, 14, "stale_bundle", ERR_EXISTS)

#define REASON_ENUM_(sym, val, name, err) sym = (val),
enum reason { REASON_TABLE(REASON_ENUM_) };
#undef REASON_ENUM_

/* Types of message in a mailbox. */
enum message_type {
	MESSAGE_REQUEST = 1, /* handshake, step 4 */
	MESSAGE_KEY = 2,     /* handshake, steps 7 and 9 */
	MESSAGE_RATCHET = 3,
	MESSAGE_CHUNK = 4,
};

#endif
