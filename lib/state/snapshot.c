/* SPDX-License-Identifier: ISC */
#include "state/snapshot.h"

#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"

#define HEAD_LEN  (8 + KEY_LEN + 8)
#define HEAD_MAX  (HEAD_LEN + NAME_SIZE + 2 + ADDR_TEXT_SIZE + 4)
#define ENTRY_LEN (ID_LEN + 1 + 5 * 8 + 2)

#define FLAG_BLOCKED 1
#define FLAG_SESSION 2

static int
corrupt(void)
{
	return err_set(ERR_CORRUPT, "the backup makes no sense");
}

static uint8_t *
put64(uint8_t *to, uint64_t v)
{
	le_put64(to, v);
	return to + 8;
}

static uint8_t *
put_bytes(uint8_t *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

int
snapshot_put(struct buf *out, const struct snapshot *s)
{
	const size_t name_len = strlen(s->name);
	uint8_t head[HEAD_MAX], *to = head;
	char relay[ADDR_TEXT_SIZE];
	size_t relay_len;
	int r;

	addr_text(relay, &s->relay);
	relay_len = strlen(relay);
	to = put64(to, s->made_at);
	to = put_bytes(to, s->seed, KEY_LEN);
	to = put64(to, s->issued_at);
	*to++ = (uint8_t)name_len;
	to = put_bytes(to, s->name, name_len);
	le_put16(to, (uint16_t)relay_len);
	to = put_bytes(to + 2, relay, relay_len);
	le_put32(to, s->peers_n);
	r = buf_put(out, head, (size_t)(to + 4 - head));
	secret_wipe(head, sizeof(head));
	return r;
}

int
snapshot_put_peer(struct buf *out, const struct peer *p)
{
	uint8_t entry[ENTRY_LEN + PEERS_PIN_MAX], *to = entry;
	const size_t len = peers_pack_pin(entry + ENTRY_LEN, p);

	to = put_bytes(to, p->id, ID_LEN);
	*to++ = (uint8_t)((p->blocked ? FLAG_BLOCKED : 0) |
	    (p->reset_needed ? FLAG_SESSION : 0));
	to = put64(to, p->first_seen);
	to = put64(to, p->next_seq);
	to = put64(to, p->expect_seq);
	to = put64(to, p->last_init_ts);
	to = put64(to, p->last_sent_ts);
	le_put16(to, (uint16_t)len);
	return buf_put(out, entry, ENTRY_LEN + len);
}

/* The next len bytes, or NULL. */
static const uint8_t *
take(struct snapshot *s, size_t len)
{
	const uint8_t *at = s->rest;

	if (s->rest_len < len)
		return NULL;
	s->rest += len;
	s->rest_len -= len;
	return at;
}

/* A text of len bytes, none of them NUL, that fits with its terminator. */
static int
take_text(struct snapshot *s, char *out, size_t size, size_t len)
{
	const uint8_t *text = take(s, len);

	if (!text || len >= size || memchr(text, '\0', len))
		return corrupt();
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

static int
take_relay(struct snapshot *s)
{
	const uint8_t *len = take(s, 2);
	char text[ADDR_TEXT_SIZE];
	int r =
	    len ? take_text(s, text, sizeof(text), le_get16(len)) : corrupt();

	if (r < 0)
		return r;
	return addr_parse(&s->relay, text) < 0 ? corrupt() : 0;
}

static int
take_head(struct snapshot *s)
{
	const uint8_t *head = take(s, HEAD_LEN + 1);
	const uint8_t *peers_n;
	int r;

	if (!head)
		return corrupt();
	s->made_at = le_get64(head);
	memcpy(s->seed, head + 8, KEY_LEN);
	s->issued_at = le_get64(head + 8 + KEY_LEN);
	r = take_text(s, s->name, sizeof(s->name), head[HEAD_LEN]);
	if (r == 0)
		r = take_relay(s);
	if (r < 0)
		return r;
	peers_n = take(s, 4);
	if (!peers_n)
		return corrupt();
	s->peers_n = le_get32(peers_n);
	return 0;
}

int
snapshot_get_peer(struct snapshot *s, struct peer *out)
{
	const uint8_t *e = take(s, ENTRY_LEN), *pin;
	size_t len = e ? le_get16(e + ENTRY_LEN - 2) : 0;
	struct peer p = { .issued_at = 0 };

	pin = take(s, len);
	if (!e || !pin || e[ID_LEN] > (FLAG_BLOCKED | FLAG_SESSION) ||
	    !peers_unpack_pin(&p, pin, len))
		return corrupt();
	memcpy(p.id, e, ID_LEN);
	p.blocked = e[ID_LEN] & FLAG_BLOCKED;
	p.reset_needed = e[ID_LEN] & FLAG_SESSION;
	e += ID_LEN + 1;
	p.first_seen = le_get64(e);
	p.next_seq = le_get64(e + 8);
	p.expect_seq = le_get64(e + 16);
	p.last_init_ts = le_get64(e + 24);
	p.last_sent_ts = le_get64(e + 32);
	*out = p;
	return 0;
}

int
snapshot_get(struct snapshot *out, const uint8_t *in, size_t len)
{
	struct snapshot s = { .rest = in, .rest_len = len }, all;
	struct peer p;
	int r = take_head(&s);

	all = s;
	for (uint32_t i = 0; r == 0 && i < all.peers_n; i++)
		r = snapshot_get_peer(&s, &p);
	if (r == 0 && s.rest_len > 0)
		r = corrupt();
	if (r == 0)
		*out = all; /* a secret's copy */
	secret_wipe(&s, sizeof(s));
	secret_wipe(&all, sizeof(all));
	return r;
}
