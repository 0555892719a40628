/* SPDX-License-Identifier: ISC */
#include "base/err.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int codes[] = {
#define ROW(sym, val, tok, ex, retry, msg) sym,
	ERR_TABLE(ROW)
#undef ROW
};

/* The exit table of sentinel(7), typed in once more. */
static const struct {
	int code;
	int status;
	const char *token;
	bool retry;
} contract[] = {
	{ 0, 0, "ok", false },
	{ ERR_INTERNAL, 1, "internal", false },
	{ ERR_NOMEM, 1, "internal", false },
	{ ERR_USAGE, 2, "usage", false },
	{ ERR_PARTIAL, 3, "partial", false },
	{ ERR_TIMEOUT, 4, "timeout", true },
	{ ERR_UNREACHABLE, 10, "relay_unreachable", true },
	{ ERR_UNTRUSTED, 11, "relay_untrusted", false },
	{ ERR_DENIED, 12, "relay_denied", false },
	{ ERR_BUSY, 13, "relay_busy", true },
	{ ERR_PROTOCOL, 14, "protocol", false },
	{ ERR_UNKNOWN_PEER, 20, "unknown_peer", false },
	{ ERR_NO_SESSION, 21, "no_session", false },
	{ ERR_PEER_CHANGED, 22, "peer_key_changed", false },
	{ ERR_NOT_VERIFIED, 23, "peer_not_verified", false },
	{ ERR_UNDECRYPTABLE, 24, "undecryptable", false },
	{ ERR_NO_KEYFILE, 30, "keyfile_missing", false },
	{ ERR_LOCKED, 31, "locked", true },
	{ ERR_CORRUPT, 32, "keyfile_corrupt", false },
	{ ERR_PASSPHRASE, 33, "passphrase", false },
	{ ERR_IO, 34, "io", false },
	{ ERR_EXISTS, 36, "exists", false },
	{ ERR_INSECURE, 37, "keyfile_insecure", false },
};

static void
test_contract(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(contract), ARRAY_LEN(codes) + 1);
	for (size_t i = 0; i < ARRAY_LEN(contract); i++) {
		int code = contract[i].code;

		assert_int_equal(err_exit(code), contract[i].status);
		assert_string_equal(err_token(code), contract[i].token);
		assert_int_equal(err_is_retryable(code), contract[i].retry);
		assert_true(strlen(err_sentence(code)) > 0);
	}
}

static void
test_codes_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		assert_true(codes[i] < 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(codes[i], codes[j]);
	}
}

static void
test_unknown_is_internal(void **state)
{
	static const int strange[] = { 1, 7, -1000, -23 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
		assert_string_equal(err_token(strange[i]), "internal");
		assert_int_equal(err_exit(strange[i]), 1);
	}
}

static void
test_set(void **state)
{
	(void)state;
	assert_int_equal(err_set(ERR_BUSY, "queue %d", 7), ERR_BUSY);
	assert_int_equal(err_last()->code, ERR_BUSY);
	assert_string_equal(err_last()->message, "queue 7");
	assert_int_equal(err_last()->number, 0);
}

static void
test_sys(void **state)
{
	char text[64];

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_sys(ERR_IO, "%s", "out.bin"), ERR_IO);
	snprintf(text, sizeof(text), "out.bin: %s", strerror(ENOSPC));
	assert_string_equal(err_last()->message, text);
	assert_int_equal(err_last()->number, ENOSPC);
}

static void
test_details(void **state)
{
	(void)state;
	(void)err_set(ERR_BUSY, "x");
	err_hint("try %s", "later");
	err_path("/p");
	err_peer("bob");
	err_retry_after(1500);
	err_in_doubt("0197-id");
	assert_string_equal(err_last()->hint, "try later");
	assert_string_equal(err_last()->path, "/p");
	assert_string_equal(err_last()->peer, "bob");
	assert_int_equal(err_last()->retry_after_ms, 1500);
	assert_true(err_last()->in_doubt);
	assert_string_equal(err_last()->id, "0197-id");
	assert_string_equal(err_last()->message, "x");
}

static void
test_next_fault_forgets(void **state)
{
	(void)state;
	test_details(state);
	(void)err_set(ERR_USAGE, "y");
	assert_string_equal(err_last()->hint, "");
	assert_string_equal(err_last()->path, "");
	assert_string_equal(err_last()->peer, "");
	assert_string_equal(err_last()->id, "");
	assert_int_equal(err_last()->retry_after_ms, 0);
	assert_false(err_last()->in_doubt);
}

static void
test_restore(void **state)
{
	struct err_info kept;

	(void)state;
	(void)err_set(ERR_NO_SESSION, "first");
	err_peer("bob");
	kept = *err_last();
	(void)err_set(ERR_IO, "second");
	err_restore(&kept);
	assert_int_equal(err_last()->code, ERR_NO_SESSION);
	assert_string_equal(err_last()->message, "first");
	assert_string_equal(err_last()->peer, "bob");
}

static void
test_own_record_as_argument(void **state)
{
	(void)state;
	(void)err_set(ERR_IO, "inner");
	(void)err_set(ERR_IO, "outer: %s", err_last()->message);
	assert_string_equal(err_last()->message, "outer: inner");
}

static void
test_long_text_is_cut(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errno = EIO;
	(void)err_sys(ERR_IO, "%s", text);
	assert_int_equal(strlen(err_last()->message),
	    sizeof(err_last()->message) - 1);
	err_hint("%s", text);
	err_path(text);
	err_peer(text);
	err_in_doubt(text);
	assert_int_equal(strlen(err_last()->hint),
	    sizeof(err_last()->hint) - 1);
	assert_int_equal(strlen(err_last()->path),
	    sizeof(err_last()->path) - 1);
	assert_int_equal(strlen(err_last()->peer),
	    sizeof(err_last()->peer) - 1);
	assert_int_equal(strlen(err_last()->id), sizeof(err_last()->id) - 1);
}

static void *
other_thread(void *seen)
{
	*(int *)seen = err_last()->code;
	(void)err_set(ERR_IO, "other");
	return NULL;
}

static void
test_record_is_of_the_thread(void **state)
{
	pthread_t thread;
	int seen = -1;

	(void)state;
	(void)err_set(ERR_BUSY, "mine");
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &seen), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(seen, 0);
	assert_string_equal(err_last()->message, "mine");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract),
		cmocka_unit_test(test_codes_differ),
		cmocka_unit_test(test_unknown_is_internal),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_sys),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_next_fault_forgets),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_own_record_as_argument),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_record_is_of_the_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
