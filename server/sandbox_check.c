/* SPDX-License-Identifier: ISC */
#include "server/sandbox_check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define INSIDE  "sandbox.check"
#define OUTSIDE "/dev/shm/" INSIDE

/* Statuses of a child; any other: it worked, and became another program. */
enum { WORKED, REFUSED = 98, NOT_ENTERED = 99 };

static bool
opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
try_exec(void)
{
	char *const argv[] = { NULL };

	execv("/proc/self/exe", argv);
	return false;
}

static bool
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool
try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

/* A socket alone would do, so that nothing has to answer. */
static bool
try_connect(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)connect(fd, (const struct sockaddr *)&to, sizeof(to));
	return opened(fd);
}

static bool
try_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool listens = fd >= 0 && listen(fd, 1) == 0;

	return opened(fd) && listens;
}

static bool
try_read_outside(void)
{
	return opened(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
}

static bool
try_list_outside(void)
{
	return opened(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static bool
try_write_outside(void)
{
	return opened(open(OUTSIDE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) &&
	    unlink(OUTSIDE) == 0;
}

/* Memory that may be written becomes code. */
static bool
try_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page != MAP_FAILED &&
	    mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

/* One that every file knows: another could type on a terminal. */
static bool
try_ioctl(void)
{
	return ioctl(STDERR_FILENO, FIOCLEX) == 0;
}

static bool
try_signal(void)
{
	return kill(getppid(), 0) == 0;
}

static bool
try_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

static bool
try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

static bool
try_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC) >= 0;
}

static bool
try_keyctl(void)
{
	return syscall(SYS_keyctl, 0, -3, 1) >= 0;
}

/* What serving needs. */
static bool
try_write_inside(void)
{
	int fd = open(INSIDE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char byte = 0;
	bool done = fd >= 0 && pwrite(fd, &byte, 1, 0) == 1 &&
	    fdatasync(fd) == 0 && pread(fd, &byte, 1, 0) == 1 &&
	    unlink(INSIDE) == 0;

	return opened(fd) && done;
}

static const struct attempt {
	const char *name;
	bool (*try)(void);
	bool must_work;
} attempts[] = {
	{ "write_inside", try_write_inside, true },
	{ "exec", try_exec, false },
	{ "fork", try_fork, false },
	{ "ptrace", try_ptrace, false },
	{ "connect", try_connect, false },
	{ "listen", try_listen, false },
	{ "read_outside", try_read_outside, false },
	{ "list_outside", try_list_outside, false },
	{ "write_outside", try_write_outside, false },
	{ "code", try_code, false },
	{ "ioctl", try_ioctl, false },
	{ "signal", try_signal, false },
	{ "io_uring", try_io_uring, false },
	{ "bpf", try_bpf, false },
	{ "userfaultfd", try_userfaultfd, false },
	{ "keyctl", try_keyctl, false },
};

static _Noreturn void
child(const struct attempt *a, const struct sandbox *s, const char *dir)
{
	struct sandbox_level level;

	if ((dir && chdir(dir) < 0) || sandbox_prepare() < 0 ||
	    sandbox_become(s) < 0 ||
	    sandbox_enter(&level, s, dir ? "." : NULL) < 0)
		_exit(NOT_ENTERED);
	/* a sanitizer's _exit makes more calls than this one */
	syscall(SYS_exit_group, a->try() ? WORKED : REFUSED);
	abort();
}

/* How it ended, as sandbox_check_fn wants it. */
static int
attempt(const char **how, const struct attempt *a, const struct sandbox *s,
    const char *dir)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child(a, s, dir);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return err_sys(ERR_IO, "a child");
	*how = NULL;
	if (WIFSIGNALED(status))
		*how = "killed";
	else if (WEXITSTATUS(status) == REFUSED)
		*how = "error";
	else if (WEXITSTATUS(status) == NOT_ENTERED)
		return err_set(ERR_IO, "the sandbox cannot be entered");
	return 0;
}

int
sandbox_check(bool *sound, const struct sandbox *s, const char *dir,
    sandbox_check_fn fn)
{
	bool all = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(attempts); i++) {
		const struct attempt *a = &attempts[i];
		bool must_work = a->must_work;
		const char *how;

		if (a->try == try_write_inside && !dir)
			continue;
		if (a->try == try_connect && s->outside)
			must_work = s->outside->needed;
		r = attempt(&how, a, s, dir);
		if (r < 0)
			return r;
		all = all && must_work == !how;
		r = fn(a->name, how, must_work);
	}
	if (r == 0)
		*sound = all;
	return r;
}
