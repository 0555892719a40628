/* SPDX-License-Identifier: ISC */
#include "steps.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "caller.h"
#include "must.h"
#include "server/loop.h"
#include "server/quota.h"
#include "server/turn.h"
#include "shadow.h"
#include "still.h"
#include "wire/frame.h"

#define START  STILL_START
#define KEYS   2 /* keys that a client may have for its channels */
#define MINUTE 60000ULL

#define BEHIND_MAX 15 /* texts that a mailbox's counters may be behind by */

struct run {
	const struct steps_store *kind;
	struct store *st;
	struct loop *loop; /* of a store that lasts, for its thread */
	struct limits limits;
	struct serve sv;
	struct session sessions[SHADOW_CHANNELS];
	struct shadow shadow;
	bool behind; /* texts are counted by the next sweep */
};

/* --- who and what there is --- */

static struct caller people[SHADOW_PEOPLE];
static uint8_t channel_keys[SHADOW_PEOPLE][KEYS][KEY_LEN];
static uint8_t invite_secret[KEY_LEN];
static const uint8_t stranger[ID_LEN] = { 0xee };

static const char *const names[] = { "ann", "bea", "cat", "dan", "eve" };
static const uint32_t lengths[] = { 1, 2, 20, 100, 1000, 4000, 16384, 40000 };
static const uint64_t pauses[] = { 1, 5000, MINUTE + 1, 60 * MINUTE, CLOCK_DAY,
	7 * CLOCK_DAY, 30 * CLOCK_DAY };

#define NONE UINT64_MAX
static const struct store_limits limits[] = {
	{ NONE, NONE, NONE, NONE, NONE, NONE, NONE, 0 },
	{ 4, NONE, 30 * CLOCK_DAY, 8, 20000, 7 * CLOCK_DAY, NONE, 0 },
	{ 7, 5000, 30 * CLOCK_DAY, 1, 100000, 7 * CLOCK_DAY, NONE, 0 },
	{ 1, 1, CLOCK_DAY, 8, 1, 30 * CLOCK_DAY, NONE, 0 },
	{ NONE, NONE, NONE, NONE, NONE, NONE, 0, 0 }, /* full */
};

static void
make_people(void)
{
	must(secret_start() == 0);
	for (unsigned i = 0; i < SHADOW_PEOPLE; i++) {
		caller_make(&people[i], i + 1, names[i]);
		for (unsigned j = 0; j < KEYS; j++) {
			caller_rekey(&people[i], 1 + i * KEYS + j);
			memcpy(channel_keys[i][j],
			    people[i].key.bundle.static_pk, KEY_LEN);
		}
	}
}

static const uint8_t *
id_of(unsigned person)
{
	return person < SHADOW_PEOPLE ? people[person].key.id : stranger;
}

/* One in three of them is nobody's. */
static unsigned
anybody(uint8_t in)
{
	return in % 6 < SHADOW_PEOPLE ? in % 6 : SHADOW_PEOPLE;
}

/* --- channels --- */

static void
open_channel(struct run *run, unsigned n, const uint8_t *static_pk)
{
	static const uint8_t origin[ORIGIN_LEN];
	struct session *ss = &run->sessions[n];

	must(serve_open(&run->sv, ss, id_of(shadow_owner(n)), static_pk,
		 origin) == 0);
	shadow_open(&run->shadow, n, static_pk);
	must(ss->bound == run->shadow.channels[n].bound);
	must(ss->crowded == run->shadow.channels[n].crowded);
}

static void
close_channel(struct run *run, unsigned n)
{
	serve_close(&run->sv, &run->sessions[n]);
	shadow_close(&run->shadow, n);
}

static void
reopen_channel(struct run *run, unsigned n, const uint8_t *static_pk)
{
	uint8_t key[KEY_LEN];

	memcpy(key, static_pk, KEY_LEN);
	close_channel(run, n);
	open_channel(run, n, key);
}

/* --- the end of a turn --- */

static void
check_refusal(const struct shadow_answer *a, const uint8_t *payload, size_t len)
{
	const bool passes = a->reason == REASON_BUSY ||
	    a->reason == REASON_MAILBOX_FULL ||
	    a->reason == REASON_RATE_LIMITED;
	struct body_error e;

	must(body_unpack_error(&e, payload, len) == 0);
	must(e.reason == a->reason && e.text[0] != '\0');
	must((e.retry_after_ms > 0) == passes);
}

/* Take the oldest answer of a channel. */
static void
check_answer(struct buf *replies, const struct shadow_answer *a)
{
	struct frame_reply rep;
	const uint8_t *in;

	must(replies && buf_len(replies) >= FRAME_REPLY_LEN);
	in = buf_peek(replies);
	frame_unpack_reply(&rep, in);
	must(rep.version == WIRE_VERSION && rep.code == a->code);
	must(buf_len(replies) >= FRAME_REPLY_LEN + rep.size);
	in += FRAME_REPLY_LEN;
	if (a->code == CODE_ERROR)
		check_refusal(a, in, rep.size);
	else
		must(rep.size == a->len && memcmp(in, a->payload, a->len) == 0);
	buf_drop(replies, FRAME_REPLY_LEN + rep.size);
}

static void
check_channel(struct held *held, struct shadow_channel *c)
{
	must(held->n == c->answers_n);
	for (size_t i = 0; i < c->answers_n; i++) {
		check_answer(held->replies, &c->answers[i]);
		free(c->answers[i].payload);
	}
	must(!held->replies || buf_len(held->replies) == 0);
	held->n = 0;
	c->answers_n = 0;
}

static void
check_figures(const struct run *run)
{
	const struct figures *f = store_figures(run->st);
	uint64_t registered = 0, n, bytes;

	for (unsigned i = 0; i < SHADOW_PEOPLE; i++)
		registered += run->shadow.people[i].registered;
	must(f->clients == registered);
	for (int kind = 0; kind < FIGURES_KINDS; kind++) {
		shadow_count(&run->shadow, (enum quota_kind)kind, &n, &bytes);
		must(f->held[kind] <= n && f->held_bytes[kind] <= bytes);
		if (run->behind && kind == QUOTA_TEXTS)
			must(n - f->held[kind] <= SHADOW_PEOPLE * BEHIND_MAX);
		else
			must(
			    f->held[kind] == n && f->held_bytes[kind] == bytes);
	}
}

/* What is held leaves, those that are kicked out before all others. */
static void
settle(struct run *run)
{
	bool answered = false;
	struct session *ss;
	struct held *held;

	must(turn_settle(&run->sv) == 0);
	while (run->sv.under_way) {
		while (!turn_has_landed(&run->sv))
			sched_yield();
		must(turn_settle(&run->sv) == 0);
	}
	must(store_rest(run->st) == 0);
	shadow_settle(&run->shadow);
	while ((ss = turn_next(&run->sv, &held))) {
		struct shadow_channel *c =
		    &run->shadow.channels[ss - run->sessions];

		must(ss->kicked == c->kicked && !(c->kicked && answered));
		answered = answered || !c->kicked;
		must(!ss->failed);
		check_channel(held, c);
	}
	for (unsigned i = 0; i < SHADOW_CHANNELS; i++) {
		const struct shadow_channel *c = &run->shadow.channels[i];

		ss = &run->sessions[i];
		must(c->answers_n == 0 && ss->closing == c->closing);
		must(ss->waiting == c->waiting);
		if (c->closing)
			reopen_channel(run, i, c->static_pk);
	}
	check_figures(run);
}

/* --- requests --- */

/* Bring a frame in two parts, the first of cut bytes. */
static void
bring(struct run *run, unsigned n, const uint8_t *frame, size_t len, size_t cut)
{
	struct session *ss = &run->sessions[n];
	size_t at = serve_frame(&run->sv, ss, frame, cut);

	while (at < len) {
		size_t part = serve_frame(&run->sv, ss, frame + at, len - at);

		must(part > 0 && part <= len - at);
		at += part;
	}
}

struct request {
	struct shadow_header header;
	const void *payload, *more; /* more: of a message, its content */
	size_t payload_len, more_len;
	size_t cut;
};

/* True when it is for the shadow to answer. */
static bool
ask(struct run *run, unsigned n, const struct request *q)
{
	static uint8_t frame[2 * FRAME_MAX_LEAST];
	struct frame_request head = { .version = q->header.version,
		.code = q->header.code,
		.size = q->header.size };
	size_t len = FRAME_REQUEST_LEN + q->header.size;

	memcpy(head.id, q->header.is_own ? run->sessions[n].id : stranger,
	    ID_LEN);
	memset(frame, 0, len);
	frame_pack_request(frame, &head);
	if (q->payload_len > 0)
		memcpy(frame + FRAME_REQUEST_LEN, q->payload, q->payload_len);
	if (q->more_len > 0)
		memcpy(frame + FRAME_REQUEST_LEN + q->payload_len, q->more,
		    q->more_len);
	bring(run, n, frame, len, q->cut % len);
	return shadow_begin(&run->shadow, n, &q->header);
}

static bool
ask_well(struct run *run, unsigned n, const uint8_t *in, enum code code,
    const void *payload, size_t len)
{
	struct request q = { { WIRE_VERSION, true, (uint16_t)code,
				 (uint32_t)len },
		.payload = payload, .payload_len = len, .cut = in[7] };

	return ask(run, n, &q);
}

/* Of each code one byte too few, where there can be, and one too many. */
static const uint32_t wrong_sizes[][2] = {
	{ BODY_REGISTER_MIN - 1, BODY_REGISTER_MAX + 1 },
	{ BODY_LIST_MAX + 1, BODY_LIST_MAX + 1 }, { ID_LEN - 1, ID_LEN + 1 },
	{ SEND_HEAD_LEN, 0 }, { BODY_PULL_LEN + 1, BODY_PULL_LEN + 1 },
	{ ACK_RANGES_MAX * BODY_RANGE_LEN + 1, FRAME_MAX_LEAST },
	{ 1, FRAME_MAX_LEAST },
	{ BLOCK_OPS_MAX * BODY_BLOCK_LEN + 1, FRAME_MAX_LEAST },
	{ 0, 1000 }, /* a code that there is not */
};

static void
ask_badly(struct run *run, unsigned n, const uint8_t *in)
{
	unsigned row = in[2] % ARRAY_LEN(wrong_sizes);
	struct request q = {
		.header = {
			.version = in[5] % 8 == 0 ? 2 : WIRE_VERSION,
			.is_own = in[4] % 4 != 0,
			.code = (uint16_t)(CODE_REGISTER + row),
			.size = wrong_sizes[row][in[3] % 2],
		},
		.cut = in[7],
	};

	must(!ask(run, n, &q));
}

static void
make_invite(const struct run *run, char out[static INVITE_LEN + 1], unsigned n)
{
	struct invite invite = { .nonce = { (uint8_t)(n + 1) } };

	out[0] = '\0';
	if (n > SHADOW_INVITES)
		return;
	if (n < SHADOW_INVITES)
		invite.expires = run->shadow.invite_expires[n];
	invite_pack(out, &invite, invite_secret);
	if (n == SHADOW_INVITES)
		out[5] ^= 1;
}

static void
ask_register(struct run *run, unsigned n, const uint8_t *in)
{
	struct caller *c = &people[shadow_owner(n)];
	struct body_register b = { .issued_at = START + in[3] % 4 * MINUTE };
	struct shadow_offer o = { .is_genuine = in[5] % 8 != 0 };
	uint8_t payload[BODY_REGISTER_MAX];
	unsigned invite = in[6] % (SHADOW_INVITES + 2);
	size_t len;

	o.invite = invite < SHADOW_INVITES ? (int)invite : -1;
	if (in[3] % 16 == 15)
		b.issued_at = clock_wall_ms() + CLOCK_DAY + in[4] % 2;
	memset(c->key.name, 0, NAME_SIZE);
	snprintf(c->key.name, NAME_SIZE, "%s", names[in[2] % ARRAY_LEN(names)]);
	c->key.issued_at = b.issued_at;
	memcpy(c->key.bundle.static_pk, run->sessions[n].static_pk, KEY_LEN);
	c->key.bundle.static_pk[0] ^= in[4] % 8 == 0;
	caller_sign(c);
	c->key.bundle.signature[in[5] % SIG_LEN] ^= !o.is_genuine;
	o.key = c->key;
	memcpy(b.name, c->key.name, NAME_SIZE);
	b.bundle = c->key.bundle;
	make_invite(run, b.invite, invite);
	body_pack_register(payload, &len, &b);
	if (ask_well(run, n, in, CODE_REGISTER, payload, len))
		shadow_register(&run->shadow, n, &o);
}

static void
ask_list(struct run *run, unsigned n, const uint8_t *in)
{
	struct body_list q = { .limit = in[3] % 4 };
	uint8_t payload[BODY_LIST_MAX];
	size_t len;

	if (in[2] % 2 == 0)
		memcpy(q.after, id_of(anybody(in[4])), ID_LEN);
	if (in[5] % 2 == 0)
		snprintf(q.name, sizeof(q.name), "%s",
		    names[in[6] % ARRAY_LEN(names)]);
	body_pack_list(payload, &len, &q);
	if (ask_well(run, n, in, CODE_LIST, payload, len))
		shadow_list(&run->shadow, n, &q);
}

static void
ask_key(struct run *run, unsigned n, const uint8_t *in)
{
	unsigned whose = anybody(in[2]);

	if (ask_well(run, n, in, CODE_KEY, id_of(whose), ID_LEN))
		shadow_key(&run->shadow, n, whose);
}

static void
ask_send(struct run *run, unsigned n, const uint8_t *in)
{
	static uint8_t content[40000];
	uint8_t head[SEND_HEAD_LEN];
	unsigned to = anybody(in[2]);
	struct shadow_mail mail = { .from = shadow_owner(n),
		.type = in[3] % 8 < 6 ? in[3] % 8 : MESSAGE_CHUNK,
		.fill = in[4],
		.len = lengths[in[5] % ARRAY_LEN(lengths)] };
	struct body_send b = { .type = mail.type, .content_len = mail.len };
	struct request q = { { WIRE_VERSION, true, CODE_SEND,
				 SEND_HEAD_LEN + mail.len },
		head, content, sizeof(head), mail.len, in[7] };

	memcpy(b.to, id_of(to), ID_LEN);
	body_pack_send(head, &b);
	memset(content, mail.fill, mail.len);
	if (ask(run, n, &q))
		shadow_send(&run->shadow, n, to, &mail);
}

static void
ask_pull(struct run *run, unsigned n, const uint8_t *in)
{
	static const uint32_t waits[] = { 0, 1, 5000, PULL_WAIT_MAX + 1 };
	struct body_pull q = { .after = in[2] % 8,
		.max_bytes = in[3] % 4 * (uint32_t)in[4] * 16,
		.wait_ms = waits[in[5] % ARRAY_LEN(waits)],
		.no_chunks = in[6] % 2 };
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	if (ask_well(run, n, in, CODE_PULL, payload, sizeof(payload)))
		shadow_pull(&run->shadow, n, &q);
}

static void
ask_ack(struct run *run, unsigned n, const uint8_t *in)
{
	uint8_t payload[2 * BODY_RANGE_LEN];
	struct body_range ranges[2];
	size_t ranges_n = in[2] % 3;

	for (size_t i = 0; i < ranges_n; i++) {
		ranges[i].first = in[3 + 2 * i];
		ranges[i].last =
		    in[4 + 2 * i] == UINT8_MAX ? UINT32_MAX : in[4 + 2 * i];
		body_pack_range(payload + i * BODY_RANGE_LEN, &ranges[i]);
	}
	if (ask_well(run, n, in, CODE_ACK, payload, ranges_n * BODY_RANGE_LEN))
		shadow_ack(&run->shadow, n, ranges, ranges_n);
}

static void
ask_block(struct run *run, unsigned n, const uint8_t *in)
{
	uint8_t payload[2 * BODY_BLOCK_LEN];
	unsigned whom[2] = { anybody(in[3]), anybody(in[4]) };
	bool on[2] = { in[5] % 2, in[5] / 2 % 2 };
	size_t ops_n = in[2] % 3;

	for (size_t i = 0; i < ops_n; i++) {
		struct body_block op = { .block = on[i] };

		memcpy(op.id, id_of(whom[i]), ID_LEN);
		body_pack_block(payload + i * BODY_BLOCK_LEN, &op);
	}
	if (ask_well(run, n, in, CODE_BLOCK, payload, ops_n * BODY_BLOCK_LEN))
		shadow_block(&run->shadow, n, on, whom, ops_n);
}

static void
ask_unregister(struct run *run, unsigned n, const uint8_t *in)
{
	if (ask_well(run, n, in, CODE_UNREGISTER, NULL, 0))
		shadow_unregister(&run->shadow, n);
}

/* --- what is no request --- */

static void
end_turn(struct run *run, unsigned n, const uint8_t *in)
{
	(void)n;
	(void)in;
	settle(run);
}

static void
change_channel(struct run *run, unsigned n, const uint8_t *in)
{
	reopen_channel(run, n, channel_keys[shadow_owner(n)][in[2] % KEYS]);
}

/* Time goes by, and whoever has waited for long enough is told so. */
static void
pass_time(struct run *run, unsigned n, const uint8_t *in)
{
	struct shadow *m = &run->shadow;

	still_elapsed += pauses[in[2] % ARRAY_LEN(pauses)];
	m->wall = clock_wall_ms();
	m->mono = clock_mono_ms();
	for (n = 0; n < SHADOW_CHANNELS; n++) {
		struct session *ss = &run->sessions[n];

		if (ss->waiting && ss->wait_until <= m->mono)
			turn_wait_over(&run->sv, ss);
		if (m->channels[n].waiting &&
		    m->channels[n].wait_until <= m->mono)
			shadow_wait_over(m, n);
	}
}

static void
sweep(struct run *run, unsigned n, const uint8_t *in)
{
	bool more = true;

	(void)n;
	(void)in;
	settle(run);
	while (more) {
		must(store_sweep(run->st, clock_wall_ms(), &more) == 0);
		must(store_commit(run->st) == 0);
	}
	shadow_sweep(&run->shadow);
	run->behind = false;
	check_figures(run);
}

static void
change_limits(struct run *run, unsigned n, const uint8_t *in)
{
	(void)n;
	run->shadow.limits = limits[in[2] % ARRAY_LEN(limits)];
	store_limit(run->st, &run->shadow.limits);
	run->shadow.registration = (enum serve_registration)(in[3] % 3);
	run->shadow.most_channels = 1 + in[4] % 3;
	run->limits.max_client_connections = run->shadow.most_channels;
	serve_limit(&run->sv, run->shadow.registration);
}

static void
start(struct run *run)
{
	const struct serve_config config = { &run->limits,
		run->shadow.registration, invite_secret };

	must(run->kind->open(&run->st, &run->shadow.limits) == 0);
	if (run->kind->lasts) {
		must(loop_new(&run->loop) == 0);
		must(store_start(run->st, run->loop) == 0);
	}
	must(serve_start(&run->sv, run->st, &config) == 0);
}

static void
stop(struct run *run)
{
	settle(run);
	for (unsigned i = 0; i < SHADOW_CHANNELS; i++)
		close_channel(run, i);
	serve_stop(&run->sv);
	store_close(run->st);
	loop_free(run->loop);
}

static void
restart(struct run *run, unsigned n, const uint8_t *in)
{
	if (!run->kind->lasts)
		return;
	stop(run);
	start(run);
	run->behind = true;
	check_figures(run);
	for (n = 0; n < SHADOW_CHANNELS; n++)
		open_channel(run, n,
		    channel_keys[shadow_owner(n)][in[2] % KEYS]);
}

/* --- all together --- */

/* Common ones have more than one place. */
static void (*const steps[])(struct run *, unsigned, const uint8_t *) = {
	ask_register,
	ask_list,
	ask_key,
	ask_send,
	ask_pull,
	ask_ack,
	ask_block,
	ask_unregister,
	ask_badly,
	end_turn,
	change_channel,
	pass_time,
	sweep,
	change_limits,
	restart,
	ask_send,
};

static void
begin(struct run *run, const struct steps_store *kind)
{
	struct shadow *m = &run->shadow;

	still_elapsed = 0;
	*run = (struct run){ .kind = kind, .limits = limits_default };
	m->limits = limits[0];
	m->wall = clock_wall_ms();
	m->mono = clock_mono_ms();
	m->most_channels = 2;
	for (unsigned i = 0; i < SHADOW_INVITES; i++)
		m->invite_expires[i] = START + i * CLOCK_DAY;
	for (unsigned i = 0; i < SHADOW_PEOPLE; i++)
		memcpy(m->people[i].id, people[i].key.id, ID_LEN);
	run->limits.max_frame = FRAME_MAX_LEAST;
	run->limits.max_client_connections = m->most_channels;
	/* as fast as can be: rates have a test of their own */
	run->limits.request_rate = run->limits.byte_rate =
	    run->limits.directory_rate = run->limits.registration_rate =
		1000000000;
	start(run);
	for (unsigned i = 0; i < SHADOW_CHANNELS; i++)
		open_channel(run, i, channel_keys[shadow_owner(i)][0]);
}

void
steps_run(const struct steps_store *kind, const uint8_t *in, size_t len)
{
	static struct run run;

	if (people[0].key.name[0] == '\0')
		make_people();
	if (len > STEP_LEN * STEP_MAX)
		len = STEP_LEN * STEP_MAX;
	begin(&run, kind);
	for (; len >= STEP_LEN; in += STEP_LEN, len -= STEP_LEN) {
		unsigned channel = in[1] % SHADOW_CHANNELS;

		steps[in[0] % ARRAY_LEN(steps)](&run, channel, in);
		if (run.shadow.channels[channel].answers_n > SHADOW_ANSWERS - 4)
			settle(&run);
	}
	stop(&run);
}
