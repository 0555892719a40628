/* SPDX-License-Identifier: ISC */
/* Clients that ask and do not take the answers. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/le.h"
#include "base/secret.h"
#include "plug.h"
#include "watch.h"
#include "wire/codes.h"

#define PLUGS_MAX  1000
#define PER_PERSON 100
#define PIECES     17 /* in a mailbox: a page of about a MiB */
#define PIECE_LEN  60000
#define PULLS      10
#define SMALL_N    1000
#define SMALL_LEN  100
#define QUIET_MS   300 /* then it takes no more */

static struct plug plugs[PLUGS_MAX];

static void
fill(struct siege *sg, unsigned to, unsigned n, uint32_t len)
{
	const struct caller *from = plug_person(sg, PEOPLE_MAX - 1);
	uint8_t payload[SEND_HEAD_LEN + PIECE_LEN] = { 0 };
	struct body_send m = { .type = MESSAGE_RATCHET, .content_len = len };
	struct plug p;

	memcpy(m.to, plug_person(sg, to)->key.id, ID_LEN);
	body_pack_send(payload, &m);
	MUST(plug_open(&p, sg, 0, from));
	for (unsigned i = 0; i < n; i++)
		MUST(plug_ask(&p, from, CODE_SEND, payload,
			 SEND_HEAD_LEN + len) == CODE_SEND + CODE_REPLY);
	plug_close(&p);
}

/* --- C7: replies of 10 MB are asked for, and not read
 * ------------------------- */

static void
prepare_slow(struct siege *sg)
{
	for (unsigned i = 0; i * PER_PERSON < sg->n; i++)
		fill(sg, i, PIECES, PIECE_LEN);
}

static void
ask_much(struct plug *p, struct siege *sg, unsigned i)
{
	const struct caller *who = plug_person(sg, i / PER_PERSON);

	if (!plug_connect_narrow(p, sg, i) || !plug_hello(p) ||
	    !plug_answer(p) || !plug_finish(p, who))
		return;
	for (int j = 0; j < PULLS; j++)
		plug_put(p, who, CODE_PULL, NULL, 0);
}

static void
slow_readers(struct siege *sg)
{
	struct watch w;

	MUST(sg->n <= PLUGS_MAX);
	for (unsigned i = 0; i < sg->n; i++)
		ask_much(&plugs[i], sg, i);
	clock_sleep(sg->ms);
	watch_read(&w, sg->pid);
	siege_tell(sg, "fds_then", w.fds);
	for (unsigned i = 0; i < sg->n; i++)
		plug_close(&plugs[i]);
	for (unsigned i = 0; i * PER_PERSON < sg->n; i++)
		plug_empty(sg, i);
}

/* --- C8: many requests in one burst, before anything is read
 * ------------------- */

/* As many requests as one record holds, or n. */
static size_t
seal_requests(struct plug *p, const struct caller *who, unsigned *n,
    uint8_t out[static TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX])
{
	struct frame_request req = { .version = WIRE_VERSION,
		.code = CODE_KEY,
		.size = ID_LEN };
	uint8_t *at = out + TRANSPORT_BODY_AT;
	size_t len = 0;

	memcpy(req.id, who->key.id, ID_LEN);
	for (; *n > 0 && len + FRAME_REQUEST_LEN + ID_LEN <= TRANSPORT_BODY_MAX;
	     (*n)--) {
		frame_pack_request(at + len, &req);
		memcpy(at + len + FRAME_REQUEST_LEN, who->key.id, ID_LEN);
		len += FRAME_REQUEST_LEN + ID_LEN;
	}
	MUST(transport_seal(&p->t, out, TRANSPORT_FRAMES, at, len) == 0);
	return len + TRANSPORT_OVERHEAD;
}

/* All of them, in one buffer of the caller's. */
static uint8_t *
make_burst(struct plug *p, const struct caller *who, unsigned n, size_t *len)
{
	uint8_t *all = malloc((size_t)n * (FRAME_REQUEST_LEN + ID_LEN) +
	    (n / 1000 + 2) * TRANSPORT_OVERHEAD + TRANSPORT_RECORD_MAX);

	MUST(all);
	*len = 0;
	while (n > 0)
		*len += seal_requests(p, who, &n, all + *len);
	return all;
}

/* Until the relay takes no more; how much it took. */
static size_t
push(struct plug *p, const uint8_t *bytes, size_t len, int quiet_ms)
{
	struct pollfd f = { .fd = p->fd, .events = POLLOUT };
	size_t at = 0;

	while (at < len && poll(&f, 1, quiet_ms) == 1) {
		ssize_t n = send(p->fd, bytes + at, len - at, MSG_NOSIGNAL);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	return at;
}

struct answers {
	unsigned good;
	unsigned limited;
	unsigned others;
};

static void
count_answer(struct answers *a, const struct frame_reply *head,
    const uint8_t *in)
{
	if (head->code != CODE_ERROR)
		a->good++;
	else if (le_get16(in) == REASON_RATE_LIMITED)
		a->limited++;
	else
		a->others++;
}

/* Read what has come, write what is left, until all is answered. */
static void
drain(struct plug *p, const uint8_t *bytes, size_t len, unsigned n,
    struct answers *a)
{
	size_t at = 0;

	while (a->good + a->limited + a->others < n) {
		struct frame_reply head;
		const uint8_t *in;

		at += push(p, bytes + at, len - at, 0);
		if (!plug_get(p, &head, &in))
			break;
		count_answer(a, &head, in);
	}
}

static void
pipeline(struct siege *sg)
{
	const struct caller *who = plug_person(sg, 0);
	struct answers a = { 0 };
	struct plug p;
	uint8_t *burst;
	size_t len, took;

	MUST(plug_open(&p, sg, 0, who));
	burst = make_burst(&p, who, sg->n, &len);
	took = push(&p, burst, len, QUIET_MS);
	clock_sleep(sg->ms);
	siege_tell(sg, "bytes", len);
	siege_tell(sg, "taken_unread", took);
	drain(&p, burst + took, len - took, sg->n, &a);
	siege_tell(sg, "answered", a.good);
	siege_tell(sg, "limited", a.limited);
	siege_tell(sg, "others", a.others);
	free(burst);
	plug_close(&p);
}

static void
prepare_pipeline(struct siege *sg)
{
	plug_person(sg, 0);
}

/* --- C10: the same messages pulled again and again
 * ----------------------------- */

static void
prepare_never_ack(struct siege *sg)
{
	plug_empty(sg, 1);
	fill(sg, 1, SMALL_N, SMALL_LEN);
}

static void
never_ack(struct siege *sg)
{
	const struct caller *who = plug_person(sg, 1);
	struct answers a = { 0 };
	uint64_t bytes = 0;
	struct plug p;

	MUST(plug_open(&p, sg, 0, who));
	for (unsigned i = 0; i < sg->n; i++) {
		struct frame_reply head;
		const uint8_t *in;

		if (!plug_put(&p, who, CODE_PULL, NULL, 0) ||
		    !plug_get(&p, &head, &in))
			break;
		count_answer(&a, &head, in);
		bytes += head.size;
	}
	siege_tell(sg, "answered", a.good);
	siege_tell(sg, "limited", a.limited);
	siege_tell(sg, "others", a.others);
	siege_tell(sg, "bytes", bytes);
	plug_close(&p);
	siege_tell(sg, "left", plug_drain(sg, 1));
}

const struct attack read_attacks[] = {
	{ "slow_readers", prepare_slow, slow_readers, 100, 13000, 0 },
	{ "pipeline", prepare_pipeline, pipeline, 100000, 2000, 0 },
	{ "never_ack", prepare_never_ack, never_ack, 1000, 0, 0 },
	{ 0 },
};
