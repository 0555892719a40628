/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/err.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

static int
get_name(struct store_sqlite *s, enum store_sqlite_query q, int i,
    char out[static NAME_SIZE])
{
	const uint8_t *text;
	size_t len;
	int r;

	r = sql_get_blob(s->sql, q, i, &text, &len);
	if (r < 0)
		return r;
	if (len > NAME_MAX_LEN)
		return sql_damaged(s->sql);
	memset(out, 0, NAME_SIZE);
	memcpy(out, text, len);
	return 0;
}

static int
get_key(struct store_sqlite *s, struct body_key *out, const uint8_t *id)
{
	uint8_t bundle[BUNDLE_LEN];
	struct body_key k;
	int r;

	r = get_name(s, QUERY_FIND, 0, k.name);
	if (r == 0)
		r = store_sqlite_bytes(s, QUERY_FIND, 1, bundle,
		    sizeof(bundle));
	if (r < 0)
		return r;
	memcpy(k.id, id, ID_LEN);
	bundle_unpack(&k.bundle, bundle);
	k.issued_at = (uint64_t)sql_get_int(s->sql, QUERY_FIND, 2);
	*out = k;
	return 0;
}

int
store_sqlite_clients_find(struct store *st, struct body_key *out,
    const uint8_t *id)
{
	struct store_sqlite *s = store_sqlite_of(st);
	int r;

	sql_set_blob(s->sql, QUERY_FIND, 1, id, ID_LEN);
	r = sql_step(s->sql, QUERY_FIND);
	if (r <= 0)
		return r < 0 ? r : REASON_UNKNOWN_CLIENT;
	r = get_key(s, out, id);
	sql_settle(s->sql, QUERY_FIND);
	return r;
}

int
store_sqlite_clients_list(struct store *st, const struct body_list *q,
    store_client_fn fn, void *arg)
{
	struct store_sqlite *s = store_sqlite_of(st);
	enum store_sqlite_query query = QUERY_LIST;
	struct body_client c;
	int r;

	if (q->name[0]) {
		query = QUERY_LIST_NAME;
		sql_set_text(s->sql, query, 2, q->name);
	}
	sql_set_blob(s->sql, query, 1, q->after, ID_LEN);
	while ((r = sql_step(s->sql, query)) == 1) {
		r = store_sqlite_bytes(s, query, 0, c.id, ID_LEN);
		if (r == 0)
			r = get_name(s, query, 1, c.name);
		if (r < 0 || !fn(arg, &c)) {
			sql_settle(s->sql, query);
			break;
		}
	}
	return r;
}

/* REASON_NAME_TAKEN when it is another's. */
static int
check_name(struct store_sqlite *s, const char *name, const uint8_t *id)
{
	uint8_t owner[ID_LEN];
	int r;

	sql_set_text(s->sql, QUERY_NAME_OWNER, 1, name);
	r = sql_step(s->sql, QUERY_NAME_OWNER);
	if (r <= 0)
		return r;
	r = store_sqlite_bytes(s, QUERY_NAME_OWNER, 0, owner, ID_LEN);
	sql_settle(s->sql, QUERY_NAME_OWNER);
	if (r == 0 && memcmp(owner, id, ID_LEN) != 0)
		r = REASON_NAME_TAKEN;
	return r;
}

static int
write_client(struct store_sqlite *s, const struct body_key *c, uint64_t now)
{
	uint8_t bundle[BUNDLE_LEN];
	int r = sql_begin(s->sql);

	if (r < 0)
		return r;
	bundle_pack(bundle, &c->bundle);
	sql_set_blob(s->sql, QUERY_REGISTER, 1, c->id, ID_LEN);
	sql_set_text(s->sql, QUERY_REGISTER, 2, c->name);
	sql_set_blob(s->sql, QUERY_REGISTER, 3, bundle, sizeof(bundle));
	sql_set_int(s->sql, QUERY_REGISTER, 4, (int64_t)c->issued_at);
	sql_set_int(s->sql, QUERY_REGISTER, 5, (int64_t)now);
	r = sql_run(s->sql, QUERY_REGISTER);
	if (r < 0)
		return r;
	sql_set_blob(s->sql, QUERY_ADD_MAILBOX, 1, c->id, ID_LEN);
	r = sql_run(s->sql, QUERY_ADD_MAILBOX);
	if (r == 0)
		store_sqlite_registered(s, c->id);
	return r;
}

int
store_sqlite_clients_enrol(struct store *st, const struct body_key *c,
    const struct invite *invite, uint64_t now)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct body_key held;
	bool new;
	int r;

	r = store_sqlite_clients_find(st, &held, c->id);
	if (r < 0)
		return r;
	new = r == REASON_UNKNOWN_CLIENT;
	if (r == 0 && store_is_same(&held, c))
		return 0;
	if (r == 0 && c->issued_at <= held.issued_at)
		return REASON_STALE;
	r = check_name(s, c->name, c->id);
	if (r == 0 && invite)
		r = store_sqlite_invites_check(s, invite);
	if (r == 0)
		r = store_sqlite_space_take(s, QUOTA_TEXTS,
		    BUNDLE_LEN + NAME_SIZE);
	if (r == 0)
		r = write_client(s, c, now);
	if (r == 0 && invite)
		r = store_sqlite_invites_use(s, invite, now);
	if (r == 0)
		st->open.clients += new;
	return r;
}

static int
forget(struct store_sqlite *s, enum store_sqlite_query q,
    const struct mailbox *m)
{
	sql_set_int(s->sql, q, 1, m->number);
	return sql_run(s->sql, q);
}

int
store_sqlite_clients_unregister(struct store *st, const uint8_t *id)
{
	const struct body_range all = { 0, UINT32_MAX };
	struct store_sqlite *s = store_sqlite_of(st);
	struct mailbox *m;
	uint32_t n = 0;
	int r;

	r = store_sqlite_mail_ack(st, id, &all, &n);
	if (r == 0)
		r = store_sqlite_mailbox(s, &m, id);
	if (r == 0)
		r = sql_begin(s->sql);
	if (r == 0)
		r = forget(s, QUERY_FORGET_CLIENT, m);
	if (r == 0)
		r = forget(s, QUERY_FORGET_BLOCKS, m);
	if (r != 0)
		return r;
	m->registered = false;
	m->blocks = 0;
	store_sqlite_counted(s, m);
	st->open.clients--;
	return 0;
}

int
store_sqlite_clients_block(struct store *st, const uint8_t *id,
    const struct body_block *op)
{
	enum store_sqlite_query query = op->block ? QUERY_BLOCK : QUERY_UNBLOCK;
	struct store_sqlite *s = store_sqlite_of(st);
	struct mailbox *m;
	int r;

	r = store_sqlite_mailbox(s, &m, id);
	if (r == 0 && op->block && m->blocks >= STORE_BLOCKS_MAX)
		r = REASON_DENIED;
	if (r == 0 && op->block)
		r = store_sqlite_space_take(s, QUOTA_TEXTS, ID_LEN);
	if (r == 0)
		r = sql_begin(s->sql);
	if (r != 0)
		return r;
	sql_set_int(s->sql, query, 1, m->number);
	sql_set_blob(s->sql, query, 2, op->id, ID_LEN);
	r = sql_run(s->sql, query);
	if (r < 0)
		return r;
	m->blocks += sql_changes(s->sql) * (op->block ? 1 : -1);
	store_sqlite_counted(s, m);
	return 0;
}
