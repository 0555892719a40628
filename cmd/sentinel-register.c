/* SPDX-License-Identifier: ISC */
/* sentinel-register -- make a key file, and register it at a relay or not */

#include "base/err.h"
#include "base/secret.h"
#include "cli/app.h"
#include "cli/ask.h"
#include "client/enroll.h"
#include "view/view.h"

static struct args {
	const char *invite_file;
	const char *new_passphrase_file;
	bool ask_passphrase;
	bool tofu;
	bool unregister;
	bool yes;
} args;

static const struct opt opts[] = {
	OPT_FLAG(0, "tofu", "trust the relay's key on first use", struct args,
	    tofu),
	OPT_STR(0, "invite-file", "FILE", "the relay's invite, - is stdin",
	    struct args, invite_file),
	OPT_STR(0, "new-passphrase-file", "FILE",
	    "passphrase of a new key file", struct args, new_passphrase_file),
	OPT_FLAG(0, "ask-passphrase", "ask for that on the terminal",
	    struct args, ask_passphrase),
	OPT_FLAG(0, "unregister", "have the relay forget this identity",
	    struct args, unregister),
	OPT_FLAG(0, "yes", "without a question", struct args, yes),
	OPT_END,
};

/* *out: to be freed; NULL when the key file gets no passphrase. */
static int
choose_passphrase(struct passphrase **out, bool found)
{
	const bool wanted = args.new_passphrase_file || args.ask_passphrase;
	int r;

	*out = NULL;
	if (wanted && found)
		app_warn("the key file is there already and keeps its "
			 "passphrase, or goes on without one: see "
			 "sentinel-keys passphrase");
	if (!wanted || found)
		return 0;
	*out = secret_new(sizeof(**out));
	if (!*out)
		return err_set(ERR_NOMEM, "no memory for a passphrase");
	r = ask_new_passphrase(args.new_passphrase_file, *out);
	if (r < 0)
		secret_free(*out);
	return r;
}

static int
enroll(struct client *c, const char *name, bool found)
{
	char text[INVITE_LEN + 1], *invite = args.invite_file ? text : NULL;
	struct passphrase *pass = NULL;
	bool again;
	int r = invite ? enroll_read_invite(text, args.invite_file) : 0;

	if (r == 0)
		r = choose_passphrase(&pass, found);
	if (r < 0)
		return r;
	r = enroll_register(c, name, pass, invite, &again);
	secret_free(pass);
	if (r < 0)
		return r;
	if (args.tofu && client_trusted_unseen(c))
		app_warn("the relay's key was not checked by anybody: compare "
			 "it with what its operator says");
	return view_registration(c,
	    again ? "already_registered" : "registered");
}

static int
confirm(const struct settings *s)
{
	static const char question[] =
	    "The relay forgets this identity, its name, and the messages that "
	    "wait for it.\nUnregister?";
	bool yes = args.yes;
	int r = yes ? 0 : s->ask_yes(s, question, &yes);

	if (r < 0 || yes)
		return r;
	r = err_set(ERR_USAGE, "not unregistered without a yes");
	err_hint("it stands in: sentinel-register --unregister --yes");
	return r;
}

static int
unregister(const struct settings *s, const char *name)
{
	struct client *c;
	int r = client_open(&c, s);

	if (r < 0)
		return r;
	r = confirm(s);
	if (r == 0)
		r = enroll_unregister(c, name);
	if (r == 0)
		r = view_registration(c, "unregistered");
	client_close(c);
	return r;
}

static int
check_args(int argc)
{
	if (args.new_passphrase_file && args.ask_passphrase)
		return err_set(ERR_USAGE,
		    "give --new-passphrase-file or --ask-passphrase");
	if (args.unregister &&
	    (args.new_passphrase_file || args.ask_passphrase || args.tofu ||
		args.invite_file))
		return err_set(ERR_USAGE, "--unregister goes with --yes alone");
	if (args.yes && !args.unregister)
		return err_set(ERR_USAGE, "--yes goes with --unregister");
	if (argc == 0 && !args.unregister)
		return err_set(ERR_USAGE, "operand missing of NAME");
	return 0;
}

static int
run(const struct settings *given, int argc, char **argv)
{
	struct settings settings = *given;
	struct client *c;
	bool found;
	int r;

	r = check_args(argc);
	if (r < 0)
		return r;
	if (args.unregister)
		return unregister(given, argc > 0 ? argv[0] : NULL);
	settings.tofu = args.tofu;
	r = client_prepare(&c, &settings, &found);
	if (r < 0)
		return r;
	r = enroll(c, argv[0], found);
	client_close(c);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-register",
		.synopsis = "[OPTION]... NAME | --unregister [--yes] [NAME]",
		.brief = "Make a key file and register NAME at a relay.",
		.opts = opts,
		.args = &args,
		.operands_min = 0,
		.operands_max = 1,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
