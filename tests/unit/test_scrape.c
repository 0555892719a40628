/* SPDX-License-Identifier: ISC */
#include "server/scrape.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/sock.h"
#include "server/metrics.h"

#define PATIENCE 10000
#define BEYOND   20 /* turns after the end, for what should not happen then */
#define GET      "GET /metrics HTTP/1.1\r\n\r\n"

static struct scrape scrape;
static struct loop *loop;
static struct addr_host at;
static unsigned looks;

/* What runs until the test has what it waits for. */
static struct {
	int fd;
	unsigned beyond;
	size_t len;
	char text[METRICS_TEXT_MAX];
} answer;

static void
on_look(void *arg)
{
	(void)arg;
	metrics.connections = ++looks;
}

static bool
on_hook(void *arg, bool idle)
{
	ssize_t n;

	(void)arg;
	(void)idle;
	do {
		n = recv(answer.fd, answer.text + answer.len,
		    sizeof(answer.text) - 1 - answer.len, MSG_DONTWAIT);
		answer.len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if ((n == 0 || errno != EAGAIN) && ++answer.beyond == BEYOND)
		loop_stop(loop, 0);
	return true;
}

static int
set_up(void **state)
{
	const struct scrape_config config = { "127.0.0.1:0", false, on_look,
		NULL };

	(void)state;
	looks = 0;
	if (loop_new(&loop) < 0)
		return -1;
	loop_before_sleep(loop, on_hook, NULL);
	return scrape_start(&scrape, &at, loop, &config);
}

static int
tear_down(void **state)
{
	(void)state;
	scrape_stop(&scrape);
	scrape_stop(&scrape);
	loop_free(loop);
	return 0;
}

static int
dial(const char *text)
{
	int fd;

	assert_int_equal(sock_connect(&fd, &at, clock_deadline(PATIENCE)), 0);
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	return fd;
}

/* Everything that comes until the end; the descriptor is closed. */
static void
expect(int fd, const char *beginning)
{
	answer.fd = fd;
	answer.len = answer.beyond = 0;
	assert_int_equal(loop_run(loop), 0);
	answer.text[answer.len] = '\0';
	if (strncmp(answer.text, beginning, strlen(beginning)) != 0)
		fail_msg("%s", answer.text);
	close(fd);
}

static void
test_answer(void **state)
{
	const char *body;
	char length[64];

	(void)state;
	expect(dial(GET), "HTTP/1.1 200 OK\r\n");
	body = strstr(answer.text, "\r\n\r\n") + 4;
	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n",
	    strlen(body));
	assert_non_null(strstr(answer.text, length));
	assert_non_null(strstr(body, "\nsentinel_relay_connections_open 1\n"));
	/* looked at for each, and not for those that ask for something else */
	expect(dial("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found\r\n");
	expect(dial("PUT / HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 ");
	assert_non_null(strstr(answer.text, "\r\nAllow: GET\r\n"));
	expect(dial("nonsense\r\n"), "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(looks, 1);
}

/* What is still being said does not cut the answer: the reader does. */
static void
test_more_than_a_request(void **state)
{
	static char more[3 * HTTP_REQUEST_MAX];

	(void)state;
	memset(more, 'x', sizeof(more) - 1);
	memcpy(more, GET, sizeof(GET) - 1);
	expect(dial(more), "HTTP/1.1 200 OK\r\n");
	assert_int_equal(scrape.n, 1);
	assert_non_null(strstr(answer.text, "sentinel_relay_sweeps_total"));
}

/* They are served one after the other, and nobody holds a place. */
static void
test_many(void **state)
{
	int fds[3 * SCRAPE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial(i % 3 == 0 ? "" : GET);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (i % 3 == 0)
			close(fds[i]);
		else
			expect(fds[i], "HTTP/1.1 200 OK\r\n");
		assert_true(scrape.n <= SCRAPE_MAX);
	}
	assert_int_equal(looks, 2 * SCRAPE_MAX);
}

static void
test_addresses(void **state)
{
	static const char *const remote[] = { "0.0.0.0:0", "[::]:0" };
	static struct scrape other;
	struct scrape_config config = { .fn = on_look };
	struct addr_host got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(remote); i++) {
		config.at = remote[i];
		config.remote = false;
		assert_int_equal(scrape_start(&other, &got, loop, &config),
		    ERR_USAGE);
		config.remote = true;
		assert_int_equal(scrape_start(&other, &got, loop, &config), 0);
		assert_int_not_equal(got.port, 0);
		scrape_stop(&other);
	}
	config.at = "127.0.0.1";
	assert_int_equal(scrape_start(&other, &got, loop, &config), ERR_USAGE);
	config.at = "localhost:0";
	config.remote = false;
	assert_int_equal(scrape_start(&other, &got, loop, &config), 0);
	scrape_stop(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_more_than_a_request,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_addresses, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
