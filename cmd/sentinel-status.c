/* SPDX-License-Identifier: ISC */
/* sentinel-status -- what the key file holds, in numbers */

#include "cli/app.h"
#include "client/overview.h"
#include "view/view.h"

static int
run(const struct settings *s, int argc, char **argv)
{
	struct overview o;
	struct client *c;
	int r = client_open(&c, s);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	r = overview_take(c, &o);
	if (r == 0)
		r = view_status(c, &o);
	client_close(c);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-status",
		.synopsis = "[OPTION]...",
		.brief = "Tell what the key file holds, without the relay.",
		.run = run,
	};

	return app_main(&app, argc, argv);
}
