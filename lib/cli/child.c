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
sets(const struct child_env *env, size_t n, const char *entry)
{
	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(env[i].name);

		if (strncmp(entry, env[i].name, len) == 0 && entry[len] == '=')
			return true;
	}
	return false;
}

/* The first n of the list are its own. */
static void
environment_free(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

/*
 * What is to be set, then what else this process has: made before there is a
 * child, which could not say that there is no memory.
 */
static char **
environment_new(const struct child_env *env, size_t n)
{
	size_t others = 0, at = n;
	char **list;

	while (environ[others])
		others++;
	list = calloc(n + others + 1, sizeof(*list));
	if (!list)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct child_env *e = &env[i];

		if (asprintf(&list[i], "%s=%s", e->name, e->value) < 0) {
			environment_free(list, i);
			return NULL;
		}
	}
	for (size_t i = 0; i < others; i++) {
		if (!sets(env, n, environ[i]))
			list[at++] = environ[i];
	}
	return list;
}

/* In the child; does not come back. */
static void
become(char *const argv[], char *const env[], int input, pid_t parent)
{
	/* the parent may be gone before it could be watched */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
	    dup2(input, STDIN_FILENO) < 0)
		_exit(NOT_RUN);
	execvpe(argv[0], argv, env);
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

static int
start(char *const argv[], char *const env[], int input, pid_t *pid)
{
	const pid_t parent = getpid();

	*pid = fork();
	if (*pid == 0)
		become(argv, env, input, parent);
	return *pid < 0 ? err_sys(ERR_IO, "a new process") : 0;
}

static int
run(char *const argv[], char *const env[], const void *input, size_t len,
    int *status)
{
	int fd, r = hold(&fd, input, len);
	pid_t pid;

	if (r < 0)
		return r;
	r = start(argv, env, fd, &pid);
	close(fd);
	return r < 0 ? r : await(pid, status);
}

int
child_run(char *const argv[], const struct child_env *env, size_t env_n,
    const void *input, size_t len, int *status)
{
	char **list = environment_new(env, env_n);
	int r;

	if (!list)
		return err_set(ERR_NOMEM, "a new process");
	r = run(argv, list, input, len, status);
	environment_free(list, env_n);
	return r;
}
