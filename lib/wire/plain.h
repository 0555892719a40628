/* SPDX-License-Identifier: ISC */
/*
 * What a ratcheted message says once it is decrypted:
 *
 *	kind 1 | 0 0 0 | message_id 16 | sent_at 8 | seq 8 | body | 80 | zeros
 *
 * padded so that its length tells little (PADME, PoPETs 2019), and the bodies
 * of texts and of file manifests and ends.  Pure layout; the caller owns all
 * memory, what is unpacked points into the input.
 */
#ifndef WIRE_PLAIN_H
#define WIRE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

enum plain_kind {
	PLAIN_TEXT = 1,
	PLAIN_NOOP = 3,
	PLAIN_MANIFEST = 0x10,
	PLAIN_END = 0x11,
};

#define PLAIN_HEAD_LEN 36

struct plain {
	uint8_t kind;
	uint8_t message_id[ID_LEN];
	uint64_t sent_at; /* unix ms */
	uint64_t seq;
	const uint8_t *body;
	size_t body_len;
};

/* PADME: 0 and 1 are themselves. */
uint64_t plain_padme(uint64_t len);

/* Length of the packed form of a body of body_len bytes, padding included. */
size_t plain_size(size_t body_len);

/* Writes plain_size(p->body_len) bytes. */
void plain_pack(uint8_t *out, const struct plain *p);

/* ERR_PROTOCOL: reserved bytes, no end mark, or not the exact padded length. */
int plain_unpack(struct plain *p, const uint8_t *in, size_t len) MUST_USE;

/* Kind 01: meta_len 2 | meta | text; meta = n of tag 1 | len 2 | value. */
struct plain_text {
	bool has_reply_to;
	uint8_t reply_to[ID_LEN];
	char content_type[CONTENT_TYPE_MAX + 1]; /* "" = none */
	const uint8_t *text;
	size_t text_len;
};

/* May stand in content_type: 1..CONTENT_TYPE_MAX bytes of printable ASCII. */
bool plain_is_content_type(const char *s);

/* Length of the packed body of t; texts are at most TEXT_MAX. */
size_t plain_text_size(const struct plain_text *t);
void plain_pack_text(uint8_t *out, const struct plain_text *t);
/* ERR_PROTOCOL for meta over META_MAX, a tag twice, a wrong length, ... */
int plain_unpack_text(struct plain_text *t, const uint8_t *in,
    size_t len) MUST_USE;

/* Kind 10: file_id 16 | key 32 | size 8 | chunk 4 | 0 4 | mtime 8 | name. */
#define PLAIN_SIZE_UNKNOWN UINT64_MAX
struct plain_manifest {
	uint8_t file_id[ID_LEN];
	uint8_t file_key[KEY_LEN];
	uint64_t size; /* PLAIN_SIZE_UNKNOWN, else at most 2^62 */
	uint32_t chunk_size;
	uint64_t mtime; /* unix ms, 0 = unknown */
	const uint8_t *name;
	uint16_t name_len; /* 1..FILE_NAME_MAX bytes, of any value */
};
#define PLAIN_MANIFEST_MAX (74 + FILE_NAME_MAX)
void plain_pack_manifest(uint8_t out[static PLAIN_MANIFEST_MAX], size_t *len,
    const struct plain_manifest *m);
int plain_unpack_manifest(struct plain_manifest *m, const uint8_t *in,
    size_t len) MUST_USE;

/* Kind 11: file_id 16 | size 8 | chunks 8 | BLAKE2b-256 32. */
struct plain_end {
	uint8_t file_id[ID_LEN];
	uint64_t size;
	uint64_t chunks;
	uint8_t digest[32];
};
#define PLAIN_END_LEN 64
void plain_pack_end(uint8_t out[static PLAIN_END_LEN],
    const struct plain_end *e);
int plain_unpack_end(struct plain_end *e, const uint8_t *in,
    size_t len) MUST_USE;

#endif
