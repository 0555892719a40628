/* SPDX-License-Identifier: ISC */
/* Connections that are begun and not gone on with. */
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "plug.h"
#include "wire/codes.h"

#define PLUGS_MAX 4000
#define LOOK_MS   50
#define DRIP_MS   1000
#define STILL_MS  300
#define SEEN_MS   4000
#define FEW       16 /* that make room for others */
#define PEOPLE    4  /* behind bound channels, of which each may have 128 */

/* What has not come yet. */
enum stage {
	PREAMBLE,
	MESSAGE_1,
	MESSAGE_3,
	STRANGER, /* header of a registration */
	HEADER,
	PAYLOAD,
	REFUSED, /* payload of a request that was refused by its header */
	STAGES
};

#define EVERY (-1) /* stage */

enum manner { FROM_EVERYWHERE, ONE_SOURCE, AGAIN };

/* A connection at its stage, and the bytes that would follow. */
struct begun {
	struct plug plug;
	uint8_t rest[512];
	size_t len;
	size_t at;
	size_t step;    /* bytes that come at a time */
	uint64_t ended; /* by the relay; 0 = not seen yet */
};

static struct begun all[PLUGS_MAX];
static struct caller stranger;

static void
prepare_people(struct siege *sg)
{
	for (unsigned i = 0; i < PEOPLE; i++)
		plug_person(sg, i);
	caller_make(&stranger, PEOPLE_MAX + 1, "stranger");
}

/* The same each time: who attacks saves the work. */
static void
put_hello(struct begun *b)
{
	static const uint8_t fresh[KEY_LEN] = { 1 };

	MUST(transport_hello(&b->plug.t, b->rest, fresh) == 0);
	b->len = TRANSPORT_HELLO_LEN;
}

static void
put_finish(struct begun *b, const struct caller *who)
{
	MUST(transport_finish(&b->plug.t, b->rest, who->key.id,
		 who->static_sk) == 0);
	b->len = TRANSPORT_FINISH_LEN;
}

static void
put_header(struct begun *b, const struct caller *who, uint16_t code)
{
	uint8_t record[TRANSPORT_LENGTH_LEN + TRANSPORT_RECORD_MAX];

	b->len = plug_pack(&b->plug, who, code, 4096, NULL, 0, record);
	memcpy(b->rest, record, b->len);
}

/* Records of one byte each. */
static void
put_crumbs(struct begun *b)
{
	static const uint8_t crumb[1];
	const size_t len = sizeof(crumb) + TRANSPORT_OVERHEAD;

	b->step = len;
	for (b->len = 0; b->len + len <= sizeof(b->rest); b->len += len)
		MUST(transport_seal(&b->plug.t, b->rest + b->len,
			 TRANSPORT_FRAMES, crumb, sizeof(crumb)) == 0);
}

static bool
send_rest(struct begun *b)
{
	return plug_send(&b->plug, b->rest, b->len);
}

static const uint16_t codes[STAGES] = {
	[STRANGER] = CODE_REGISTER,
	[HEADER] = CODE_SEND,
	[PAYLOAD] = CODE_SEND,
	[REFUSED] = CODE_KEY,
};

/* As far as a stage; whoever is turned away on the way stays behind. */
static void
begin(struct begun *b, const struct siege *sg, unsigned stage, unsigned i)
{
	const struct caller *who =
	    stage == STRANGER ? &stranger : plug_person(sg, i % PEOPLE);
	struct plug *p = &b->plug;

	*b = (struct begun){ .step = 1 };
	if (!plug_connect(p, sg, i))
		return;
	if (stage < MESSAGE_3) {
		put_hello(b);
		if (stage == MESSAGE_1 &&
		    plug_send(p, b->rest, TRANSPORT_PREAMBLE_LEN))
			b->at = TRANSPORT_PREAMBLE_LEN;
		return;
	}
	if (!plug_hello(p) || !plug_answer(p))
		return;
	put_finish(b, who);
	if (stage == MESSAGE_3 || !send_rest(b))
		return;
	put_header(b, who, codes[stage]);
	if (stage <= HEADER || !send_rest(b))
		return;
	put_crumbs(b);
}

/* How many of the first n the relay has ended. */
static unsigned
count_ended(unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++) {
		struct begun *b = &all[i];

		if (b->ended == 0 &&
		    (b->plug.fd < 0 || plug_has_ended(&b->plug, 0)))
			b->ended = clock_mono_ms();
		sum += b->ended != 0;
	}
	return sum;
}

/* How many are left, once the relay has seen them all: it ends few more. */
static unsigned
count_held(unsigned n)
{
	uint64_t deadline = clock_deadline(SEEN_MS);
	unsigned before, ended = count_ended(n);

	do {
		before = ended;
		clock_sleep(STILL_MS);
		ended = count_ended(n);
	} while (ended > before + FEW && clock_left(deadline) > 0);
	return n - ended;
}

static void
close_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		plug_close(&all[i].plug);
}

/* --- C1: bytes are promised, then the end: FIN, RST, half a close ------------
 */

static void
truncated(struct siege *sg)
{
	uint64_t deadline;
	unsigned half = 0;

	MUST(sg->n <= PLUGS_MAX);
	for (unsigned i = 0; i < sg->n; i++) {
		struct begun *b = &all[half];

		begin(b, sg, i % STAGES, i);
		plug_send(&b->plug, b->rest + b->at, i % (b->len - b->at + 1));
		if (i % 3 == 0)
			plug_close(&b->plug);
		else if (i % 3 == 1)
			plug_reset(&b->plug);
		else if (shutdown(b->plug.fd, SHUT_WR) == 0)
			half++;
	}
	deadline = clock_deadline(1000);
	while (count_ended(half) < half && clock_left(deadline) > 0)
		clock_sleep(LOOK_MS);
	siege_tell(sg, "stuck", half - count_ended(half));
	close_all(half);
}

/* --- C2: what is missing comes byte by byte ----------------------------------
 */

static void
send_drops(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct begun *b = &all[i];

		if (b->ended != 0 || b->at + b->step > b->len)
			continue;
		send(b->plug.fd, b->rest + b->at, b->step, MSG_NOSIGNAL);
		b->at += b->step;
	}
}

/* When the relay ended the first and the last of those at a stage. */
static void
tell_ends(struct siege *sg, const char *first_key, const char *last_key,
    unsigned from, unsigned to, uint64_t start)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (unsigned i = 0; i < sg->n; i++) {
		unsigned stage =
		    sg->how == EVERY ? i % STAGES : (unsigned)sg->how;

		if (stage < from || stage > to || all[i].ended == 0)
			continue;
		if (all[i].ended < first)
			first = all[i].ended;
		if (all[i].ended > last)
			last = all[i].ended;
	}
	if (last > 0) {
		siege_tell(sg, first_key, first - start);
		siege_tell(sg, last_key, last - start);
	}
}

static void
slow(struct siege *sg)
{
	uint64_t start = clock_mono_ms(), next = start;

	MUST(sg->n <= PLUGS_MAX);
	for (unsigned i = 0; i < sg->n; i++)
		begin(&all[i], sg,
		    sg->how == EVERY ? i % STAGES : (unsigned)sg->how, i);
	while (count_ended(sg->n) < sg->n && clock_mono_ms() - start < sg->ms) {
		if (clock_mono_ms() >= next) {
			send_drops(sg->n);
			next += DRIP_MS;
		}
		clock_sleep(LOOK_MS);
	}
	siege_tell(sg, "ended", count_ended(sg->n));
	tell_ends(sg, "shake_first_ms", "shake_last_ms", PREAMBLE, STRANGER,
	    start);
	tell_ends(sg, "frame_first_ms", "frame_last_ms", HEADER, REFUSED,
	    start);
	close_all(sg->n);
}

/* --- C3, C16: connections, and nothing said
 * ----------------------------------- */

/* Those the relay has ended, from the next addresses; how many now. */
static unsigned
come_again(const struct siege *sg, unsigned made)
{
	for (unsigned i = 0; i < sg->n; i++) {
		if (all[i].ended == 0)
			continue;
		plug_close(&all[i].plug);
		all[i] = (struct begun){ 0 };
		plug_connect(&all[i].plug, sg, made++);
	}
	return made;
}

/* how: ONE_SOURCE, or AGAIN: who is turned away comes back at once */
static void
empty(struct siege *sg)
{
	unsigned held, made = sg->n;
	uint64_t deadline;

	MUST(sg->n <= PLUGS_MAX);
	for (unsigned i = 0; i < sg->n; i++) {
		all[i] = (struct begun){ 0 };
		plug_connect(&all[i].plug, sg, sg->how == ONE_SOURCE ? 0 : i);
	}
	deadline = clock_deadline(sg->ms);
	held = sg->how == AGAIN ? 0 : count_held(sg->n);
	while (clock_left(deadline) > 0) {
		if (sg->how == AGAIN)
			made = come_again(sg, made);
		else
			clock_sleep(LOOK_MS);
		count_ended(sg->n);
	}
	siege_tell(sg, "made", made);
	siege_tell(sg, "held", held);
	close_all(sg->n);
}

/* --- C4: message 1 and no more, n a second
 * ------------------------------------ */

static void
half_open(struct siege *sg)
{
	uint64_t start = clock_mono_ms(), now;
	unsigned made = 0, n;

	for (now = start; now - start < sg->ms; now = clock_mono_ms()) {
		uint64_t due = (now - start) * sg->n / 1000;

		for (; made < due; made++) {
			struct begun *b = &all[made % PLUGS_MAX];

			if (made >= PLUGS_MAX)
				plug_close(&b->plug);
			begin(b, sg, PREAMBLE,
			    sg->how == ONE_SOURCE ? 0 : made);
			if (b->len > 0)
				send_rest(b);
		}
		clock_sleep(2);
	}
	n = made < PLUGS_MAX ? made : PLUGS_MAX;
	siege_tell(sg, "made", made);
	siege_tell(sg, "held", count_held(n));
	close_all(n);
}

/* --- C21, C22: many, of nonsense or from everywhere
 * ---------------------------- */

static void
nonsense(struct siege *sg)
{
	static const char garbage[] = "GET / HTTP/1.1\r\n\r\n";
	struct plug p;

	for (unsigned i = 0; i < sg->n; i++) {
		if (plug_connect(&p, sg, sg->how == ONE_SOURCE ? 0 : i))
			plug_send(&p, garbage, sizeof(garbage) - 1);
		if (i % 8 == 0) /* wait for it now and then */
			plug_has_ended(&p, clock_deadline(1000));
		plug_close(&p);
	}
}

const struct attack open_attacks[] = {
	{ "truncated", prepare_people, truncated, 1000, 0, 0 },
	{ "slow", prepare_people, slow, 200, 13000, EVERY },
	{ "slow_preamble", prepare_people, slow, 200, 13000, PREAMBLE },
	{ "slow_message_1", prepare_people, slow, 200, 13000, MESSAGE_1 },
	{ "slow_message_3", prepare_people, slow, 200, 13000, MESSAGE_3 },
	{ "slow_stranger", prepare_people, slow, 200, 13000, STRANGER },
	{ "slow_header", prepare_people, slow, 200, 30000, HEADER },
	{ "slow_payload", prepare_people, slow, 200, 30000, PAYLOAD },
	{ "slow_refused", prepare_people, slow, 200, 30000, REFUSED },
	{ "empty", NULL, empty, 2000, 6000, FROM_EVERYWHERE },
	{ "empty_one_source", NULL, empty, 2000, 6000, ONE_SOURCE },
	{ "empty_again", NULL, empty, 300, 6000, AGAIN },
	{ "half_open", NULL, half_open, 1000, 10000, FROM_EVERYWHERE },
	{ "half_open_one_source", NULL, half_open, 1000, 10000, ONE_SOURCE },
	{ "nonsense", NULL, nonsense, 10000, 0, ONE_SOURCE },
	{ "sources", NULL, nonsense, 70000, 0, FROM_EVERYWHERE },
	{ 0 },
};
