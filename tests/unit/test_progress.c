/* SPDX-License-Identifier: ISC */
#include "cli/progress.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture.h"
#include "fake.h"

#define MIB (1024 * 1024)

static struct capture capture;

static void
begin(const char *mode, bool tty, bool quiet)
{
	const struct settings s = { .quiet = quiet };

	if (tty)
		capture_begin_tty(&capture, STDERR_FILENO);
	else
		capture_begin(&capture, STDERR_FILENO);
	progress_setup(&s, "sentinel-sendfile", mode);
}

/* What was written since; to be freed. */
static char *
end(void)
{
	size_t len;

	progress_end();
	return capture_end(&capture, &len);
}

static void
expect(const char *want)
{
	char *got = end();

	assert_string_equal(got, want);
	free(got);
}

/* So many ms later it has got so far. */
static void
show(uint64_t ms, const char *name, uint64_t done, uint64_t total)
{
	fake.now += ms;
	progress_show(name, done, total);
}

static void
says_nothing(void **state)
{
	static const struct {
		const char *mode;
		bool tty, quiet;
	} cases[] = { { NULL, false, false }, { "auto", false, false },
		{ "never", false, false }, { "never", true, false },
		{ "auto", true, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(cases[i].mode, cases[i].tty, cases[i].quiet);
		show(0, "f", 0, 100);
		show(5000, "f", 50, 100);
		expect("");
	}
}

static void
a_line_a_second(void **state)
{
	(void)state;
	begin("json", false, false);
	show(0, "a \"name\"", 1000, 4000);
	show(999, "a \"name\"", 1500, 4000);
	show(1, "a \"name\"", 2000, 4000);
	show(999, "a \"name\"", 2500, 4000);
	show(1001, "-", 4000, UINT64_MAX);
	expect("{\"v\":1,\"type\":\"progress\",\"tool\":\"sentinel-sendfile\","
	       "\"name\":\"a \\\"name\\\"\",\"done_bytes\":2000,"
	       "\"total_bytes\":4000,\"bytes_per_second\":1000}\n"
	       "{\"v\":1,\"type\":\"progress\",\"tool\":\"sentinel-sendfile\","
	       "\"name\":\"-\",\"done_bytes\":4000,"
	       "\"total_bytes\":null,\"bytes_per_second\":1000}\n");
}

/* Where an earlier command left off does not count as speed. */
static void
resumed(void **state)
{
	char *got;

	(void)state;
	begin("json", false, false);
	show(0, "f", 5000000000, 6000000000);
	show(2000, "f", 5000001000, 6000000000);
	got = end();
	assert_non_null(strstr(got, "\"bytes_per_second\":500}"));
	free(got);
	/* and each file begins anew */
	begin("json", false, false);
	show(60000, "g", 0, 1000);
	show(1000, "g", 700, 1000);
	got = end();
	assert_non_null(strstr(got, "\"bytes_per_second\":700}"));
	free(got);
}

static void
a_bar_after_a_while(void **state)
{
	(void)state;
	begin("bar", false, false);
	show(0, "f", 0, 100 * MIB);
	show(499, "f", 5 * MIB, 100 * MIB);
	show(1, "f", 5 * MIB, 100 * MIB);
	show(99, "f", 6 * MIB, 100 * MIB);
	expect("\rf    5 %  5.0 MiB of 100.0 MiB  10.0 MiB/s  0:09 left\033[K"
	       "\r\033[K");
	/* what is through in less has none to take away */
	begin("bar", false, false);
	show(0, "f", 0, 100);
	show(499, "f", 100, 100);
	expect("");
}

static void
figures(void **state)
{
	static const struct {
		uint64_t done, total;
		const char *want;
	} cases[] = {
		{ 999, 999, "  100 %  999 B of 999 B  999 B/s  0:00 left" },
		{ 1000, 2000,
		    "   50 %  1.0 KiB of 2.0 KiB  1.0 KiB/s  "
		    "0:01 left" },
		{ 2048, UINT64_MAX, "  2.0 KiB  2.0 KiB/s" },
		{ 0, 100, "  0 B  0 B/s" },
		{ 0, 0, "  0 B  0 B/s" },
		{ 1, 1 << 20, "    0 %  1 B of 1.0 MiB  1 B/s  17476:15 left" },
		{ 1ULL << 53, 1ULL << 53, "  100 %  8.0 PiB of 8.0 PiB  " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got;

		begin("bar", true, false);
		show(0, "n", 0, cases[i].total);
		show(1000, "n", cases[i].done, cases[i].total);
		got = end();
		assert_memory_equal(got, "\rn", 2);
		assert_memory_equal(got + 2, cases[i].want,
		    strlen(cases[i].want));
		free(got);
	}
}

/* A name that would drive the terminal, and one that is too long for it. */
static void
names(void **state)
{
	char name[400] = "";
	char *got;

	(void)state;
	setenv("LC_ALL", "C.UTF-8", 1);
	begin("bar", false, false);
	show(0, "\033[2J", 0, UINT64_MAX);
	show(500, "\033[2J", 0, UINT64_MAX);
	got = end();
	assert_null(strstr(got, "\033[2J"));
	free(got);
	for (size_t i = 0; i < 100; i++)
		strcat(name, "\xc3\xa9");
	begin("bar", false, false);
	show(0, name, 0, UINT64_MAX);
	show(500, name, 0, UINT64_MAX);
	got = end();
	/* 79 columns, less the figures */
	assert_int_equal(strspn(got + 1, "\xc3\xa9"), 2 * 67);
	assert_int_equal(strlen(got),
	    1 + 2 * 67 + strlen("  0 B  0 B/s") + 3 + 4);
	free(got);
}

/* Nobody reads it any more: that ends nothing. */
static void
stderr_gone(void **state)
{
	int ends[2], saved = dup(STDERR_FILENO);
	const struct settings s = { .quiet = false };

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	progress_setup(&s, "t", "json");
	show(0, "f", 0, 10);
	show(1000, "f", 1, 10);
	show(1000, "f", 2, 10);
	progress_end();
	dup2(saved, STDERR_FILENO);
	close(saved);
}

#define FAKED(test) \
	cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKED(says_nothing),
		FAKED(a_line_a_second),
		FAKED(resumed),
		FAKED(a_bar_after_a_while),
		FAKED(figures),
		FAKED(names),
		FAKED(stderr_gone),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
