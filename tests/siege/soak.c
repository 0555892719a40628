/* SPDX-License-Identifier: ISC */
/*
 * A long life: sessions of every kind, a fifth of them abusive, and the
 * memory that the relay has in the end beside what it had after a tenth.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "plug.h"
#include "watch.h"
#include "wire/codes.h"

#define WORKERS   4
#define PEOPLE    64 /* who take part; every worker knows all */
#define NEWCOMER  (1U << 20)
#define NEWCOMERS 128
#define KINDS     20
#define LEN       300
#define QUIET_MS  1200 /* until all has ended at the relay too */

struct visit {
	const struct siege *sg;
	const struct caller *who, *other;
	struct plug p;
	unsigned i;
};

static bool
enter(struct visit *v)
{
	return plug_open(&v->p, v->sg, v->i % PEOPLE, v->who);
}

static void
ask(struct visit *v, uint16_t code, const void *payload, size_t len)
{
	if (enter(v))
		MUST(plug_ask(&v->p, v->who, code, payload, len) ==
		    (unsigned)code + CODE_REPLY);
}

/* --- what people do
 * ------------------------------------------------------------ */

static void
do_send(struct visit *v)
{
	uint8_t payload[SEND_HEAD_LEN + LEN] = { 0 };
	struct body_send m = { .type = MESSAGE_RATCHET, .content_len = LEN };

	memcpy(m.to, v->other->key.id, ID_LEN);
	body_pack_send(payload, &m);
	ask(v, CODE_SEND, payload, sizeof(payload));
}

static void
do_pull(struct visit *v)
{
	uint8_t range[BODY_RANGE_LEN];

	ask(v, CODE_PULL, NULL, 0);
	body_pack_range(range, &(struct body_range){ 1, UINT32_MAX });
	plug_ask(&v->p, v->who, CODE_ACK, range, sizeof(range));
}

static void
do_list(struct visit *v)
{
	ask(v, CODE_LIST, NULL, 0);
}

static void
do_key(struct visit *v)
{
	ask(v, CODE_KEY, v->other->key.id, ID_LEN);
}

static void
do_block(struct visit *v)
{
	uint8_t op[2 * BODY_BLOCK_LEN];
	struct body_block b = { .block = true };

	memcpy(b.id, v->other->key.id, ID_LEN);
	body_pack_block(op, &b);
	b.block = false;
	body_pack_block(op + BODY_BLOCK_LEN, &b);
	ask(v, CODE_BLOCK, op, sizeof(op));
}

/* Comes, and goes for good. */
static void
do_register(struct visit *v)
{
	unsigned n = NEWCOMER + v->i / KINDS % NEWCOMERS;
	struct caller who;
	char name[32];

	snprintf(name, sizeof(name), "newcomer-%u", n);
	caller_make(&who, n, name);
	MUST(plug_register(v->sg, n, &who) == CODE_REGISTER + CODE_REPLY);
	v->who = &who;
	ask(v, CODE_UNREGISTER, NULL, 0);
}

/* Waits for a message, and is gone before there is one. */
static void
do_wait(struct visit *v)
{
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload,
	    &(struct body_pull){ .after = UINT32_MAX, .wait_ms = 1000 });
	if (enter(v))
		plug_put(&v->p, v->who, CODE_PULL, payload, sizeof(payload));
}

/* --- and what others do
 * ----------------------------------------------------------- */

static void
do_nonsense(struct visit *v)
{
	uint8_t bytes[64];

	secret_random(bytes, sizeof(bytes));
	if (plug_connect(&v->p, v->sg, v->i))
		plug_send(&v->p, bytes, sizeof(bytes));
}

static void
do_abort(struct visit *v)
{
	if (plug_connect(&v->p, v->sg, v->i) && plug_hello(&v->p) &&
	    v->i / KINDS % 2 == 0)
		plug_answer(&v->p);
}

/* A record that the channel's keys have not made. */
static void
do_forge(struct visit *v)
{
	uint8_t bytes[64] = { 0, sizeof(bytes) - TRANSPORT_LENGTH_LEN };

	if (enter(v))
		plug_send(&v->p, bytes, sizeof(bytes));
}

static void
do_promise(struct visit *v)
{
	static const uint8_t zeros[5000];
	uint8_t record[TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX];
	uint32_t size = v->i / KINDS % 2 == 0 ? 1000000 : UINT32_MAX;

	if (enter(v))
		plug_send(&v->p, record,
		    plug_pack(&v->p, v->who, CODE_SEND, size, zeros,
			sizeof(zeros), record));
	plug_reset(&v->p);
}

static void (*const kinds[KINDS])(struct visit *) = { do_send, do_send, do_pull,
	do_nonsense, do_send,                         //
	do_key, do_list, do_abort, do_send, do_pull,  //
	do_send, do_block, do_forge, do_send, do_key, //
	do_register, do_pull, do_promise, do_wait, do_send };

static void
work(const struct siege *sg, unsigned from, unsigned to, unsigned worker)
{
	for (unsigned i = from + worker; i < to; i += WORKERS) {
		struct visit v = { .sg = sg, .i = i, .p.fd = -1 };

		v.who = plug_person(sg, i / KINDS % PEOPLE);
		v.other = plug_person(sg, (i + 1) / 7 % PEOPLE);
		if (v.who == v.other)
			continue;
		kinds[i % KINDS](&v);
		plug_close(&v.p);
	}
}

/* Sessions from..to, by some at a time; what the relay has after them. */
static uint64_t
stretch(const struct siege *sg, unsigned from, unsigned to)
{
	struct watch w;
	int status;

	for (unsigned i = 0; i < WORKERS; i++) {
		pid_t pid = fork();

		MUST(pid >= 0);
		if (pid == 0) {
			work(sg, from, to, i);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < WORKERS; i++)
		MUST(wait(&status) > 0 && status == 0);
	clock_sleep(QUIET_MS);
	watch_read(&w, sg->pid);
	return w.rss_kib;
}

static void
soak(struct siege *sg)
{
	siege_tell(sg, "rss_tenth_kib", stretch(sg, 0, sg->n / 10));
	siege_tell(sg, "rss_end_kib", stretch(sg, sg->n / 10, sg->n));
}

static void
prepare(struct siege *sg)
{
	for (unsigned i = 0; i < PEOPLE; i++)
		plug_person(sg, i);
}

const struct attack soak_attacks[] = {
	{ "soak", prepare, soak, 100000, 0, 0 },
	{ 0 },
};
