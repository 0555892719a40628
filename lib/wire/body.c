/* SPDX-License-Identifier: ISC */
#include "wire/body.h"

#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/text.h"
#include "wire/codes.h"

static int
malformed(const char *what)
{
	return err_set(ERR_PROTOCOL, "malformed %s", what);
}

static bool
is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

static bool
is_visible(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x21 || p[i] > 0x7e)
			return false;
	}
	return true;
}

/* A name of 1..NAME_MAX_LEN bytes, filled up with zeros. */
static bool
is_name_field(const uint8_t in[static NAME_SIZE])
{
	size_t len = strnlen((const char *)in, NAME_SIZE);

	return len > 0 && len < NAME_SIZE && is_visible(in, len) &&
	    is_zero(in + len, NAME_SIZE - len);
}

static void
put_name(uint8_t out[static NAME_SIZE], const char *name)
{
	size_t len = strnlen(name, NAME_MAX_LEN);

	memcpy(out, name, len);
	memset(out + len, 0, NAME_SIZE - len);
}

/* len bytes that hold no zero, as a string. */
static void
get_string(char *out, const uint8_t *in, size_t len)
{
	memcpy(out, in, len);
	out[len] = '\0';
}

enum {
	REGISTER_BUNDLE = NAME_SIZE,
	REGISTER_ISSUED = REGISTER_BUNDLE + BUNDLE_LEN,
	REGISTER_INVITE_LEN = REGISTER_ISSUED + 8,
	REGISTER_INVITE = REGISTER_INVITE_LEN + 1,
};
_Static_assert(REGISTER_INVITE == BODY_REGISTER_MIN, "register");

void
body_pack_register(uint8_t out[static BODY_REGISTER_MAX], size_t *len,
    const struct body_register *b)
{
	size_t invite_len = strnlen(b->invite, INVITE_LEN);

	put_name(out, b->name);
	bundle_pack(out + REGISTER_BUNDLE, &b->bundle);
	le_put64(out + REGISTER_ISSUED, b->issued_at);
	out[REGISTER_INVITE_LEN] = (uint8_t)invite_len;
	memcpy(out + REGISTER_INVITE, b->invite, invite_len);
	*len = REGISTER_INVITE + invite_len;
}

int
body_unpack_register(struct body_register *b, const uint8_t *in, size_t len)
{
	size_t invite_len;

	if (len < BODY_REGISTER_MIN)
		return malformed("registration: too short");
	invite_len = in[REGISTER_INVITE_LEN];
	if (invite_len > INVITE_LEN || len != REGISTER_INVITE + invite_len)
		return malformed("registration: wrong length");
	if (!is_name_field(in) || !is_visible(in + REGISTER_INVITE, invite_len))
		return malformed("registration: name or invite");
	memcpy(b->name, in, NAME_SIZE);
	bundle_unpack(&b->bundle, in + REGISTER_BUNDLE);
	b->issued_at = le_get64(in + REGISTER_ISSUED);
	get_string(b->invite, in + REGISTER_INVITE, invite_len);
	return 0;
}

enum {
	LIST_LIMIT = ID_LEN,
	LIST_NAME_LEN = LIST_LIMIT + 2,
	LIST_NAME = LIST_NAME_LEN + 1,
};
_Static_assert(LIST_NAME + NAME_MAX_LEN == BODY_LIST_MAX, "list");

void
body_pack_list(uint8_t out[static BODY_LIST_MAX], size_t *len,
    const struct body_list *b)
{
	size_t name_len = strnlen(b->name, NAME_MAX_LEN);

	memcpy(out, b->after, ID_LEN);
	le_put16(out + LIST_LIMIT, b->limit);
	out[LIST_NAME_LEN] = (uint8_t)name_len;
	memcpy(out + LIST_NAME, b->name, name_len);
	*len = is_zero(out, LIST_NAME) ? 0 : LIST_NAME + name_len;
}

int
body_unpack_list(struct body_list *b, const uint8_t *in, size_t len)
{
	static const uint8_t all[LIST_NAME];
	size_t name_len, limit;

	if (len == 0) {
		in = all;
		len = sizeof(all);
	}
	if (len < LIST_NAME)
		return malformed("list request: too short");
	name_len = in[LIST_NAME_LEN];
	if (name_len > NAME_MAX_LEN || len != LIST_NAME + name_len)
		return malformed("list request: wrong length");
	if (!is_visible(in + LIST_NAME, name_len))
		return malformed("list request: name");
	limit = le_get16(in + LIST_LIMIT);
	if (limit == 0 || limit > LIST_PAGE_MAX)
		limit = LIST_PAGE_MAX;
	memcpy(b->after, in, ID_LEN);
	b->limit = (uint16_t)limit;
	get_string(b->name, in + LIST_NAME, name_len);
	return 0;
}

void
body_pack_client(uint8_t out[static BODY_CLIENT_LEN],
    const struct body_client *b)
{
	memcpy(out, b->id, ID_LEN);
	put_name(out + ID_LEN, b->name);
}

int
body_unpack_client(struct body_client *b,
    const uint8_t in[static BODY_CLIENT_LEN])
{
	if (!is_name_field(in + ID_LEN))
		return malformed("list of clients: name");
	memcpy(b->id, in, ID_LEN);
	memcpy(b->name, in + ID_LEN, NAME_SIZE);
	return 0;
}

enum {
	KEY_BUNDLE = ID_LEN,
	KEY_ISSUED = KEY_BUNDLE + BUNDLE_LEN,
	KEY_NAME = KEY_ISSUED + 8,
};
_Static_assert(KEY_NAME + NAME_SIZE == BODY_KEY_LEN, "public key");

void
body_pack_key(uint8_t out[static BODY_KEY_LEN], const struct body_key *b)
{
	memcpy(out, b->id, ID_LEN);
	bundle_pack(out + KEY_BUNDLE, &b->bundle);
	le_put64(out + KEY_ISSUED, b->issued_at);
	put_name(out + KEY_NAME, b->name);
}

int
body_unpack_key(struct body_key *b, const uint8_t *in, size_t len)
{
	if (len != BODY_KEY_LEN)
		return malformed("public key: wrong length");
	if (!is_name_field(in + KEY_NAME))
		return malformed("public key: name");
	memcpy(b->id, in, ID_LEN);
	bundle_unpack(&b->bundle, in + KEY_BUNDLE);
	b->issued_at = le_get64(in + KEY_ISSUED);
	memcpy(b->name, in + KEY_NAME, NAME_SIZE);
	return 0;
}

/* What a mailbox can hold. */
static bool
is_message(uint8_t type, uint32_t content_len)
{
	return type >= MESSAGE_REQUEST && type <= MESSAGE_CHUNK &&
	    content_len > 0;
}

enum {
	SEND_TYPE = ID_LEN,
	SEND_CONTENT_LEN = SEND_TYPE + 1,
	SEND_CONTENT = SEND_CONTENT_LEN + 4,
};
_Static_assert(SEND_CONTENT == SEND_HEAD_LEN, "send");

void
body_pack_send(uint8_t out[static SEND_HEAD_LEN], const struct body_send *b)
{
	memcpy(out, b->to, ID_LEN);
	out[SEND_TYPE] = b->type;
	le_put32(out + SEND_CONTENT_LEN, b->content_len);
}

int
body_unpack_send(struct body_send *b, const uint8_t *in, size_t len)
{
	uint32_t content_len;

	if (len < SEND_CONTENT)
		return malformed("message to send: too short");
	content_len = le_get32(in + SEND_CONTENT_LEN);
	if (content_len != len - SEND_CONTENT)
		return malformed("message to send: wrong length");
	if (!is_message(in[SEND_TYPE], content_len))
		return malformed("message to send: type, or empty");
	memcpy(b->to, in, ID_LEN);
	b->type = in[SEND_TYPE];
	b->content = in + SEND_CONTENT;
	b->content_len = content_len;
	return 0;
}

#define PULL_NO_CHUNKS 0x01

enum {
	PULL_MAX_BYTES = 4,
	PULL_WAIT = PULL_MAX_BYTES + 4,
	PULL_FLAGS = PULL_WAIT + 4,
	PULL_RESERVED = PULL_FLAGS + 1,
};

void
body_pack_pull(uint8_t out[static BODY_PULL_LEN], const struct body_pull *b)
{
	memset(out, 0, BODY_PULL_LEN);
	le_put32(out, b->after);
	le_put32(out + PULL_MAX_BYTES, b->max_bytes);
	le_put32(out + PULL_WAIT, b->wait_ms);
	out[PULL_FLAGS] = b->no_chunks ? PULL_NO_CHUNKS : 0;
}

int
body_unpack_pull(struct body_pull *b, const uint8_t *in, size_t len)
{
	static const uint8_t all[BODY_PULL_LEN];
	uint32_t wait_ms;

	if (len == 0) {
		in = all;
		len = sizeof(all);
	}
	if (len != BODY_PULL_LEN)
		return malformed("pull request: wrong length");
	if ((in[PULL_FLAGS] & ~PULL_NO_CHUNKS) != 0 ||
	    !is_zero(in + PULL_RESERVED, BODY_PULL_LEN - PULL_RESERVED))
		return malformed("pull request: flags");
	wait_ms = le_get32(in + PULL_WAIT);
	b->after = le_get32(in);
	b->max_bytes = le_get32(in + PULL_MAX_BYTES);
	b->wait_ms = wait_ms < PULL_WAIT_MAX ? wait_ms : PULL_WAIT_MAX;
	b->no_chunks = in[PULL_FLAGS] != 0;
	return 0;
}

enum {
	ITEM_ID = ID_LEN,
	ITEM_TYPE = ITEM_ID + 4,
	ITEM_CONTENT_LEN = ITEM_TYPE + 1,
	ITEM_CONTENT = ITEM_CONTENT_LEN + 4,
};
_Static_assert(ITEM_CONTENT == PULL_ITEM_LEN, "message");

void
body_pack_message(uint8_t out[static PULL_ITEM_LEN],
    const struct body_message *b)
{
	memcpy(out, b->from, ID_LEN);
	le_put32(out + ITEM_ID, b->id);
	out[ITEM_TYPE] = b->type;
	le_put32(out + ITEM_CONTENT_LEN, b->content_len);
}

int
body_unpack_message(struct body_message *b, const uint8_t **in, size_t *len)
{
	const uint8_t *p = *in;
	uint32_t content_len;

	if (*len < ITEM_CONTENT)
		return malformed("message: too short");
	content_len = le_get32(p + ITEM_CONTENT_LEN);
	if (content_len > *len - ITEM_CONTENT)
		return malformed("message: longer than the reply");
	if (!is_message(p[ITEM_TYPE], content_len))
		return malformed("message: type, or empty");
	memcpy(b->from, p, ID_LEN);
	b->id = le_get32(p + ITEM_ID);
	b->type = p[ITEM_TYPE];
	b->content = p + ITEM_CONTENT;
	b->content_len = content_len;
	*in += ITEM_CONTENT + content_len;
	*len -= ITEM_CONTENT + content_len;
	return 0;
}

void
body_pack_range(uint8_t out[static BODY_RANGE_LEN], const struct body_range *b)
{
	le_put32(out, b->first);
	le_put32(out + 4, b->last);
}

int
body_check_ranges(size_t *n, const uint8_t *in, size_t len)
{
	struct body_range range;

	if (len % BODY_RANGE_LEN != 0 || len / BODY_RANGE_LEN > ACK_RANGES_MAX)
		return malformed("acknowledgement: wrong length");
	for (size_t i = 0; i < len; i += BODY_RANGE_LEN) {
		body_unpack_range(&range, in + i);
		if (range.first > range.last)
			return malformed("acknowledgement: backward range");
	}
	*n = len / BODY_RANGE_LEN;
	return 0;
}

void
body_unpack_range(struct body_range *b, const uint8_t in[static BODY_RANGE_LEN])
{
	b->first = le_get32(in);
	b->last = le_get32(in + 4);
}

void
body_pack_block(uint8_t out[static BODY_BLOCK_LEN], const struct body_block *b)
{
	out[0] = b->block ? 1 : 0;
	memcpy(out + 1, b->id, ID_LEN);
}

int
body_check_blocks(size_t *n, const uint8_t *in, size_t len)
{
	if (len % BODY_BLOCK_LEN != 0 || len / BODY_BLOCK_LEN > BLOCK_OPS_MAX)
		return malformed("block request: wrong length");
	for (size_t i = 0; i < len; i += BODY_BLOCK_LEN) {
		if (in[i] > 1)
			return malformed("block request: operation");
	}
	*n = len / BODY_BLOCK_LEN;
	return 0;
}

void
body_unpack_block(struct body_block *b, const uint8_t in[static BODY_BLOCK_LEN])
{
	b->block = in[0] != 0;
	memcpy(b->id, in + 1, ID_LEN);
}

enum { ERROR_RETRY = 2, ERROR_TEXT = ERROR_RETRY + 4 };
_Static_assert(ERROR_TEXT + ERROR_TEXT_MAX == BODY_ERROR_MAX, "error");

void
body_pack_error(uint8_t out[static BODY_ERROR_MAX], size_t *len,
    const struct body_error *b)
{
	size_t text_len = strnlen(b->text, ERROR_TEXT_MAX);

	le_put16(out, b->reason);
	le_put32(out + ERROR_RETRY, b->retry_after_ms);
	memcpy(out + ERROR_TEXT, b->text, text_len);
	*len = ERROR_TEXT + text_len;
}

/* Never more than ERROR_TEXT_MAX bytes of in, nor half a character. */
static void
get_text(char out[static ERROR_TEXT_MAX + 1], const uint8_t *in, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint32_t code = 0;
		size_t n = text_utf8(&code, in + at, len - at);

		if (at + (n ? n : 1) > ERROR_TEXT_MAX)
			break;
		if (n == 0 || text_is_control(code)) {
			*out++ = '?';
		} else {
			memcpy(out, in + at, n);
			out += n;
		}
		at += n ? n : 1;
	}
	*out = '\0';
}

int
body_unpack_error(struct body_error *b, const uint8_t *in, size_t len)
{
	if (len < ERROR_TEXT)
		return malformed("error reply: too short");
	b->reason = le_get16(in);
	b->retry_after_ms = le_get32(in + ERROR_RETRY);
	get_text(b->text, in + ERROR_TEXT, len - ERROR_TEXT);
	return 0;
}
