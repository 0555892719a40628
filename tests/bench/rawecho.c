/* SPDX-License-Identifier: ISC */
/* raw_echoes: the cost of asking and answering, without any work done. */
#include "raw.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "net/sock.h"

#define QUESTION_LEN 319 /* a send of RAW_CONTENT_LEN in its record */
#define ANSWER_LEN   46
#define BATCH        64

static void
watch(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

/* Answer each question that has come whole; false: that one is over. */
static bool
answer(int fd)
{
	uint8_t in[QUESTION_LEN], out[ANSWER_LEN] = { 0 };
	ssize_t n = recv(fd, in, sizeof(in), 0);

	if (n <= 0)
		return false;
	if (n == QUESTION_LEN)
		(void)!send(fd, out, sizeof(out), MSG_NOSIGNAL);
	return true;
}

static void
serve(int listener, unsigned connections)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event batch[BATCH];

	for (unsigned i = 0; i < connections; i++)
		watch(epoll, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	while (connections > 0) {
		int n = epoll_wait(epoll, batch, BATCH, -1);

		for (int i = 0; i < n; i++) {
			if (answer(batch[i].data.fd))
				continue;
			close(batch[i].data.fd);
			connections--;
		}
	}
}

static void
ask(int fd)
{
	static const uint8_t out[QUESTION_LEN];

	MUST(send(fd, out, sizeof(out), MSG_NOSIGNAL) == (ssize_t)sizeof(out));
}

static uint64_t
converse(int epoll, const int *fds, unsigned connections, uint64_t until)
{
	struct epoll_event batch[BATCH];
	uint8_t in[ANSWER_LEN];
	uint64_t answers = 0;

	for (unsigned i = 0; i < connections; i++)
		ask(fds[i]);
	while (raw_now_ns() < until) {
		int n = epoll_wait(epoll, batch, BATCH, -1);

		for (int i = 0; i < n; i++, answers++) {
			MUST(recv(batch[i].data.fd, in, sizeof(in), 0) ==
			    (ssize_t)sizeof(in));
			ask(batch[i].data.fd);
		}
	}
	return answers;
}

double
raw_echoes(unsigned connections, uint64_t ns)
{
	struct addr_host host = { .name = "127.0.0.1" };
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener;
	int *fds = calloc(connections, sizeof(*fds));
	uint64_t start, answers;
	pid_t pid;

	MUST(fds && sock_listen(&listener, &host.port, &host) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		MUST(fcntl(listener, F_SETFL, 0) == 0);
		serve(listener, connections);
		_exit(0);
	}
	for (unsigned i = 0; i < connections; i++) {
		MUST(sock_connect(&fds[i], &host, clock_deadline(10000)) == 0);
		watch(epoll, fds[i]);
	}
	start = raw_now_ns();
	answers = converse(epoll, fds, connections, start + ns);
	start = raw_now_ns() - start;
	for (unsigned i = 0; i < connections; i++)
		close(fds[i]);
	close(epoll);
	close(listener);
	free(fds);
	MUST(waitpid(pid, NULL, 0) == pid);
	return (double)answers * 1e9 / (double)start;
}
