/* SPDX-License-Identifier: ISC */
/* Every size and count the protocol fixes, in one place. */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

#define ID_LEN       16 /* client id, message id, hsid, file id */
#define ID_TEXT_SIZE 37 /* 8-4-4-4-12 and a terminator */
#define KEY_LEN      32 /* X25519 and Ed25519 public keys, secrets */
#define SIG_LEN      64
#define BUNDLE_LEN   160
#define NAME_MAX_LEN 254 /* bytes of a user name */
#define NAME_SIZE    255 /* the field of a frame; a terminator in memory */
#define INVITE_LEN   54  /* printed invite */

#define FRAME_REQUEST_LEN 23
#define FRAME_REPLY_LEN   7
#define FRAME_MAX         1114112 /* header and payload */
#define FRAME_MAX_LEAST   65536   /* a relay must allow at least this */
#define FRAME_UNBOUND_MAX 1024
#define ERROR_TEXT_MAX    200

#define LIST_PAGE_MAX  256
#define PULL_WAIT_MAX  60000 /* ms */
#define ACK_RANGES_MAX 1024
#define BLOCK_OPS_MAX  256
#define PULL_ITEM_LEN  25 /* from, message id, type, content size */
#define SEND_HEAD_LEN  21 /* to, type, content size */
#define CONTENT_MAX    (FRAME_MAX - FRAME_REQUEST_LEN - SEND_HEAD_LEN)

#define TEXT_MAX         1048576
#define META_MAX         1024
#define CONTENT_TYPE_MAX 255
#define FILE_NAME_MAX    255
#define FILE_SIZE_MAX    (1ULL << 62)
#define CHUNK_MIN        4096
#define CHUNK_MAX        1048576

#define SKIP_STEP_MAX   1000 /* message keys skipped in one chain */
#define SKIP_STORED_MAX 2000 /* kept a session */
#define FORMER_CHAINS   64   /* receiving keys a session remembers */
#define CLOCK_SKEW_MS   (24ULL * 60 * 60 * 1000)

#endif
