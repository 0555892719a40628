/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/err.h"
#include "server/quota.h"
#include "server/store_ops.h"
#include "wire/codes.h"

struct message {
	TAILQ_ENTRY(message) link;
	uint64_t stored_at;
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
	unsigned blocks_n;
};

/* Clients stand in the order of their ids. */
struct mem {
	struct store store;
	uint32_t first_id;
	struct store_limits limits;
	uint64_t bytes; /* of messages and clients */
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

static bool
has_room(const struct mem *s)
{
	return s->bytes < s->limits.store_bytes;
}

static struct client *
add_client(struct mem *s, const uint8_t *id)
{
	struct client *c = calloc(1, sizeof(*c));
	struct client *at, *before = NULL;

	if (!c)
		return NULL;
	s->bytes += sizeof(*c);
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
	if (!has_room(s))
		return REASON_BUSY;
	if (!c)
		c = add_client(s, key->id);
	if (!c)
		return err_set(ERR_NOMEM, "client");
	c->key = *key;
	st->open.clients += !c->registered;
	c->registered = true;
	return invite ? use(s, invite) : 0;
}

static void
drop(struct mem *s, struct client *c, struct message *m)
{
	TAILQ_REMOVE(&c->messages, m, link);
	figures_out(&s->store.open, m->body.type, m->body.content_len,
	    s->store.sweeping);
	s->bytes -= sizeof(*m) + m->body.content_len;
	free(m);
}

static void
empty(struct mem *s, struct client *c)
{
	struct message *m, *next_m;
	struct block *b, *next_b;

	for (m = TAILQ_FIRST(&c->messages); m; m = next_m) {
		next_m = TAILQ_NEXT(m, link);
		drop(s, c, m);
	}
	for (b = LIST_FIRST(&c->blocks); b; b = next_b) {
		next_b = LIST_NEXT(b, link);
		free(b);
	}
	LIST_INIT(&c->blocks);
	c->blocks_n = 0;
}

static int
unregister(struct store *st, const uint8_t *id)
{
	struct mem *s = of(st);
	struct client *c = client(s, id);

	if (!c)
		return REASON_UNKNOWN_CLIENT;
	empty(s, c);
	c->registered = false;
	st->open.clients--;
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
	if (op->block && c->blocks_n >= STORE_BLOCKS_MAX)
		return REASON_DENIED;
	if (op->block && !has_room(of(st)))
		return REASON_BUSY;
	b = find_block(c, op->id);
	if (b && !op->block) {
		LIST_REMOVE(b, link);
		c->blocks_n--;
		free(b);
	}
	if (b || !op->block)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(ERR_NOMEM, "block");
	memcpy(b->id, op->id, ID_LEN);
	LIST_INSERT_HEAD(&c->blocks, b, link);
	c->blocks_n++;
	return 0;
}

/* What c holds of one kind, and the part of it that is from one sender. */
struct load {
	struct quota all, share;
	uint64_t requests; /* of that sender */
};

static void
add(struct quota *q, const struct message *m)
{
	q->n++;
	q->bytes += m->body.content_len;
}

static void
weigh(struct load *l, const struct client *c, enum quota_kind kind,
    const uint8_t *from)
{
	const struct message *m;

	TAILQ_FOREACH(m, &c->messages, link) {
		if (quota_kind(m->body.type) != kind)
			continue;
		add(&l->all, m);
		if (memcmp(m->body.from, from, ID_LEN) != 0)
			continue;
		add(&l->share, m);
		l->requests += m->body.type == MESSAGE_REQUEST;
	}
}

/* Whether c takes this message, and from this sender. */
static int
admit(const struct mem *s, const struct client *c, const struct body_send *msg,
    const uint8_t *from)
{
	enum quota_kind kind = quota_kind(msg->type);
	uint32_t len = msg->content_len;
	struct load l = { .requests = 0 };

	if (c->next_message == UINT32_MAX)
		return REASON_MAILBOX_FULL;
	if (find_block(c, from))
		return REASON_DENIED;
	if (!has_room(s))
		return REASON_BUSY;
	weigh(&l, c, kind, from);
	if (!quota_fits(&s->limits, kind, l.all, len, 1) ||
	    !quota_fits(&s->limits, kind, l.share, len, 2) ||
	    (msg->type == MESSAGE_REQUEST && l.requests >= s->limits.requests))
		return REASON_MAILBOX_FULL;
	return 0;
}

static int
put(struct store *st, const struct body_send *msg, const uint8_t *from,
    uint64_t now)
{
	struct mem *s = of(st);
	struct client *c = client(s, msg->to);
	struct message *m;
	int r;

	if (!client(s, from))
		return REASON_NOT_REGISTERED;
	if (!c)
		return REASON_UNKNOWN_CLIENT;
	r = admit(s, c, msg, from);
	if (r != 0)
		return r;
	m = calloc(1, sizeof(*m) + msg->content_len);
	if (!m)
		return err_set(ERR_NOMEM, "message");
	s->bytes += sizeof(*m) + msg->content_len;
	m->stored_at = now;
	memcpy(m->content, msg->content, msg->content_len);
	memcpy(m->body.from, from, ID_LEN);
	m->body.id = c->next_message++;
	m->body.type = msg->type;
	m->body.content = m->content;
	m->body.content_len = msg->content_len;
	TAILQ_INSERT_TAIL(&c->messages, m, link);
	figures_in(&st->open, msg->type, msg->content_len);
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
		drop(of(st), c, m);
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

static bool
is_overdue(const struct mem *s, const struct message *m, uint64_t now)
{
	uint64_t ttl = quota_kind(m->body.type) == QUOTA_PIECES
	    ? s->limits.chunk_ttl_ms
	    : s->limits.message_ttl_ms;

	return ttl <= now && m->stored_at < now - ttl;
}

/* All at once: nobody waits for a test. */
static int
sweep(struct store *st, uint64_t now, bool *more)
{
	struct mem *s = of(st);
	struct message *m, *next;
	struct client *c;

	LIST_FOREACH(c, &s->clients, link) {
		for (m = TAILQ_FIRST(&c->messages); m; m = next) {
			next = TAILQ_NEXT(m, link);
			if (is_overdue(s, m, now))
				drop(s, c, m);
		}
	}
	*more = false;
	return 0;
}

static int
size(struct store *st, struct figures_size *out)
{
	*out = (struct figures_size){ { [FIGURES_DATABASE] = of(st)->bytes } };
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
		empty(s, c);
		free(c);
	}
	while ((u = SLIST_FIRST(&s->used))) {
		SLIST_REMOVE_HEAD(&s->used, link);
		free(u);
	}
	free(s);
}

static void
limit(struct store *st, const struct store_limits *limits)
{
	struct mem *s = of(st);

	s->limits = *limits;
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
	.limit = limit,
	.size = size,
	.close = finish,
};

int
store_mem_open(struct store **out, uint32_t first_id,
    const struct store_limits *limits)
{
	struct mem *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(ERR_NOMEM, "store");
	s->store.ops = &ops;
	s->first_id = first_id;
	s->limits = limits ? *limits : store_limits_none;
	*out = (struct store *)(void *)s;
	return 0;
}
