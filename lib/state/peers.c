/* SPDX-License-Identifier: ISC */
#include "state/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "state/datakey.h"
#include "wire/id.h"

#define SELECT                                                          \
	"SELECT id, pin, blocked, reset_needed, first_seen, next_seq, " \
	"expect_seq, last_init_ts, last_sent_ts, undecryptable FROM peers "

static struct colbox_place
place(const uint8_t id[static ID_LEN])
{
	struct colbox_place at = { .table = "peers", .column = "pin" };

	colbox_add_bytes(&at, id, ID_LEN);
	return at;
}

static uint8_t *
put_name(uint8_t *to, const char *name)
{
	const size_t len = strnlen(name, NAME_MAX_LEN);

	*to++ = (uint8_t)len;
	memcpy(to, name, len);
	return to + len;
}

size_t
peers_pack_pin(uint8_t out[static PEERS_PIN_MAX], const struct peer *p)
{
	uint8_t *end = out + PEERS_PIN_MIN;

	out[0] = p->verified;
	le_put64(out + 1, p->issued_at);
	bundle_pack(out + 9, &p->bundle);
	end = put_name(end, p->name);
	end = put_name(end, p->alias);
	end = put_name(end, p->signed_name);
	return (size_t)(end - out);
}

/* NULL when there is no name at from. */
static const uint8_t *
get_name(char name[static NAME_SIZE], const uint8_t *from, const uint8_t *end)
{
	size_t len;

	if (!from || from == end)
		return NULL;
	len = *from++;
	if (len > NAME_MAX_LEN || len > (size_t)(end - from) ||
	    memchr(from, '\0', len))
		return NULL;
	memcpy(name, from, len);
	name[len] = '\0';
	return from + len;
}

bool
peers_unpack_pin(struct peer *p, const uint8_t *in, size_t len)
{
	const uint8_t *end = in + len;

	if (len < PEERS_PIN_MIN || in[0] > 1)
		return false;
	p->verified = in[0] == 1;
	p->issued_at = le_get64(in + 1);
	bundle_unpack(&p->bundle, in + 9);
	in = get_name(p->name, in + PEERS_PIN_MIN, end);
	in = get_name(p->alias, in, end);
	in = get_name(p->signed_name, in, end);
	return in == end;
}

static void
read_pin(struct query *q, struct peer *p)
{
	const struct colbox_place at = place(p->id);
	uint8_t pin[PEERS_PIN_MAX];
	size_t len;

	len = query_get_box_some(q, &at, pin, sizeof(pin));
	if (!peers_unpack_pin(p, pin, len))
		query_spoil(q, "the pin of a peer");
}

static void
read_row(struct query *q, struct peer *p)
{
	query_get_blob(q, p->id, ID_LEN);
	read_pin(q, p);
	p->blocked = query_get_bool(q);
	p->reset_needed = query_get_bool(q);
	p->first_seen = query_get_u64(q);
	p->next_seq = query_get_u64(q);
	p->expect_seq = query_get_u64(q);
	p->last_init_ts = query_get_u64(q);
	p->last_sent_ts = query_get_u64(q);
	p->undecryptable = query_get_enum(q, 0, UINT32_MAX);
}

/* A query with one row at most. */
static int
fetch(struct query *q, struct peer *out, bool *found)
{
	struct peer p = { .issued_at = 0 };
	const bool has = query_row(q);
	int r;

	if (has)
		read_row(q, &p);
	r = query_end(q);
	if (r < 0)
		return r;
	*found = has;
	if (has)
		*out = p;
	return 0;
}

int
peers_get(struct keyfile *kf, const uint8_t id[static ID_LEN], struct peer *out,
    bool *found)
{
	struct query *q = query_of(keyfile_db(kf), SELECT "WHERE id = ?1");

	query_bind_blob(q, id, ID_LEN);
	return fetch(q, out, found);
}

static int
get_by_tag(struct keyfile *kf, const char *sql, const char *text,
    struct peer *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf), sql);
	uint8_t tag[COLBOX_TAG_LEN];

	colbox_tag(tag, keyfile_db(kf)->key, text);
	query_bind_blob(q, tag, sizeof(tag));
	return fetch(q, out, found);
}

/* Tags are found by whoever can write the file; the pin has the last word. */
static int
vouch(struct keyfile *kf, const char *text, const char *name)
{
	if (strcmp(text, name) == 0)
		return 0;
	return db_damage(keyfile_db(kf), "the name of a peer");
}

int
peers_named(struct keyfile *kf, const char *name, struct peer *out, bool *found)
{
	struct peer p;
	bool has;
	int r;

	r = get_by_tag(kf, SELECT "WHERE alias_tag = ?1", name, &p, &has);
	if (r == 0 && has)
		r = vouch(kf, p.alias, name);
	if (r == 0 && !has) {
		r = get_by_tag(kf, SELECT "WHERE name_tag = ?1", name, &p,
		    &has);
		if (r == 0)
			r = has ? vouch(kf, p.name, name)
				: datakey_check(keyfile_db(kf));
	}
	if (r < 0)
		return r;
	*found = has;
	if (has)
		*out = p;
	return 0;
}

int
peers_find(struct keyfile *kf, const char *who, struct peer *out)
{
	uint8_t id[ID_LEN];
	bool found = false;
	int r;

	if (id_is_text(who)) {
		r = id_parse(id, who);
		if (r == 0)
			r = peers_get(kf, id, out, &found);
	} else {
		r = peers_named(kf, who, out, &found);
	}
	if (r < 0 || found)
		return r;
	err_set(ERR_UNKNOWN_PEER, "no peer \"%s\" in the key file", who);
	err_peer(who);
	err_hint("sentinel-keys fetch %s", who);
	return ERR_UNKNOWN_PEER;
}

static void
bind_tag(struct query *q, uint8_t tag[static COLBOX_TAG_LEN], const char *text)
{
	if (text[0] == '\0') {
		query_bind_blob(q, NULL, 0);
		return;
	}
	colbox_tag(tag, q->db->key, text);
	query_bind_blob(q, tag, COLBOX_TAG_LEN);
}

/* Apart, so that the indices are written only when a name has changed. */
static int
put_tags(struct db *db, const struct peer *p)
{
	struct query *q = query_of(db,
	    "UPDATE peers SET name_tag = ?2, alias_tag = ?3 WHERE id = ?1 AND "
	    "(name_tag IS NOT ?2 OR alias_tag IS NOT ?3)");
	uint8_t name[COLBOX_TAG_LEN], alias[COLBOX_TAG_LEN];

	query_bind_blob(q, p->id, ID_LEN);
	bind_tag(q, name, p->name);
	bind_tag(q, alias, p->alias);
	return query_run(q);
}

int
peers_put(struct keyfile *kf, const struct peer *p)
{
	const struct colbox_place at = place(p->id);
	uint8_t pin[PEERS_PIN_MAX];
	struct query *q;
	int r;

	q = query_of(keyfile_db(kf),
	    "INSERT INTO peers (id, pin, blocked, reset_needed, first_seen, "
	    "next_seq, expect_seq, last_init_ts, last_sent_ts, undecryptable) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
	    "ON CONFLICT (id) DO UPDATE SET pin = ?2, blocked = ?3, "
	    "reset_needed = ?4, first_seen = ?5, next_seq = ?6, "
	    "expect_seq = ?7, last_init_ts = ?8, last_sent_ts = ?9, "
	    "undecryptable = ?10");
	query_bind_blob(q, p->id, ID_LEN);
	query_bind_box(q, &at, pin, peers_pack_pin(pin, p));
	query_bind_u64(q, p->blocked);
	query_bind_u64(q, p->reset_needed);
	query_bind_u64(q, p->first_seen);
	query_bind_u64(q, p->next_seq);
	query_bind_u64(q, p->expect_seq);
	query_bind_u64(q, p->last_init_ts);
	query_bind_u64(q, p->last_sent_ts);
	query_bind_u64(q, p->undecryptable);
	r = query_run(q);
	return r < 0 ? r : put_tags(keyfile_db(kf), p);
}

static int
by_name(const void *a, const void *b)
{
	const struct peer *p = a, *q = b;
	const int order = strcmp(p->name, q->name);

	return order != 0 ? order : memcmp(p->id, q->id, ID_LEN);
}

int
peers_list(struct keyfile *kf, struct peer **out, size_t *n)
{
	struct db *db = keyfile_db(kf);
	struct peer *list;
	struct query *q;
	size_t max, rows = 0;
	int r;

	r = query_count(query_of(db, "SELECT count(*) FROM peers"), &max);
	if (r < 0)
		return r;
	list = calloc(max + 1, sizeof(*list));
	if (!list)
		return err_set(ERR_NOMEM, "%zu peers", max);
	q = query_of(db, SELECT);
	while (rows < max && query_row(q))
		read_row(q, &list[rows++]);
	r = query_end(q);
	if (r < 0) {
		free(list);
		return r;
	}
	qsort(list, rows, sizeof(*list), by_name);
	*out = list;
	*n = rows;
	return 0;
}

int
peers_tag_all(struct keyfile *kf)
{
	struct peer *list;
	size_t n;
	int r;

	r = peers_list(kf, &list, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_tags(keyfile_db(kf), &list[i]);
	free(list);
	return r;
}
