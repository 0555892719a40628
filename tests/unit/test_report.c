/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "capture.h"
#include "cli/report.h"

static const struct settings by_default;
static const struct settings as_json = { .errors = "json" };
static const struct settings as_text = { .errors = "text" };

static void
expect(const struct settings *s, int code, bool tty, const char *text)
{
	struct capture c;
	size_t len;
	char *out;

	if (tty)
		capture_begin_tty(&c, STDERR_FILENO);
	else
		capture_begin(&c, STDERR_FILENO);
	report_fault(s, "sentinel-demo", code);
	out = capture_end(&c, &len);
	assert_string_equal(out, text);
	free(out);
}

#define HEAD "{\"v\":1,\"type\":\"error\",\"tool\":\"sentinel-demo\","

static void
test_full(void **state)
{
	(void)state;
	errno = EIO;
	(void)err_sys(ERR_BUSY, "read \"x\"\n\x1b");
	err_hint("wait\x7f");
	err_path("/tmp/a\n");
	err_peer("bob");
	err_retry_after(2001);
	err_in_doubt("018f0000-0000-7000-8000-000000000001");
	expect(&as_json, ERR_BUSY, true,
	    HEAD "\"code\":\"relay_busy\",\"exit_code\":13,\"message\":"
		 "\"/tmp/a\\n: read \\\"x\\\"\\n\\u001b: Input/output error\","
		 "\"hint\":\"wait\\u007f\",\"retryable\":true,"
		 "\"retry_after_seconds\":3,\"errno\":5,"
		 "\"path\":\"/tmp/a\\n\",\"peer\":\"bob\",\"in_doubt\":true,"
		 "\"id\":\"018f0000-0000-7000-8000-000000000001\"}\n");
	expect(&as_text, ERR_BUSY, false,
	    "sentinel-demo: /tmp/a\\n: read \"x\"\\n\\u001b: Input/output "
	    "error "
	    "[relay_busy]\nhint: wait\\u007f\n");
}

static void
test_bare(void **state)
{
	(void)state;
	(void)err_set(ERR_NO_SESSION, "no session with \"bob\"");
	expect(&by_default, ERR_NO_SESSION, false,
	    HEAD "\"code\":\"no_session\",\"exit_code\":21,"
		 "\"message\":\"no session with \\\"bob\\\"\","
		 "\"retryable\":false}\n");
	expect(&by_default, ERR_NO_SESSION, true,
	    "sentinel-demo: no session with \"bob\" [no_session]\n");
	(void)err_set(ERR_NO_SESSION, "%s", "");
	expect(&as_text, ERR_NO_SESSION, false,
	    "sentinel-demo: no session [no_session]\n");
	/* what is known is about something else */
	(void)err_set(ERR_IO, "disk");
	err_hint("buy one");
	expect(&as_text, ERR_PARTIAL, false,
	    "sentinel-demo: some of it failed [partial]\n");
}

/* The command in a hint is about the key file that was named. */
static void
hints_keep_the_key_file(void **state)
{
	static const struct settings file = { .errors = "text",
		.keyfile = "k",
		.keyfile_option = true };
	static const struct settings identity = { .errors = "text",
		.identity = "eve",
		.keyfile_option = true };
	static const struct settings variable = { .errors = "text",
		.keyfile = "k" };
	static const struct {
		const struct settings *s;
		const char *hint, *told;
	} cases[] = {
		{ &file, "so: sentinel-keys fetch bob",
		    "so: sentinel-keys --keyfile k fetch bob" },
		{ &identity, "sentinel-pull", "sentinel-pull --identity eve" },
		{ &variable, "sentinel-pull", "sentinel-pull" },
		{ &file, "so: sentinel-relay --key x",
		    "so: sentinel-relay --key x" },
		{ &file, "so: sentinel-register --identity b b",
		    "so: sentinel-register --identity b b" },
		{ &identity, "so: sentinel-keys restore --keyfile x y",
		    "so: sentinel-keys restore --keyfile x y" },
		{ &file, "see sentinel-pull --help",
		    "see sentinel-pull --help" },
		{ &file, "so: chmod 600 x", "so: chmod 600 x" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)err_set(ERR_IO, "no");
		err_hint("%s", cases[i].hint);
		snprintf(text, sizeof(text),
		    "sentinel-demo: no [io]\nhint: %s\n", cases[i].told);
		expect(cases[i].s, ERR_IO, false, text);
	}
}

static void
test_retry_after(void **state)
{
	static const struct {
		uint32_t ms;
		const char *text;
	} cases[] = { { 1, "seconds\":1}" }, { 1000, "seconds\":1}" },
		{ 1001, "seconds\":2}" }, { UINT32_MAX, "seconds\":4294968}" },
		{ 0, "retryable\":true}" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct capture c;
		size_t len;
		char *out;

		(void)err_set(ERR_BUSY, "slow down");
		err_retry_after(cases[i].ms);
		capture_begin(&c, STDERR_FILENO);
		report_fault(&as_json, "sentinel-demo", ERR_BUSY);
		out = capture_end(&c, &len);
		assert_non_null(strstr(out, cases[i].text));
		free(out);
	}
}

static void
test_warning(void **state)
{
	struct capture c;
	size_t len;
	char *out;

	(void)state;
	capture_begin(&c, STDERR_FILENO);
	report_warning(&by_default, "sentinel-demo", "clock\n");
	report_warning(&as_text, "sentinel-demo", "clock\n");
	out = capture_end(&c, &len);
	assert_string_equal(out,
	    "{\"v\":1,\"type\":\"warning\",\"tool\":\"sentinel-demo\","
	    "\"message\":\"clock\\n\"}\n"
	    "sentinel-demo: warning: clock\\n\n");
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(hints_keep_the_key_file),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
