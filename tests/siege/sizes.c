/* SPDX-License-Identifier: ISC */
/* C5: every size that a header can announce, with every code. */
#include "base/clock.h"
#include "base/le.h"
#include "plug.h"
#include "wire/codes.h"

#define HELD_MAX   512
#define PER_PERSON 64
#define STRANGER   (PEOPLE_MAX + 1) /* never registered */
#define UNKNOWN    1, 0

static const struct row {
	uint16_t code;
	uint32_t min;
	uint32_t max;
} rows[] = {
	{ CODE_REGISTER, BODY_REGISTER_MIN, BODY_REGISTER_MAX },
	{ CODE_LIST, 0, BODY_LIST_MAX },
	{ CODE_KEY, ID_LEN, ID_LEN },
	{ CODE_SEND, SEND_HEAD_LEN + 1, FRAME_MAX - FRAME_REQUEST_LEN },
	{ CODE_PULL, 0, BODY_PULL_LEN },
	{ CODE_ACK, 0, ACK_RANGES_MAX *BODY_RANGE_LEN },
	{ CODE_UNREGISTER, 0, 0 },
	{ CODE_BLOCK, 0, BLOCK_OPS_MAX *BODY_BLOCK_LEN },
	{ 0, UNKNOWN },
	{ CODE_REGISTER - 1, UNKNOWN },
	{ CODE_BLOCK + 1, UNKNOWN },
	{ CODE_REGISTER + CODE_REPLY, UNKNOWN },
	{ CODE_ERROR, UNKNOWN },
	{ UINT16_MAX, UNKNOWN },
};

static const uint32_t sizes[] = { 0, 1, FRAME_UNBOUND_MAX - FRAME_REQUEST_LEN,
	FRAME_UNBOUND_MAX - FRAME_REQUEST_LEN + 1, 1U << 15, 1U << 16,
	FRAME_MAX - FRAME_REQUEST_LEN, FRAME_MAX - FRAME_REQUEST_LEN + 1,
	FRAME_MAX, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff };

struct tally {
	struct siege *sg;
	struct plug held[HELD_MAX];
	unsigned held_n;
	unsigned tried;
	unsigned wrong;
	uint64_t slowest_ms;
};

/* The reason that the header alone must be refused with; 0: none. */
static unsigned
expected(const struct row *row, uint32_t size, bool bound)
{
	uint32_t most = bound ? FRAME_MAX : FRAME_UNBOUND_MAX;

	if (size > most - FRAME_REQUEST_LEN)
		return REASON_TOO_LARGE;
	if (!bound && row->code != CODE_REGISTER)
		return REASON_NOT_REGISTERED;
	if (row->min > row->max)
		return REASON_UNSUPPORTED;
	return size < row->min || size > row->max ? REASON_MALFORMED : 0;
}

static bool
send_header(struct plug *p, const struct caller *who, uint16_t code,
    uint32_t size)
{
	uint8_t record[TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX];

	return plug_send(p, record,
	    plug_pack(p, who, code, size, NULL, 0, record));
}

static bool
is_refused(struct plug *p, unsigned reason)
{
	struct frame_reply head;
	const uint8_t *in;

	return plug_get(p, &head, &in) && head.code == CODE_ERROR &&
	    le_get16(in) == reason &&
	    (reason != REASON_TOO_LARGE ||
		plug_has_ended(p, clock_deadline(PLUG_MS)));
}

static void
announce(struct tally *t, struct plug *p, const struct row *row, uint32_t size,
    const struct caller *who, bool bound)
{
	unsigned reason = expected(row, size, bound);
	uint64_t start, took;

	t->tried++;
	MUST(plug_open(p, t->sg, t->tried, who));
	start = clock_mono_ms();
	if (!send_header(p, who, row->code, size) ||
	    (reason != 0 && !is_refused(p, reason))) {
		fprintf(stderr, "code %u, size %u, %s: not refused with %u\n",
		    row->code, size, bound ? "bound" : "unbound", reason);
		t->wrong++;
	}
	took = clock_mono_ms() - start;
	if (took > t->slowest_ms)
		t->slowest_ms = took;
}

/* As a client, whose channel then stays; and as one that is not registered. */
static void
try_size(struct tally *t, const struct row *row, uint32_t size)
{
	unsigned who = t->held_n / PER_PERSON;
	struct caller stranger;
	struct plug p;

	MUST(t->held_n < HELD_MAX);
	if (row->code == CODE_UNREGISTER && size == 0)
		return; /* would be heard */
	announce(t, &t->held[t->held_n++], row, size, plug_person(t->sg, who),
	    true);
	caller_make(&stranger, STRANGER, "stranger");
	announce(t, &p, row, size, &stranger, false);
	plug_close(&p);
}

static void
announced_sizes(struct siege *sg)
{
	static struct tally t;

	t = (struct tally){ .sg = sg };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t j = 0; j < ARRAY_LEN(sizes); j++)
			try_size(&t, &rows[i], sizes[j]);
		try_size(&t, &rows[i], rows[i].min - 1);
		try_size(&t, &rows[i], rows[i].min);
		try_size(&t, &rows[i], rows[i].max);
		try_size(&t, &rows[i], rows[i].max + 1);
	}
	siege_tell(sg, "tried", t.tried);
	siege_tell(sg, "wrong", t.wrong);
	siege_tell(sg, "slowest_ms", t.slowest_ms);
	for (unsigned i = 0; i < t.held_n; i++)
		plug_close(&t.held[i]);
}

static void
prepare_people(struct siege *sg)
{
	for (unsigned i = 0; i < HELD_MAX / PER_PERSON; i++)
		plug_person(sg, i);
}

const struct attack size_attacks[] = {
	{ "sizes", prepare_people, announced_sizes, 0, 0, 0 },
	{ 0 },
};
