/* SPDX-License-Identifier: ISC */
/*
 * Pieces of files: sent several at a time by one client, then read in pages
 * and acknowledged by the one they are for.  One piece is 256 KiB.
 */
#include "figure.h"
#include "load.h"
#include "raw.h"
#include "wire/body.h"

#define PIECE_LEN  (256 * 1024)
#define AT_ONCE    8
#define A_SYNC     8
#define PIECES_MAX 2000 /* of a round: 500 MiB */

static struct stage stage;
static struct person people[2];
static struct line sender, reader;
static struct figure sending, reading;
static uint64_t asked, done;
static uint32_t last;
static bool over;

static void
send_piece(struct line *l)
{
	static const uint8_t content[PIECE_LEN] = { 3, 0x20 };
	struct body_send m = { .type = MESSAGE_CHUNK,
		.content_len = sizeof(content) };
	uint8_t head[SEND_HEAD_LEN];

	memcpy(m.to, people[1].id, ID_LEN);
	body_pack_send(head, &m);
	line_ask(l, CODE_SEND, head, sizeof(head), content, sizeof(content));
	asked++;
}

static void
on_sent(struct line *l, const struct line_reply *r)
{
	MUST(r->code == CODE_SEND + CODE_REPLY);
	done++;
	if (figure_goes_on(&sending) && asked < PIECES_MAX)
		send_piece(l);
}

static void
pull(struct line *l)
{
	struct body_pull q = { .after = last };
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	line_ask(l, CODE_PULL, payload, sizeof(payload), NULL, 0);
}

static void
on_read(struct line *l, const struct line_reply *r)
{
	struct body_range range = { .first = last + 1 };
	uint8_t payload[BODY_RANGE_LEN];
	const uint8_t *in = r->payload;
	size_t len = r->len;
	struct body_message m;

	over = r->code == CODE_PULL + CODE_REPLY && len == 0;
	if (r->code == CODE_ACK + CODE_REPLY)
		pull(l);
	if (r->code == CODE_ACK + CODE_REPLY || over)
		return;
	for (; len > 0; done++)
		MUST(body_unpack_message(&m, &in, &len) == 0);
	last = range.last = m.id;
	body_pack_range(payload, &range);
	line_ask(l, CODE_ACK, payload, sizeof(payload), NULL, 0);
}

static void
send_round(void)
{
	asked = done = 0;
	figure_begin(&sending);
	for (unsigned i = 0; i < AT_ONCE; i++)
		send_piece(&sender);
	while (done < asked)
		load_turn();
	figure_end(&sending, done);
}

static void
read_round(void)
{
	done = 0;
	over = false;
	figure_begin(&reading);
	pull(&reader);
	while (!over)
		load_turn();
	figure_end(&reading, done);
	MUST(done == asked);
}

static void
take_raw(struct figure *f)
{
	figure_raw(f, "append",
	    raw_appends(stage.dir, PIECE_LEN, A_SYNC, FIGURE_RAW_NS));
	figure_raw(f, "records",
	    raw_records(TRANSPORT_BODY_MAX, FIGURE_RAW_NS) *
		TRANSPORT_BODY_MAX / PIECE_LEN);
}

static void
print(struct figure *f)
{
	figure_number(f, "mib_per_second",
	    (double)f->done * PIECE_LEN / (1 << 20) * 1e9 / (double)f->ns);
	figure_number(f, "rss_kib", stage_rss_kib(&stage));
	figure_print(f);
}

static void
measure(void)
{
	figure_init(&sending, &stage, "pieces sent", AT_ONCE, "append");
	figure_init(&reading, &stage, "pieces read", 1, "records");
	for (size_t i = 0; i < FIGURE_ROUNDS; i++) {
		send_round();
		take_raw(&sending);
		read_round();
		take_raw(&reading);
	}
	print(&sending);
	print(&reading);
}

int
main(void)
{
	struct store *st;

	stage_make(&stage);
	st = stage_open_store(&stage);
	stage_add_people(st, people, 2);
	MUST(store_commit(st) == 0);
	store_close(st);
	stage_start(&stage);
	load_start(&stage.relay);
	load_open_all(&sender, &people[0], 1);
	load_open_all(&reader, &people[1], 1);
	sender.fn = on_sent;
	reader.fn = on_read;
	measure();
	load_stop();
	stage_stop(&stage);
	return 0;
}
