/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "cli/opt.h"

struct own {
	bool lines, zero;
	const char *text;
	struct opt_list to;
	uint64_t count;
	uint64_t size;
};

struct shared {
	const char *errors;
	uint64_t timeout;
	bool quiet;
};

static const struct opt own_opts[] = {
	OPT_FLAG('l', "lines", "a message a line", struct own, lines),
	OPT_FLAG('0', "null", "a NUL after each", struct own, zero),
	OPT_STR('m', "message", "TEXT", "the text", struct own, text),
	OPT_LIST('t', "to", "PEER", "one more", struct own, to),
	OPT_UINT('n', "count", "N", "how many", struct own, count),
	OPT_SIZE(0, "size", "SIZE", "how large", struct own, size),
	OPT_END,
};

static const struct opt shared_opts[] = {
	OPT_CHOICE(0, "errors", "json|text", "form", struct shared, errors),
	OPT_DUR('w', "timeout", "DUR", "how long", struct shared, timeout),
	OPT_FLAG('q', "quiet", "less", struct shared, quiet),
	OPT_END,
};

static struct own own;
static struct shared shared;

static const struct opt_set sets[] = {
	{ own_opts, &own, NULL },
	{ NULL, NULL, NULL },
	{ shared_opts, &shared, NULL },
};

#define ARGS_MAX 80

static char *args[ARGS_MAX];

/* Parse the words of a line; %% stands for a word that is empty. */
static int
parse(const char *line, bool stop, int *n)
{
	static char words[1024];
	char *rest = words;
	int argc = 0;

	own = (struct own){ 0 };
	shared = (struct shared){ 0 };
	snprintf(words, sizeof(words), "%s", line);
	for (char *w; (w = strsep(&rest, " "));) {
		assert_true(argc < ARGS_MAX - 1);
		args[argc++] = strcmp(w, "%%") == 0 ? w + 2 : w;
	}
	args[argc] = NULL;
	return opt_parse(sets, ARRAY_LEN(sets), stop, argc, args, n);
}

/* The operands a line leaves, with | between them. */
static void
expect(const char *line, const char *operands)
{
	char got[1024] = "";
	int n = -1;

	if (parse(line, false, &n) != 0)
		fail_msg("%s: %s", line, err_last()->message);
	assert_null(args[n]);
	for (int i = 0; i < n; i++) {
		strncat(got, i > 0 ? "|" : "", 2);
		strncat(got, args[i], 100);
	}
	assert_string_equal(got, operands);
}

static void
refuse(const char *line, const char *why)
{
	int n = -7;

	assert_int_equal(parse(line, false, &n), ERR_USAGE);
	assert_int_equal(n, -7);
	if (!strstr(err_last()->message, why))
		fail_msg("%s: %s", line, err_last()->message);
}

static void
test_forms(void **state)
{
	static const char *const lines[] = {
		"-l -m hi -n 3 a b",
		"a b -l -m hi -n 3",
		"a -lmhi b -n3",
		"--lines a --message hi b --count 3",
		"--message=hi a --count=3 --lines b",
		"-m no a -ln 3 --message hi -- b",
		"-mhi -n3 -l -- a b",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		expect(lines[i], "a|b");
		assert_true(own.lines);
		assert_false(own.zero);
		assert_string_equal(own.text, "hi");
		assert_int_equal(own.count, 3);
	}
	setenv("POSIXLY_CORRECT", "1", 1);
	expect("a -l b", "a|b");
	assert_true(own.lines);
	unsetenv("POSIXLY_CORRECT");
}

static void
test_values(void **state)
{
	(void)state;
	expect("--message=", "");
	assert_string_equal(own.text, "");
	expect("-m %%", "");
	assert_string_equal(own.text, "");
	expect("--message=a=b", "");
	assert_string_equal(own.text, "a=b");
	expect("-m -- x", "x");
	assert_string_equal(own.text, "--");
	expect("-m --lines", "");
	assert_string_equal(own.text, "--lines");
	assert_false(own.lines);
	expect("-m=x", "");
	assert_string_equal(own.text, "=x");
	expect("-0l", "");
	assert_true(own.zero && own.lines);
	expect("-n 18446744073709551615", "");
	assert_true(own.count == UINT64_MAX);
	expect("-w 1.5 --errors json -q --errors=text", "");
	assert_int_equal(shared.timeout, 1500);
	assert_string_equal(shared.errors, "text");
	assert_true(shared.quiet);
	expect("--timeout inf", "");
	assert_true(shared.timeout == UINT64_MAX);
}

static void
test_list(void **state)
{
	char line[1024] = "x";

	(void)state;
	expect("-t a --to b --to=c -td", "");
	assert_int_equal(own.to.n, 4);
	assert_string_equal(own.to.values[0], "a");
	assert_string_equal(own.to.values[3], "d");
	for (int i = 0; i < OPT_LIST_MAX; i++)
		strncat(line, " -tp", 5);
	expect(line, "x");
	assert_int_equal(own.to.n, OPT_LIST_MAX);
	strncat(line, " -tp", 5);
	refuse(line, "--to");
}

static void
test_operands(void **state)
{
	(void)state;
	expect("-", "-");
	expect("a - b", "a|-|b");
	expect("--", "");
	expect("-- -l --count", "-l|--count");
	expect("a -- b -- -c", "a|b|--|-c");
	assert_false(own.lines);
	refuse("%%", "empty");
	refuse("a %% b", "empty");
	refuse("-- %%", "empty");
}

static void
test_refused(void **state)
{
	static const char *const lines[][2] = {
		{ "-x", "-x" },
		{ "-lx", "-x" },
		{ "-lm", "--message: TEXT missing" },
		{ "a --message", "--message: TEXT missing" },
		{ "--nope", "--nope" },
		{ "--nope=1", "--nope" },
		{ "---lines", "---lines" },
		{ "--=", "--" },
		{ "--line", "--line" },
		{ "--lines2", "--lines2" },
		{ "--LINES", "--LINES" },
		{ "-L", "-L" },
		{ "--lines=", "takes no value" },
		{ "--lines=yes", "takes no value" },
		{ "-n x", "not a number" },
		{ "-n %%", "not a number" },
		{ "-n -1", "not a number" },
		{ "-n +1", "not a number" },
		{ "-n 0x1", "not a number" },
		{ "-n 1.0", "not a number" },
		{ "-n 18446744073709551616", "not a number" },
		{ "-w x", "not a duration" },
		{ "-w -1", "not a duration" },
		{ "--size 1x", "not a size" },
		{ "--size=", "not a size" },
		{ "--errors xml", "json|text" },
		{ "--errors=", "json|text" },
		{ "--errors jso", "json|text" },
		{ "--errors json|text", "json|text" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		refuse(lines[i][0], lines[i][1]);
}

static void
test_size(void **state)
{
	int n;

	(void)state;
	assert_int_equal(parse("--size 3K", false, &n), 0);
	assert_int_equal(own.size, 3072);
}

static void
test_stop(void **state)
{
	int n;

	(void)state;
	assert_int_equal(parse("-q --errors json list -l x", true, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(args[3], "list");
	assert_string_equal(args[4], "-l");
	assert_true(shared.quiet);
	assert_false(own.lines);
	assert_int_equal(parse("-- list -l", true, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(parse("-q", true, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(parse("--", true, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(parse("- -q", true, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse("-q %%", true, &n), ERR_USAGE);
	assert_int_equal(opt_parse(sets, ARRAY_LEN(sets), true, 0, args, &n),
	    0);
	assert_int_equal(n, 0);
}

static void
test_help(void **state)
{
	static const struct opt wide[] = {
		OPT_CHOICE(0, "errors", "json|text|none-at-all", "form",
		    struct shared, errors),
		OPT_END,
	};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	opt_help(own_opts, f);
	opt_help(NULL, f);
	opt_help(wide, f);
	fclose(f);
	assert_string_equal(text,
	    "  -l, --lines                 a message a line\n"
	    "  -0, --null                  a NUL after each\n"
	    "  -m, --message TEXT          the text\n"
	    "  -t, --to PEER               one more\n"
	    "  -n, --count N               how many\n"
	    "      --size SIZE             how large\n"
	    "      --errors json|text|none-at-all\n"
	    "                              form\n");
	free(text);
}

/* The signal that ends opt_check over own_opts and another table. */
static int
end_of_check(const struct opt *other)
{
	const struct opt_set both[] = { { own_opts, &own, NULL },
		{ other, &own, NULL } };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		opt_check(both, ARRAY_LEN(both));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
test_check(void **state)
{
	static const struct opt good[] = {
		OPT_FLAG('x', "extra", "", struct own, lines),
		OPT_FLAG(0, "more", "", struct own, zero),
		OPT_FLAG(0, "most", "", struct own, zero),
		OPT_END,
	};
	static const struct opt bad[][2] = {
		{ OPT_FLAG('l', "other", "", struct own, lines), OPT_END },
		{ OPT_FLAG(0, "lines", "", struct own, lines), OPT_END },
		{ OPT_FLAG('-', "other", "", struct own, lines), OPT_END },
		{ OPT_FLAG(0, "", "", struct own, lines), OPT_END },
		{ OPT_FLAG(0, "a=b", "", struct own, lines), OPT_END },
		{ OPT_STR(0, "other", NULL, "", struct own, text), OPT_END },
		{ OPT_FLAG(0, "other", NULL, struct own, lines), OPT_END },
	};

	(void)state;
	opt_check(sets, ARRAY_LEN(sets));
	assert_int_equal(end_of_check(good), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(end_of_check(bad[i]), SIGABRT);
}

static void
test_copy_given(void **state)
{
	static bool met[OPT_ROWS_MAX];
	static char words[][10] = { "-l", "-t", "a", "-t", "b", "--size=1K" };
	const struct opt_set set = { own_opts, &own, met };
	struct own to = { .zero = true, .text = "kept", .count = 7, .size = 9 };
	int n;

	(void)state;
	own = (struct own){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		args[i] = words[i];
	assert_int_equal(opt_parse(&set, 1, false, 6, args, &n), 0);
	opt_copy_given(&set, &to);
	assert_true(to.lines && to.zero);
	assert_string_equal(to.text, "kept");
	assert_int_equal(to.to.n, 2);
	assert_string_equal(to.to.values[1], "b");
	assert_int_equal(to.count, 7);
	assert_int_equal(to.size, 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_copy_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
