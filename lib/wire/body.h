/* SPDX-License-Identifier: ISC */
/*
 * The payload of every request and reply code (protocol: Frames).
 *
 * Unpacking takes the whole payload, checks every size and reserved byte and
 * answers ERR_PROTOCOL when anything is off; nothing is written then.  What
 * points into the payload (content, text) is borrowed from it.  Packing
 * writes into the caller's memory and cannot fail; sizes are constants or
 * given by the _size functions.  Nothing here allocates.
 */
#ifndef WIRE_BODY_H
#define WIRE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/bundle.h"
#include "wire/codes.h"
#include "wire/limits.h"

/* 1100: name 255 | bundle 160 | issued_at 8 | invite_len 1 | invite. */
struct body_register {
	char name[NAME_SIZE]; /* 1..254 bytes of 0x21..0x7e, terminated */
	struct bundle bundle;
	uint64_t issued_at;
	char invite[INVITE_LEN + 1]; /* "" = none */
};
#define BODY_REGISTER_MIN 424
#define BODY_REGISTER_MAX (BODY_REGISTER_MIN + INVITE_LEN)
void body_pack_register(uint8_t out[static BODY_REGISTER_MAX], size_t *len,
    const struct body_register *b);
int body_unpack_register(struct body_register *b, const uint8_t *in,
    size_t len) MUST_USE;

/* 1101: nothing, or after 16 | limit 2 | name_len 1 | name. */
struct body_list {
	uint8_t after[ID_LEN]; /* zeros = from the start */
	uint16_t limit;        /* 1..256 after unpacking */
	char name[NAME_SIZE];  /* "" = any */
};
#define BODY_LIST_MAX (19 + NAME_MAX_LEN)
void body_pack_list(uint8_t out[static BODY_LIST_MAX], size_t *len,
    const struct body_list *b);
int body_unpack_list(struct body_list *b, const uint8_t *in,
    size_t len) MUST_USE;

/* 2101: n entries of id 16 | name 255. */
struct body_client {
	uint8_t id[ID_LEN];
	char name[NAME_SIZE];
};
#define BODY_CLIENT_LEN (ID_LEN + NAME_SIZE)
void body_pack_client(uint8_t out[static BODY_CLIENT_LEN],
    const struct body_client *b);
/* A name with bytes outside 0x21..0x7e is refused. */
int body_unpack_client(struct body_client *b,
    const uint8_t in[static BODY_CLIENT_LEN]) MUST_USE;

/* 2102: id 16 | bundle 160 | issued_at 8 | name 255. */
struct body_key {
	uint8_t id[ID_LEN];
	struct bundle bundle;
	uint64_t issued_at;
	char name[NAME_SIZE];
};
#define BODY_KEY_LEN (ID_LEN + BUNDLE_LEN + 8 + NAME_SIZE)
void body_pack_key(uint8_t out[static BODY_KEY_LEN], const struct body_key *b);
int body_unpack_key(struct body_key *b, const uint8_t *in, size_t len) MUST_USE;

/* 1103: to 16 | type 1 | content size 4 | content. */
struct body_send {
	uint8_t to[ID_LEN];
	uint8_t type;
	const uint8_t *content;
	uint32_t content_len;
};
/* The first SEND_HEAD_LEN bytes; the content follows. */
void body_pack_send(uint8_t out[static SEND_HEAD_LEN],
    const struct body_send *b);
int body_unpack_send(struct body_send *b, const uint8_t *in,
    size_t len) MUST_USE;

/* 2103: to 16 | message id 4 (0). */
#define BODY_SENT_LEN (ID_LEN + 4)

/* 1104: nothing, or after 4 | max_bytes 4 | wait_ms 4 | flags 1 | 0 0 0. */
struct body_pull {
	uint32_t after;
	uint32_t max_bytes; /* 0 = as much as a reply may hold */
	uint32_t wait_ms;   /* cut to PULL_WAIT_MAX by unpacking */
	bool no_chunks;     /* flags bit 0 */
};
#define BODY_PULL_LEN 16
void body_pack_pull(uint8_t out[static BODY_PULL_LEN],
    const struct body_pull *b);
int body_unpack_pull(struct body_pull *b, const uint8_t *in,
    size_t len) MUST_USE;

/* 2104: n items of from 16 | message id 4 | type 1 | content size 4 | content.
 */
struct body_message {
	uint8_t from[ID_LEN];
	uint32_t id;
	uint8_t type;
	const uint8_t *content;
	uint32_t content_len;
};
void body_pack_message(uint8_t out[static PULL_ITEM_LEN],
    const struct body_message *b);
/* The next item of a reply: advances *in and *len past it. */
int body_unpack_message(struct body_message *b, const uint8_t **in,
    size_t *len) MUST_USE;

/* 1105: n ranges of first 4 | last 4, inclusive. */
struct body_range {
	uint32_t first;
	uint32_t last;
};
#define BODY_RANGE_LEN 8
void body_pack_range(uint8_t out[static BODY_RANGE_LEN],
    const struct body_range *b);
/* Checks the whole payload; n ranges can then be read one by one. */
int body_check_ranges(size_t *n, const uint8_t *in, size_t len) MUST_USE;
void body_unpack_range(struct body_range *b,
    const uint8_t in[static BODY_RANGE_LEN]);

/* 1107: n operations of op 1 (1 block, 0 unblock) | id 16. */
struct body_block {
	bool block;
	uint8_t id[ID_LEN];
};
#define BODY_BLOCK_LEN (1 + ID_LEN)
void body_pack_block(uint8_t out[static BODY_BLOCK_LEN],
    const struct body_block *b);
int body_check_blocks(size_t *n, const uint8_t *in, size_t len) MUST_USE;
void body_unpack_block(struct body_block *b,
    const uint8_t in[static BODY_BLOCK_LEN]);

/* 9000: reason 2 | retry_after_ms 4 | text, at most 200 bytes of UTF-8. */
struct body_error {
	uint16_t reason;
	uint32_t retry_after_ms;
	char text[ERROR_TEXT_MAX + 1];
};
#define BODY_ERROR_MAX (6 + ERROR_TEXT_MAX)
void body_pack_error(uint8_t out[static BODY_ERROR_MAX], size_t *len,
    const struct body_error *b);
/*
 * The text is made fit for people: cut at a character boundary, characters
 * of text_is_control and bytes that are not UTF-8 replaced by '?'.
 */
int body_unpack_error(struct body_error *b, const uint8_t *in,
    size_t len) MUST_USE;

#endif
