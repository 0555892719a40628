/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/err.h"
#include "server/store.h"
#include "wire/codes.h"

struct message {
	TAILQ_ENTRY(message) link;
	struct body_message body;
	uint8_t content[];
};

struct block {
	LIST_ENTRY(block) link;
	uint8_t id[ID_LEN];
};

struct used {
	SLIST_ENTRY(used) link;
	struct invite invite;
};

SLIST_HEAD(used_list, used);
TAILQ_HEAD(message_list, message);
LIST_HEAD(block_list, block);
LIST_HEAD(client_list, client);

struct client {
	LIST_ENTRY(client) link;
	struct body_key key;
	bool registered;
	uint32_t next_message;
	struct message_list messages;
	struct block_list blocks;
};

/* Clients stand in the order of their ids. */
struct mem {
	struct store store;
	uint32_t first_id;
	struct client_list clients;
	struct used_list used;
};

static struct mem *
of(struct store *st)
{
	return (struct mem *)(void *)st;
}

/* Registered or not. */
static struct client *
any_client(struct mem *s, const uint8_t *id)
{
	struct client *c;

	LIST_FOREACH(c, &s->clients, link) {
		if (memcmp(c->key.id, id, ID_LEN) == 0)
			return c;
	}
	return NULL;
}

static struct client *
client(struct mem *s, const uint8_t *id)
{
	struct client *c = any_client(s, id);

	return c && c->registered ? c : NULL;
}

static int
find(struct store *st, struct body_key *out, const uint8_t *id)
{
	const struct client *c = client(of(st), id);

	if (!c)
		return REASON_UNKNOWN_CLIENT;
	*out = c->key;
	return 0;
}

static int
list(struct store *st, const struct body_list *q, store_client_fn fn, void *arg)
{
	const struct client *c;

	LIST_FOREACH(c, &of(st)->clients, link) {
		struct body_client row;

		if (!c->registered || memcmp(c->key.id, q->after, ID_LEN) <= 0)
			continue;
		if (q->name[0] && strcmp(q->name, c->key.name) != 0)
			continue;
		memcpy(row.id, c->key.id, ID_LEN);
		memcpy(row.name, c->key.name, NAME_SIZE);
		if (!fn(arg, &row))
			break;
	}
	return 0;
}

static bool
is_taken(struct mem *s, const char *name, const uint8_t *id)
{
	const struct client *c;

	LIST_FOREACH(c, &s->clients, link) {
		if (c->registered && strcmp(c->key.name, name) == 0)
			return memcmp(c->key.id, id, ID_LEN) != 0;
	}
	return false;
}

static struct client *
add_client(struct mem *s, const uint8_t *id)
{
	struct client *c = calloc(1, sizeof(*c));
	struct client *at, *before = NULL;

	if (!c)
		return NULL;
	memcpy(c->key.id, id, ID_LEN);
	c->next_message = s->first_id;
	TAILQ_INIT(&c->messages);
	LIST_FOREACH(at, &s->clients, link) {
		if (memcmp(at->key.id, id, ID_LEN) > 0)
			break;
		before = at;
	}
	if (before)
		LIST_INSERT_AFTER(before, c, link);
	else
		LIST_INSERT_HEAD(&s->clients, c, link);
	return c;
}

static bool
is_used(struct mem *s, const struct invite *invite)
{
	struct used *u;

	SLIST_FOREACH(u, &s->used, link) {
		if (memcmp(u->invite.nonce, invite->nonce, INVITE_NONCE_LEN) ==
		    0)
			return true;
	}
	return false;
}

static int
use(struct mem *s, const struct invite *invite)
{
	struct used *u = calloc(1, sizeof(*u));

	if (!u)
		return err_set(ERR_NOMEM, "invite");
	u->invite = *invite;
	SLIST_INSERT_HEAD(&s->used, u, link);
	return 0;
}

static int
enrol(struct store *st, const struct body_key *key, const struct invite *invite,
    uint64_t now)
{
	struct mem *s = of(st);
	struct client *c = any_client(s, key->id);

	(void)now;
	if (c && c->registered && store_is_same(&c->key, key))
		return 0;
	if (c && c->registered && key->issued_at <= c->key.issued_at)
		return REASON_STALE;
	if (is_taken(s, key->name, key->id))
		return REASON_NAME_TAKEN;
	if (invite && is_used(s, invite))
		return REASON_INVITE;
	if (!c)
		c = add_client(s, key->id);
	if (!c)
		return err_set(ERR_NOMEM, "client");
	c->key = *key;
	c->registered = true;
	return invite ? use(s, invite) : 0;
}

static void
empty(struct client *c)
{
	struct message *m, *next_m;
	struct block *b, *next_b;

	for (m = TAILQ_FIRST(&c->messages); m; m = next_m) {
		next_m = TAILQ_NEXT(m, link);
		free(m);
	}
	for (b = LIST_FIRST(&c->blocks); b; b = next_b) {
		next_b = LIST_NEXT(b, link);
		free(b);
	}
	TAILQ_INIT(&c->messages);
	LIST_INIT(&c->blocks);
}

static int
unregister(struct store *st, const uint8_t *id)
{
	struct client *c = client(of(st), id);

	if (!c)
		return REASON_UNKNOWN_CLIENT;
	empty(c);
	c->registered = false;
	return 0;
}

static struct block *
find_block(const struct client *c, const uint8_t *id)
{
	struct block *b;

	LIST_FOREACH(b, &c->blocks, link) {
		if (memcmp(b->id, id, ID_LEN) == 0)
			return b;
	}
	return NULL;
}

static int
block(struct store *st, const uint8_t *id, const struct body_block *op)
{
	struct client *c = client(of(st), id);
	struct block *b;

	if (!c)
		return REASON_UNKNOWN_CLIENT;
	b = find_block(c, op->id);
	if (b && !op->block) {
		LIST_REMOVE(b, link);
		free(b);
	}
	if (b || !op->block)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(ERR_NOMEM, "block");
	memcpy(b->id, op->id, ID_LEN);
	LIST_INSERT_HEAD(&c->blocks, b, link);
	return 0;
}

static int
put(struct store *st, const struct body_send *msg, const uint8_t *from,
    uint64_t now)
{
	struct client *c = client(of(st), msg->to);
	struct message *m;

	(void)now;
	if (!client(of(st), from))
		return REASON_NOT_REGISTERED;
	if (!c)
		return REASON_UNKNOWN_CLIENT;
	if (c->next_message == UINT32_MAX)
		return REASON_MAILBOX_FULL;
	if (find_block(c, from))
		return REASON_DENIED;
	m = calloc(1, sizeof(*m) + msg->content_len);
	if (!m)
		return err_set(ERR_NOMEM, "message");
	memcpy(m->content, msg->content, msg->content_len);
	memcpy(m->body.from, from, ID_LEN);
	m->body.id = c->next_message++;
	m->body.type = msg->type;
	m->body.content = m->content;
	m->body.content_len = msg->content_len;
	TAILQ_INSERT_TAIL(&c->messages, m, link);
	return 0;
}

static int
pull(struct store *st, const uint8_t *id, const struct body_pull *q,
    store_message_fn fn, void *arg)
{
	const struct client *c = client(of(st), id);
	const struct message *m;
	uint64_t used = 0;

	if (!c)
		return REASON_UNKNOWN_CLIENT;
	TAILQ_FOREACH(m, &c->messages, link) {
		if (m->body.id <= q->after ||
		    (q->no_chunks && m->body.type == MESSAGE_CHUNK))
			continue;
		if (!store_has_room(q, &used, m->body.content_len) ||
		    !fn(arg, &m->body))
			break;
	}
	return 0;
}

static int
ack(struct store *st, const uint8_t *id, const struct body_range *range,
    uint32_t *n)
{
	struct client *c = client(of(st), id);
	struct message *m, *next;

	if (!c)
		return REASON_UNKNOWN_CLIENT;
	for (m = TAILQ_FIRST(&c->messages); m; m = next) {
		next = TAILQ_NEXT(m, link);
		if (m->body.id < range->first || m->body.id > range->last)
			continue;
		TAILQ_REMOVE(&c->messages, m, link);
		free(m);
		++*n;
	}
	return 0;
}

static int
seen(struct store *st, const uint8_t *id, uint64_t now)
{
	(void)now;
	return client(of(st), id) ? 0 : REASON_UNKNOWN_CLIENT;
}

/* What is done is done; there is nothing to make durable or to undo. */
static int
nothing(struct store *st)
{
	(void)st;
	return 0;
}

/* Nothing is kept for long here. */
static int
sweep(struct store *st, uint64_t now, bool *more)
{
	(void)st;
	(void)now;
	*more = false;
	return 0;
}

static void
finish(struct store *st)
{
	struct mem *s = of(st);
	struct client *c;
	struct used *u;

	while ((c = LIST_FIRST(&s->clients))) {
		LIST_REMOVE(c, link);
		empty(c);
		free(c);
	}
	while ((u = SLIST_FIRST(&s->used))) {
		SLIST_REMOVE_HEAD(&s->used, link);
		free(u);
	}
	free(s);
}

static const struct store_ops ops = {
	.find = find,
	.list = list,
	.enrol = enrol,
	.unregister = unregister,
	.block = block,
	.put = put,
	.pull = pull,
	.ack = ack,
	.seen = seen,
	.commit = nothing,
	.rest = nothing,
	.sweep = sweep,
	.close = finish,
};

int
store_mem_open(struct store **out, uint32_t first_id)
{
	struct mem *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(ERR_NOMEM, "store");
	s->store.ops = &ops;
	s->first_id = first_id;
	*out = &s->store;
	return 0;
}
