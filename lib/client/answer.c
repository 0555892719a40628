/* SPDX-License-Identifier: ISC */
#include "client/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/directory.h"
#include "client/exchange.h"
#include "state/handshake.h"
#include "wire/id.h"

#define GIVEN_UP_MAX 4096 /* peers; then the first ones have another chance */
#define OWED_MAX     64
#define TURNS_MAX    4 /* a finish, then an answer, and once more */

typedef int (*step)(struct client *c, const char *who, struct exchange *out);

/* A step that is committed, and could not be said. */
struct owed {
	uint8_t peer[ID_LEN];
	step take;
};

struct answer {
	struct client *client;
	enum answer_mode mode;
	struct buf *given_up; /* ids of peers with whom a step has failed */
	struct owed owed[OWED_MAX];
	size_t owed_n;
};

int
answer_new(struct answer **out, struct client *c, enum answer_mode mode)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (a)
		a->given_up = buf_new((size_t)GIVEN_UP_MAX * ID_LEN);
	if (!a || !a->given_up) {
		answer_free(a);
		return err_set(ERR_NOMEM, "no memory for answers");
	}
	a->client = c;
	a->mode = mode;
	*out = a;
	return 0;
}

void
answer_free(struct answer *a)
{
	if (!a)
		return;
	buf_free(a->given_up);
	free(a);
}

static bool
is_given_up(const struct answer *a, const uint8_t id[static ID_LEN])
{
	const uint8_t *ids = buf_peek(a->given_up);

	for (size_t at = 0; at < buf_len(a->given_up); at += ID_LEN) {
		if (memcmp(ids + at, id, ID_LEN) == 0)
			return true;
	}
	return false;
}

static int
give_up(struct answer *a, const uint8_t id[static ID_LEN])
{
	if (buf_room(a->given_up) < ID_LEN)
		buf_drop(a->given_up, ID_LEN);
	return buf_put(a->given_up, id, ID_LEN);
}

static void
owe(struct answer *a, const uint8_t id[static ID_LEN], step take)
{
	struct owed *o = &a->owed[a->owed_n];

	if (a->owed_n == OWED_MAX)
		return; /* that peer will have to ask again */
	memcpy(o->peer, id, ID_LEN);
	o->take = take;
	a->owed_n++;
}

/* Is it that peer's matter alone? */
static bool
is_private(int r)
{
	return r == ERR_NO_SESSION || r == ERR_DENIED ||
	    r == ERR_UNKNOWN_PEER || r == ERR_PEER_CHANGED;
}

static int
take_step(struct answer *a, const uint8_t id[static ID_LEN], step take)
{
	char who[ID_TEXT_SIZE];
	struct exchange x = { .sent = false };
	int r;

	id_text(who, id);
	r = take(a->client, who, &x);
	if (r == ERR_UNREACHABLE || r == ERR_BUSY)
		owe(a, id, take);
	if (r == ERR_BUSY) /* or that peer's mailbox is full */
		return 0;
	return is_private(r) ? give_up(a, id) : r;
}

/* Sessions of no more use, and nobody has begun a new one. */
static int
ask_anew(struct answer *a, const uint8_t id[static ID_LEN])
{
	struct handshake h;
	bool asked;
	int r = handshake_get(client_keyfile(a->client), id,
	    HANDSHAKE_INITIATOR, &h, &asked);

	asked = r == 0 && asked && h.stage == HANDSHAKE_REQUESTED;
	secret_wipe(&h, sizeof(h));
	return r < 0 || asked ? r : take_step(a, id, exchange_request);
}

static int
step_with(struct answer *a, const uint8_t id[static ID_LEN])
{
	enum book_session s = BOOK_NONE;
	int r = 0;

	for (int turns = 0; turns < TURNS_MAX && !is_given_up(a, id); turns++) {
		r = book_session(a->client, id, &s);
		if (r < 0 ||
		    (s != BOOK_REQUEST_RECEIVED && s != BOOK_KEY_RECEIVED))
			break;
		r = take_step(a, id, exchange_send);
		if (r < 0)
			return r;
	}
	return r == 0 && s == BOOK_RESET_NEEDED ? ask_anew(a, id) : r;
}

/* Somebody has asked who is not in the key file yet. */
static int
get_to_know(struct answer *a, const uint8_t id[static ID_LEN], bool *known)
{
	enum directory_status status;
	char who[ID_TEXT_SIZE];
	struct peer p;
	int r;

	id_text(who, id);
	r = client_connect(a->client);
	if (r < 0)
		return r;
	r = directory_fetch(a->client, who, &p, &status);
	*known = r == 0;
	if (r == ERR_PROTOCOL && !chan_is_in_doubt(client_chan(a->client)))
		return give_up(a, id); /* what there is does not verify */
	return is_private(r) ? give_up(a, id) : r;
}

static int
answer_one(struct answer *a, const uint8_t id[static ID_LEN])
{
	struct peer p;
	bool known;
	int r = book_get(a->client, id, &p, &known);

	if (r == 0 && !known && a->mode == ANSWER_ANY)
		r = get_to_know(a, id, &known);
	if (r < 0 || !known || p.blocked ||
	    (a->mode == ANSWER_VERIFIED && !p.verified))
		return r;
	return step_with(a, id);
}

/* All that is owed is tried once; what still is stands there again. */
static int
pay(struct answer *a)
{
	const size_t n = a->owed_n;
	struct owed debts[OWED_MAX];
	int r = 0;

	memcpy(debts, a->owed, n * sizeof(*debts));
	a->owed_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = take_step(a, debts[i].peer, debts[i].take);
		else
			owe(a, debts[i].peer, debts[i].take);
	}
	return r;
}

int
answer_all(struct answer *a)
{
	uint8_t id[ID_LEN] = { 0 };
	bool found = true;
	int r = a->mode == ANSWER_NONE ? 0 : pay(a);

	while (r == 0 && found && a->mode != ANSWER_NONE) {
		r = handshake_next_open(client_keyfile(a->client), id, &found);
		if (r == 0 && found && !is_given_up(a, id))
			r = answer_one(a, id);
	}
	return r;
}
