/* SPDX-License-Identifier: ISC */
/* sentinel-register -- make a key file and register it at a relay */

#include "cli/app.h"
#include "client/enroll.h"
#include "view/view.h"

static struct args {
	bool tofu;
} args;

static const struct opt opts[] = {
	OPT_FLAG(0, "tofu", "trust the relay's key on first use", struct args,
	    tofu),
	OPT_END,
};

static int
run(const struct settings *given, int argc, char **argv)
{
	struct settings settings = *given;
	struct client *c;
	bool found, again;
	int r;

	(void)argc;
	settings.tofu = args.tofu;
	r = client_prepare(&c, &settings, &found);
	if (r < 0)
		return r;
	r = enroll_register(c, argv[0], NULL, &again);
	if (r == 0 && client_trusted_unseen(c))
		app_warn("the relay's key was not checked by anybody: compare "
			 "it with what its operator says");
	if (r == 0)
		r = view_registration(c,
		    again ? "already_registered" : "registered");
	client_close(c);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-register",
		.synopsis = "[OPTION]... NAME",
		.brief = "Make a key file and register NAME at a relay.",
		.opts = opts,
		.args = &args,
		.operands_min = 1,
		.operands_max = 1,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
