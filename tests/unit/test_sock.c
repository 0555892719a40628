/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/sock.h"

#define PATIENCE_MS 10000
#define SHORT_MS    200
#define BIG_LEN     (8u << 20) /* more than the kernel takes unread */

static int listener, ours, theirs;

static uint64_t
later(void)
{
	return clock_deadline(PATIENCE_MS);
}

static int
connect_pair(void **state)
{
	struct addr_host h = { "127.0.0.1", 0 };

	(void)state;
	if (sock_listen(&listener, &h.port, &h) < 0 ||
	    sock_connect(&ours, &h, later()) < 0)
		return -1;
	theirs = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	return theirs < 0 ? -1 : 0;
}

static int
close_pair(void **state)
{
	(void)state;
	close(listener);
	close(ours);
	close(theirs);
	return 0;
}

static void
flags(void **state)
{
	const int fds[] = { listener, ours };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	}
}

/* More than fits in between, read in odd pieces. */
static void
big(void **state)
{
	uint8_t *bytes = malloc(BIG_LEN), piece[4099];
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < BIG_LEN; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(sock_write(ours, bytes, BIG_LEN, later()) == 0 ? 0 : 1);
	close(ours);
	for (size_t at = 0, len; at < BIG_LEN; at += len) {
		assert_int_equal(
		    sock_read(theirs, piece, sizeof(piece), &len, later()), 0);
		assert_in_range(len, 1, sizeof(piece));
		assert_memory_equal(piece, bytes + at, len);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(bytes);
}

static void
end_of_stream(void **state)
{
	uint8_t in[8];
	size_t len = 9;

	(void)state;
	assert_int_equal(sock_write(ours, (const uint8_t *)"abc", 3, later()),
	    0);
	shutdown(ours, SHUT_WR);
	assert_int_equal(sock_read_all(theirs, in, 2, later()), 0);
	assert_int_equal(sock_read_all(theirs, in, 2, later()),
	    ERR_UNREACHABLE);
	assert_int_equal(err_last()->number, ECONNRESET);
	assert_int_equal(sock_read(theirs, in, sizeof(in), &len, later()), 0);
	assert_int_equal(len, 0);
}

static void
deadlines(void **state)
{
	uint8_t *bytes = calloc(1, BIG_LEN);
	uint64_t before = clock_mono_ms();
	size_t len = 9;

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(
	    sock_read(ours, bytes, 1, &len, clock_deadline(SHORT_MS)),
	    ERR_UNREACHABLE);
	assert_int_equal(err_last()->number, ETIMEDOUT);
	assert_int_equal(len, 9);
	assert_int_equal(
	    sock_write(ours, bytes, BIG_LEN, clock_deadline(SHORT_MS)),
	    ERR_UNREACHABLE);
	assert_int_equal(err_last()->number, ETIMEDOUT);
	assert_in_range(clock_mono_ms() - before, 2 * SHORT_MS, 8 * SHORT_MS);
	free(bytes);
}

/* Would end the test by a signal. */
static void
no_signal(void **state)
{
	int r = 0;

	(void)state;
	close(theirs);
	for (size_t i = 0; i < 100 && r == 0; i++)
		r = sock_write(ours, (const uint8_t *)"abc", 3, later());
	assert_int_equal(r, ERR_UNREACHABLE);
	theirs = dup(ours);
}

static void
listeners(void **state)
{
	struct addr_host h = { "::1", 0 };
	uint16_t port = 0;
	int fd;

	(void)state;
	if (sock_listen(&fd, &port, &h) == 0) { /* where there is IPv6 */
		assert_int_not_equal(port, 0);
		close(fd);
	}
	h = (struct addr_host){ "127.0.0.1", 0 };
	assert_int_equal(sock_listen(&fd, &h.port, &h), 0);
	port = 7;
	assert_int_equal(sock_listen(&listener, &port, &h), ERR_IO);
	assert_int_equal(err_last()->number, EADDRINUSE);
	assert_int_equal(port, 7);
	close(fd);
	memset(h.name, 'a', 80);
	assert_int_equal(sock_listen(&fd, &port, &h), ERR_IO);
}

/*
 * A client that tries a local port again and again is in the end given that
 * very port as its own, and would talk to itself.  The kernel takes the ports
 * of connections from the even ones, those of listeners from the odd ones.
 */
static void
own_echo(void **state)
{
	struct addr_host h = { "127.0.0.1", 0 };
	int fd;

	(void)state;
	assert_int_equal(sock_listen(&fd, &h.port, &h), 0);
	close(fd);
	h.port ^= 1;
	for (size_t i = 0; i < 40000; i++) {
		assert_int_equal(sock_connect(&fd, &h, later()),
		    ERR_UNREACHABLE);
		assert_int_equal(err_last()->number, ECONNREFUSED);
	}
}

static void
shares(void **state)
{
	uint64_t now = clock_mono_ms(), half;

	(void)state;
	assert_int_equal(sock_share(now + 5000, 1), now + 5000);
	assert_int_equal(sock_share(5, 3), 5);
	half = sock_share(now + 5000, 2);
	assert_in_range(half, now + 2400, now + 2600);
	assert_true(sock_share(CLOCK_NEVER, 1) == CLOCK_NEVER);
	assert_in_range(sock_share(CLOCK_NEVER, 2), now + 5000, now + 20000);
}

#define PAIRED(f) cmocka_unit_test_setup_teardown(f, connect_pair, close_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PAIRED(flags),
		PAIRED(big),
		PAIRED(end_of_stream),
		PAIRED(deadlines),
		PAIRED(no_signal),
		cmocka_unit_test(listeners),
		cmocka_unit_test(own_echo),
		cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
