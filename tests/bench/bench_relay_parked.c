/* SPDX-License-Identifier: ISC */
/*
 * Ten thousand pulls that wait: what each costs the relay in memory, and how
 * long after the sender has its answer the message is there.
 */
#include "figure.h"
#include "load.h"
#include "raw.h"
#include "wire/body.h"

#define PARKED_MAX  10000
#define SENDERS_MAX 16

static struct stage stage;
static struct person people[PARKED_MAX + SENDERS_MAX];
static struct line lines[PARKED_MAX + SENDERS_MAX];
static struct line *const senders = lines + PARKED_MAX;
static struct figure figure;
static uint64_t answered[PARKED_MAX], seen[PARKED_MAX], done;
static size_t target[SENDERS_MAX], next, under_way;

static void
wait_for_mail(struct line *l, uint32_t after)
{
	struct body_pull q = { .after = after, .wait_ms = PULL_WAIT_MAX };
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	line_ask(l, CODE_PULL, payload, sizeof(payload), NULL, 0);
}

/* A message counts when both sides have heard of it. */
static void
heard(size_t parked)
{
	uint64_t a = answered[parked], s = seen[parked];

	if (a == 0 || s == 0)
		return;
	figure_note(&figure, s > a ? s - a : 0);
	answered[parked] = seen[parked] = 0;
	done++;
	under_way--;
}

static void
on_mail(struct line *l, const struct line_reply *r)
{
	const uint8_t *in = r->payload;
	size_t len = r->len;
	struct body_message m;

	MUST(body_unpack_message(&m, &in, &len) == 0 && len == 0);
	wait_for_mail(l, m.id);
	seen[l - lines] = raw_now_ns();
	heard((size_t)(l - lines));
}

static void
send_next(struct line *l)
{
	size_t to = next++ % PARKED_MAX;

	target[l - senders] = to;
	under_way++;
	line_send_text(l, people[to].id);
}

static void
on_answer(struct line *l, const struct line_reply *r)
{
	size_t to = target[l - senders];

	MUST(r->code == CODE_SEND + CODE_REPLY);
	answered[to] = raw_now_ns();
	if (figure_goes_on(&figure))
		send_next(l);
	heard(to);
}

static void
measure_wake(size_t n)
{
	figure_init(&figure, &stage, "wake", n, "sync");
	figure_number(&figure, "parked", PARKED_MAX);
	for (size_t i = 0; i < FIGURE_ROUNDS; i++) {
		done = 0;
		figure_begin(&figure);
		for (size_t k = 0; k < n; k++) {
			senders[k].fn = on_answer;
			send_next(&senders[k]);
		}
		while (under_way > 0)
			load_turn();
		figure_end(&figure, done);
		figure_raw(&figure, "sync",
		    raw_syncs(stage.dir, FIGURE_RAW_NS));
		figure_raw(&figure, "echo",
		    raw_echoes((unsigned)n, FIGURE_RAW_NS));
	}
	figure_print(&figure);
}

static void
park(size_t n)
{
	load_open_all(lines, people, n);
	for (size_t i = 0; i < n; i++) {
		lines[i].fn = on_mail;
		wait_for_mail(&lines[i], 0);
	}
}

static void
be_through(struct line *l, const struct line_reply *r)
{
	(void)l;
	MUST(r->code == CODE_PULL + CODE_REPLY);
	under_way--;
}

/* A pull without waiting is answered: those before it are parked. */
static void
come_through(void)
{
	senders[0].fn = be_through;
	under_way = 1;
	line_ask(&senders[0], CODE_PULL, NULL, 0, NULL, 0);
	while (under_way > 0)
		load_turn();
}

static void
measure_memory(void)
{
	double idle = stage_rss_kib(&stage), parked;

	figure_init(&figure, &stage, "memory", PARKED_MAX, NULL);
	park(PARKED_MAX);
	load_open_all(senders, people + PARKED_MAX, SENDERS_MAX);
	come_through();
	parked = stage_rss_kib(&stage);
	figure_number(&figure, "idle_rss_kib", idle);
	figure_number(&figure, "parked_rss_kib", parked);
	figure_number(&figure, "kib_a_parked_pull",
	    (parked - idle) / PARKED_MAX);
	figure_print(&figure);
}

int
main(void)
{
	struct store *st;

	stage_make(&stage);
	st = stage_open_store(&stage);
	stage_add_people(st, people, PARKED_MAX + SENDERS_MAX);
	MUST(store_commit(st) == 0);
	store_close(st);
	stage_start(&stage);
	load_start(&stage.relay);
	measure_memory();
	measure_wake(1);
	measure_wake(SENDERS_MAX);
	load_stop();
	stage_stop(&stage);
	return 0;
}
