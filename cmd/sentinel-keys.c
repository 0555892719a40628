/* SPDX-License-Identifier: ISC */
/* sentinel-keys -- keys of peers, the handshake with them, verification */

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "cli/app.h"
#include "cli/ask.h"
#include "cli/tty.h"
#include "client/directory.h"
#include "client/exchange.h"
#include "view/view.h"

#define GROUP      5 /* digits of a safety number that stand together */
#define LINE       4 /* groups on a line */
#define NUMBER_MAX 256

static struct args {
	const char *new_passphrase_file;
	bool remove;
	bool unverify;
} args;

static const struct opt verify_opts[] = {
	OPT_FLAG(0, "unverify", "take the mark away", struct args, unverify),
	OPT_END,
};

static const struct opt passphrase_opts[] = {
	OPT_STR(0, "new-passphrase-file", "FILE", "the one to set", struct args,
	    new_passphrase_file),
	OPT_FLAG(0, "remove", "go on without one", struct args, remove),
	OPT_END,
};

static int
fetch(struct client *c, int argc, char **argv)
{
	static const char *const words[] = {
		[DIRECTORY_PINNED] = "pinned",
		[DIRECTORY_UNCHANGED] = "unchanged",
		[DIRECTORY_UPDATED] = "updated",
	};
	enum directory_status status;
	struct peer p;
	int r = 0;

	for (int i = 0; i < argc && r == 0; i++) {
		r = directory_fetch(c, argv[i], &p, &status);
		if (r == 0)
			r = view_peer(c, &p, words[status]);
	}
	return r;
}

static int
request(struct client *c, int argc, char **argv)
{
	struct exchange x;
	int r = exchange_request(c, argv[0], &x);

	(void)argc;
	if (r < 0)
		return r;
	return view_exchange(c, &x, x.sent ? "requested" : "key_received");
}

static int
send_key(struct client *c, int argc, char **argv)
{
	struct exchange x;
	int r = exchange_send(c, argv[0], &x);

	(void)argc;
	return r < 0 ? r : view_exchange(c, &x, "key_sent");
}

static int
print_peer(void *arg, const struct peer *p)
{
	return view_peer(arg, p, "listed");
}

static int
list(struct client *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return book_each(c, print_peer, c);
}

static int
show(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r;

	if (argc == 0 || strcmp(argv[0], "self") == 0)
		return view_identity(c);
	r = book_find(c, argv[0], &p);
	return r < 0 ? r : view_peer(c, &p, "listed");
}

static int
fingerprint(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r;

	if (argc == 0 || strcmp(argv[0], "self") == 0)
		return view_fingerprint(c, NULL);
	r = book_find(c, argv[0], &p);
	return r < 0 ? r : view_fingerprint(c, &p);
}

/* A safety number as it is read out. */
static void
write_groups(FILE *to, const char *number)
{
	for (size_t i = 0; number[i]; i += GROUP)
		fprintf(to, "%s%.*s",
		    i % (LINE * (size_t)GROUP) == 0 ? "\n    " : " ", GROUP,
		    number + i);
}

/* What the peer reads out, from the terminal. */
static int
ask_number(struct client *c, const struct peer *p, char *out, size_t cap)
{
	char safety[IDENT_SAFETY_LEN + 1], uuid[ID_TEXT_SIZE];
	char prompt[NAME_SIZE + 80];
	size_t len;
	int r;

	if (!tty_is_there())
		return err_set(ERR_USAGE, "give PEER and NUMBER");
	book_safety(c, p, safety);
	fprintf(stderr, "The safety number here:\n");
	write_groups(stderr, safety);
	snprintf(prompt, sizeof(prompt),
	    "\n\nThe number that %s reads out: ", book_call(p, uuid));
	r = tty_ask(out, cap - 1, &len, prompt, false);
	if (r == 0)
		out[len] = '\0';
	return r;
}

static int
compare(struct client *c, struct peer *p, const char *number)
{
	char typed[NUMBER_MAX];
	int r = 0;

	if (!number)
		r = ask_number(c, p, typed, sizeof(typed));
	return r < 0 ? r : book_verify(c, p, number ? number : typed);
}

static int
verify(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r;

	if (args.unverify && argc > 1)
		return err_set(ERR_USAGE, "--unverify takes no NUMBER");
	r = book_find(c, argv[0], &p);
	if (r == 0)
		r = args.unverify ? book_unverify(c, &p)
				  : compare(c, &p, argc > 1 ? argv[1] : NULL);
	return r < 0 ? r
		     : view_peer(c, &p, p.verified ? "verified" : "unverified");
}

static int
set_passphrase(struct client *c)
{
	struct passphrase *pass = secret_new(sizeof(*pass));
	int r;

	if (!pass)
		return err_set(ERR_NOMEM, "no memory for a passphrase");
	r = ask_new_passphrase(args.new_passphrase_file, pass);
	if (r == 0)
		r = client_set_passphrase(c, pass);
	secret_free(pass);
	return r;
}

static int
passphrase(struct client *c, int argc, char **argv)
{
	int r;

	(void)argc;
	(void)argv;
	r = args.remove ? client_set_passphrase(c, NULL) : set_passphrase(c);
	return r < 0 ? r : view_identity(c);
}

/* Every verb works on an open key file. */
static int
with_client(const struct settings *s, int argc, char **argv,
    int (*verb)(struct client *c, int argc, char **argv))
{
	struct client *c;
	int r = client_open(&c, s);

	if (r < 0)
		return r;
	r = verb(c, argc, argv);
	client_close(c);
	return r;
}

#define VERB(name)                                                             \
	static int run_##name(const struct settings *s, int argc, char **argv) \
	{                                                                      \
		return with_client(s, argc, argv, name);                       \
	}
VERB(fetch)
VERB(request)
VERB(send_key)
VERB(list)
VERB(show)
VERB(fingerprint)
VERB(verify)

static int
run_passphrase(const struct settings *s, int argc, char **argv)
{
	if (args.remove && args.new_passphrase_file)
		return err_set(ERR_USAGE,
		    "give --new-passphrase-file or --remove");
	return with_client(s, argc, argv, passphrase);
}

static const struct app_verb verbs[] = {
	{ "fetch", "PEER...", "Fetch, check and pin public keys.", NULL, 1, -1,
	    run_fetch },
	{ "request", "PEER", "Ask for a session (step 4).", NULL, 1, 1,
	    run_request },
	{ "send", "PEER", "Send a symmetric key (steps 7 and 9).", NULL, 1, 1,
	    run_send_key },
	{ "list", "", "List the peers in the key file.", NULL, 0, 0, run_list },
	{ "show", "[PEER]", "Show a peer, or oneself.", NULL, 0, 1, run_show },
	{ "fingerprint", "[PEER]",
	    "Show the own fingerprint, or the safety number with PEER.", NULL,
	    0, 1, run_fingerprint },
	{ "verify", "[--unverify] PEER [NUMBER]",
	    "Mark PEER verified when NUMBER is its safety number.", verify_opts,
	    1, 2, run_verify },
	{ "passphrase", "[--new-passphrase-file FILE | --remove]",
	    "Set, change or remove the key file's passphrase.", passphrase_opts,
	    0, 0, run_passphrase },
	{ 0 },
};

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-keys",
		.synopsis = "SUBCOMMAND [OPTION]... [PEER]...",
		.brief = "Manage keys of peers and the handshake with them.",
		.args = &args,
		.verbs = verbs,
	};

	return app_main(&app, argc, argv);
}
