/* SPDX-License-Identifier: ISC */
/* sentinel-pull -- fetch, decrypt and deliver what has come in */

#include <string.h>

#include "base/err.h"
#include "base/proc.h"
#include "cli/app.h"
#include "cli/child.h"
#include "cli/outlet.h"
#include "client/follow.h"
#include "view/handler.h"
#include "view/view.h"
#include "wire/id.h"

#define NICER 10

static struct args {
	uint64_t wait_ms, count, max_file_size, max_tries;
	const char *type, *from, *reply_to, *output_dir, *answer;
	bool follow, or_fail, raw, peek, dead, forget;
	char **operands; /* of COMMAND, or ids to forget */
	int operands_n;
} args = { .wait_ms = FOLLOW_NO_WAIT,
	.count = UINT64_MAX,
	.max_file_size = UINT64_MAX,
	.max_tries = 10 };

static const struct opt opts[] = {
	OPT_DUR('w', "wait", "DURATION", "wait for the first that matches",
	    struct args, wait_ms),
	OPT_UINT('n', "count", "N", "print at most N", struct args, count),
	OPT_FLAG('F', "follow", "go on until killed, whatever the relay does",
	    struct args, follow),
	OPT_FLAG('e', "exit-status", "4 when nothing was printed", struct args,
	    or_fail),
	OPT_STR(0, "from", "PEER", "print only what PEER sent", struct args,
	    from),
	OPT_CHOICE(0, "type", "message|file|key_request|key_received",
	    "print only these", struct args, type),
	OPT_STR(0, "reply-to", "ID", "print only answers to ID", struct args,
	    reply_to),
	OPT_STR('o', "output-dir", "DIR", "take files into DIR", struct args,
	    output_dir),
	OPT_SIZE(0, "max-file-size", "SIZE", "refuse larger files", struct args,
	    max_file_size),
	OPT_FLAG(0, "raw", "the bytes of a message alone", struct args, raw),
	OPT_CHOICE(0, "answer", "none|verified|known|any",
	    "answer key requests of these", struct args, answer),
	OPT_FLAG(0, "peek", "print what the inbox holds, change nothing",
	    struct args, peek),
	OPT_UINT(0, "max-tries", "N", "of COMMAND, then a dead letter",
	    struct args, max_tries),
	OPT_FLAG(0, "dead", "print dead letters", struct args, dead),
	OPT_FLAG(0, "forget", "drop the dead letters ID...", struct args,
	    forget),
	OPT_END,
};

static const char *const modes[] = {
	[ANSWER_NONE] = "none",
	[ANSWER_VERIFIED] = "verified",
	[ANSWER_KNOWN] = "known",
	[ANSWER_ANY] = "any",
};

static unsigned
wanted_kinds(void)
{
	if (args.type)
		return view_item_kinds(args.type);
	return args.raw ? INBOX_MESSAGE : 0;
}

static enum answer_mode
mode_of(const char *word)
{
	size_t i = ARRAY_LEN(modes) - 1;

	while (i > 0 && !(word && strcmp(modes[i], word) == 0))
		i--;
	return (enum answer_mode)i;
}

/* What makes no sense together. */
static int
check(const struct settings *s)
{
	const bool runs = args.operands_n > 0 && !args.forget;
	const bool looks = args.peek || args.dead;
	const struct {
		bool wrong;
		const char *why;
	} rules[] = {
		{ args.count == 0, "--count: at least 1" },
		{ args.max_tries == 0, "--max-tries: at least 1" },
		{ args.follow && args.wait_ms != FOLLOW_NO_WAIT,
		    "--follow does not end, --wait does" },
		{ looks && (args.follow || args.wait_ms != FOLLOW_NO_WAIT),
		    "--peek and --dead wait for nothing" },
		{ looks && runs, "--peek and --dead run no COMMAND" },
		{ args.peek && args.dead, "--peek or --dead, not both" },
		{ args.forget && (!args.dead || args.operands_n == 0),
		    "--forget takes ids, and --dead before them" },
		{ args.raw && args.count != 1 && !runs,
		    "--raw needs --count 1 or a COMMAND" },
		{ args.raw && wanted_kinds() != INBOX_MESSAGE,
		    "--raw is for messages" },
		{ args.raw && !runs && (s->get || s->text),
		    "--raw or --get or --text" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i].wrong)
			return err_set(ERR_USAGE, "%s", rules[i].why);
	}
	return 0;
}

static int
print(void *arg, const struct pull_item *item)
{
	int r;

	(void)arg;
	r = args.raw ? outlet_write(item->text.text, item->text.text_len)
		     : view_item(item);
	return r < 0 ? r : outlet_drain();
}

static void
trouble(int r)
{
	app_warn("%s: %s; trying again", err_sentence(r), err_last()->message);
}

/* From the relay, under FILE.pull. */
static int
pull(struct client *c, struct handover *h, uint64_t *n)
{
	struct handler handler = { args.operands, args.raw, args.max_tries };
	const struct handover_handler to = { handler_run, &handler,
		args.max_tries, !args.follow };
	const struct follow_plan plan = { .wait_ms = args.wait_ms,
		.count = args.count,
		.forever = args.follow,
		.answer = mode_of(args.answer),
		.handler = args.operands_n > 0 ? &to : NULL,
		.reader = { print, NULL },
		.trouble = trouble };
	struct pull *p;
	int r = pull_open(&p, c);

	if (r < 0)
		return r;
	if (args.output_dir && !args.follow && args.operands_n == 0)
		proc_step_back(NICER);
	if (args.output_dir)
		r = pull_keep_files(p, args.output_dir, args.max_file_size);
	if (r == 0)
		r = follow_run(c, p, h, &plan, n);
	if (pull_elsewhere(p))
		app_warn("a file was begun in %s: -o with that directory "
			 "goes on with it",
		    pull_elsewhere(p));
	pull_close(p);
	return r;
}

static int
print_or_forget(struct client *c, struct handover *h, uint64_t *n)
{
	const struct handover_reader reader = { print, NULL };

	if (args.forget)
		return handover_forget(h, args.operands,
		    (size_t)args.operands_n);
	if (args.dead)
		return handover_dead(h, args.count, &reader, n);
	if (args.peek)
		return handover_peek(h, args.count, &reader, n);
	return pull(c, h, n);
}

static int
deliver(struct client *c, const struct handover_filter *f)
{
	const bool waits = args.wait_ms != FOLLOW_NO_WAIT;
	struct handover *h;
	uint64_t n = 0;
	int r = handover_new(&h, c, f);

	if (r < 0)
		return r;
	r = print_or_forget(c, h, &n);
	handover_free(h);
	if (r == 0 && n == 0 && (waits || args.or_fail))
		return err_set(ERR_TIMEOUT,
		    waits ? "nothing came in time" : "nothing to print");
	return r;
}

static int
filter_and_deliver(struct client *c)
{
	struct handover_filter f = { .rows.kinds = wanted_kinds() };
	uint8_t from[ID_LEN], reply_to[ID_LEN];
	int r = 0;

	if (args.from) {
		r = book_find_id(c, args.from, from);
		f.rows.peer = from;
	}
	if (r == 0 && args.reply_to) {
		r = id_parse(reply_to, args.reply_to);
		f.reply_to = reply_to;
	}
	return r < 0 ? r : deliver(c, &f);
}

static int
run(const struct settings *s, int argc, char **argv)
{
	struct client *c;
	int r;

	args.operands = argv;
	args.operands_n = argc;
	r = check(s);
	if (r == 0 && argc > 0 && !args.forget)
		r = child_check(argv[0]);
	if (r == 0)
		r = client_open(&c, s);
	if (r != 0)
		return r;
	outlet_start();
	r = filter_and_deliver(c);
	client_close(c);
	outlet_end(r);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-pull",
		.synopsis = "[OPTION]... [-- COMMAND ARG...]",
		.brief = "Fetch, decrypt, acknowledge and deliver messages.",
		.opts = opts,
		.args = &args,
		.operands_max = -1,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
