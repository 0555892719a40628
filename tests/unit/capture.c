/* SPDX-License-Identifier: ISC */
#include "capture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#define CAPTURE_MAX (64U << 20)

static void
lead(struct capture *c, int fd, int to)
{
	fflush(NULL);
	c->fd = fd;
	c->saved = dup(fd);
	assert_true(c->saved >= 0);
	assert_true(dup2(to, fd) == fd);
}

void
capture_begin(struct capture *c, int fd)
{
	c->tty = false;
	c->from = memfd_create("capture", MFD_CLOEXEC);
	assert_true(c->from >= 0);
	lead(c, fd, c->from);
}

void
capture_begin_tty(struct capture *c, int fd)
{
	struct termios t;
	int slave;

	c->tty = true;
	c->from = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(c->from >= 0);
	assert_int_equal(grantpt(c->from), 0);
	assert_int_equal(unlockpt(c->from), 0);
	slave = open(ptsname(c->from), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(slave, TCSANOW, &t), 0);
	lead(c, fd, slave);
	close(slave);
}

char *
capture_end(struct capture *c, size_t *len)
{
	char *out = malloc(CAPTURE_MAX);
	ssize_t n;

	assert_non_null(out);
	fflush(NULL);
	*len = 0;
	if (!c->tty)
		assert_int_equal(lseek(c->from, 0, SEEK_SET), 0);
	while ((n = read(c->from, out + *len, CAPTURE_MAX - 1 - *len)) > 0)
		*len += (size_t)n;
	out[*len] = '\0';
	assert_int_equal(dup2(c->saved, c->fd), c->fd);
	close(c->saved);
	close(c->from);
	return out;
}
