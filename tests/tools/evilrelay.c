/* SPDX-License-Identifier: ISC */
/*
 * The relay, lying.  It is sentinel-relay itself, but for two functions that
 * the linker puts in between: what is sent is noted on a tape, and what is
 * answered is bent as a file says that is read anew for each reply.
 *
 * $EVIL_TAPE gets a line for each message taken: from, to, type, content, all
 * in hex but the type.  $EVIL_LIES holds a lie a line:
 *
 *	WHO CODE VERB ARGUMENT...
 *
 * for replies of that code to that client (its id in hex, or *); verbs[] says
 * what they are.  Lies about messages name them by their number in a 2104.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "server/turn.h"

#define WORDS_MAX    7 /* of a line */
#define LINE_MAX_LEN (1 << 20)

struct reply {
	const struct session *to;
	struct buf *bytes;
};

/* --- lies about bytes --- */

static size_t
unhex(uint8_t *out, const char *hex)
{
	size_t n = strlen(hex) / 2;

	assert(text_unhex(out, n, hex) == 0);
	return n;
}

/* Bytes in place, where the reply is long enough. */
static void
set(struct reply *r, char **args)
{
	uint8_t *bytes = (uint8_t *)(uintptr_t)buf_peek(r->bytes);
	size_t offset = strtoul(args[0], NULL, 10);

	if (offset + strlen(args[1]) / 2 <= buf_len(r->bytes))
		unhex(bytes + offset, args[1]);
}

static void
flip(struct reply *r, char **args)
{
	uint8_t *bytes = (uint8_t *)(uintptr_t)buf_peek(r->bytes);
	size_t offset = strtoul(args[0], NULL, 10);

	if (offset < buf_len(r->bytes))
		bytes[offset] ^= 1;
}

static void
add(struct reply *r, char **args)
{
	static uint8_t more[LINE_MAX_LEN / 2];

	assert(buf_put(r->bytes, more, unhex(more, args[0])) == 0);
}

/* --- lies about messages --- */

static void
put_message(struct buf *to, const struct body_message *m)
{
	uint8_t head[PULL_ITEM_LEN];

	body_pack_message(head, m);
	assert(buf_put(to, head, sizeof(head)) == 0);
	assert(buf_put(to, m->content, m->content_len) == 0);
}

/* Whether the message stays, as bend leaves it. */
static void
walk(struct reply *r, char **args,
    bool (*bend)(struct body_message *m, char **args))
{
	const uint32_t id = (uint32_t)strtoul(args[0], NULL, 10);
	const uint8_t *in = buf_peek(r->bytes);
	struct buf *out = buf_new(FRAME_MAX);
	size_t left = buf_len(r->bytes);
	struct body_message m;

	assert(out);
	while (left > 0) {
		assert(body_unpack_message(&m, &in, &left) == 0);
		if (m.id != id || bend(&m, args + 1))
			put_message(out, &m);
	}
	buf_free(r->bytes);
	r->bytes = out;
}

static bool
bend_from(struct body_message *m, char **args)
{
	unhex(m->from, args[0]);
	return true;
}

static bool
bend_type(struct body_message *m, char **args)
{
	m->type = (uint8_t)strtoul(args[0], NULL, 10);
	return true;
}

static bool
bend_number(struct body_message *m, char **args)
{
	m->id = (uint32_t)strtoul(args[0], NULL, 10);
	return true;
}

static bool
bend_content(struct body_message *m, char **args)
{
	static uint8_t content[LINE_MAX_LEN / 2];

	m->content_len = (uint32_t)unhex(content, args[0]);
	m->content = content;
	return true;
}

static bool
bend_away(struct body_message *m, char **args)
{
	(void)m;
	(void)args;
	return false;
}

static void
from(struct reply *r, char **args)
{
	walk(r, args, bend_from);
}

static void
type(struct reply *r, char **args)
{
	walk(r, args, bend_type);
}

static void
number(struct reply *r, char **args)
{
	walk(r, args, bend_number);
}

static void
content(struct reply *r, char **args)
{
	walk(r, args, bend_content);
}

static void
withhold(struct reply *r, char **args)
{
	walk(r, args, bend_away);
}

static uint32_t
last_id(const struct reply *r)
{
	const uint8_t *in = buf_peek(r->bytes);
	size_t left = buf_len(r->bytes);
	struct body_message m = { .id = r->to->pull.after };

	while (left > 0)
		assert(body_unpack_message(&m, &in, &left) == 0);
	return m.id;
}

/* At the end of the first page that a command asks for. */
static void
inject(struct reply *r, char **args)
{
	static uint8_t bytes[LINE_MAX_LEN / 2];
	struct body_message m = { .content = bytes };
	unsigned long times = strtoul(args[3], NULL, 10);

	if (r->to->pull.after != 0)
		return;
	unhex(m.from, args[0]);
	m.type = (uint8_t)strtoul(args[1], NULL, 10);
	m.content_len = (uint32_t)unhex(bytes, args[2]);
	m.id = last_id(r);
	while (times-- > 0) {
		m.id++;
		put_message(r->bytes, &m);
	}
}

static const struct verb {
	const char *name;
	int args;
	void (*tell)(struct reply *r, char **args);
} verbs[] = {
	{ "set", 2, set },           /* OFFSET HEX: bytes in place */
	{ "flip", 1, flip },         /* OFFSET: the lowest bit there */
	{ "add", 1, add },           /* HEX, at the end */
	{ "from", 2, from },         /* N ID: another sender */
	{ "type", 2, type },         /* N TYPE */
	{ "number", 2, number },     /* N M: another number */
	{ "content", 2, content },   /* N HEX: another content */
	{ "withhold", 1, withhold }, /* N */
	{ "inject", 4, inject },     /* FROM TYPE HEX TIMES: one more */
};

/* --- the file of lies --- */

static void
obey(struct reply *r, char **args, int n)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, args[0]) != 0)
			continue;
		assert(n == verbs[i].args + 1);
		verbs[i].tell(r, args + 1);
		return;
	}
	assert(!"a verb that is none");
}

static bool
is_meant(const struct reply *r, unsigned code, char **args)
{
	char id[TEXT_HEX_SIZE(ID_LEN)];

	text_hex(id, r->to->id, ID_LEN);
	return (strcmp(args[0], "*") == 0 || strcmp(args[0], id) == 0) &&
	    strtoul(args[1], NULL, 10) == code;
}

static void
bend_reply(struct reply *r, unsigned code)
{
	const char *path = getenv("EVIL_LIES");
	FILE *lies = path ? fopen(path, "r") : NULL;
	static char line[LINE_MAX_LEN];

	while (lies && fgets(line, sizeof(line), lies)) {
		char *args[WORDS_MAX], *rest = NULL;
		int n = 0;

		for (char *w = strtok_r(line, " \n", &rest); w && n < WORDS_MAX;
		     w = strtok_r(NULL, " \n", &rest))
			args[n++] = w;
		if (n > 2 && is_meant(r, code, args))
			obey(r, args + 2, n - 2);
	}
	if (lies)
		fclose(lies);
}

/* --- in between --- */

void __real_turn_reply(struct serve *sv, struct session *ss, enum code code,
    const void *payload, size_t len);
void __wrap_turn_reply(struct serve *sv, struct session *ss, enum code code,
    const void *payload, size_t len);
int __real_store_put(struct store *st, const struct body_send *m,
    const uint8_t from[static ID_LEN], uint64_t now);
int __wrap_store_put(struct store *st, const struct body_send *m,
    const uint8_t from[static ID_LEN], uint64_t now);

void
__wrap_turn_reply(struct serve *sv, struct session *ss, enum code code,
    const void *payload, size_t len)
{
	struct reply r = { .to = ss, .bytes = buf_new(FRAME_MAX) };

	assert(r.bytes);
	assert(len == 0 || buf_put(r.bytes, payload, len) == 0);
	bend_reply(&r, (unsigned)(code + CODE_REPLY));
	__real_turn_reply(sv, ss, code, buf_peek(r.bytes), buf_len(r.bytes));
	buf_free(r.bytes);
}

static void
put_hex(FILE *to, const uint8_t *bytes, size_t len, const char *then)
{
	for (size_t i = 0; i < len; i++)
		fprintf(to, "%02x", bytes[i]);
	fputs(then, to);
}

int
__wrap_store_put(struct store *st, const struct body_send *m,
    const uint8_t from[static ID_LEN], uint64_t now)
{
	const char *path = getenv("EVIL_TAPE");
	FILE *tape = path ? fopen(path, "a") : NULL;

	if (tape) {
		put_hex(tape, from, ID_LEN, " ");
		put_hex(tape, m->to, ID_LEN, " ");
		fprintf(tape, "%u ", m->type);
		put_hex(tape, m->content, m->content_len, "\n");
		fclose(tape);
	}
	return __real_store_put(st, m, from, now);
}
