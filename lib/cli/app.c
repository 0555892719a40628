/* SPDX-License-Identifier: ISC */
#include "cli/app.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/proc.h"
#include "base/secret.h"
#include "cli/common.h"
#include "cli/config.h"
#include "cli/record.h"
#include "cli/report.h"
#include "cli/usage.h"

#define SETS 4 /* of the subcommand, the program, common, hidden */

static struct common common;
static const char *tool;
static bool given[OPT_ROWS_MAX]; /* of the program's own options */
static char *config_text;
static const struct app *program;

/* The command line of a subcommand, or of a program that has none. */
struct call {
	const struct app_verb *verb; /* NULL = none was named */
	int argc;
	char **argv;
};

static void
collect(struct opt_set sets[static SETS], const struct app *app,
    const struct app_verb *verb)
{
	sets[0] = (struct opt_set){ verb ? verb->opts : NULL, app->args, NULL };
	sets[1] = (struct opt_set){ app->opts, app->args, given };
	sets[2] = (struct opt_set){ common_table(app->bare), &common, NULL };
	sets[3] = (struct opt_set){ common_hidden(), &common, NULL };
}

static void
check(const struct app *app)
{
	struct opt_set sets[SETS];

	collect(sets, app, NULL);
	opt_check(sets, SETS);
	for (const struct app_verb *v = app->verbs; v && v->name; v++) {
		collect(sets, app, v);
		opt_check(sets, SETS);
	}
}

/*
 * A closed stdout must not look like one that takes everything, nor a closed
 * stdin like one that is empty, as the /dev/null of proc_harden would: these
 * cannot be written to, or read.
 */
static int
guard(int stream, int flags, const char *what)
{
	int fd;

	if (fcntl(stream, F_GETFD) >= 0)
		return 0;
	fd = open("/dev/null", flags);
	if (fd < 0 || (fd != stream && dup2(fd, stream) < 0))
		return err_sys(ERR_IO, "%s", what);
	if (fd > STDERR_FILENO)
		close(fd);
	return 0;
}

static void
pass(int signo)
{
	(void)signo;
}

static int
start(const struct app *app)
{
	const struct sigaction end = { .sa_handler = SIG_DFL };
	const struct sigaction on = { .sa_handler = pass,
		.sa_flags = SA_RESTART };
	int r;

	common_init(&common);
	tool = app->name;
	program = app;
	check(app);
	/* whoever started us may ignore it */
	sigaction(SIGPIPE, &end, NULL);
	/* a file past the limit: EFBIG is enough; not ignored, or what we
	 * start would ignore it too */
	sigaction(SIGXFSZ, &on, NULL);
	r = guard(STDIN_FILENO, O_WRONLY, "stdin");
	if (r == 0)
		r = guard(STDOUT_FILENO, O_RDONLY, "stdout");
	if (r == 0)
		r = proc_harden();
	if (r == 0)
		r = secret_start();
	return r;
}

/* The hint of an error about subcommands: all there are. */
static void
hint_verbs(const struct app *app)
{
	char names[sizeof(err_last()->hint)] = "";
	size_t n = 0;

	for (const struct app_verb *v = app->verbs;
	     v && v->name && n < sizeof(names); v++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, " %s",
		    v->name);
	err_hint("subcommands:%s", names);
}

static int
find_verb(const struct app *app, const char *name,
    const struct app_verb **found)
{
	for (const struct app_verb *v = app->verbs; v->name; v++) {
		if (strcmp(v->name, name) == 0) {
			*found = v;
			return 0;
		}
	}
	(void)err_set(ERR_USAGE, "no such subcommand: %s", name);
	hint_verbs(app);
	return ERR_USAGE;
}

static int
parse(const struct app *app, struct call *c)
{
	struct opt_set sets[SETS];
	int n, r;

	collect(sets, app, NULL);
	if (app->verbs) {
		r = opt_parse(sets, SETS, true, c->argc, c->argv, &n);
		if (r < 0 || n == c->argc)
			return r;
		r = find_verb(app, c->argv[n], &c->verb);
		if (r < 0)
			return r;
		c->argv += n + 1;
		c->argc -= n + 1;
		collect(sets, app, c->verb);
	}
	return opt_parse(sets, SETS, false, c->argc, c->argv, &c->argc);
}

/* What the file says that the command line does not. */
static int
read_config(const struct app *app)
{
	struct opt_set sets[SETS];

	if (!app->config || !*app->config)
		return 0;
	collect(sets, app, NULL);
	return config_read(&config_text, &sets[1], "config", *app->config);
}

int
app_config_again(void *args, char **text)
{
	struct opt_set sets[SETS];

	if (!*program->config)
		return err_set(ERR_USAGE, "there is no --config to read again");
	collect(sets, program, NULL);
	opt_copy_given(&sets[1], args);
	sets[1].args = args;
	return config_read(text, &sets[1], "config", *program->config);
}

/* What is printed instead of a run, when *asked comes back true. */
static int
inform(const struct app *app, const struct app_verb *verb, bool *asked)
{
	const struct opt *table = common_table(app->bare);

	*asked = common.help || common.version || common.dump;
	if (common.help)
		usage_help(app, verb, table);
	else if (common.version)
		printf("%s %s\n", app->name, VERSION);
	else if (common.dump)
		return usage_dump(app, table);
	return 0;
}

static int
count_operands(const struct app *app, const struct call *c)
{
	const struct app_verb *v = c->verb;

	if (!v) {
		(void)err_set(ERR_USAGE, "subcommand missing");
		hint_verbs(app);
		return ERR_USAGE;
	}
	if (c->argc < v->operands_min)
		return err_set(ERR_USAGE, "operand missing of %s", v->synopsis);
	if (v->operands_max >= 0 && c->argc > v->operands_max)
		return err_set(ERR_USAGE, "operand too many: %s",
		    c->argv[v->operands_max]);
	return 0;
}

static int
run(const struct app *app, int argc, char **argv)
{
	const struct app_verb self = { NULL, app->synopsis, app->brief, NULL,
		app->operands_min, app->operands_max, app->run };
	const int skip = argc > 0; /* the program's name, where there is one */
	struct call c = { app->verbs ? NULL : &self, argc - skip, argv + skip };
	const struct app_verb *named;
	bool asked;
	int r, told;

	r = start(app);
	if (r < 0)
		return r;
	r = parse(app, &c);
	named = app->verbs ? c.verb : NULL;
	told = inform(app, named, &asked);
	if (asked)
		return told;
	if (r == 0)
		r = read_config(app);
	if (r == 0)
		r = count_operands(app, &c);
	if (r == 0 && !app->bare)
		r = common_settle(&common.s);
	if (r == 0)
		r = record_setup(&common.s);
	if (r == 0)
		r = c.verb->run(&common.s, c.argc, c.argv);
	if (r == ERR_USAGE && !err_last()->hint[0])
		err_hint("see %s%s%s --help", app->name, named ? " " : "",
		    named ? named->name : "");
	return r;
}

/* For -v: how it ended, and after how long. */
static void
note_end(const struct app *app, int code, uint64_t ms)
{
	char message[80];

	snprintf(message, sizeof(message), "%s after %llu ms", err_token(code),
	    (unsigned long long)ms);
	report_note(&common.s, app->name, message);
}

int
app_main(const struct app *app, int argc, char **argv)
{
	uint64_t start = clock_mono_ms();
	int r = run(app, argc, argv);

	/* what stdio still holds, such as --help */
	if ((fflush(stdout) == EOF || ferror(stdout)) && r == 0)
		r = err_sys(ERR_IO, "stdout");
	free(config_text);
	if (common.s.verbose)
		note_end(app, r, clock_mono_ms() - start);
	if (r == 0)
		return 0;
	report_fault(&common.s, app->name, r);
	return err_exit(r);
}

void
app_warn(const char *fmt, ...)
{
	char message[512];
	va_list ap;

	if (common.s.quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	report_warning(&common.s, tool, message);
}
