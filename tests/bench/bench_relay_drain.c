/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes read to their end, page by page: each page acknowledged before
 * the next one is asked for, or none.
 */
#include "figure.h"
#include "load.h"
#include "raw.h"
#include "wire/body.h"

#define READERS_MAX 16
#define DEPTH       10000
#define PAGE_BYTES  262144

static struct stage stage;
static struct person people[READERS_MAX * FIGURE_ROUNDS + 1];
static struct line lines[READERS_MAX];
static struct figure figure;
static uint64_t done;
static size_t under_way;
static bool acknowledging;
static uint32_t last[READERS_MAX];

static void
pull(struct line *l)
{
	struct body_pull q = { .after = last[l - lines],
		.max_bytes = PAGE_BYTES };
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	line_ask(l, CODE_PULL, payload, sizeof(payload), NULL, 0);
}

static void
acknowledge(struct line *l, uint32_t first)
{
	struct body_range range = { first, last[l - lines] };
	uint8_t payload[BODY_RANGE_LEN];

	body_pack_range(payload, &range);
	line_ask(l, CODE_ACK, payload, sizeof(payload), NULL, 0);
}

static void
on_page(struct line *l, const struct line_reply *r)
{
	const uint8_t *in = r->payload;
	size_t len = r->len;
	struct body_message m;
	uint32_t first = last[l - lines] + 1;

	if (len == 0) {
		under_way--;
		return;
	}
	figure_note(&figure, raw_now_ns() - l->asked_ns);
	while (len > 0) {
		MUST(body_unpack_message(&m, &in, &len) == 0);
		done++;
	}
	last[l - lines] = m.id;
	if (acknowledging)
		acknowledge(l, first);
	else
		pull(l);
}

static void
on_reply(struct line *l, const struct line_reply *r)
{
	if (r->code == CODE_PULL + CODE_REPLY)
		on_page(l, r);
	else
		pull(l);
}

static void
run_round(size_t readers)
{
	done = 0;
	figure_begin(&figure);
	for (under_way = 0; under_way < readers; under_way++) {
		last[under_way] = 0;
		lines[under_way].fn = on_reply;
		pull(&lines[under_way]);
	}
	while (under_way > 0)
		load_turn();
	figure_end(&figure, done);
	MUST(done == readers * DEPTH);
}

/* Each round has mailboxes of its own. */
static void
measure(size_t readers, bool deleting)
{
	unsigned page = PAGE_BYTES / (RAW_CONTENT_LEN + PULL_ITEM_LEN);

	acknowledging = deleting;
	figure_init(&figure, &stage, deleting ? "drain" : "read", readers,
	    deleting ? "drain" : "read");
	for (size_t i = 0; i < FIGURE_ROUNDS; i++) {
		load_open_all(lines, people + i * READERS_MAX, readers);
		run_round(readers);
		load_close_all(lines, readers);
		figure_raw(&figure, "read", raw_reads(stage.dir, page));
		figure_raw(&figure, "drain", raw_drains(stage.dir, page));
	}
	figure_print(&figure);
}

static void
fill(struct store *st)
{
	const size_t n = READERS_MAX * FIGURE_ROUNDS;

	stage_add_people(st, people, n + 1);
	for (size_t i = 0; i < n; i++)
		stage_add_mail(st, people[i].id, people[n].id, DEPTH,
		    RAW_CONTENT_LEN);
	MUST(store_commit(st) == 0);
	store_close(st);
}

int
main(void)
{
	stage_make(&stage);
	fill(stage_open_store(&stage));
	stage_start(&stage);
	load_start(&stage.relay);
	measure(1, false);
	measure(READERS_MAX, false);
	measure(READERS_MAX, true);
	load_stop();
	stage_stop(&stage);
	return 0;
}
