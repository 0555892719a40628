/* SPDX-License-Identifier: ISC */
#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "base/le.h"

/* --- answers --- */

static void
put(struct shadow_channel *c, uint16_t code, int reason, const void *payload,
    size_t len)
{
	struct shadow_answer *a = &c->answers[c->answers_n++];

	*a = (struct shadow_answer){ code, reason, malloc(len + 1), len };
	if (c->answers_n > SHADOW_ANSWERS || !a->payload)
		abort();
	if (len > 0)
		memcpy(a->payload, payload, len);
}

static void
reply(struct shadow_channel *c, enum code code, const void *payload, size_t len)
{
	put(c, (uint16_t)(code + CODE_REPLY), 0, payload, len);
}

/* An unbound channel is good for one request. */
static void
refuse(struct shadow_channel *c, int reason)
{
	put(c, CODE_ERROR, reason, NULL, 0);
	c->closing = c->closing || !c->bound;
}

static void
drop_answers(struct shadow_channel *c)
{
	for (size_t i = 0; i < c->answers_n; i++)
		free(c->answers[i].payload);
	c->answers_n = 0;
}

/* --- channels --- */

static unsigned
count_channels(const struct shadow *m, unsigned person)
{
	unsigned n = 0;

	for (unsigned i = person; i < SHADOW_CHANNELS; i += SHADOW_PEOPLE)
		n += m->channels[i].bound;
	return n;
}

void
shadow_close(struct shadow *m, unsigned channel)
{
	struct shadow_channel *c = &m->channels[channel];

	drop_answers(c);
	memset(c, 0, sizeof(*c));
}

void
shadow_open(struct shadow *m, unsigned channel,
    const uint8_t static_pk[static KEY_LEN])
{
	unsigned who = shadow_owner(channel);
	const struct shadow_person *p = &m->people[who];
	struct shadow_channel *c = &m->channels[channel];
	bool known = p->registered &&
	    memcmp(p->key.bundle.static_pk, static_pk, KEY_LEN) == 0;

	c->crowded = known && count_channels(m, who) >= m->most_channels;
	c->bound = known && !c->crowded;
	memcpy(c->static_pk, static_pk, KEY_LEN);
}

void
shadow_wait_over(struct shadow *m, unsigned channel)
{
	struct shadow_channel *c = &m->channels[channel];

	if (c->waiting)
		reply(c, CODE_PULL, NULL, 0);
	c->waiting = c->woken = false;
}

static void
kick_others(struct shadow *m, unsigned channel)
{
	for (unsigned i = shadow_owner(channel); i < SHADOW_CHANNELS;
	     i += SHADOW_PEOPLE) {
		if (i == channel || !m->channels[i].bound)
			continue;
		shadow_wait_over(m, i);
		m->channels[i].closing = m->channels[i].kicked = true;
	}
}

/* --- headers --- */

/* What a payload may be; a code that is missing has no row. */
static bool
is_size(uint16_t code, uint32_t size)
{
	switch (code) {
	case CODE_REGISTER:
		return size >= 424 && size <= 478;
	case CODE_LIST:
		return size <= 273;
	case CODE_KEY:
		return size == 16;
	case CODE_SEND:
		return size >= 22;
	case CODE_PULL:
		return size <= 16;
	case CODE_ACK:
		return size <= 8192;
	case CODE_UNREGISTER:
		return size == 0;
	default:
		return size <= 4352;
	}
}

/* 0, or why nothing more is taken from this channel. */
static int
check_header(const struct shadow_channel *c, const struct shadow_header *h)
{
	if (h->version != 3)
		return REASON_UNSUPPORTED;
	if (h->size + 23 > (c->bound ? SHADOW_PAGE : 1024))
		return REASON_TOO_LARGE;
	if (!h->is_own)
		return REASON_DENIED;
	if (c->crowded)
		return REASON_RATE_LIMITED;
	return c->bound || h->code == CODE_REGISTER ? 0 : REASON_NOT_REGISTERED;
}

bool
shadow_begin(struct shadow *m, unsigned channel, const struct shadow_header *h)
{
	struct shadow_channel *c = &m->channels[channel];
	int r;

	if (c->closing)
		return false;
	shadow_wait_over(m, channel);
	r = check_header(c, h);
	if (r != 0) {
		refuse(c, r);
		c->closing = true;
	} else if (h->code < CODE_REGISTER || h->code > CODE_BLOCK)
		refuse(c, REASON_UNSUPPORTED);
	else if (!is_size(h->code, h->size))
		refuse(c, REASON_MALFORMED);
	else
		return true;
	return false;
}

/* --- 1100 --- */

static bool
is_name_taken(const struct shadow *m, unsigned who, const char *name)
{
	for (unsigned i = 0; i < SHADOW_PEOPLE; i++) {
		if (i != who && m->people[i].registered &&
		    strcmp(m->people[i].key.name, name) == 0)
			return true;
	}
	return false;
}

static bool
is_same(const struct body_key *a, const struct body_key *b)
{
	return memcmp(&a->bundle, &b->bundle, sizeof(a->bundle)) == 0 &&
	    a->issued_at == b->issued_at && strcmp(a->name, b->name) == 0;
}

static bool
is_full(const struct shadow *m)
{
	return m->limits.store_bytes == 0;
}

static bool
is_invite_good(const struct shadow *m, int n)
{
	return n >= 0 && m->invite_expires[n] > m->wall;
}

static int
admit(const struct shadow *m, unsigned who, const struct shadow_offer *o)
{
	const struct shadow_person *p = &m->people[who];
	bool invited = !p->registered && m->registration == SERVE_INVITE;

	if (!p->registered && m->registration == SERVE_CLOSED)
		return REASON_CLOSED;
	if (invited && !is_invite_good(m, o->invite))
		return REASON_INVITE;
	if (p->registered && is_same(&p->key, &o->key))
		return 0;
	if (p->registered && o->key.issued_at <= p->key.issued_at)
		return REASON_STALE;
	if (is_name_taken(m, who, o->key.name))
		return REASON_NAME_TAKEN;
	if (invited && m->invite_used[o->invite])
		return REASON_INVITE;
	return is_full(m) ? REASON_BUSY : 0;
}

void
shadow_register(struct shadow *m, unsigned channel,
    const struct shadow_offer *o)
{
	struct shadow_channel *c = &m->channels[channel];
	unsigned who = shadow_owner(channel);
	struct shadow_person *p = &m->people[who];
	int r = 0;

	if (memcmp(o->key.bundle.static_pk, c->static_pk, KEY_LEN) != 0)
		r = REASON_DENIED;
	else if (!o->is_genuine)
		r = REASON_MALFORMED;
	else if (o->key.issued_at > m->wall + CLOCK_DAY)
		r = REASON_STALE;
	if (r == 0)
		r = admit(m, who, o);
	if (r != 0) {
		refuse(c, r);
		return;
	}
	if (!p->registered && m->registration == SERVE_INVITE)
		m->invite_used[o->invite] = true;
	if (p->registered &&
	    memcmp(p->key.bundle.static_pk, c->static_pk, KEY_LEN) != 0)
		kick_others(m, channel);
	p->registered = true;
	p->key = o->key;
	reply(c, CODE_REGISTER, p->id, ID_LEN);
	c->closing = c->closing || !c->bound;
}

/* --- 1101, 1102 --- */

/* The registered person with the lowest id above; NULL: nobody. */
static const struct shadow_person *
next_person(const struct shadow *m, const uint8_t *after)
{
	const struct shadow_person *best = NULL;

	for (unsigned i = 0; i < SHADOW_PEOPLE; i++) {
		const struct shadow_person *p = &m->people[i];

		if (p->registered && memcmp(p->id, after, ID_LEN) > 0 &&
		    (!best || memcmp(p->id, best->id, ID_LEN) < 0))
			best = p;
	}
	return best;
}

void
shadow_list(struct shadow *m, unsigned channel, const struct body_list *q)
{
	const struct shadow_person *self = &m->people[shadow_owner(channel)];
	uint8_t page[SHADOW_PEOPLE][BODY_CLIENT_LEN];
	const struct shadow_person *p;
	uint8_t after[ID_LEN];
	size_t n = 0, most = q->limit == 0 ? 256 : q->limit;

	memcpy(after, q->after, ID_LEN);
	while ((p = next_person(m, after)) && n < most) {
		memcpy(after, p->id, ID_LEN);
		if (p == self || (q->name[0] && strcmp(q->name, p->key.name)))
			continue;
		memset(page[n], 0, BODY_CLIENT_LEN);
		memcpy(page[n], p->id, ID_LEN);
		memcpy(page[n++] + ID_LEN, p->key.name, strlen(p->key.name));
	}
	reply(&m->channels[channel], CODE_LIST, page, n * BODY_CLIENT_LEN);
}

void
shadow_key(struct shadow *m, unsigned channel, unsigned whose)
{
	struct shadow_channel *c = &m->channels[channel];
	uint8_t payload[BODY_KEY_LEN];

	if (whose >= SHADOW_PEOPLE || !m->people[whose].registered) {
		refuse(c, REASON_UNKNOWN_CLIENT);
		return;
	}
	body_pack_key(payload, &m->people[whose].key);
	reply(c, CODE_KEY, payload, sizeof(payload));
}

/* --- 1103 --- */

static bool
is_piece(const struct shadow_mail *mail)
{
	return mail->type == MESSAGE_CHUNK;
}

/* What a mailbox holds of the kind that is to come, maybe of one sender. */
struct load {
	uint64_t n, bytes, requests;
};

static struct load
weigh(const struct shadow_person *p, const struct shadow_mail *like, bool all)
{
	struct load l = { 0 };

	for (size_t i = 0; i < p->mail_n; i++) {
		const struct shadow_mail *mail = &p->mail[i];

		if (is_piece(mail) != is_piece(like) ||
		    (!all && mail->from != like->from))
			continue;
		l.n++;
		l.bytes += mail->len + (is_piece(mail) ? QUOTA_PIECE : 0);
		l.requests += mail->type == MESSAGE_REQUEST;
	}
	return l;
}

static uint64_t
half(uint64_t limit)
{
	return limit - limit / 2;
}

static bool
has_room(const struct shadow *m, const struct shadow_person *p,
    const struct shadow_mail *mail)
{
	struct load all = weigh(p, mail, true), share = weigh(p, mail, false);
	const struct store_limits *l = &m->limits;

	if (is_piece(mail)) {
		uint64_t more = (uint64_t)mail->len + QUOTA_PIECE;

		return all.bytes + more <= l->chunk_bytes &&
		    share.bytes + more <= half(l->chunk_bytes);
	}
	return all.n + 1 <= l->messages && share.n + 1 <= half(l->messages) &&
	    all.bytes + mail->len <= l->message_bytes &&
	    share.bytes + mail->len <= half(l->message_bytes) &&
	    (mail->type != MESSAGE_REQUEST || share.requests < l->requests);
}

static int
admit_mail(const struct shadow *m, unsigned to, const struct shadow_mail *mail)
{
	if (mail->type < MESSAGE_REQUEST || mail->type > MESSAGE_CHUNK ||
	    to == mail->from)
		return REASON_MALFORMED;
	if (to >= SHADOW_PEOPLE || !m->people[to].registered)
		return REASON_UNKNOWN_CLIENT;
	if (m->people[to].blocks[mail->from])
		return REASON_DENIED;
	if (is_full(m))
		return REASON_BUSY;
	return has_room(m, &m->people[to], mail) ? 0 : REASON_MAILBOX_FULL;
}

void
shadow_send(struct shadow *m, unsigned channel, unsigned to,
    const struct shadow_mail *mail)
{
	uint8_t payload[ID_LEN + 4] = { 0 };
	struct shadow_person *p;
	int r = admit_mail(m, to, mail);

	if (r != 0) {
		refuse(&m->channels[channel], r);
		return;
	}
	p = &m->people[to];
	if (p->mail_n == SHADOW_MAIL)
		abort();
	p->mail[p->mail_n] = *mail;
	p->mail[p->mail_n].stored_at = m->wall;
	p->mail[p->mail_n++].id = ++p->last_id;
	for (unsigned i = to; i < SHADOW_CHANNELS; i += SHADOW_PEOPLE) {
		if (m->channels[i].waiting)
			m->channels[i].woken = true;
	}
	memcpy(payload, p->id, ID_LEN);
	reply(&m->channels[channel], CODE_SEND, payload, sizeof(payload));
}

/* --- 1104 --- */

static size_t
put_mail(const struct shadow *m, uint8_t *out, const struct shadow_mail *mail)
{
	memcpy(out, m->people[mail->from].id, ID_LEN);
	le_put32(out + 16, mail->id);
	out[20] = mail->type;
	le_put32(out + 21, mail->len);
	memset(out + 25, mail->fill, mail->len);
	return 25 + (size_t)mail->len;
}

/* Answer the pull of this channel, unless there is nothing for it. */
static bool
try_pull(struct shadow *m, unsigned channel)
{
	static uint8_t page[2 * SHADOW_PAGE];
	struct shadow_channel *c = &m->channels[channel];
	const struct shadow_person *p = &m->people[shadow_owner(channel)];
	size_t len = 0, most = SHADOW_PAGE - FRAME_REPLY_LEN;

	if (c->pull.max_bytes > 0 && c->pull.max_bytes < most)
		most = c->pull.max_bytes;
	for (size_t i = 0; i < p->mail_n; i++) {
		const struct shadow_mail *mail = &p->mail[i];

		if (mail->id <= c->pull.after ||
		    (c->pull.no_chunks && is_piece(mail)))
			continue;
		if (len > 0 && len + PULL_ITEM_LEN + mail->len > most)
			break;
		len += put_mail(m, page + len, mail);
	}
	if (len > 0)
		reply(c, CODE_PULL, page, len);
	return len > 0;
}

void
shadow_pull(struct shadow *m, unsigned channel, const struct body_pull *q)
{
	struct shadow_channel *c = &m->channels[channel];
	uint64_t wait = q->wait_ms < PULL_WAIT_MAX ? q->wait_ms : PULL_WAIT_MAX;

	c->pull = *q;
	if (try_pull(m, channel))
		return;
	c->waiting = wait > 0;
	c->wait_until = m->mono + wait;
	if (!c->waiting)
		reply(c, CODE_PULL, NULL, 0);
}

void
shadow_settle(struct shadow *m)
{
	for (unsigned i = 0; i < SHADOW_CHANNELS; i++) {
		struct shadow_channel *c = &m->channels[i];

		if (c->woken && try_pull(m, i))
			c->waiting = false;
		c->woken = false;
	}
}

/* --- 1105 to 1107, and what goes by itself --- */

static uint32_t
drop_range(struct shadow_person *p, struct body_range range)
{
	size_t kept = 0;
	uint32_t gone;

	for (size_t i = 0; i < p->mail_n; i++) {
		struct shadow_mail mail = p->mail[i];

		if (mail.id < range.first || mail.id > range.last)
			p->mail[kept++] = mail;
	}
	gone = (uint32_t)(p->mail_n - kept);
	p->mail_n = kept;
	return gone;
}

void
shadow_ack(struct shadow *m, unsigned channel, const struct body_range *ranges,
    size_t n)
{
	struct shadow_person *p = &m->people[shadow_owner(channel)];
	struct shadow_channel *c = &m->channels[channel];
	uint32_t gone = 0;
	uint8_t payload[4];

	for (size_t i = 0; i < n; i++) {
		if (ranges[i].first > ranges[i].last) {
			refuse(c, REASON_MALFORMED);
			return;
		}
	}
	for (size_t i = 0; i < n; i++)
		gone += drop_range(p, ranges[i]);
	le_put32(payload, gone);
	reply(c, CODE_ACK, payload, sizeof(payload));
}

void
shadow_block(struct shadow *m, unsigned channel, const bool *on,
    const unsigned *whom, size_t n)
{
	struct shadow_person *p = &m->people[shadow_owner(channel)];
	struct shadow_channel *c = &m->channels[channel];

	for (size_t i = 0; i < n; i++) {
		if (on[i] && is_full(m)) {
			refuse(c, REASON_BUSY);
			return;
		}
		p->blocks[whom[i]] = on[i];
	}
	reply(c, CODE_BLOCK, NULL, 0);
}

void
shadow_unregister(struct shadow *m, unsigned channel)
{
	struct shadow_person *p = &m->people[shadow_owner(channel)];
	struct shadow_channel *c = &m->channels[channel];

	p->registered = false;
	p->mail_n = 0;
	memset(p->blocks, 0, sizeof(p->blocks));
	kick_others(m, channel);
	reply(c, CODE_UNREGISTER, NULL, 0);
	c->closing = true;
}

void
shadow_sweep(struct shadow *m)
{
	for (unsigned i = 0; i < SHADOW_PEOPLE; i++) {
		struct shadow_person *p = &m->people[i];
		size_t kept = 0;

		for (size_t j = 0; j < p->mail_n; j++) {
			struct shadow_mail mail = p->mail[j];
			uint64_t ttl = is_piece(&mail)
			    ? m->limits.chunk_ttl_ms
			    : m->limits.message_ttl_ms;

			if (ttl > m->wall || mail.stored_at >= m->wall - ttl)
				p->mail[kept++] = mail;
		}
		p->mail_n = kept;
	}
}

void
shadow_count(const struct shadow *m, enum quota_kind kind, uint64_t *n,
    uint64_t *bytes)
{
	*n = *bytes = 0;
	for (unsigned i = 0; i < SHADOW_PEOPLE; i++) {
		const struct shadow_person *p = &m->people[i];

		for (size_t j = 0; j < p->mail_n; j++) {
			if (is_piece(&p->mail[j]) != (kind == QUOTA_PIECES))
				continue;
			++*n;
			*bytes += p->mail[j].len;
		}
	}
}
