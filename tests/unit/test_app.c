/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "capture.h"
#include "cli/app.h"
#include "cli/record.h"

/* --- the program under test ------------------------------------------- */

struct args {
	const char *fail; /* a number: the code run answers with */
	bool warn;
	bool print;
};

static struct args args;

static const struct opt opts[] = {
	OPT_STR(0, "fail", "CODE", "answer with it", struct args, fail),
	OPT_FLAG(0, "warn", "warn", struct args, warn),
	OPT_FLAG('p', "print", "by stdio", struct args, print),
	OPT_END,
};

/* The relay has no timeouts: what stands there may be any number. */
static uint64_t
clip(uint64_t ms)
{
	return ms < 1000000 ? ms : 1000000;
}

/* What the frame made of the command line, as a record. */
static int
run(const struct settings *s, int argc, char **argv)
{
	struct record *r = record_new("settings");

	record_str(r, "keyfile", s->keyfile);
	record_str(r, "identity", s->identity);
	record_str(r, "relay", s->relay);
	record_int(r, "timeout_ms", clip(s->timeout_ms));
	record_int(r, "lock_ms", clip(s->lock_timeout_ms));
	record_bool(r, "quiet", s->quiet);
	record_bool(r, "verbose", s->verbose);
	record_begin(r, "operands");
	for (int i = 0; i < argc; i++)
		record_str(r, NULL, argv[i]);
	record_end(r);
	if (args.warn)
		app_warn("clock %d", 7);
	if (args.fail) {
		record_free(r);
		return (int)strtol(args.fail, NULL, 10);
	}
	if (args.print)
		printf("by stdio\n");
	return record_emit(r);
}

static int
run_list(const struct settings *s, int argc, char **argv)
{
	(void)s;
	(void)argc;
	(void)argv;
	return err_set(ERR_NO_SESSION, "list ran");
}

static const struct app plain = {
	.name = "sentinel-demo",
	.synopsis = "[OPTION]... A [B]",
	.brief = "Shows its settings.",
	.opts = opts,
	.args = &args,
	.operands_max = 2,
	.run = run,
};

static const struct app one = {
	.name = "sentinel-one",
	.synopsis = "A...",
	.brief = "Needs one.",
	.operands_min = 1,
	.operands_max = -1,
	.run = run,
};

static const struct app bare = {
	.name = "sentinel-bare",
	.synopsis = "",
	.brief = "Has no key file.",
	.bare = true,
	.run = run,
};

static const struct app_verb verbs[] = {
	{ "fetch", "PEER...", "Fetches.", opts, 1, 2, run },
	{ "list", "", "Lists.", NULL, 0, 0, run_list },
	{ 0 },
};

static const struct app keys = {
	.name = "sentinel-keys",
	.synopsis = "SUBCOMMAND",
	.brief = "Has subcommands.",
	.args = &args,
	.verbs = verbs,
};

/* --- running it ------------------------------------------------------- */

static char *out, *err;
static int status;

enum { CAUGHT = -1, CLOSED = -2 };

/* env: "NAME=value NAME=value"; to: the stdout of the child. */
static void
child(const struct app *app, const char *env, const char *line, int to)
{
	static char words[512], sets[512];
	char *argv[32], *rest = words, *w;
	int argc = 0;

	snprintf(words, sizeof(words), "PROGRAM%s%s", line[0] ? " " : "", line);
	while ((w = strsep(&rest, " ")))
		argv[argc++] = strcmp(w, "%%") == 0 ? w + 2 : w;
	snprintf(sets, sizeof(sets), "%s", env);
	rest = sets;
	while (env[0] && (w = strsep(&rest, " ")))
		putenv(w);
	if (to == CLOSED)
		close(STDOUT_FILENO);
	else if (to != CAUGHT)
		dup2(to, STDOUT_FILENO);
	_exit(app_main(app, argc, argv));
}

static void
start_to(int to, const struct app *app, const char *env, const char *line)
{
	struct capture o, e;
	size_t len;
	pid_t pid;

	free(out);
	free(err);
	capture_begin(&o, STDOUT_FILENO);
	capture_begin(&e, STDERR_FILENO);
	pid = fork();
	if (pid == 0)
		child(app, env, line, to);
	waitpid(pid, &status, 0);
	err = capture_end(&e, &len);
	out = capture_end(&o, &len);
	if (WIFEXITED(status))
		status = WEXITSTATUS(status);
	else
		status = -WTERMSIG(status);
}

static void
start(const struct app *app, const char *env, const char *line)
{
	start_to(CAUGHT, app, env, line);
}

static void
expect(int wanted)
{
	if (status != wanted)
		fail_msg("status %d: %s", status, err);
}

/* It works, and the record has this in it. */
static void
prints(const struct app *app, const char *env, const char *line,
    const char *part)
{
	start(app, env, line);
	expect(0);
	assert_string_equal(err, "");
	if (!strstr(out, part))
		fail_msg("%s: %s", line, out);
}

/* A usage error that says this; nothing on stdout. */
static void
refuses(const struct app *app, const char *env, const char *line,
    const char *part)
{
	start(app, env, line);
	expect(2);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, "\"code\":\"usage\",\"exit_code\":2"));
	assert_non_null(strstr(err, "\"hint\":"));
	if (!strstr(err, part))
		fail_msg("%s: %s", line, err);
}

static int
clean(void **state)
{
	static const char *const names[] = { "SENTINEL_KEYFILE",
		"SENTINEL_IDENTITY", "SENTINEL_RELAY", "SENTINEL_TIMEOUT",
		"SENTINEL_LOCK_TIMEOUT" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	return 0;
}

static int
release(void **state)
{
	(void)state;
	free(out);
	free(err);
	return 0;
}

/* --- tests ------------------------------------------------------------ */

static void
test_help(void **state)
{
	(void)state;
	prints(&plain, "", "--help",
	    "usage: sentinel-demo [OPTION]... A [B]\nShows its settings.\n\n"
	    "options:\n      --fail CODE             answer with it\n");
	assert_non_null(strstr(out, "\ncommon options:\n  -k, --keyfile FILE"));
	assert_null(strstr(out, "dump-options"));
	prints(&plain, "", "a b c -h", "usage: sentinel-demo");
	prints(&plain, "SENTINEL_TIMEOUT=x", "-h", "usage: sentinel-demo");
	prints(&one, "", "-h", "usage: sentinel-one A...");
	prints(&bare, "", "-h", "usage: sentinel-bare\n");
	assert_null(strstr(out, "--keyfile"));
	assert_null(strstr(out, "--timeout"));
	assert_non_null(strstr(out, "--errors"));
	assert_non_null(strstr(out, "-V, --version"));
	refuses(&plain, "", "--nope -h", "--nope");
}

static void
test_help_of_verbs(void **state)
{
	(void)state;
	prints(&keys, "", "--help",
	    "subcommands:\n  fetch PEER...\n        Fetches.\n"
	    "  list\n        Lists.\n");
	assert_null(strstr(out, "--fail"));
	prints(&keys, "", "fetch --help",
	    "usage: sentinel-keys fetch PEER...\nFetches.\n\noptions:\n");
	assert_non_null(strstr(out, "--fail"));
	assert_non_null(strstr(out, "common options"));
	prints(&keys, "", "-h list", "usage: sentinel-keys list\nLists.\n");
	assert_null(strstr(out, "subcommands"));
}

static void
test_version(void **state)
{
	(void)state;
	start(&plain, "", "-V");
	expect(0);
	assert_string_equal(out, "sentinel-demo " VERSION "\n");
	start(&keys, "", "list --version");
	expect(0);
	assert_string_equal(out, "sentinel-keys " VERSION "\n");
}

static json_t *
dump(const struct app *app)
{
	json_error_t e;
	json_t *j;

	start(app, "", "--dump-options");
	expect(0);
	assert_int_equal(strchr(out, '\n') - out, strlen(out) - 1);
	j = json_loads(out, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		fail_msg("%s: %s", e.text, out);
	return j;
}

static void
test_dump(void **state)
{
	const char *letter, *name, *arg, *help;
	json_t *j = dump(&plain), *row;

	(void)state;
	assert_int_equal(json_unpack(j, "{s:s}", "program", &name), 0);
	assert_string_equal(name, "sentinel-demo");
	assert_int_equal(json_object_size(j), 6);
	assert_int_equal(
	    json_unpack(j, "{s:s, s:s}", "synopsis", &arg, "brief", &help), 0);
	assert_string_equal(arg, plain.synopsis);
	assert_string_equal(help, plain.brief);
	assert_int_equal(json_array_size(json_object_get(j, "options")), 3);
	assert_int_equal(json_array_size(json_object_get(j, "common")), 15);
	assert_int_equal(json_array_size(json_object_get(j, "verbs")), 0);
	row = json_array_get(json_object_get(j, "common"), 0);
	assert_int_equal(json_unpack(row, "{s:s, s:s, s:s, s:s!}", "letter",
			     &letter, "name", &name, "arg", &arg, "help",
			     &help),
	    0);
	assert_string_equal(letter, "k");
	assert_string_equal(name, "keyfile");
	assert_string_equal(arg, "FILE");
	row = json_array_get(json_object_get(j, "options"), 1);
	assert_true(json_is_null(json_object_get(row, "letter")));
	assert_true(json_is_null(json_object_get(row, "arg")));
	json_decref(j);

	j = dump(&keys);
	assert_int_equal(json_array_size(json_object_get(j, "verbs")), 2);
	row = json_array_get(json_object_get(j, "verbs"), 0);
	assert_int_equal(json_unpack(row, "{s:s, s:s, s:s, s:o!}", "name",
			     &name, "synopsis", &arg, "brief", &help, "options",
			     &row),
	    0);
	assert_string_equal(name, "fetch");
	assert_int_equal(json_array_size(row), 3);
	json_decref(j);

	j = dump(&bare);
	assert_int_equal(json_array_size(json_object_get(j, "common")), 8);
	json_decref(j);
}

static void
test_settings(void **state)
{
	(void)state;
	prints(&plain, "", "",
	    "{\"v\":1,\"type\":\"settings\",\"keyfile\":null,\"identity\":null,"
	    "\"relay\":null,\"timeout_ms\":30000,\"lock_ms\":10000,"
	    "\"quiet\":false,\"verbose\":false,\"operands\":{}}\n");
	prints(&plain, "", "a -k K -i I -r R --timeout 2 -q b --lock-timeout 0",
	    "\"keyfile\":\"K\",\"identity\":\"I\",\"relay\":\"R\","
	    "\"timeout_ms\":2000,\"lock_ms\":0,\"quiet\":true,"
	    "\"verbose\":false,\"operands\":[\"a\",\"b\"]}\n");
	prints(&plain, "", "a --get operands,quiet", "[\"a\"]\tfalse\n");
}

/* -v tells on stderr how it ended, also when that is a failure. */
static void
test_verbose(void **state)
{
	(void)state;
	start(&plain, "", "-v");
	expect(0);
	assert_non_null(strstr(out, "\"verbose\":true"));
	assert_non_null(strstr(err, "\"type\":\"note\""));
	assert_non_null(strstr(err, "\"message\":\"ok after "));
	start(&plain, "", "-v a b c d e f");
	assert_non_null(strstr(err, "\"type\":\"note\""));
}

#define ALL                                         \
	"SENTINEL_KEYFILE=ek SENTINEL_IDENTITY=ei " \
	"SENTINEL_RELAY=er SENTINEL_TIMEOUT=1.5 "   \
	"SENTINEL_LOCK_TIMEOUT=1m"

static void
test_environment(void **state)
{
	(void)state;
	prints(&plain, ALL, "",
	    "\"keyfile\":\"ek\",\"identity\":\"ei\",\"relay\":\"er\","
	    "\"timeout_ms\":1500,\"lock_ms\":60000,");
	prints(&plain, ALL, "-k k -i i -r r --timeout 0 --lock-timeout 3",
	    "\"keyfile\":\"k\",\"identity\":\"i\",\"relay\":\"r\","
	    "\"timeout_ms\":0,\"lock_ms\":3000,");
	/* an option that names the key file overrules both variables */
	prints(&plain, ALL, "-k k", "\"keyfile\":\"k\",\"identity\":null,");
	prints(&plain, ALL, "-i i", "\"keyfile\":null,\"identity\":\"i\",");
	prints(&plain,
	    "SENTINEL_KEYFILE= SENTINEL_IDENTITY= SENTINEL_RELAY= "
	    "SENTINEL_TIMEOUT= SENTINEL_LOCK_TIMEOUT=",
	    "",
	    "\"keyfile\":null,\"identity\":null,\"relay\":null,"
	    "\"timeout_ms\":30000,\"lock_ms\":10000,");
	refuses(&plain, "SENTINEL_TIMEOUT=soon", "", "SENTINEL_TIMEOUT: ");
	refuses(&plain, "SENTINEL_LOCK_TIMEOUT=-1", "",
	    "SENTINEL_LOCK_TIMEOUT: ");
	prints(&plain, "SENTINEL_TIMEOUT=soon", "--timeout 1",
	    "\"timeout_ms\":1000,");
	prints(&bare, ALL, "", "\"keyfile\":null,\"identity\":null,");
	prints(&bare, "SENTINEL_TIMEOUT=soon", "", "\"v\":1");
}

static void
test_usage(void **state)
{
	(void)state;
	refuses(&plain, "", "--nope", "--nope");
	refuses(&plain, "", "--timeou 5", "--timeou");
	refuses(&plain, "", "--color red", "auto|always|never");
	refuses(&plain, "", "--get a..b", "--get");
	refuses(&plain, "", "a %% b", "empty");
	refuses(&plain, "", "a b c", "too many: c");
	refuses(&one, "", "", "missing of A...");
	prints(&one, "", "a b c d", "\"operands\":[\"a\",\"b\",\"c\",\"d\"]");
	refuses(&bare, "", "-k x", "-k");
	refuses(&bare, "", "--get a..b", "--get");
	prints(&bare, "", "--get type,quiet", "settings\tfalse\n");
	refuses(&bare, "", "x", "too many: x");
	start(&plain, "", "--errors text --nope");
	expect(2);
	assert_string_equal(err,
	    "sentinel-demo: no such option: --nope [usage]\n"
	    "hint: see sentinel-demo --help\n");
}

static void
test_verbs(void **state)
{
	(void)state;
	prints(&keys, "", "fetch bob -k K", "\"operands\":[\"bob\"]");
	prints(&keys, "", "-k K fetch bob", "\"keyfile\":\"K\"");
	prints(&keys, "", "-k list fetch bob -q", "\"keyfile\":\"list\"");
	prints(&keys, "", "-- fetch -q bob -- -x", "[\"bob\",\"-x\"]");
	prints(&keys, "", "fetch fetch", "\"operands\":[\"fetch\"]");
	refuses(&keys, "", "", "subcommand missing");
	assert_non_null(strstr(err, "\"hint\":\"subcommands: fetch list\""));
	refuses(&keys, "", "-q", "subcommand missing");
	refuses(&keys, "", "fetc bob", "no such subcommand: fetc");
	assert_non_null(strstr(err, "\"hint\":\"subcommands: fetch list\""));
	refuses(&keys, "", "%%", "empty");
	refuses(&keys, "", "fetch", "missing of PEER...");
	assert_non_null(strstr(err, "see sentinel-keys fetch --help"));
	refuses(&keys, "", "fetch a b c", "too many: c");
	refuses(&keys, "", "--fail 1 fetch a", "--fail");
	refuses(&keys, "", "list --fail 1", "--fail");
	start(&keys, "", "fetch a --fail -9");
	expect(13);
	start(&keys, "", "list");
	expect(21);
	assert_non_null(strstr(err, "\"message\":\"list ran\""));
}

static void
test_status(void **state)
{
	char line[32];

	(void)state;
#define CASE(sym, val, token, ex, retry, sentence) { sym, token, ex },
	static const struct {
		int code;
		const char *token;
		int status;
	} cases[] = { ERR_TABLE(CASE) };
#undef CASE
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(line, sizeof(line), "--fail %d", cases[i].code);
		start(&plain, "", line);
		expect(cases[i].status);
		assert_non_null(strstr(err, cases[i].token));
		assert_non_null(strstr(err, "\"tool\":\"sentinel-demo\""));
		assert_string_equal(out, "");
	}
}

static void
test_warnings(void **state)
{
	(void)state;
	start(&plain, "", "--warn");
	expect(0);
	assert_string_equal(err,
	    "{\"v\":1,\"type\":\"warning\",\"tool\":"
	    "\"sentinel-demo\",\"message\":"
	    "\"clock 7\"}\n");
	start(&plain, "", "--warn --errors=text");
	assert_string_equal(err, "sentinel-demo: warning: clock 7\n");
	start(&plain, "", "--warn -q");
	assert_string_equal(err, "");
}

static void
test_stdout_fails(void **state)
{
	static const char *const lines[] = { "-p", "", "--help", "--version",
		"--dump-options" };
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	for (size_t i = 0; i < 2 * ARRAY_LEN(lines); i++) {
		start_to(i % 2 ? full : CLOSED, &plain, "", lines[i / 2]);
		expect(34);
		assert_non_null(strstr(err, "\"code\":\"io\""));
		assert_non_null(strstr(err, "\"message\":\"stdout: "));
	}
	close(full);
	/* nothing to say: nothing that could fail */
	start_to(CLOSED, &plain, "", "--fail 0");
	expect(0);
}

static void
test_broken_pipe(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	/* inherited, and nevertheless of no effect */
	signal(SIGPIPE, SIG_IGN);
	start_to(ends[1], &plain, "", "");
	signal(SIGPIPE, SIG_DFL);
	close(ends[1]);
	expect(-SIGPIPE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_of_verbs),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_verbose),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_stdout_fails),
		cmocka_unit_test(test_broken_pipe),
	};

	return cmocka_run_group_tests(tests, clean, release);
}
