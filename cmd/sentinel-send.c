/* SPDX-License-Identifier: ISC */
/* sentinel-send -- send one encrypted message */

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/app.h"
#include "client/talk.h"
#include "view/view.h"

static struct args {
	const char *message;
} args;

static const struct opt opts[] = {
	OPT_STR('m', "message", "TEXT", "the text, instead of standard input",
	    struct args, message),
	OPT_END,
};

/* The text, byte for byte, from -m or from a stdin that is no terminal. */
static int
read_text(struct buf *text)
{
	int r;

	if (args.message && strlen(args.message) > TEXT_MAX)
		return err_set(ERR_USAGE, "a text is at most %d bytes",
		    TEXT_MAX);
	if (args.message)
		return buf_put(text, args.message, strlen(args.message));
	if (isatty(STDIN_FILENO)) {
		r = err_set(ERR_USAGE, "no text");
		err_hint("-m TEXT, or pipe it in");
		return r;
	}
	return file_slurp(text, STDIN_FILENO, "standard input");
}

static int
send_to(const struct settings *s, const char *peer, const struct buf *text)
{
	struct talk_sent sent;
	struct client *c;
	int r = client_open(&c, s);

	if (r < 0)
		return r;
	r = talk_send(c, peer, buf_peek(text), buf_len(text), &sent);
	if (r == 0)
		r = view_sent(&sent);
	client_close(c);
	return r;
}

static int
run(const struct settings *s, int argc, char **argv)
{
	struct buf *text = buf_new(TEXT_MAX);
	int r;

	(void)argc;
	if (!text)
		return err_set(ERR_NOMEM, "no memory for a message");
	r = read_text(text);
	if (r == 0)
		r = send_to(s, argv[0], text);
	buf_free(text);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-send",
		.synopsis = "[OPTION]... PEER",
		.brief = "Send a message, from -m or standard input, to PEER.",
		.opts = opts,
		.args = &args,
		.operands_min = 1,
		.operands_max = 1,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
