/* SPDX-License-Identifier: ISC */
/*
 * Sends over channels that are kept open, each with one request under way:
 * what the relay makes durable a second, and how long one send takes.
 */
#include "figure.h"
#include "load.h"
#include "raw.h"
#include "rawpg.h"

#define SENDERS_MAX 64

static struct stage stage;
static struct person people[2 * SENDERS_MAX];
static struct line lines[SENDERS_MAX];
static struct figure figure;
static uint64_t done, under_way;
static const struct person *only; /* NULL: each sends to another */

static void
send_next(struct line *l)
{
	const struct person *to = l->who + SENDERS_MAX;

	line_send_text(l, only ? only->id : to->id);
}

static void
on_reply(struct line *l, const struct line_reply *r)
{
	MUST(r->code == CODE_SEND + CODE_REPLY);
	figure_note(&figure, raw_now_ns() - l->asked_ns);
	done++;
	if (figure_goes_on(&figure))
		send_next(l);
	else
		under_way--;
}

static void
run_round(size_t senders)
{
	done = 0;
	figure_begin(&figure);
	for (under_way = 0; under_way < senders; under_way++) {
		lines[under_way].fn = on_reply;
		send_next(&lines[under_way]);
	}
	while (under_way > 0)
		load_turn();
	figure_end(&figure, done);
}

static void
take_raw(unsigned senders, unsigned mailboxes)
{
	figure_raw(&figure, "insert",
	    stage.conninfo ? rawpg_inserts(stage.conninfo, figure.batch,
				 mailboxes, FIGURE_RAW_NS)
			   : raw_inserts(stage.dir, figure.batch, mailboxes,
				 FIGURE_RAW_NS));
	figure_raw(&figure, "sync", raw_syncs(stage.dir, FIGURE_RAW_NS));
	figure_raw(&figure, "echo", raw_echoes(senders, FIGURE_RAW_NS));
	figure_raw(&figure, "record",
	    raw_records(RAW_CONTENT_LEN, FIGURE_RAW_NS / 10));
}

static void
measure(unsigned senders, bool one_recipient)
{
	figure_init(&figure, &stage, "send", senders, "insert");
	figure_text(&figure, "recipients", one_recipient ? "one" : "spread");
	load_open_all(lines, people, senders);
	for (size_t i = 0; i < FIGURE_ROUNDS; i++) {
		only = one_recipient ? &people[SENDERS_MAX + i] : NULL;
		run_round(senders);
		take_raw(senders, one_recipient ? 1 : senders);
	}
	load_close_all(lines, senders);
	figure_print(&figure);
}

int
main(void)
{
	struct store *st;

	stage_make(&stage);
	st = stage_open_store(&stage);
	stage_add_people(st, people, 2 * SENDERS_MAX);
	MUST(store_commit(st) == 0);
	store_close(st);
	stage_start(&stage);
	load_start(&stage.relay);
	measure(1, false);
	measure(16, false);
	measure(64, false);
	measure(16, true);
	measure(64, true);
	load_stop();
	stage_stop(&stage);
	return 0;
}
