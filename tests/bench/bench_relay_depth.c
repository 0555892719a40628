/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes in which 1, 1000 and 100 000 messages wait: three relays, taken
 * in turns.  Each pair sends one, pulls the oldest and acknowledges it, so
 * that the depth stays.  What these three cost the relay must stay the same.
 */
#include "figure.h"
#include "load.h"
#include "raw.h"
#include "wire/body.h"

#define PAIRS 8

static struct depth {
	size_t n;
	struct stage stage;
	struct person people[2 * PAIRS]; /* senders, then their readers */
	struct line lines[2 * PAIRS];
	uint32_t last[PAIRS];
	struct figure figure;
} depths[] = { { .n = 1 }, { .n = 1000 }, { .n = 100000 - 8 * PAIRS } };

#define DEPTHS (sizeof(depths) / sizeof(*depths))

static struct depth *here;
static uint64_t done, under_way;

static size_t
pair_of(const struct line *l)
{
	return (size_t)(l - here->lines) % PAIRS;
}

static void
send_next(size_t pair)
{
	line_send_text(&here->lines[pair], here->people[PAIRS + pair].id);
}

static void
pull_one(size_t pair)
{
	struct body_pull q = { .after = here->last[pair], .max_bytes = 1 };
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	line_ask(&here->lines[PAIRS + pair], CODE_PULL, payload,
	    sizeof(payload), NULL, 0);
}

static void
acknowledge(size_t pair, const struct line_reply *page)
{
	const uint8_t *in = page->payload;
	uint8_t payload[BODY_RANGE_LEN];
	size_t len = page->len;
	struct body_message m;

	MUST(body_unpack_message(&m, &in, &len) == 0 && len == 0);
	here->last[pair] = m.id;
	body_pack_range(payload, &(struct body_range){ m.id, m.id });
	line_ask(&here->lines[PAIRS + pair], CODE_ACK, payload, sizeof(payload),
	    NULL, 0);
}

static void
on_reply(struct line *l, const struct line_reply *r)
{
	size_t pair = pair_of(l);

	if (r->code == CODE_SEND + CODE_REPLY) {
		pull_one(pair);
		return;
	}
	if (r->code == CODE_PULL + CODE_REPLY) {
		acknowledge(pair, r);
		return;
	}
	done++;
	if (figure_goes_on(&here->figure))
		send_next(pair);
	else
		under_way--;
}

static void
go_round(void)
{
	done = 0;
	for (under_way = 0; under_way < PAIRS; under_way++)
		send_next(under_way);
	while (under_way > 0)
		load_turn();
}

static void
run_round(void)
{
	figure_begin(&here->figure);
	go_round();
	figure_end(&here->figure, done);
	figure_raw(&here->figure, "sync",
	    raw_syncs(here->stage.dir, FIGURE_RAW_NS));
}

static void
fill(struct depth *d)
{
	struct store *st = stage_open_store(&d->stage);

	stage_add_people(st, d->people, 2 * PAIRS);
	for (size_t i = 0; i < PAIRS; i++) {
		const uint8_t *to = d->people[PAIRS + i].id;

		/* from two, for one may fill half a mailbox */
		stage_add_mail(st, to, d->people[i].id, d->n / 2,
		    RAW_CONTENT_LEN);
		stage_add_mail(st, to, d->people[(i + 1) % PAIRS].id,
		    d->n - d->n / 2, RAW_CONTENT_LEN);
	}
	MUST(store_commit(st) == 0);
	store_close(st);
}

static void
prepare(struct depth *d)
{
	stage_make(&d->stage);
	fill(d);
	stage_start(&d->stage);
	load_start(&d->stage.relay);
	load_open_all(d->lines, d->people, 2 * PAIRS);
	for (size_t i = 0; i < 2 * PAIRS; i++)
		d->lines[i].fn = on_reply;
	figure_init(&d->figure, &d->stage, "depth", d->n, "sync");
	/* one that does not count: the first to come upon half a mailbox */
	here = d;
	go_round();
}

static double
cpu_of_one(const struct depth *d)
{
	return (double)d->figure.cpu_ns / (double)d->figure.done;
}

int
main(void)
{
	for (size_t i = 0; i < DEPTHS; i++)
		prepare(&depths[i]);
	for (size_t i = 0; i < FIGURE_ROUNDS * DEPTHS; i++) {
		here = &depths[i % DEPTHS];
		run_round();
	}
	for (size_t i = 0; i < DEPTHS; i++) {
		struct depth *d = &depths[i];

		figure_number(&d->figure, "cpu_ratio",
		    cpu_of_one(d) / cpu_of_one(&depths[0]));
		load_close_all(d->lines, 2 * PAIRS);
	}
	for (size_t i = 0; i < DEPTHS; i++)
		figure_print(&depths[i].figure);
	load_stop();
	for (size_t i = 0; i < DEPTHS; i++)
		stage_stop(&depths[i].stage);
	return 0;
}
