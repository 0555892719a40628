/* SPDX-License-Identifier: ISC */
/*
 * The same sends to clients drawn by lot, where there are a thousand of them,
 * and a hundred thousand, and a million: three relays, taken in turns.  What
 * the relay's processor does for one send must stay the same, and a start must
 * not take longer than a second.
 */
#include "base/secret.h"
#include "figure.h"
#include "load.h"
#include "raw.h"

#define SENDERS 64

static struct crowd {
	size_t n;
	struct stage stage;
	struct person people[SENDERS];
	struct line lines[SENDERS];
	struct figure figure;
	uint64_t ready_ns; /* from its start to its first word */
} crowds[] = { { .n = 1000 }, { .n = 100000 }, { .n = 1000000 } };

#define CROWDS (sizeof(crowds) / sizeof(*crowds))

static struct crowd *here;
static uint64_t done, under_way;

static void
send_next(struct line *l)
{
	uint8_t to[ID_LEN];
	uint32_t lot;

	secret_random(&lot, sizeof(lot));
	stage_crowd_id(to, lot % here->n);
	line_send_text(l, to);
}

static void
on_reply(struct line *l, const struct line_reply *r)
{
	MUST(r->code == CODE_SEND + CODE_REPLY);
	figure_note(&here->figure, raw_now_ns() - l->asked_ns);
	done++;
	if (figure_goes_on(&here->figure))
		send_next(l);
	else
		under_way--;
}

static void
run_round(void)
{
	done = 0;
	figure_begin(&here->figure);
	for (under_way = 0; under_way < SENDERS; under_way++)
		send_next(&here->lines[under_way]);
	while (under_way > 0)
		load_turn();
	figure_end(&here->figure, done);
	figure_raw(&here->figure, "insert",
	    raw_inserts(here->stage.dir, here->figure.batch, RAW_MAILBOXES,
		FIGURE_RAW_NS));
}

static void
assemble(struct crowd *c)
{
	struct store *st;

	stage_make(&c->stage);
	st = stage_open_store(&c->stage);
	stage_add_people(st, c->people, SENDERS);
	stage_add_crowd(st, 0, c->n);
	MUST(store_commit(st) == 0);
	store_close(st);
	c->ready_ns = raw_now_ns();
	stage_start(&c->stage);
	c->ready_ns = raw_now_ns() - c->ready_ns;
	load_start(&c->stage.relay);
	load_open_all(c->lines, c->people, SENDERS);
	for (size_t i = 0; i < SENDERS; i++)
		c->lines[i].fn = on_reply;
	figure_init(&c->figure, &c->stage, "crowd", c->n, "insert");
}

static double
cpu_of_one(const struct crowd *c)
{
	return (double)c->figure.cpu_ns / (double)c->figure.done;
}

int
main(void)
{
	for (size_t i = 0; i < CROWDS; i++)
		assemble(&crowds[i]);
	for (size_t i = 0; i < FIGURE_ROUNDS * CROWDS; i++) {
		here = &crowds[i % CROWDS];
		run_round();
	}
	for (size_t i = 0; i < CROWDS; i++) {
		struct crowd *c = &crowds[i];

		figure_number(&c->figure, "cpu_ratio",
		    cpu_of_one(c) / cpu_of_one(&crowds[0]));
		figure_number(&c->figure, "ready_ms",
		    (double)c->ready_ns / 1e6);
		load_close_all(c->lines, SENDERS);
	}
	for (size_t i = 0; i < CROWDS; i++)
		figure_print(&crowds[i].figure);
	load_stop();
	for (size_t i = 0; i < CROWDS; i++)
		stage_stop(&crowds[i].stage);
	return 0;
}
