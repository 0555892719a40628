/* SPDX-License-Identifier: ISC */
/*
 * What a command does that is run once: a new connection, the handshake, one
 * send, the end.  So many of them at the same time.
 */
#include "figure.h"
#include "load.h"
#include "raw.h"

#define PEOPLE_MAX 256

static struct stage stage;
static struct person people[PEOPLE_MAX], recipient;
static struct line lines[LOAD_SHAKES_MAX];
static struct figure figure;
static uint64_t done, began[LOAD_SHAKES_MAX];
static size_t next, under_way;

static void
on_event(struct line *l, const struct line_reply *r)
{
	if (!r) {
		line_send_text(l, recipient.id);
		return;
	}
	MUST(r->code == CODE_SEND + CODE_REPLY);
	figure_note(&figure, raw_now_ns() - began[l - lines]);
	done++;
	under_way--;
	line_close(l);
}

/* As many as are to be there at once. */
static void
come(size_t at_once)
{
	for (size_t i = 0; i < at_once; i++) {
		if (lines[i].who && lines[i].fd >= 0)
			continue;
		began[i] = raw_now_ns();
		line_open(&lines[i], &people[next++ % PEOPLE_MAX], on_event);
		under_way++;
	}
}

static void
measure(size_t at_once)
{
	figure_init(&figure, &stage, "new connection", at_once, "handshake");
	for (size_t i = 0; i < FIGURE_ROUNDS; i++) {
		done = 0;
		figure_begin(&figure);
		do {
			if (figure_goes_on(&figure))
				come(at_once);
			load_turn();
		} while (under_way > 0);
		figure_end(&figure, done);
		figure_raw(&figure, "handshake", raw_handshakes(FIGURE_RAW_NS));
		figure_raw(&figure, "x25519",
		    raw_agreements(FIGURE_RAW_NS / 10));
		figure_raw(&figure, "insert",
		    raw_inserts(stage.dir, figure.batch, 1, FIGURE_RAW_NS));
	}
	figure_print(&figure);
}

int
main(void)
{
	struct store *st;

	stage_make(&stage);
	st = stage_open_store(&stage);
	stage_add_people(st, people, PEOPLE_MAX);
	stage_add_people(st, &recipient, 1);
	MUST(store_commit(st) == 0);
	store_close(st);
	stage_start(&stage);
	load_start(&stage.relay);
	measure(1);
	measure(16);
	measure(LOAD_SHAKES_MAX);
	load_stop();
	stage_stop(&stage);
	return 0;
}
