/* SPDX-License-Identifier: ISC */
#include "cli/layout.h"

#include <string.h>

/* clang-format off */
#define AGAIN \
	{ CELL_IF, 0, "(again) ", "redelivered", NULL }
/* Who it came from is the relay's word: no mark. */
#define ALLEGED(time) \
	{ CELL_CLOCK, 0, "", time, " " }, \
	{ CELL_PARTY, 0, "", "from", " " }
/* A mark in any case, so that nothing that follows can pass for one. */
#define FROM(time) \
	ALLEGED(time), \
	{ CELL_MARK, 0, "", "from.verified", " " }, \
	AGAIN
/* Why it failed. */
#define WHY \
	{ CELL_VALUE, 0, ": ", "error.message", NULL }
#define CALLED \
	{ CELL_VALUE, 0, "  called ", "relay_name", NULL }
#define END { CELL_END, 0, NULL, NULL, NULL }

/* --- what came in --------------------------------------------------------- */

static const struct cell message[] = {
	FROM("sent_at"),
	{ CELL_BODY, 0, "", "body", NULL },
	END,
};

static const struct cell file[] = {
	FROM("sent_at"),
	{ CELL_VALUE, 0, "file ", "path", NULL },
	{ CELL_BYTES, 0, " (", "size_bytes", ")" },
	{ CELL_WORD, 0, ": ", "error", NULL },
	END,
};

static const struct cell file_offer[] = {
	FROM("sent_at"),
	{ CELL_VALUE, 0, "offers a file: ", "name", NULL },
	{ CELL_BYTES, 0, " (", "size_bytes", ")" },
	{ CELL_WORD, 0, ": ", "error", NULL },
	END,
};

static const struct cell key_request[] = {
	ALLEGED("received_at"),
	AGAIN,
	{ CELL_WORD, 0, "asks for a key: ", "session", NULL },
	{ CELL_IF, 0, ", authenticated", "authenticated", NULL },
	END,
};

static const struct cell key_received[] = {
	FROM("received_at"),
	{ CELL_WORD, 0, "has sent a key: ", "session", NULL },
	END,
};

static const struct cell gap[] = {
	FROM("received_at"),
	{ CELL_VALUE, 0, "messages ", "missing.0", NULL },
	{ CELL_VALUE, 0, " to ", "missing.1", " are missing" },
	END,
};

static const struct cell undecryptable[] = {
	ALLEGED("received_at"),
	AGAIN,
	{ CELL_WORD, 0, "a message that cannot be read: ", "error", NULL },
	END,
};

/* --- what went out -------------------------------------------------------- */

static const struct cell sent[] = {
	{ CELL_PARTY, 0, "", "to", NULL },
	{ CELL_WORD, 18, "", "status", NULL },
	{ CELL_VALUE, 29, "", "id", NULL },
	{ CELL_BYTES, 67, "", "size_bytes", NULL },
	{ CELL_VALUE, 0, "  line ", "line", NULL },
	{ CELL_VALUE, 0, " ref ", "ref", NULL },
	WHY,
	END,
};

static const struct cell file_sent[] = {
	{ CELL_PARTY, 0, "", "to", NULL },
	{ CELL_WORD, 18, "", "status", NULL },
	{ CELL_BYTES, 29, "", "size_bytes", NULL },
	{ CELL_VALUE, 41, "", "name", NULL },
	WHY,
	END,
};

/* --- peers ---------------------------------------------------------------- */

static const struct cell client[] = {
	{ CELL_VALUE, 0, "", "name", NULL },
	{ CELL_WORD, 18, "", "session", NULL },
	{ CELL_IF, 36, "verified", "verified", NULL },
	{ CELL_VALUE, 46, "", "id", NULL },
	CALLED,
	END,
};

static const struct cell peer[] = {
	{ CELL_VALUE, 0, "", "name", NULL },
	{ CELL_WORD, 18, "", "status", NULL },
	{ CELL_WORD, 30, "", "session", NULL },
	{ CELL_IF, 48, "verified", "verified", NULL },
	{ CELL_IF, 58, "blocked", "blocked", NULL },
	{ CELL_VALUE, 67, "", "id", NULL },
	{ CELL_AGO, 105, "met ", "first_seen", NULL },
	{ CELL_VALUE, 0, "  alias ", "alias", NULL },
	CALLED,
	END,
};

static const struct cell key_exchange[] = {
	{ CELL_PARTY, 0, "", "peer", " " },
	{ CELL_MARK, 0, "", "peer.verified", " " },
	{ CELL_WORD, 0, "", "step", NULL },
	{ CELL_WORD, 0, ", session ", "session", NULL },
	WHY,
	END,
};

static const struct cell fingerprint[] = {
	{ CELL_VALUE, 0, "own fingerprint  ", "fingerprint", NULL },
	{ CELL_PARTY, 0, "\nsafety number with ", "peer", NULL },
	{ CELL_GROUPS, 0, "\n  ", "safety_number", NULL },
	END,
};

/* --- oneself -------------------------------------------------------------- */

static const struct cell registration[] = {
	{ CELL_VALUE, 0, "", "name", ": " },
	{ CELL_WORD, 0, "", "status", NULL },
	{ CELL_VALUE, 0, "\n  id           ", "id", NULL },
	{ CELL_VALUE, 0, "\n  fingerprint  ", "fingerprint", NULL },
	{ CELL_VALUE, 0, "\n  key file     ", "keyfile", NULL },
	{ CELL_VALUE, 0, "\n  relay        ", "relay.address", NULL },
	{ CELL_WORD, 0, "\n  trusted      ", "relay.trust", NULL },
	END,
};

static const struct cell identity[] = {
	{ CELL_VALUE, 0, "", "name", NULL },
	{ CELL_VALUE, 0, "\n  id           ", "id", NULL },
	{ CELL_VALUE, 0, "\n  fingerprint  ", "fingerprint", NULL },
	{ CELL_AGO, 0, "\n  keys signed  ", "issued_at", NULL },
	{ CELL_VALUE, 0, "\n  key file     ", "keyfile", NULL },
	{ CELL_VALUE, 0, "\n  relay        ", "relay", NULL },
	END,
};

static const struct cell status[] = {
	{ CELL_VALUE, 0, "", "identity.name", NULL },
	{ CELL_VALUE, 0, "\n  id            ", "identity.id", NULL },
	{ CELL_AGO, 0, "\n  keys signed   ", "identity.issued_at", NULL },
	{ CELL_VALUE, 0, "\n  key file      ", "keyfile", NULL },
	{ CELL_VALUE, 0, "\n  relay         ", "relay.address", NULL },
	{ CELL_AGO, 0, "\n  last contact  ", "last_contact", NULL },
	{ CELL_VALUE, 0, "\n  peers         ", "peers.known", " known" },
	{ CELL_VALUE, 0, ", ", "peers.verified", " verified" },
	{ CELL_VALUE, 0, ", ", "peers.blocked", " blocked" },
	{ CELL_VALUE, 0, "\n  sessions      ", "sessions.established",
	    " established" },
	{ CELL_VALUE, 0, ", ", "sessions.previous", " previous" },
	{ CELL_VALUE, 0, ", ", "sessions.reset_needed", " to be reset" },
	{ CELL_VALUE, 0, "\n  handshakes    ", "sessions.request_sent",
	    " requested" },
	{ CELL_VALUE, 0, ", ", "sessions.request_received", " asked for" },
	{ CELL_VALUE, 0, ", ", "sessions.key_sent", " key sent" },
	{ CELL_VALUE, 0, ", ", "sessions.key_received", " key received" },
	{ CELL_VALUE, 0, "\n  inbox         ", "inbox.new", " new" },
	{ CELL_VALUE, 0, ", ", "inbox.shown", " half printed" },
	{ CELL_AGO, 0, ", the oldest ", "inbox.oldest_at", NULL },
	{ CELL_VALUE, 0, "\n  outbox        ", "outbox.queued", " queued" },
	{ CELL_VALUE, 0, ", ", "outbox.sealed", " being sent" },
	{ CELL_VALUE, 0, ", ", "outbox.in_doubt", " in doubt" },
	{ CELL_AGO, 0, ", the oldest ", "outbox.oldest_at", NULL },
	{ CELL_VALUE, 0, "\n  dead letters  ", "dead_letters", NULL },
	END,
};

/* --- relays --------------------------------------------------------------- */

static const struct cell backup[] = {
	{ CELL_VALUE, 0, "", "name", ": " },
	{ CELL_WORD, 0, "", "status", NULL },
	{ CELL_VALUE, 0, "\n  id           ", "id", NULL },
	{ CELL_VALUE, 0, "\n  backup       ", "path", NULL },
	{ CELL_VALUE, 0, "\n  key file     ", "keyfile", NULL },
	{ CELL_VALUE, 0, "\n  peers        ", "peers", NULL },
	END,
};

static const struct cell check[] = {
	{ CELL_WORD, 0, "", "status", NULL },
	{ CELL_VALUE, 6, "", "name", NULL },
	{ CELL_VALUE, 20, "", "detail", NULL },
	{ CELL_VALUE, 0, "\n      ", "hint", NULL },
	END,
};

static const struct cell relay[] = {
	{ CELL_VALUE, 0, "", "address", NULL },
	{ CELL_WORD, 0, ": ", "status", NULL },
	END,
};

static const struct cell ready[] = {
	{ CELL_VALUE, 0, "ready: ", "address", NULL },
	{ CELL_VALUE, 0, " (process ", "pid", ")" },
	END,
};

static const struct cell address[] = {
	{ CELL_VALUE, 0, "", "address", NULL },
	END,
};

static const struct cell invite[] = {
	{ CELL_VALUE, 0, "", "invite", NULL },
	{ CELL_VALUE, 0, "  until ", "expires_at", NULL },
	END,
};

/* --- standard error ------------------------------------------------------- */

static const struct cell error[] = {
	{ CELL_VALUE, 0, "", "tool", NULL },
	{ CELL_VALUE, 0, ": ", "message", NULL },
	{ CELL_VALUE, 0, " [", "code", "]" },
	{ CELL_VALUE, 0, "\nhint: ", "hint", NULL },
	END,
};

static const struct cell warning[] = {
	{ CELL_VALUE, 0, "", "tool", NULL },
	{ CELL_VALUE, 0, ": ", "type", NULL },
	{ CELL_VALUE, 0, ": ", "message", NULL },
	END,
};

static const struct {
	const char *type;
	const struct cell *cells;
} layouts[] = {
	{ "address", address },
	{ "backup", backup },
	{ "check", check },
	{ "client", client },
	{ "error", error },
	{ "file", file },
	{ "file_offer", file_offer },
	{ "file_sent", file_sent },
	{ "fingerprint", fingerprint },
	{ "gap", gap },
	{ "identity", identity },
	{ "invite", invite },
	{ "key_exchange", key_exchange },
	{ "key_received", key_received },
	{ "key_request", key_request },
	{ "message", message },
	{ "note", warning },
	{ "peer", peer },
	{ "ready", ready },
	{ "registration", registration },
	{ "relay", relay },
	{ "sent", sent },
	{ "status", status },
	{ "undecryptable", undecryptable },
	{ "warning", warning },
};
/* clang-format on */

const struct cell *
layout_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
		if (strcmp(layouts[i].type, type) == 0)
			return layouts[i].cells;
	}
	return NULL;
}
