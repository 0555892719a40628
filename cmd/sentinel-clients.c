/* SPDX-License-Identifier: ISC */
/* sentinel-clients -- list the clients registered at the relay */

#include "cli/app.h"
#include "client/directory.h"
#include "view/view.h"

static struct args {
	const char *name;
} args;

static const struct opt opts[] = {
	OPT_STR(0, "name", "NAME", "only the client of that name", struct args,
	    name),
	OPT_END,
};

static int
print(void *arg, const struct body_client *b)
{
	return view_client(arg, b);
}

static int
run(const struct settings *s, int argc, char **argv)
{
	struct client *c;
	int r = client_open(&c, s);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	r = directory_list(c, args.name, print, c);
	client_close(c);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-clients",
		.synopsis = "[OPTION]...",
		.brief = "List the other clients registered at the relay.",
		.opts = opts,
		.args = &args,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
