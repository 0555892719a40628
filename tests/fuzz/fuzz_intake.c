/* SPDX-License-Identifier: ISC */
/*
 * A client's mailbox in the hands of a relay that hates it: peers with real
 * sessions, pinned without one or unknown speak and shake hands, and what they
 * said comes in any order, again, bent, cut, of another type or from another
 * sender, while we answer, and begin anew in between.  Each text is read once
 * at most, from whom it is, and none that nobody said; the key file stays
 * whole.  The same of the names of files that are announced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backstage.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"
#include "chance.h"
#include "client/entry.h"
#include "must.h"
#include "stage.h"
#include "state/session.h"
#include "still.h"

#define FILE_LEN  (512 * 1024)
#define STEP_LEN  4
#define STEPS     60
#define PEOPLE    4 /* of whom the last is not pinned */
#define SHAKEN    2 /* and so many have a session */
#define TEXTS_MAX 64
#define PAGE_MAX  8

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

struct run {
	struct puppet people[PEOPLE];
	struct stage_message said[TEXTS_MAX]; /* of any kind */
	size_t said_n;
	unsigned texts_n;
	struct text {
		unsigned whose;
		size_t said; /* where it stands there */
		bool names_file;
		bool read, came;
	} texts[TEXTS_MAX];
	bool fair; /* so far: what came is to be read */
	struct stage_message page[PAGE_MAX]; /* to be taken in */
	size_t page_n;
};

static struct stage stage;
static struct puppet people[PEOPLE]; /* as they begin */
static uint8_t file[FILE_LEN];
static size_t file_len;

/* --- a key file, always the same --- */

static void
make_peers(void)
{
	static const char *const names[] = { "bob", "carol", "dave", "erin" };

	for (unsigned i = 0; i < PEOPLE; i++) {
		puppet_make(&people[i], i + 1, names[i]);
		if (i + 1 < PEOPLE)
			stage_pin(&stage, &people[i]);
		if (i < SHAKEN)
			stage_shake(&stage, &people[i], i == 0);
	}
}

static void
make_stage(void)
{
	uint8_t *bytes;

	backstage_make(&stage);
	make_peers();
	backstage_close(&stage);
	bytes = scratch_read(stage.scratch->path, &file_len);
	must(file_len <= sizeof(file));
	memcpy(file, bytes, file_len);
	free(bytes);
}

/* As it was, and nothing beside it. */
static void
begin(struct run *run)
{
	backstage_clear();
	scratch_write(stage.scratch->path, file, file_len);
	*run = (struct run){ .fair = true };
	memcpy(run->people, people, sizeof(people));
	still_elapsed = 0;
	chance_go_on_from(1 << 20);
	stage_reopen(&stage);
}

static void
end(struct run *run)
{
	must(keyfile_verify(stage.kf) == 0);
	must(!keyfile_was_put_back(stage.kf));
	for (unsigned i = 0; i < run->texts_n && run->fair; i++)
		must(run->texts[i].read == run->texts[i].came);
	backstage_close(&stage);
	for (size_t i = 0; i < run->said_n; i++)
		stage_message_free(&run->said[i]);
}

/* --- what has come of it --- */

static unsigned
owner(const struct run *run, const uint8_t *id)
{
	unsigned i = 0;

	while (i < PEOPLE && memcmp(run->people[i].who.key.id, id, ID_LEN) != 0)
		i++;
	must(i < PEOPLE);
	return i;
}

/* A text, or the name of a file that is offered. */
static void
check_text(struct run *run, const struct pull_item *item, const char *bytes,
    size_t len)
{
	char text[16] = { 0 };
	struct text *t;
	unsigned n = 0;

	must(len < sizeof(text));
	memcpy(text, bytes, len);
	must(sscanf(text, "text %u", &n) == 1 && n < run->texts_n);
	t = &run->texts[n];
	must(t->whose == owner(run, item->row.peer));
	must(t->names_file == (item->row.kind == INBOX_FILE_OFFER));
	must(!t->read);
	t->read = true;
}

static void
check_row(struct run *run, const struct inbox *row)
{
	struct buf *record = buf_new(CONTENT_MAX);
	struct pull_item item = { .row = *row };

	must(record && inbox_read(stage.kf, row->n, record) == 0);
	must(entry_unpack(&item, buf_peek(record), buf_len(record)) == 0);
	if (row->kind == INBOX_MESSAGE)
		check_text(run, &item, (const char *)item.text.text,
		    item.text.text_len);
	if (row->kind == INBOX_FILE_OFFER)
		check_text(run, &item, item.file.name, strlen(item.file.name));
	must(inbox_set(stage.kf, row->n, INBOX_DONE) == 0);
	buf_free(record);
}

static void
check_inbox(struct run *run)
{
	static const struct inbox_filter all = { .kinds = 0 };
	struct inbox rows[INBOX_PAGE_MAX];
	size_t n = 1;

	stage_begin(&stage);
	while (n > 0) {
		must(inbox_page(stage.kf, &all, 0, rows, INBOX_PAGE_MAX, &n) ==
		    0);
		for (size_t i = 0; i < n; i++)
			check_row(run, &rows[i]);
	}
	stage_commit(&stage);
}

static void
take_page(struct run *run)
{
	stage_take(&stage, run->page, run->page_n);
	for (size_t i = 0; i < run->page_n; i++)
		stage_message_free(&run->page[i]);
	run->page_n = 0;
	check_inbox(run);
}

/* --- steps --- */

static struct stage_message *
next_said(struct run *run)
{
	return &run->said[run->said_n++];
}

static bool
has_session(const struct puppet *p)
{
	static const uint8_t none[RATCHET_SID_LEN];

	return memcmp(p->session.sid, none, sizeof(none)) != 0;
}

/* One that nobody has said yet. */
static void
make_text(struct run *run, char text[static 16], unsigned whose)
{
	snprintf(text, 16, "text %u", run->texts_n);
	run->texts[run->texts_n++] =
	    (struct text){ .whose = whose, .said = run->said_n };
}

static void
say(struct run *run, const uint8_t *in)
{
	unsigned who = in[1] % PEOPLE;
	char text[16];

	if (!has_session(&run->people[who]))
		return;
	run->people[who].seq += in[2] % 16 == 15 ? in[3] : 0;
	make_text(run, text, who);
	puppet_text(&stage, &run->people[who], next_said(run), text);
}

/* A body of any kind, whatever is in it. */
static void
say_anything(struct run *run, const uint8_t *in)
{
	unsigned who = in[1] % PEOPLE;
	uint8_t body[64];

	memset(body, in[3], sizeof(body));
	if (has_session(&run->people[who]) && in[2] % 16 != PLAIN_TEXT)
		puppet_say(&stage, &run->people[who], next_said(run),
		    in[2] % 16, body, in[2] / 16 * 4);
}

/* A file is announced, the same one again, or with another size. */
static void
announce(struct run *run, const uint8_t *in)
{
	static const uint64_t sizes[] = { 5000, 0, 1, PLAIN_SIZE_UNKNOWN,
		FILE_SIZE_MAX };
	unsigned who = in[1] % PEOPLE;
	struct plain_manifest m = { .file_id = { in[2] % 4 },
		.size = sizes[in[2] / 4 % ARRAY_LEN(sizes)],
		.chunk_size = in[3] % 2 ? CHUNK_MIN : CHUNK_MAX };
	uint8_t body[PLAIN_MANIFEST_MAX];
	char name[16];
	size_t len;

	if (!has_session(&run->people[who]))
		return;
	make_text(run, name, who);
	run->texts[run->texts_n - 1].names_file = true;
	m.name = (const uint8_t *)name;
	m.name_len = (uint16_t)strlen(name);
	plain_pack_manifest(body, &len, &m);
	puppet_say(&stage, &run->people[who], next_said(run), PLAIN_MANIFEST,
	    body, len);
}

/* And its end, or a piece of it that is none. */
static void
end_file(struct run *run, const uint8_t *in)
{
	struct plain_end e = { .file_id = { in[2] % 4 },
		.size = in[3] * 100,
		.chunks = in[3] % 4 };
	struct puppet *p = &run->people[in[1] % PEOPLE];
	uint8_t body[PLAIN_END_LEN];

	plain_pack_end(body, &e);
	if (in[2] >= 128)
		stage_message(next_said(run), p, MESSAGE_CHUNK, body,
		    sizeof(body));
	else if (has_session(p))
		puppet_say(&stage, p, next_said(run), PLAIN_END, body,
		    sizeof(body));
}

static void
ask_for_key(struct run *run, const uint8_t *in)
{
	struct puppet *p = &run->people[in[1] % PEOPLE];
	uint8_t request[SHAKE_REQUEST_LEN];

	puppet_request(&stage, p, STILL_START + still_elapsed + in[2], request);
	stage_message(next_said(run), p, MESSAGE_REQUEST, request,
	    sizeof(request));
}

/* We answer whatever of theirs came; they finish if it is theirs. */
static void
answer(struct run *run, const uint8_t *in)
{
	struct puppet *p = &run->people[in[1] % PEOPLE];
	uint8_t reply[SHAKE_ANSWER_LEN], finish[SHAKE_FINISH_LEN];
	uint8_t fresh[2 * KEY_LEN];

	if (in[1] % PEOPLE == PEOPLE - 1 || !stage_has_request(&stage, p))
		return;
	stage_answer(&stage, p, reply);
	secret_random(fresh, sizeof(fresh));
	if (shake_finish(&p->session, finish, &p->pending, p->who.static_sk,
		reply, fresh) == 0)
		stage_message(next_said(run), p, MESSAGE_KEY, finish,
		    sizeof(finish));
}

/* We ask, and they answer; what is finished then is theirs alone. */
static void
we_ask(struct run *run, const uint8_t *in)
{
	struct puppet *p = &run->people[in[1] % (PEOPLE - 1)];
	uint8_t request[SHAKE_REQUEST_LEN], reply[SHAKE_ANSWER_LEN];

	stage_request(&stage, p, request);
	puppet_answer(&stage, p, request, reply);
	stage_message(next_said(run), p, MESSAGE_KEY, reply, sizeof(reply));
}

static void
we_finish(struct run *run, const uint8_t *in)
{
	struct puppet *p = &run->people[in[1] % (PEOPLE - 1)];
	uint8_t finish[SHAKE_FINISH_LEN], fresh[KEY_LEN];
	struct ratchet session;

	if (!stage_has(&stage, p, HANDSHAKE_INITIATOR) ||
	    stage_handshake(&stage, p, HANDSHAKE_INITIATOR).stage !=
		HANDSHAKE_ANSWERED)
		return;
	stage_finish(&stage, p, finish);
	secret_random(fresh, sizeof(fresh));
	if (shake_accept(&session, &p->open, finish, fresh) == 0)
		p->session = session;
}

/* They hear us: their next message is of a new chain. */
static void
we_tell(struct run *run, const uint8_t *in)
{
	uint8_t content[64 + RATCHET_OVERHEAD], plain[64] = { 0 };
	uint8_t nonce[RATCHET_NONCE_LEN] = { in[2] }, fresh[KEY_LEN];
	struct puppet *p = &run->people[in[1] % (PEOPLE - 1)];
	const uint8_t *own = client_self(stage.client)->id;
	struct ratchet_skips skips;
	struct ratchet s;
	bool found;

	must(session_get_active(stage.kf, p->who.key.id, &s, &found) == 0);
	if (!found ||
	    ratchet_seal(&s, content, own, p->who.key.id, plain, sizeof(plain),
		nonce) < 0)
		return;
	stage_begin(&stage);
	must(session_save(stage.kf, p->who.key.id, &s) == 0);
	stage_commit(&stage);
	secret_random(fresh, sizeof(fresh));
	s = p->session;
	if (ratchet_open(&s, &skips, plain, own, p->who.key.id, content,
		sizeof(content), NULL, fresh) == RATCHET_OK)
		p->session = s;
}

/* One of what was said: as it is, or otherwise. */
static void
deliver(struct run *run, const uint8_t *in)
{
	struct stage_message *m = &run->page[run->page_n];
	const struct stage_message *said;

	if (run->said_n == 0)
		return;
	said = &run->said[in[1] % run->said_n];
	stage_message(m, &run->people[owner(run, said->from)], said->type,
	    said->bytes, said->len);
	run->page_n++;
	for (unsigned i = 0; i < run->texts_n; i++)
		run->texts[i].came |= run->texts[i].said == in[1] % run->said_n;
	run->fair = run->fair && in[0] / 16 % 8 > 3;
	switch (in[0] / 16 % 8) {
	case 0:
		m->bytes[(in[2] + 256U * in[3]) % m->len] ^= in[3] | 1;
		break;
	case 1:
		memcpy(m->from, run->people[in[2] % PEOPLE].who.key.id, ID_LEN);
		break;
	case 2:
		m->type = in[2] % 8;
		break;
	case 3:
		m->len = (in[2] + 256U * in[3]) % m->len;
		break;
	default:
		break;
	}
}

static void
end_page(struct run *run, const uint8_t *in)
{
	(void)in;
	take_page(run);
}

static void
begin_anew(struct run *run, const uint8_t *in)
{
	(void)in;
	take_page(run);
	stage_reopen(&stage);
}

static void
let_days_go_by(struct run *run, const uint8_t *in)
{
	still_elapsed += in[1] * CLOCK_DAY / 8;
	begin_anew(run, in);
}

/* Fair ones keep nobody from reading what comes. */
static const struct step {
	void (*fn)(struct run *, const uint8_t *);
	bool fair;
} steps[] = {
	{ say, true },
	{ deliver, true },
	{ deliver, true },
	{ deliver, true },
	{ end_page, true },
	{ ask_for_key, false },
	{ answer, false },
	{ we_ask, false },
	{ we_finish, false },
	{ we_tell, true },
	{ begin_anew, true },
	{ say_anything, false },
	{ let_days_go_by, false },
	{ announce, false },
	{ end_file, false },
};

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static struct run run;

	if (file_len == 0)
		make_stage();
	if (len > STEP_LEN * STEPS)
		len = STEP_LEN * STEPS;
	begin(&run);
	for (; len >= STEP_LEN; in += STEP_LEN, len -= STEP_LEN) {
		const struct step *step = &steps[in[0] % 16 % ARRAY_LEN(steps)];

		run.fair = run.fair && step->fair;
		step->fn(&run, in);
		if (run.page_n == PAGE_MAX)
			take_page(&run);
	}
	take_page(&run);
	end(&run);
	return 0;
}
