/* SPDX-License-Identifier: ISC */
/* sentinel-sendfile -- send files, encrypted, however large */

#include <string.h>

#include "base/err.h"
#include "base/proc.h"
#include "cli/app.h"
#include "cli/progress.h"
#include "client/sendfile.h"
#include "view/view.h"

#define PEERS_MAX (1 + OPT_LIST_MAX)
#define NICER     6 /* 10 made a sender slower by a fifth */

static struct args {
	struct opt_list to;
	const char *name;
	const char *progress;
	uint64_t rate;
	bool no_resume;
	bool require_verified;
} args;

static const struct opt opts[] = {
	OPT_LIST('t', "to", "PEER", "send to this peer too", struct args, to),
	OPT_STR('n', "name", "NAME", "what the recipient sees it called",
	    struct args, name),
	OPT_CHOICE(0, "progress", PROGRESS_MODES, "how far it is, on stderr",
	    struct args, progress),
	OPT_SIZE(0, "rate", "SIZE", "send at most so much a second",
	    struct args, rate),
	OPT_FLAG(0, "no-resume", "begin anew what was broken off", struct args,
	    no_resume),
	OPT_FLAG(0, "require-verified", "only to peers that are verified",
	    struct args, require_verified),
	OPT_END,
};

/* How all of it went, over files and peers. */
struct tally {
	bool is_batch; /* then what fails is a record, not only an exit */
	size_t good, bad;
	int last;
};

static int
tell(void *arg, const struct sendfile_sent *s)
{
	struct tally *t = arg;
	int r = 0;

	progress_end();
	if (s->failed == 0 || t->is_batch)
		r = view_file_sent(s);
	if (r == 0 && s->failed != 0) {
		err_restore(&s->why);
		t->last = s->failed;
	}
	t->good += s->failed == 0;
	t->bad += s->failed != 0;
	return r;
}

static void
show(void *arg, const char *name, uint64_t done, uint64_t total)
{
	(void)arg;
	progress_show(name, done, total);
}

static int
verdict(const struct tally *t)
{
	if (t->bad == 0)
		return 0;
	if (t->good == 0)
		return t->last;
	return err_set(ERR_PARTIAL, "%zu of %zu failed", t->bad,
	    t->good + t->bad);
}

static int
check(int files, char **paths)
{
	int streams = 0;

	for (int i = 0; i < files; i++)
		streams += strcmp(paths[i], "-") == 0;
	if (streams > 1)
		return err_set(ERR_USAGE, "standard input twice");
	if (streams == 1 && !args.name)
		return err_set(ERR_USAGE, "standard input needs -n NAME");
	if (args.name && files > 1)
		return err_set(ERR_USAGE, "-n names one file");
	return 0;
}

static int
send_all(struct client *c, const char *const *peers, size_t peers_n, int files,
    char **paths)
{
	struct tally t = { .is_batch = peers_n > 1 || files > 1 };
	struct sendfile job = { .name = args.name,
		.peers = peers,
		.peers_n = peers_n,
		.fresh = args.no_resume,
		.require_verified = args.require_verified,
		.rate = args.rate,
		.progress = show,
		.told = tell,
		.arg = &t };
	int r = 0;

	for (int i = 0; i < files && r == 0; i++) {
		job.path = paths[i];
		r = sendfile_run(c, &job);
	}
	return r < 0 ? r : verdict(&t);
}

static int
run(const struct settings *s, int argc, char **argv)
{
	const char *peers[PEERS_MAX] = { argv[0] };
	struct client *c;
	int r = check(argc - 1, argv + 1);

	if (r < 0)
		return r;
	for (size_t i = 0; i < args.to.n; i++)
		peers[1 + i] = args.to.values[i];
	proc_step_back(NICER);
	progress_setup(s, "sentinel-sendfile", args.progress);
	r = client_open(&c, s);
	if (r < 0)
		return r;
	r = send_all(c, peers, 1 + args.to.n, argc - 1, argv + 1);
	progress_end();
	client_close(c);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-sendfile",
		.synopsis = "[OPTION]... PEER FILE...",
		.brief = "Send files, or standard input (-), to PEER.",
		.opts = opts,
		.args = &args,
		.operands_min = 2,
		.operands_max = -1,
		.run = run,
	};

	return app_main(&app, argc, argv);
}
