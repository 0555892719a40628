/* SPDX-License-Identifier: ISC */
/* sentinel-keys -- keys of peers, the handshake with them, verification */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "cli/app.h"
#include "cli/ask.h"
#include "client/archive.h"
#include "client/block.h"
#include "client/directory.h"
#include "client/exchange.h"
#include "client/meet.h"
#include "client/rotate.h"
#include "client/trust.h"
#include "view/view.h"

#define NUMBER_MAX 256
#define NO_WAIT    (UINT64_MAX - 1) /* ms, longer than anyone asks for */

static struct args {
	uint64_t wait_ms;
	const char *new_passphrase_file;
	bool remove;
	bool with_static;
	bool unverify;
} args = { .wait_ms = NO_WAIT };

static const struct opt connect_opts[] = {
	OPT_DUR('w', "wait", "DURATION", "wait until the sessions stand",
	    struct args, wait_ms),
	OPT_END,
};

static const struct opt rotate_opts[] = {
	OPT_FLAG(0, "static", "make a new static key, too", struct args,
	    with_static),
	OPT_END,
};

static const struct opt verify_opts[] = {
	OPT_FLAG(0, "unverify", "take the mark away", struct args, unverify),
	OPT_END,
};

static const struct opt backup_opts[] = {
	OPT_STR(0, "new-passphrase-file", "FILE", "that of the backup",
	    struct args, new_passphrase_file),
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

static size_t
count_established(const struct meet *m, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += m[i].established;
	return sum;
}

/* One peer's fault is the command's; of several some have come through. */
static int
verdict(const struct meet *m, size_t n)
{
	size_t established = count_established(m, n), failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += m[i].failed != 0;
	if (failed == n) {
		err_restore(&m[0].why);
		return m[0].failed;
	}
	if (failed > 0 ||
	    (args.wait_ms != NO_WAIT && established > 0 && established < n))
		return err_set(ERR_PARTIAL, "%zu of %zu sessions stand",
		    established, n);
	if (args.wait_ms != NO_WAIT && established == 0)
		return err_set(ERR_TIMEOUT, "no session came in time");
	return 0;
}

static int
meet(struct client *c, struct meet *m, size_t n, char **who)
{
	uint64_t wait_ms = args.wait_ms == NO_WAIT ? 0 : args.wait_ms;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = meet_find(c, who[i], &m[i]);
	if (r == 0)
		r = meet_all(c, m, n, wait_ms);
	for (size_t i = 0; i < n && r == 0; i++)
		r = view_meet(c, &m[i]);
	return r < 0 ? r : verdict(m, n);
}

static int
connect_to(struct client *c, int argc, char **argv)
{
	struct meet *m = calloc((size_t)argc, sizeof(*m));
	int r = m ? meet(c, m, (size_t)argc, argv)
		  : err_set(ERR_NOMEM, "no memory for the peers");

	free(m);
	return r;
}

static int
trust(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r = trust_peer(c, argv[0], argv[1], &p);

	(void)argc;
	return r < 0 ? r : view_peer(c, &p, "trusted");
}

static int
pin_relay(struct client *c, int argc, char **argv)
{
	int r = trust_relay(c, argv[0]);

	(void)argc;
	return r < 0 ? r : view_relay(c, "trusted");
}

static int
rotate(struct client *c, int argc, char **argv)
{
	int r = rotate_keys(c, args.with_static);

	(void)argc;
	(void)argv;
	return r < 0 ? r : view_identity(c);
}

static int
alias(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r = book_find(c, argv[0], &p);

	(void)argc;
	if (r == 0)
		r = book_alias(c, &p, argv[1]);
	return r < 0 ? r : view_peer(c, &p, "aliased");
}

static int
forget(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r = book_find(c, argv[0], &p);

	(void)argc;
	if (r == 0)
		r = book_forget(c, &p);
	return r < 0 ? r : view_peer(c, &p, "forgotten");
}

static int
block(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r = block_peer(c, argv[0], true, &p);

	(void)argc;
	return r < 0 ? r : view_peer(c, &p, "blocked");
}

static int
unblock(struct client *c, int argc, char **argv)
{
	struct peer p;
	int r = block_peer(c, argv[0], false, &p);

	(void)argc;
	return r < 0 ? r : view_peer(c, &p, "unblocked");
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

/* With what was given, or with what the peer reads out to the user. */
static int
compare(struct client *c, struct peer *p, const char *given)
{
	char typed[NUMBER_MAX], safety[IDENT_SAFETY_LEN + 1];
	char uuid[ID_TEXT_SIZE];
	int r = 0;

	if (!given) {
		book_safety(c, p, safety);
		r = ask_number(typed, sizeof(typed), safety,
		    book_call(p, uuid));
	}
	return r < 0 ? r : book_verify(c, p, given ? given : typed);
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

/* *out: to be freed. */
static int
ask_new(struct passphrase **out)
{
	struct passphrase *pass = secret_new(sizeof(*pass));
	int r;

	if (!pass)
		return err_set(ERR_NOMEM, "no memory for a passphrase");
	r = ask_new_passphrase(args.new_passphrase_file, pass);
	if (r < 0)
		secret_free(pass);
	else
		*out = pass;
	return r;
}

static int
set_passphrase(struct client *c)
{
	struct passphrase *pass;
	int r = ask_new(&pass);

	if (r < 0)
		return r;
	r = client_set_passphrase(c, pass);
	secret_free(pass);
	return r;
}

static int
backup(struct client *c, int argc, char **argv)
{
	struct backup_info info;
	struct passphrase *pass;
	int r = ask_new(&pass);

	(void)argc;
	if (r < 0)
		return r;
	r = archive_backup(c, argv[0], pass, &info);
	secret_free(pass);
	return r < 0 ? r
		     : view_backup(&info, "saved", argv[0],
			   keyfile_name(client_keyfile(c)));
}

/* There is no key file yet to work on. */
static int
run_restore(const struct settings *s, int argc, char **argv)
{
	char keyfile[KEYFILE_PATH_SIZE];
	struct backup_info info;
	int r = archive_restore(s, argv[0], keyfile, &info);

	(void)argc;
	return r < 0 ? r : view_backup(&info, "restored", argv[0], keyfile);
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
VERB(connect_to)
VERB(trust)
VERB(pin_relay)
VERB(rotate)
VERB(alias)
VERB(forget)
VERB(block)
VERB(unblock)
VERB(list)
VERB(show)
VERB(fingerprint)
VERB(verify)
VERB(backup)

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
	{ "connect", "[-w DURATION] PEER...",
	    "Fetch, ask and answer as far as it goes.", connect_opts, 1, -1,
	    run_connect_to },
	{ "list", "", "List the peers in the key file.", NULL, 0, 0, run_list },
	{ "show", "[PEER]", "Show a peer, or oneself.", NULL, 0, 1, run_show },
	{ "fingerprint", "[PEER]",
	    "Show the own fingerprint, or the safety number with PEER.", NULL,
	    0, 1, run_fingerprint },
	{ "verify", "[--unverify] PEER [NUMBER]",
	    "Mark PEER verified when NUMBER is its safety number.", verify_opts,
	    1, 2, run_verify },
	{ "trust", "PEER FINGERPRINT",
	    "Accept that new identity under the name of PEER.", NULL, 2, 2,
	    run_trust },
	{ "trust-relay", "KEY", "Accept that new key of the relay.", NULL, 1, 1,
	    run_pin_relay },
	{ "rotate", "[--static]", "Make and register new own keys.",
	    rotate_opts, 0, 0, run_rotate },
	{ "alias", "PEER NAME", "Call PEER by another name here.", NULL, 2, 2,
	    run_alias },
	{ "forget", "PEER", "Remove PEER and all that belongs to it.", NULL, 1,
	    1, run_forget },
	{ "block", "PEER", "Have the relay refuse what PEER sends.", NULL, 1, 1,
	    run_block },
	{ "unblock", "PEER", "Have the relay take it again.", NULL, 1, 1,
	    run_unblock },
	{ "backup", "[--new-passphrase-file FILE] FILE",
	    "Write identity, relay and peers to FILE.", backup_opts, 1, 1,
	    run_backup },
	{ "restore", "FILE", "Make a key file of a backup.", NULL, 1, 1,
	    run_restore },
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
