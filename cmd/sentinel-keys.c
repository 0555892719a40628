/* SPDX-License-Identifier: ISC */
/* sentinel-keys -- keys of peers, the handshake with them, verification */

#include <string.h>

#include "base/err.h"
#include "cli/app.h"
#include "client/directory.h"
#include "client/exchange.h"
#include "view/view.h"

static struct args {
	bool unverify;
} args;

static const struct opt verify_opts[] = {
	OPT_FLAG(0, "unverify", "take the mark away", struct args, unverify),
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

static int
verify(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r;

	if (args.unverify != (argc == 1))
		return err_set(ERR_USAGE,
		    "give PEER and NUMBER, or "
		    "--unverify PEER");
	r = book_find(c, argv[0], &p);
	if (r == 0)
		r = args.unverify ? book_unverify(c, &p)
				  : book_verify(c, &p, argv[1]);
	return r < 0 ? r
		     : view_peer(c, &p, p.verified ? "verified" : "unverified");
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
