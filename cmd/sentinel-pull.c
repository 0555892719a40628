/* SPDX-License-Identifier: ISC */
/* sentinel-pull -- fetch, decrypt and print what has come in */

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/app.h"
#include "client/pull.h"
#include "view/view.h"

#define NO_WAIT (CLOCK_NEVER - 1)

static struct args {
	uint64_t wait_ms;
	uint64_t count;
	const char *type;
	const char *from;
	const char *output_dir;
	uint64_t max_file_size;
} args = { .wait_ms = NO_WAIT,
	.count = UINT64_MAX,
	.max_file_size = UINT64_MAX };

static const struct opt opts[] = {
	OPT_DUR('w', "wait", "DURATION", "wait for the first that matches",
	    struct args, wait_ms),
	OPT_UINT('n', "count", "N", "print at most N", struct args, count),
	OPT_STR('o', "output-dir", "DIR", "take files into DIR", struct args,
	    output_dir),
	OPT_SIZE(0, "max-file-size", "SIZE", "refuse larger files", struct args,
	    max_file_size),
	OPT_CHOICE(0, "type", "message|file|key_request|key_received",
	    "print only these", struct args, type),
	OPT_STR(0, "from", "PEER", "print only what PEER sent", struct args,
	    from),
	OPT_END,
};

static unsigned
kinds_of(const char *type)
{
	static const struct {
		const char *word;
		unsigned kinds;
	} types[] = {
		{ "message", INBOX_MESSAGE },
		{ "file", INBOX_FILE | INBOX_FILE_OFFER | INBOX_FILE_REFUSED },
		{ "key_request", INBOX_KEY_REQUEST },
		{ "key_received", INBOX_KEY_RECEIVED },
	};

	for (size_t i = 0; type && i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].word, type) == 0)
			return types[i].kinds;
	}
	return 0;
}

static int
print(void *arg, const struct pull_item *item)
{
	(void)arg;
	return view_item(item);
}

/* How long the relay may hold the next request open. */
static uint64_t
patience(uint64_t deadline, uint64_t printed)
{
	int left = clock_left(deadline);

	if (args.wait_ms == NO_WAIT || printed > 0)
		return 0;
	return left < 0 ? CLOCK_NEVER : (uint64_t)left;
}

/*
 * Print what the inbox holds, then page after page of the mailbox.  With
 * --wait an inbox that holds a match is enough, and an empty page is asked
 * for again until the time is over.
 */
static int
receive(struct pull *p, const struct inbox_filter *f, uint64_t *printed)
{
	bool waits = args.wait_ms != NO_WAIT, got = true;
	uint64_t deadline = clock_deadline(args.wait_ms), wait, n;
	int r = pull_print(p, f, args.count, print, NULL, printed);

	if (waits && *printed > 0)
		return r;
	while (r == 0 && *printed < args.count) {
		wait = patience(deadline, *printed);
		r = pull_fetch(p, wait, &got);
		if (r < 0 || (!got && wait == 0))
			break;
		r = pull_print(p, f, args.count - *printed, print, NULL, &n);
		*printed += n;
	}
	return r;
}

static int
verdict(const struct pull_tally *t, bool lacks_room, uint64_t printed)
{
	if (t->undecryptable > 0)
		return err_set(t->messages > 0 ? ERR_PARTIAL
					       : ERR_UNDECRYPTABLE,
		    "%zu of %zu messages do not decrypt", t->undecryptable,
		    t->messages + t->undecryptable);
	if (lacks_room) {
		err_set(ERR_IO, "%s has no room for a file", args.output_dir);
		err_path(args.output_dir);
		err_hint("its chunks stay at the relay for now");
		return ERR_IO;
	}
	if (args.wait_ms != NO_WAIT && printed == 0)
		return err_set(ERR_TIMEOUT, "nothing came in time");
	return 0;
}

static int
pull(struct client *c)
{
	struct inbox_filter filter = { .kinds = kinds_of(args.type) };
	uint64_t printed = 0;
	struct pull *p;
	uint8_t from[ID_LEN];
	int r;

	if (args.from) {
		r = book_find_id(c, args.from, from);
		if (r < 0)
			return r;
		filter.peer = from;
	}
	r = pull_open(&p, c);
	if (r < 0)
		return r;
	if (args.output_dir)
		r = pull_keep_files(p, args.output_dir, args.max_file_size);
	if (r == 0)
		r = receive(p, &filter, &printed);
	if (pull_elsewhere(p))
		app_warn("a file was begun in %s: -o with that directory "
			 "goes on with it",
		    pull_elsewhere(p));
	if (r == 0)
		r = verdict(pull_tally(p), pull_lacks_room(p), printed);
	pull_close(p);
	return r;
}

static int
run(const struct settings *s, int argc, char **argv)
{
	struct client *c;
	int r;

	(void)argc;
	(void)argv;
	if (args.count == 0)
		return err_set(ERR_USAGE, "--count: at least 1");
	r = client_open(&c, s);
	if (r < 0)
		return r;
	r = pull(c);
	client_close(c);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-pull",
		.synopsis = "[OPTION]...",
		.brief = "Fetch, decrypt, acknowledge and print messages.",
		.opts = opts,
		.args = &args,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
