/* SPDX-License-Identifier: ISC */
/* sentinel-status -- what the key file holds, in numbers, and what is wrong */

#include "cli/app.h"
#include "client/checkup.h"
#include "client/overview.h"
#include "view/view.h"

static struct args {
	bool check;
} args;

static const struct opt opts[] = {
	OPT_FLAG(0, "check", "look for what is wrong, here and at the relay",
	    struct args, check),
	OPT_END,
};

static int
print_check(void *arg, const struct checkup *f)
{
	(void)arg;
	return view_check(f);
}

/* The status is that of the first failure. */
static int
check(const struct settings *s)
{
	int first, r = checkup_run(s, print_check, NULL, &first);

	return r < 0 ? r : first;
}

static int
show(const struct settings *s)
{
	struct overview o;
	struct client *c;
	int r = client_open(&c, s);

	if (r < 0)
		return r;
	r = overview_take(c, &o);
	if (r == 0)
		r = view_status(c, &o);
	client_close(c);
	return r;
}

static int
run(const struct settings *s, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return args.check ? check(s) : show(s);
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-status",
		.synopsis = "[OPTION]...",
		.brief = "Tell what the key file holds, or what is wrong.",
		.opts = opts,
		.args = &args,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
