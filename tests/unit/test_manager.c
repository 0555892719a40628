/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "server/manager.h"

#define FIRST 3

/* A socket at descriptor fd; backlog < 0: it does not listen. */
static void
put_socket(int fd, int domain, int type, int backlog)
{
	int s = socket(domain, type, 0);

	assert_true(s >= 0);
	if (s != fd) {
		assert_int_equal(dup2(s, fd), fd);
		close(s);
	}
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
}

static void
hand_over(const char *pid, const char *fds)
{
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
}

static const char *
own_pid(void)
{
	static char text[24];

	snprintf(text, sizeof(text), "%d", (int)getpid());
	return text;
}

static int
close_them(void **state)
{
	(void)state;
	close(FIRST);
	close(FIRST + 1);
	return 0;
}

static void
test_sockets_are_taken(void **state)
{
	size_t n = 0;
	int first = -1;

	(void)state;
	put_socket(FIRST, AF_INET, SOCK_STREAM, 5);
	put_socket(FIRST + 1, AF_INET6, SOCK_STREAM, 5);
	hand_over(own_pid(), "2");
	assert_int_equal(manager_sockets(&first, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(first, FIRST);
	for (int i = 0; i < 2; i++) {
		assert_true(fcntl(first + i, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(first + i, F_GETFD) & FD_CLOEXEC);
	}
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
}

static void
test_none_are_for_us(void **state)
{
	static const char *const numbers[] = { "", "0", "-1", " 1", "1x",
		"99999999999999999999999" };
	size_t n = 7;
	int first;

	(void)state;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	assert_int_equal(manager_sockets(&first, &n), 0);
	assert_int_equal(n, 0);
	hand_over("1", "2");
	assert_int_equal(manager_sockets(&first, &n), 0);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		hand_over(numbers[i], "1");
		assert_int_equal(manager_sockets(&first, &n), 0);
		assert_int_equal(n, 0);
	}
}

static void
refuse(const char *fds)
{
	size_t n;
	int first;

	hand_over(own_pid(), fds);
	assert_int_equal(manager_sockets(&first, &n), ERR_USAGE);
}

static void
test_other_things_are_refused(void **state)
{
	int pipes[2];

	(void)state;
	refuse("1"); /* none is open there */
	put_socket(FIRST, AF_INET, SOCK_STREAM, -1);
	refuse("1");
	put_socket(FIRST, AF_INET, SOCK_DGRAM, -1);
	refuse("1");
	put_socket(FIRST, AF_UNIX, SOCK_STREAM, -1);
	refuse("1");
	put_socket(FIRST, AF_INET, SOCK_STREAM, 5);
	refuse("2"); /* the second is not there */
	refuse("99999999");
	close(FIRST);
	assert_int_equal(pipe(pipes), 0);
	refuse("1");
	close(pipes[0]);
	close(pipes[1]);
}

/* What a manager at an address that nobody else has was told. */
static void
hear(char *out, size_t size, void (*tell)(const struct manager *))
{
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(here);
	struct manager m;
	char where[80];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(where, sizeof(where), "@sentinel-test-%d", (int)getpid());
	memcpy(here.sun_path, where, strlen(where));
	here.sun_path[0] = '\0';
	len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(where));
	assert_int_equal(bind(fd, (struct sockaddr *)&here, len), 0);
	setenv("NOTIFY_SOCKET", where, 1);
	assert_int_equal(manager_connect(&m), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	tell(&m);
	n = recv(fd, out, size - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	out[n] = '\0';
	manager_close(&m);
	close(fd);
}

static void
tell_ready(const struct manager *m)
{
	manager_ready(m, "Well");
}

static void
test_it_is_told(void **state)
{
	char text[2048];

	(void)state;
	hear(text, sizeof(text), tell_ready);
	assert_string_equal(text, "READY=1\nSTATUS=Well");
	hear(text, sizeof(text), manager_stopping);
	assert_int_equal(strncmp(text, "STOPPING=1\n", 11), 0);
	hear(text, sizeof(text), manager_reloading);
	assert_int_equal(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	assert_true(strtoull(text + 27, NULL, 10) > 0);
}

static void
test_nobody_to_tell(void **state)
{
	static const char *const bad[] = { "", "/", "@", "vsock:2:1",
		"relative" };
	char far[200];
	struct manager m;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(manager_connect(&m), 0);
	assert_int_equal(m.fd, -1);
	manager_ready(&m, "to nobody");
	manager_close(&m);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_int_equal(manager_connect(&m), ERR_USAGE);
		assert_int_equal(m.fd, -1);
	}
	memset(far, 'a', sizeof(far));
	far[0] = '/';
	far[sizeof(far) - 1] = '\0';
	setenv("NOTIFY_SOCKET", far, 1);
	assert_int_equal(manager_connect(&m), ERR_USAGE);
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(manager_connect(&m), ERR_IO);
	unsetenv("NOTIFY_SOCKET");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sockets_are_taken, close_them),
		cmocka_unit_test(test_none_are_for_us),
		cmocka_unit_test_teardown(test_other_things_are_refused,
		    close_them),
		cmocka_unit_test(test_it_is_told),
		cmocka_unit_test(test_nobody_to_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
