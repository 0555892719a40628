/* SPDX-License-Identifier: ISC */
/*
 * Many clients of one relay in one thread: real handshakes and records over
 * sockets that do not block, and a function called for each reply.  What goes
 * wrong ends the bench.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/transport.h"
#include "stage.h"
#include "wire/codes.h"

/* Handshakes at the same time: fewer than a relay begins to drop. */
#define LOAD_SHAKES_MAX 48

struct line;

/* A reply, its payload borrowed; or NULL: the line is ready to ask. */
struct line_reply {
	uint16_t code;
	const uint8_t *payload;
	size_t len;
};
typedef void (*line_fn)(struct line *l, const struct line_reply *r);

enum line_state { LINE_CONNECTING, LINE_GREETING, LINE_OPEN };

struct line {
	const struct person *who;
	line_fn fn;
	int fd;
	enum line_state state;
	struct transport t;
	struct buf *raw;    /* of a record that has not come whole */
	struct buf *frames; /* of a reply */
	struct buf *out;    /* what the socket did not take; NULL = nothing */
	uint64_t asked_ns;  /* when the last request went */
};

/* Lines go to this relay from now on, each from an address of its own. */
void load_start(const struct addr *relay);
void load_stop(void);

void line_open(struct line *l, const struct person *who, line_fn fn);
void line_close(struct line *l); /* orderly; may be opened again */

/* One request; head and body follow each other. */
void line_ask(struct line *l, enum code code, const void *head, size_t head_len,
    const void *body, size_t body_len);

/* A message of type 3 and of RAW_CONTENT_LEN bytes. */
void line_send_text(struct line *l, const uint8_t to[static ID_LEN]);

/* Wait for something, and call who it is for. */
void load_turn(void);

/* Open n lines, line i for people[i], and close them. */
void load_open_all(struct line *lines, const struct person *people, size_t n);
void load_close_all(struct line *lines, size_t n);

#endif
