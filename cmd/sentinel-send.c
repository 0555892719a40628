/* SPDX-License-Identifier: ISC */
/* sentinel-send -- send encrypted messages: one, or as many as there are */

#include "base/err.h"
#include "cli/app.h"
#include "cli/letters.h"
#include "client/batch.h"
#include "view/view.h"

_Static_assert(LETTERS_MAX <= BATCH_MAX, "letters are sent by the group");

static struct args {
	const char *message;
	const char *reply_to;
	const char *id;
	const char *content_type;
	bool lines, nul, batch;
	bool chomp;
	bool queue;
	bool require_verified;
} args;

static const struct opt opts[] = {
	OPT_STR('m', "message", "TEXT", "the text, instead of standard input",
	    struct args, message),
	OPT_FLAG('l', "lines", "a message a line", struct args, lines),
	OPT_FLAG('0', "null", "a message up to each NUL", struct args, nul),
	OPT_FLAG('b', "batch", "an object in JSON a line says what and to whom",
	    struct args, batch),
	OPT_FLAG(0, "chomp", "leave out a newline at the end of a text",
	    struct args, chomp),
	OPT_STR('R', "reply-to", "ID", "answers the message with that id",
	    struct args, reply_to),
	OPT_STR(0, "id", "UUID", "the message's id: it is sent once",
	    struct args, id),
	OPT_FLAG(0, "queue", "keep it when it cannot go out now", struct args,
	    queue),
	OPT_STR(0, "content-type", "TYPE", "what kind of text it is",
	    struct args, content_type),
	OPT_FLAG(0, "require-verified", "only to peers that are verified",
	    struct args, require_verified),
	OPT_END,
};

/* How all of it went. */
struct tally {
	bool is_batch; /* then what fails is a record, not only an exit */
	size_t good, bad;
	struct err_info last;
};

static int
tell(struct tally *t, const struct batch_item *items,
    const struct letter *letters, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const bool good = items[i].status != BATCH_FAILED;

		if (good || t->is_batch)
			r = view_sent(&items[i], &letters[i]);
		t->good += good;
		t->bad += !good;
		if (!good)
			t->last = items[i].why;
	}
	return r;
}

static int
verdict(const struct tally *t)
{
	if (t->bad == 0)
		return 0;
	if (t->good > 0)
		return err_set(ERR_PARTIAL, "%zu of %zu failed", t->bad,
		    t->good + t->bad);
	err_restore(&t->last);
	return t->last.code;
}

static void
address(struct batch_item *items, const struct letter *letters, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct letter *l = &letters[i];

		items[i] = (struct batch_item){ .who = l->to,
			.text = l->text,
			.len = l->len,
			.id = l->id,
			.reply_to = l->reply_to,
			.status = l->failed ? BATCH_FAILED : BATCH_OPEN,
			.failed = l->failed,
			.why = l->why };
	}
}

static int
send_all(struct batch *b, struct letters *letters, struct tally *t)
{
	static struct batch_item items[BATCH_MAX];
	const struct letter *group;
	struct err_info why;
	size_t n;
	int r, told;

	do {
		r = letters_take(letters, &group, &n);
		if (r < 0 || n == 0)
			return r;
		address(items, group, n);
		r = batch_send(b, items, n);
		why = *err_last();
		told = tell(t, items, group, n);
	} while (r == 0 && told == 0);
	if (told == 0)
		err_restore(t->is_batch ? &why : &t->last);
	return told < 0 ? told : r;
}

static int
send_letters(const struct settings *s, struct letters *letters, struct tally *t)
{
	const struct batch_rules rules = { .queue = args.queue,
		.require_verified = args.require_verified,
		.content_type = args.content_type };
	struct batch *b = NULL;
	struct client *c;
	int r = client_open(&c, s);

	if (r < 0)
		return r;
	r = batch_new(&b, c, &rules);
	if (r == 0)
		r = send_all(b, letters, t);
	batch_free(b);
	client_close(c);
	return r < 0 ? r : verdict(t);
}

static enum letters_form
form(void)
{
	return args.lines ? LETTERS_LINES
	    : args.nul    ? LETTERS_NUL
	    : args.batch  ? LETTERS_BATCH
			  : LETTERS_WHOLE;
}

static int
check(int peers)
{
	const int forms = args.lines + args.nul + args.batch;

	if (forms + (args.message != NULL) > 1)
		return err_set(ERR_USAGE, "one of -m, -l, -0 and -b");
	if (forms > 0 && args.id)
		return err_set(ERR_USAGE, "--id is that of one message");
	if (args.batch && (peers > 0 || args.reply_to))
		return err_set(ERR_USAGE,
		    "with -b each line says to whom and "
		    "what it answers");
	if (!args.batch && peers == 0)
		return err_set(ERR_USAGE, "operand missing: PEER");
	return 0;
}

static int
run(const struct settings *s, int argc, char **argv)
{
	const struct letters_source src = { .form = form(),
		.peers = (const char *const *)argv,
		.peers_n = (size_t)argc,
		.message = args.message,
		.id = args.id,
		.reply_to = args.reply_to,
		.chomp = args.chomp,
		.text_max = TEXT_MAX };
	struct tally t = { .is_batch = argc > 1 || src.form != LETTERS_WHOLE };
	struct letters *letters;
	int r = check(argc);

	if (r == 0)
		r = letters_open(&letters, &src);
	if (r < 0)
		return r;
	r = send_letters(s, letters, &t);
	letters_close(letters);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-send",
		.synopsis = "[OPTION]... PEER...",
		.brief = "Send messages, from -m or standard input, to PEERs.",
		.opts = opts,
		.args = &args,
		.operands_min = 0,
		.operands_max = -1,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
