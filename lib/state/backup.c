/* SPDX-License-Identifier: ISC */
#include "state/backup.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "crypto/ident.h"
#include "state/own.h"
#include "state/pwlock.h"
#include "state/session.h"
#include "state/snapshot.h"

#define MAGIC     "SNTLBKP1"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define LOCK_LEN  (ID_LEN + 4 + 4 + PWLOCK_SALT_LEN + PWLOCK_BOX_LEN)
#define BOX_AT    (MAGIC_LEN + LOCK_LEN)

static struct colbox_place
place(void)
{
	struct colbox_place at = { .table = "backup", .column = "content" };

	colbox_add_number(&at, 1);
	return at;
}

static void
pack_lock(uint8_t out[static LOCK_LEN], const uint8_t file[static ID_LEN],
    const struct pwlock *l)
{
	memcpy(out, file, ID_LEN);
	out += ID_LEN;
	le_put32(out, l->ops);
	le_put32(out + 4, l->mem_kib);
	memcpy(out + 8, l->salt, PWLOCK_SALT_LEN);
	memcpy(out + 8 + PWLOCK_SALT_LEN, l->box, PWLOCK_BOX_LEN);
}

static void
unpack_lock(uint8_t file[static ID_LEN], struct pwlock *l,
    const uint8_t in[static LOCK_LEN])
{
	memcpy(file, in, ID_LEN);
	in += ID_LEN;
	l->ops = le_get32(in);
	l->mem_kib = le_get32(in + 4);
	memcpy(l->salt, in + 8, PWLOCK_SALT_LEN);
	memcpy(l->box, in + 8 + PWLOCK_SALT_LEN, PWLOCK_BOX_LEN);
	l->box_len = PWLOCK_BOX_LEN;
}

static void
tell(struct backup_info *info, const struct snapshot *s)
{
	*info = (struct backup_info){ .made_at = s->made_at,
		.relay = s->relay,
		.peers = s->peers_n };
	memcpy(info->name, s->name, sizeof(info->name));
	ident_public(info->identity_pk, s->seed);
	ident_id(info->id, info->identity_pk);
}

/* A peer without what must not be used again. */
static int
put_peer(struct keyfile *kf, struct buf *out, struct peer *p)
{
	bool active;
	int r = session_has_active(kf, p->id, &active);

	if (r < 0)
		return r;
	p->reset_needed |= active;
	return snapshot_put_peer(out, p);
}

/*
 * What a restored key file has to go beyond; nothing where the relay does not
 * have this identity, so that no command registers it unasked.
 */
static int
last_date(struct keyfile *kf, uint64_t issued_at, uint64_t *out)
{
	bool current, next = false;
	struct own own;
	int r = own_get(kf, OWN_CURRENT, &own, &current);

	if (r == 0)
		r = own_get(kf, OWN_NEXT, &own, &next);
	secret_wipe(&own, sizeof(own));
	if (r == 0)
		*out = current || next ? issued_at : 0;
	return r;
}

static int
collect(struct keyfile *kf, struct snapshot *s, struct buf *content)
{
	struct keyfile_self self;
	struct peer *list = NULL;
	size_t n = 0;
	int r = keyfile_get_self(kf, &self);

	if (r == 0)
		r = keyfile_get_seed(kf, s->seed);
	if (r == 0)
		r = peers_list(kf, &list, &n);
	if (r == 0)
		r = last_date(kf, self.issued_at, &s->issued_at);
	if (r < 0)
		return r;
	s->relay = self.relay;
	s->peers_n = (uint32_t)n;
	memcpy(s->name, self.name, sizeof(s->name));
	r = snapshot_put(content, s);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_peer(kf, content, &list[i]);
	free(list);
	return r == ERR_INTERNAL /* the ceiling of content */
	    ? err_set(ERR_USAGE, "more than %d MiB to back up",
		  BACKUP_MAX / (1024 * 1024))
	    : r;
}

/* Under a data key of its own. */
static int
seal(struct buf *out, struct colbox_key *k, const struct passphrase *pass,
    const uint8_t *content, size_t len)
{
	const struct colbox_place at = place();
	struct pwlock lock;
	uint8_t *to;
	int r;

	secret_random(k, sizeof(*k));
	r = pwlock_seal(&lock, k, pass);
	if (r == 0)
		r = buf_reserve(out, &to, BOX_AT + len + COLBOX_OVERHEAD);
	if (r != 0)
		return r;
	memcpy(to, MAGIC, MAGIC_LEN);
	pack_lock(to + MAGIC_LEN, k->file, &lock);
	colbox_seal(to + BOX_AT, k, &at, content, len);
	buf_commit(out, BOX_AT + len + COLBOX_OVERHEAD);
	return 0;
}

int
backup_make(struct keyfile *kf, const struct passphrase *pass, uint64_t now,
    struct buf *out, struct backup_info *info)
{
	struct buf *content = buf_new(BACKUP_MAX - BOX_AT - COLBOX_OVERHEAD);
	struct colbox_key *k = secret_new(sizeof(*k));
	struct snapshot s = { .made_at = now };
	int r = content && k ? 0 : err_set(ERR_NOMEM, "no memory for a backup");

	if (r == 0)
		r = collect(kf, &s, content);
	if (r == 0)
		r = seal(out, k, pass, buf_peek(content), buf_len(content));
	if (r == 0)
		tell(info, &s);
	secret_wipe(&s, sizeof(s));
	secret_free(k);
	buf_free(content);
	return r;
}

int
backup_check(const uint8_t *in, size_t len)
{
	uint8_t file[ID_LEN];
	struct pwlock l;

	if (len < BOX_AT + COLBOX_OVERHEAD || memcmp(in, MAGIC, MAGIC_LEN) != 0)
		return err_set(ERR_CORRUPT, "not a backup, or cut short");
	unpack_lock(file, &l, in + MAGIC_LEN);
	return pwlock_check(&l);
}

/* The content into out, which has room for it. */
static int
open_box(uint8_t *out, const uint8_t *in, size_t len,
    const struct passphrase *pass)
{
	struct colbox_key *k = secret_new(sizeof(*k));
	const struct colbox_place at = place();
	struct pwlock l;
	int r;

	if (!k)
		return err_set(ERR_NOMEM, "no memory for a backup");
	unpack_lock(k->file, &l, in + MAGIC_LEN);
	r = pwlock_open(k, &l, pass);
	if (r == 0 && colbox_open(out, k, &at, in + BOX_AT, len - BOX_AT) < 0)
		r = err_set(ERR_CORRUPT, "the backup is damaged");
	secret_free(k);
	return r;
}

/* What a new key file begins with, besides its identity. */
static int
fill(void *arg, struct keyfile *draft)
{
	struct snapshot *s = arg;
	struct peer p;
	int r = keyfile_set_issued_at(draft, s->issued_at);

	for (uint32_t i = 0; r == 0 && i < s->peers_n; i++) {
		r = snapshot_get_peer(s, &p);
		if (r == 0)
			r = peers_put(draft, &p);
	}
	return r;
}

static int
build(const char *path, struct snapshot *s, const struct passphrase *pass)
{
	const struct keyfile_origin origin = { .name = s->name,
		.relay = &s->relay,
		.seed = s->seed,
		.fill = fill,
		.arg = s };
	struct keyfile *kf;
	int r = keyfile_create_from(&kf, path, &origin, pass, 0);

	if (r == 0)
		keyfile_close(kf);
	return r;
}

int
backup_restore(const char *path, const uint8_t *in, size_t len,
    const struct passphrase *pass, struct backup_info *info)
{
	struct snapshot s = { .made_at = 0 };
	struct buf *content = NULL;
	size_t content_len;
	uint8_t *at;
	int r = backup_check(in, len);

	if (r < 0)
		return r;
	content_len = len - BOX_AT - COLBOX_OVERHEAD;
	content = buf_new(BACKUP_MAX);
	r = content ? buf_reserve(content, &at, content_len + 1)
		    : err_set(ERR_NOMEM, "no memory for a backup");
	if (r == 0)
		r = open_box(at, in, len, pass);
	if (r == 0)
		buf_commit(content, content_len);
	if (r == 0)
		r = snapshot_get(&s, at, content_len);
	if (r == 0) {
		tell(info, &s);
		r = build(path, &s, pass);
	}
	secret_wipe(&s, sizeof(s));
	buf_free(content);
	return r;
}
