/* SPDX-License-Identifier: ISC */
#include "net/replies.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/transport.h"
#include "wire/body.h"
#include "wire/codes.h"

struct replies {
	struct buf *bytes;
	size_t lent; /* of the reply given out last, still in front */
};

static const struct meaning {
	uint16_t reason;
	const char *name;
	int code;
} meanings[] = {
#define MEANING_(sym, val, name, err) { sym, name, err },
	REASON_TABLE(MEANING_)
#undef MEANING_
};

static const struct {
	uint16_t reason;
	const char *text;
} hints[] = {
	{ REASON_UNSUPPORTED, "one of the two programs is too old" },
	{ REASON_NOT_REGISTERED, "sentinel-register NAME" },
	{ REASON_NAME_TAKEN, "choose another name" },
	{ REASON_MAILBOX_FULL, "the recipient has to pull first" },
	{ REASON_CLOSED, "the relay's operator registers nobody" },
	{ REASON_INVITE,
	    "the relay's operator gives out invites: "
	    "sentinel-register --invite-file FILE NAME" },
	{ REASON_STALE, "look at this machine's clock" },
};

struct replies *
replies_new(void)
{
	struct replies *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->bytes = buf_new_open(FRAME_MAX + TRANSPORT_BODY_MAX);
	if (!rs->bytes) {
		free(rs);
		return NULL;
	}
	return rs;
}

void
replies_free(struct replies *rs)
{
	if (!rs)
		return;
	buf_free(rs->bytes);
	free(rs);
}

static void
drop_lent(struct replies *rs)
{
	buf_drop(rs->bytes, rs->lent);
	rs->lent = 0;
}

int
replies_add(struct replies *rs, const uint8_t *bytes, size_t len)
{
	drop_lent(rs);
	return buf_put(rs->bytes, bytes, len);
}

int
replies_next(struct replies *rs, struct frame_reply *head,
    const uint8_t **payload)
{
	struct frame_reply h;

	drop_lent(rs);
	*payload = NULL;
	if (buf_len(rs->bytes) < FRAME_REPLY_LEN)
		return 0;
	frame_unpack_reply(&h, buf_peek(rs->bytes));
	if (h.version != WIRE_VERSION)
		return err_set(ERR_PROTOCOL, "a reply of version %u",
		    (unsigned)h.version);
	if (h.size > FRAME_MAX - FRAME_REPLY_LEN)
		return err_set(ERR_PROTOCOL, "a reply of %u bytes", h.size);
	if (buf_len(rs->bytes) - FRAME_REPLY_LEN < h.size)
		return 0;
	rs->lent = FRAME_REPLY_LEN + h.size;
	*head = h;
	*payload = buf_peek(rs->bytes) + FRAME_REPLY_LEN;
	return 0;
}

bool
replies_is_amid(const struct replies *rs)
{
	return buf_len(rs->bytes) > rs->lent;
}

static const struct meaning *
look_up(uint16_t reason)
{
	static const struct meaning unknown = { 0, "unknown reason",
		ERR_PROTOCOL };

	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		if (meanings[i].reason == reason)
			return &meanings[i];
	}
	return &unknown;
}

int
replies_refusal(uint16_t *reason, const uint8_t *payload, size_t len)
{
	const struct meaning *m;
	struct body_error e;
	int r;

	r = body_unpack_error(&e, payload, len);
	if (r < 0)
		return r;
	m = look_up(e.reason);
	r = err_set(m->code, "relay: %s%s%s", m->name,
	    e.text[0] == '\0' ? "" : ": ", e.text);
	err_retry_after(e.retry_after_ms);
	for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
		if (hints[i].reason == e.reason)
			err_hint("%s", hints[i].text);
	}
	*reason = e.reason;
	return r;
}
