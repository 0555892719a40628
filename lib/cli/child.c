/* SPDX-License-Identifier: ISC */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

enum { NOT_RUN = 126, NOT_FOUND = 127 }; /* as a shell has it */

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

/* As execvp(3) will look for it. */
static bool
is_in_path(const char *name)
{
	const char *at = getenv("PATH");
	char path[PATH_MAX];

	for (at = at ? at : "/bin:/usr/bin"; *at; at += *at == ':') {
		const int len = (int)strcspn(at, ":");

		snprintf(path, sizeof(path), "%.*s%s%s", len, at,
		    len > 0 ? "/" : "", name);
		if (is_program(path))
			return true;
		at += len;
	}
	return false;
}

int
child_check(const char *name)
{
	if (strchr(name, '/') ? is_program(name) : is_in_path(name))
		return 0;
	return err_set(ERR_USAGE, "no such program: %s", name);
}

/* A file in memory that holds the bytes and will never hold others. */
static int
hold(int *fd, const void *bytes, size_t len)
{
	int r;

	*fd = memfd_create("record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return err_sys(ERR_IO, "memory for a program's input");
	r = file_write(*fd, bytes, len, "memory for a program's input");
	if (r == 0 &&
	    (fcntl(*fd, F_ADD_SEALS,
		 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0 ||
		lseek(*fd, 0, SEEK_SET) < 0))
		r = err_sys(ERR_IO, "memory for a program's input");
	if (r < 0)
		close(*fd);
	return r;
}

static bool
set_environment(const struct child_env *env, size_t n)
{
	bool done = true;

	for (size_t i = 0; i < n && done; i++)
		done = setenv(env[i].name, env[i].value, 1) == 0;
	return done;
}

/* In the child; does not come back. */
static void
become(char *const argv[], const struct child_env *env, size_t env_n, int input,
    pid_t parent)
{
	/* the parent may be gone before it could be watched */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
	    dup2(input, STDIN_FILENO) < 0 || !set_environment(env, env_n))
		_exit(NOT_RUN);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? NOT_FOUND : NOT_RUN);
}

static int
await(pid_t pid, int *status)
{
	int how;
	pid_t r;

	do {
		r = waitpid(pid, &how, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(ERR_IO, "waiting for a program");
	*status =
	    WIFEXITED(how) ? WEXITSTATUS(how) : CHILD_SIGNAL + WTERMSIG(how);
	return 0;
}

int
child_run(char *const argv[], const struct child_env *env, size_t env_n,
    const void *input, size_t len, int *status)
{
	const pid_t parent = getpid();
	int fd, r;
	pid_t pid;

	r = hold(&fd, input, len);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		become(argv, env, env_n, fd, parent);
	if (pid < 0)
		r = err_sys(ERR_IO, "a new process");
	close(fd);
	return r < 0 ? r : await(pid, status);
}
