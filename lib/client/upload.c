/* SPDX-License-Identifier: ISC */
#include "client/upload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/patience.h"
#include "wire/body.h"
#include "wire/codes.h"

struct slot {
	uint8_t *box;
	size_t len;
	struct upload_line *line; /* NULL: free */
	uint64_t index;
	bool put_off; /* the relay was busy; not asked for */
	bool probe;   /* asked for again, to see if it still is */
};

struct upload {
	struct client *client;
	struct patience patience;
	struct slot slots[UPLOAD_WINDOW];
	struct slot *asked[UPLOAD_WINDOW]; /* in the order of the requests */
	size_t asked_n;
	struct err_info busy; /* what the relay said when it was last */
	struct slot *lent;
	uint8_t *memory;
};

int
upload_new(struct upload **out, struct client *c, size_t box_size)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (u)
		u->memory = calloc(UPLOAD_WINDOW, box_size);
	if (!u || !u->memory) {
		upload_free(u);
		return err_set(ERR_NOMEM, "no memory for a window of chunks");
	}
	u->client = c;
	patience_init(&u->patience, c);
	for (size_t i = 0; i < UPLOAD_WINDOW; i++)
		u->slots[i].box = u->memory + i * box_size;
	*out = u;
	return 0;
}

void
upload_free(struct upload *u)
{
	if (!u)
		return;
	free(u->memory);
	free(u);
}

/* One request over the channel as it is. */
static int
ask(struct upload *u, const struct slot *s)
{
	struct body_send b = { .type = MESSAGE_CHUNK,
		.content = s->box,
		.content_len = (uint32_t)s->len };
	uint8_t head[SEND_HEAD_LEN];

	memcpy(b.to, s->line->to, ID_LEN);
	body_pack_send(head, &b);
	return chan_put(client_chan(u->client), CODE_SEND, head, sizeof(head),
	    s->box, s->len);
}

/* The channel broke: ask for all that was not answered over a new one. */
static int
begin_again(struct upload *u, int r)
{
	while (r < 0) {
		r = patience_wait(&u->patience, r);
		if (r < 0)
			return r;
		for (size_t i = 0; i < u->asked_n && r == 0; i++)
			r = ask(u, u->asked[i]);
	}
	return 0;
}

static int
post(struct upload *u, struct slot *s)
{
	u->asked[u->asked_n++] = s;
	return begin_again(u, ask(u, s));
}

static void
drop_first(struct upload *u)
{
	u->asked_n--;
	for (size_t i = 0; i < u->asked_n; i++)
		u->asked[i] = u->asked[i + 1];
}

static void
release(struct slot *s)
{
	s->line = NULL;
	s->put_off = s->probe = false;
}

/* What else there is of the line is dropped as its answers come. */
static void
fail_line(struct upload *u, struct upload_line *line, int r)
{
	if (line->failed == 0) {
		line->failed = r;
		line->why = *err_last();
	}
	for (size_t i = 0; i < UPLOAD_WINDOW; i++) {
		if (u->slots[i].line == line && u->slots[i].put_off)
			release(&u->slots[i]);
	}
}

/* The relay has said no to s, which is no more among those asked for. */
static void
meet_refusal(struct upload *u, struct slot *s, int r)
{
	if (s->line->failed == 0 && r == ERR_BUSY) {
		u->busy = *err_last();
		s->put_off = true;
		s->probe = false;
		return;
	}
	fail_line(u, s->line, r);
	release(s);
}

static bool
is_asked(const struct upload *u, const struct upload_line *line)
{
	for (size_t i = 0; i < u->asked_n; i++) {
		if (u->asked[i]->line == line)
			return true;
	}
	return false;
}

/* One of each line: a relay that has no room is not sent all of it again. */
static int
post_probes(struct upload *u)
{
	int r = 0;

	for (size_t i = 0; i < UPLOAD_WINDOW && r == 0; i++) {
		struct slot *s = &u->slots[i];

		if (!s->put_off || is_asked(u, s->line))
			continue;
		s->put_off = false;
		s->probe = true;
		r = post(u, s);
	}
	return r;
}

/* A probe of the line went through. */
static int
post_others(struct upload *u, const struct upload_line *line)
{
	int r = 0;

	for (size_t i = 0; i < UPLOAD_WINDOW && r == 0; i++) {
		struct slot *s = &u->slots[i];

		if (!s->put_off || s->line != line)
			continue;
		s->put_off = false;
		r = post(u, s);
	}
	return r;
}

/*
 * All is answered, and some put off: that is waited for once, not for each of
 * them.  When patience ends none has got on for as long.
 */
static int
wait_busy(struct upload *u)
{
	int r;

	err_restore(&u->busy);
	r = patience_wait(&u->patience, ERR_BUSY);
	if (r == 0)
		return post_probes(u);
	for (size_t i = 0; i < UPLOAD_WINDOW; i++) {
		if (u->slots[i].put_off)
			fail_line(u, u->slots[i].line, r);
	}
	return 0;
}

/* The answer to the oldest request. */
static int
hear(struct upload *u)
{
	struct chan *chan = client_chan(u->client);
	struct slot *s = u->asked[0];
	const struct upload_line *line = s->line;
	const bool probe = s->probe;
	struct chan_reply reply;
	int r = chan_get(chan, &reply, 0);

	if (r < 0 && chan_reason(chan) == 0)
		return begin_again(u, r);
	if (r == 0 &&
	    (reply.len != BODY_SENT_LEN ||
		memcmp(reply.payload, line->to, ID_LEN) != 0))
		return err_set(ERR_PROTOCOL,
		    "the relay confirms another chunk");
	drop_first(u);
	if (r < 0) {
		meet_refusal(u, s, r);
		return 0;
	}
	patience_renew(&u->patience);
	release(s);
	return probe ? post_others(u, line) : 0;
}

static int
advance(struct upload *u)
{
	return u->asked_n > 0 ? hear(u) : wait_busy(u);
}

static struct slot *
find_free(struct upload *u)
{
	for (size_t i = 0; i < UPLOAD_WINDOW; i++) {
		if (!u->slots[i].line)
			return &u->slots[i];
	}
	return NULL;
}

int
upload_box(struct upload *u, uint8_t **box)
{
	struct slot *s;

	while (!(s = find_free(u))) {
		int r = advance(u);

		if (r < 0)
			return r;
	}
	u->lent = s;
	*box = s->box;
	return 0;
}

int
upload_send(struct upload *u, struct upload_line *line, size_t len)
{
	struct slot *s = u->lent;

	assert(s && !s->line);
	u->lent = NULL;
	s->line = line;
	s->len = len;
	s->index = line->next++;
	return post(u, s);
}

static bool
is_settled(const struct upload *u)
{
	for (size_t i = 0; i < UPLOAD_WINDOW; i++) {
		if (u->slots[i].line)
			return false;
	}
	return true;
}

int
upload_settle(struct upload *u)
{
	int r = 0;

	while (r == 0 && !is_settled(u))
		r = advance(u);
	return r;
}

uint64_t
upload_settled(const struct upload *u, const struct upload_line *line)
{
	uint64_t settled = line->next;

	for (size_t i = 0; i < UPLOAD_WINDOW; i++) {
		const struct slot *s = &u->slots[i];

		if (s->line == line && s->index < settled)
			settled = s->index;
	}
	return settled;
}
