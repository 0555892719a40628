/* SPDX-License-Identifier: ISC */
#include "cli/ask.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "capture.h"

static char dir[] = "/tmp/test_ask.XXXXXX";
static struct passphrase pass;

/* Nobody is there: standard input is no terminal. */
static int
enter(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || secret_start() < 0)
		return -1;
	close(null);
	unsetenv("CREDENTIALS_DIRECTORY");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int
leave(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rmdir(dir) : -1;
}

static int
ask_file(const char *path)
{
	const struct settings s = { .passphrase_file = path,
		.passphrase_fd = SETTINGS_NO_FD };

	memset(&pass, 0, sizeof(pass));
	return ask_passphrase(&s, &pass);
}

/* A file of these bytes, asked and removed. */
static int
ask_bytes(const void *bytes, size_t len)
{
	int r;

	assert_int_equal(file_create("p", bytes, len), 0);
	r = ask_file("p");
	unlink("p");
	return r;
}

static void
is(const char *expected, size_t len)
{
	assert_int_equal(pass.len, len);
	assert_memory_equal(pass.bytes, expected, len);
}

static void
test_newline(void **state)
{
	(void)state;
	assert_int_equal(ask_bytes("word", 4), 0);
	is("word", 4);
	assert_int_equal(ask_bytes("word\n", 5), 0);
	is("word", 4);
	assert_int_equal(ask_bytes("word\n\n", 6), 0);
	is("word\n", 5);
	assert_int_equal(ask_bytes("a\nb\r\n", 5), 0);
	is("a\nb\r", 4);
	assert_int_equal(ask_bytes("a\0b\n", 4), 0);
	is("a\0b", 3);
	assert_int_equal(ask_bytes(" \n", 2), 0);
	is(" ", 1);
}

static void
test_sizes(void **state)
{
	static char bytes[PASSPHRASE_MAX + 3];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(ask_bytes("", 0), ERR_PASSPHRASE);
	assert_int_equal(ask_bytes("\n", 1), ERR_PASSPHRASE);
	assert_int_equal(ask_bytes(bytes, PASSPHRASE_MAX), 0);
	is(bytes, PASSPHRASE_MAX);
	assert_int_equal(ask_bytes(bytes, PASSPHRASE_MAX + 1), ERR_PASSPHRASE);
	assert_int_equal(ask_bytes(bytes, sizeof(bytes)), ERR_PASSPHRASE);
	bytes[PASSPHRASE_MAX] = '\n';
	assert_int_equal(ask_bytes(bytes, PASSPHRASE_MAX + 1), 0);
	is(bytes, PASSPHRASE_MAX);
	assert_int_equal(ask_bytes(bytes, PASSPHRASE_MAX + 2), ERR_PASSPHRASE);
}

static void
test_no_file(void **state)
{
	(void)state;
	assert_int_equal(ask_file("none"), ERR_IO);
	assert_string_equal(err_last()->path, "none");
	assert_int_equal(ask_file("."), ERR_IO);
}

/* A source that nobody should read gives a warning, and is read. */
static void
test_open_file(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0644, 0622 };
	struct capture c;
	size_t len;
	char *text;

	(void)state;
	assert_int_equal(file_create("p", "word", 4), 0);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(chmod("p", modes[i]), 0);
		capture_begin(&c, STDERR_FILENO);
		assert_int_equal(ask_file("p"), 0);
		text = capture_end(&c, &len);
		assert_non_null(strstr(text, "others may read"));
		free(text);
		is("word", 4);
	}
	assert_int_equal(chmod("p", 0400), 0);
	capture_begin(&c, STDERR_FILENO);
	assert_int_equal(ask_file("p"), 0);
	free(capture_end(&c, &len));
	assert_int_equal(len, 0);
	unlink("p");
}

/* In two pieces, through a pipe. */
static void
test_descriptor(void **state)
{
	struct settings s = { .passphrase_file = "none" };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	s.passphrase_fd = (uint64_t)ends[0];
	assert_int_equal(ask_setup(&s), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	assert_ptr_equal(s.ask_passphrase, ask_passphrase);
	assert_ptr_equal(s.ask_yes, ask_yes);
	assert_int_equal(write(ends[1], "wo", 2), 2);
	if (fork() == 0) {
		clock_sleep(20);
		_exit(write(ends[1], "rd\n", 3) != 3);
	}
	close(ends[1]);
	assert_int_equal(s.ask_passphrase(&s, &pass), 0);
	assert_true(wait(NULL) > 0);
	is("word", 4);
	/* once */
	assert_int_equal(s.ask_passphrase(&s, &pass), ERR_PASSPHRASE);
	close(ends[0]);
	assert_int_equal(s.ask_passphrase(&s, &pass), ERR_IO);
	assert_int_equal(ask_setup(&s), ERR_USAGE);
	s.passphrase_fd = UINT64_C(1) << 32;
	assert_int_equal(ask_setup(&s), ERR_USAGE);
}

/* Where nothing else is said the service manager's file counts. */
static void
test_credential(void **state)
{
	struct capture c;
	size_t len;

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(ask_file(NULL), ERR_PASSPHRASE);
	assert_int_equal(file_create("sentinel-passphrase", "cred\n", 5), 0);
	assert_int_equal(chmod("sentinel-passphrase", 0440), 0);
	capture_begin(&c, STDERR_FILENO);
	assert_int_equal(ask_file(NULL), 0);
	free(capture_end(&c, &len));
	assert_int_equal(len, 0);
	is("cred", 4);
	assert_int_equal(ask_bytes("word", 4), 0);
	is("word", 4);
	unlink("sentinel-passphrase");
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	assert_int_equal(ask_file(NULL), ERR_PASSPHRASE);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
test_nobody(void **state)
{
	const struct settings s = { .passphrase_fd = SETTINGS_NO_FD };
	bool yes = true;

	(void)state;
	assert_int_equal(ask_passphrase(&s, &pass), ERR_PASSPHRASE);
	assert_non_null(strstr(err_last()->hint, "--passphrase-file"));
	assert_int_equal(ask_new_passphrase(NULL, &pass), ERR_PASSPHRASE);
	assert_non_null(strstr(err_last()->hint, "--new-passphrase-file"));
	assert_int_equal(ask_yes(&s, "Well?", &yes), 0);
	assert_false(yes);
	/* a new one does not come from where the old one does */
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(file_create("sentinel-passphrase", "cred", 4), 0);
	assert_int_equal(ask_new_passphrase(NULL, &pass), ERR_PASSPHRASE);
	assert_int_equal(ask_new_passphrase("sentinel-passphrase", &pass), 0);
	is("cred", 4);
	unlink("sentinel-passphrase");
	unsetenv("CREDENTIALS_DIRECTORY");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newline),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_open_file),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
