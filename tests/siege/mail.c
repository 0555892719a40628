/* SPDX-License-Identifier: ISC */
/* Attacks on what the relay keeps: mailboxes and the directory. */
#include <string.h>

#include "base/clock.h"
#include "base/le.h"
#include "plug.h"
#include "wire/codes.h"

#define CONTENT_MAX_LEN 60000
#define WINDOW          32
#define HONEST_MS       20
#define CROWD           1000

enum { VICTIM, HONEST, MALLORY, SYBIL };

/* What the relay said, by reason; [0]: it was done. */
struct answers {
	unsigned by[REASON_STALE + 1];
	unsigned lost; /* no answer at all */
};

static void
count(struct answers *a, unsigned answer)
{
	if (answer == 0)
		a->lost++;
	else
		a->by[answer > REASON_STALE ? 0 : answer]++;
}

static void
tell_answers(struct siege *sg, const struct answers *a)
{
	siege_tell(sg, "done", a->by[0]);
	siege_tell(sg, "mailbox_full", a->by[REASON_MAILBOX_FULL]);
	siege_tell(sg, "rate_limited", a->by[REASON_RATE_LIMITED]);
	siege_tell(sg, "registration_closed", a->by[REASON_CLOSED]);
	siege_tell(sg, "invite_invalid", a->by[REASON_INVITE]);
	siege_tell(sg, "lost", a->lost);
}

struct letter {
	uint8_t payload[SEND_HEAD_LEN + CONTENT_MAX_LEN];
	size_t len;
};

static const struct letter *
letter_to_victim(const struct siege *sg, uint8_t type, uint32_t len)
{
	static struct letter l;
	struct body_send m = { .type = type, .content_len = len };

	MUST(len > 0 && len <= CONTENT_MAX_LEN);
	memcpy(m.to, plug_person(sg, VICTIM)->key.id, ID_LEN);
	body_pack_send(l.payload, &m);
	l.len = SEND_HEAD_LEN + len;
	return &l;
}

/* n of them, WINDOW at once, until one is refused. */
static bool
pour(struct plug *p, const struct caller *who, const struct letter *l,
    unsigned n, struct answers *a)
{
	unsigned asked = 0;
	bool good = true;

	while (asked < n && plug_put(p, who, CODE_SEND, l->payload, l->len))
		asked++;
	for (; asked > 0; asked--) {
		unsigned answer = plug_next(p);

		count(a, answer);
		good = good && answer == CODE_SEND + CODE_REPLY;
	}
	return good;
}

/* --- no attack: much mail, all of it pulled, so that caches are full
 * ------------ */

static void
prepare_rest(struct siege *sg)
{
	const struct caller *who = plug_person(sg, HONEST);
	struct answers a = { 0 };
	struct plug p;

	plug_empty(sg, VICTIM);
	MUST(plug_open(&p, sg, HONEST, who));
	MUST(pour(&p, who,
	    letter_to_victim(sg, MESSAGE_RATCHET, CONTENT_MAX_LEN), sg->n, &a));
	plug_close(&p);
	MUST(plug_drain(sg, VICTIM) == sg->n);
}

static void
rest(struct siege *sg)
{
	clock_sleep(sg->ms);
}

/* --- C11, C13: one sender, beside an honest one
 * -------------------------------- */

static void
prepare_one(struct siege *sg)
{
	plug_person(sg, VICTIM);
	plug_person(sg, HONEST);
	plug_person(sg, MALLORY);
}

/* how: the type of the messages; n: how many; ms: how long each is. */
static void
flood_one(struct siege *sg)
{
	const struct caller *who = plug_person(sg, MALLORY);
	const struct caller *other = plug_person(sg, HONEST);
	struct answers bad = { 0 }, good = { 0 };
	uint64_t next = 0;
	struct plug p, q;

	MUST(plug_open(&p, sg, MALLORY, who) &&
	    plug_open(&q, sg, HONEST, other));
	for (unsigned done = 0; done < sg->n; done += WINDOW) {
		pour(&p, who, letter_to_victim(sg, (uint8_t)sg->how, sg->ms),
		    WINDOW, &bad);
		if (clock_mono_ms() < next)
			continue;
		next = clock_deadline(HONEST_MS);
		pour(&q, other, letter_to_victim(sg, MESSAGE_RATCHET, 100), 1,
		    &good);
	}
	/* and once more, when the other has all that he can have */
	pour(&q, other, letter_to_victim(sg, MESSAGE_RATCHET, 100), 1, &good);
	tell_answers(sg, &bad);
	siege_tell(sg, "honest_done", good.by[0]);
	siege_tell(sg, "honest_refused",
	    good.by[REASON_MAILBOX_FULL] + good.by[REASON_RATE_LIMITED] +
		good.lost);
	plug_close(&p);
	plug_close(&q);
	plug_empty(sg, VICTIM);
}

/* --- C12: a crowd
 * --------------------------------------------------------------- */

static void
prepare_many(struct siege *sg)
{
	plug_person(sg, VICTIM);
	for (unsigned i = 0; i < sg->n; i++)
		plug_person(sg, SYBIL + i);
}

/* n senders, ms: how long a message is; WINDOW each, until it is full. */
static void
flood_many(struct siege *sg)
{
	const struct letter *l = letter_to_victim(sg, MESSAGE_RATCHET, sg->ms);
	struct answers a = { 0 };

	for (unsigned i = 0; i < sg->n; i++) {
		const struct caller *who = plug_person(sg, SYBIL + i);
		struct plug p;

		if (plug_open(&p, sg, SYBIL + i, who))
			pour(&p, who, l, WINDOW, &a);
		plug_close(&p);
	}
	tell_answers(sg, &a);
	siege_tell(sg, "pulled", plug_drain(sg, VICTIM));
}

/* --- C14: registrations
 * ----------------------------------------------------------- */

/* how: 1 = all from one address */
static void
register_many(struct siege *sg)
{
	struct answers a = { 0 };

	for (unsigned i = 0; i < sg->n; i++) {
		unsigned n = PEOPLE_MAX + 10 + i;
		struct caller who;
		char name[32];

		snprintf(name, sizeof(name), "stranger-%u", n);
		caller_make(&who, n, name);
		count(&a, plug_register(sg, sg->how == 1 ? 0 : n, &who));
	}
	tell_answers(sg, &a);
}

/* --- C15: the directory, read to its end
 * ------------------------------------------- */

static void
prepare_one_person(struct siege *sg)
{
	plug_person(sg, VICTIM);
}

struct walk {
	struct body_list ask;
	unsigned clients;
	unsigned pages;
	unsigned limited;
};

/* Whether there is another; one that is refused for now is asked for again. */
static bool
next_page(struct walk *w, struct plug *p, const struct caller *who)
{
	uint8_t payload[BODY_LIST_MAX];
	struct frame_reply head;
	const uint8_t *in;
	size_t len;

	body_pack_list(payload, &len, &w->ask);
	MUST(plug_put(p, who, CODE_LIST, payload, len) &&
	    plug_get(p, &head, &in));
	if (head.code == CODE_ERROR) {
		MUST(le_get16(in) == REASON_RATE_LIMITED);
		clock_sleep(le_get32(in + 2));
		w->limited++;
		return true;
	}
	MUST(head.size % BODY_CLIENT_LEN == 0);
	if (head.size == 0)
		return false;
	w->pages++;
	w->clients += head.size / BODY_CLIENT_LEN;
	memcpy(w->ask.after, in + head.size - BODY_CLIENT_LEN, ID_LEN);
	return true;
}

static void
walk(struct siege *sg)
{
	const struct caller *who = plug_person(sg, VICTIM);
	struct walk w = { .ask.limit = LIST_PAGE_MAX };
	uint64_t start = clock_mono_ms();
	struct plug p;

	MUST(plug_open(&p, sg, VICTIM, who));
	while (next_page(&w, &p, who)) {
	}
	siege_tell(sg, "clients", w.clients);
	siege_tell(sg, "pages", w.pages);
	siege_tell(sg, "limited", w.limited);
	siege_tell(sg, "walk_ms", clock_mono_ms() - start);
	plug_close(&p);
}

const struct attack mail_attacks[] = {
	{ "rest", prepare_rest, rest, 64, 1000, 0 },
	{ "flood_one", prepare_one, flood_one, 110000, 10, MESSAGE_RATCHET },
	{ "flood_one_big", prepare_one, flood_one, 4800, CONTENT_MAX_LEN,
	    MESSAGE_RATCHET },
	{ "key_requests", prepare_one, flood_one, 10000, 92, MESSAGE_REQUEST },
	{ "flood_many", prepare_many, flood_many, CROWD, 10000, 0 },
	{ "register", NULL, register_many, 10000, 0, 0 },
	{ "register_one_source", NULL, register_many, 10000, 0, 1 },
	{ "list", prepare_one_person, walk, 1, 0, 0 },
	{ 0 },
};
