/* SPDX-License-Identifier: ISC */
/*
 * How long one command takes, beside the least it could take:
 *
 *	oneshot KEYFILE ROUNDS COMMAND [ARG]...
 *
 * runs in turn COMMAND, this program itself with nothing to do but open
 * KEYFILE and commit to it twice, and `true`.  Prints one JSON line: medians
 * in milliseconds, their ratio, the command's 99th percentile and its peak
 * memory.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "state/keyfile.h"

#define ROUNDS_MAX 10000

struct series {
	char **argv;
	double ms[ROUNDS_MAX];
	long peak_kib;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
run(struct series *s, int round)
{
	double start = now_ms();
	struct rusage usage;
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execvp(s->argv[0], s->argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		die(s->argv[0]);
	s->ms[round] = now_ms() - start;
	if (usage.ru_maxrss > s->peak_kib)
		s->peak_kib = usage.ru_maxrss;
	if (status != 0) {
		fprintf(stderr, "%s: status %d\n", s->argv[0], status);
		exit(1);
	}
}

static int
ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(struct series *s, int rounds)
{
	qsort(s->ms, (size_t)rounds, sizeof(s->ms[0]), ascending);
	return s->ms[rounds / 2];
}

static double
p99(struct series *s, int rounds)
{
	qsort(s->ms, (size_t)rounds, sizeof(s->ms[0]), ascending);
	return s->ms[rounds * 99 / 100];
}

/* The floor: the same process start, the same file, two commits. */
static int
bare(const char *path)
{
	struct keyfile *kf;

	if (secret_start() < 0 ||
	    keyfile_open(&kf, path,
		&(struct keyfile_access){ .lock_timeout_ms = 10000 }) < 0)
		return 1;
	for (uint64_t i = 0; i < 2; i++) {
		if (keyfile_begin(kf) < 0 ||
		    keyfile_set_contact(kf, (uint64_t)time(NULL) + i) < 0 ||
		    keyfile_commit(kf) < 0)
			return 1;
	}
	keyfile_close(kf);
	return 0;
}

int
main(int argc, char **argv)
{
	static char self[] = "/proc/self/exe", flag[] = "--bare",
		    idle[] = "true";
	static struct series command, floor, nothing;
	char *floor_argv[] = { self, flag, NULL, NULL };
	char *nothing_argv[] = { idle, NULL };
	int rounds, out = dup(STDOUT_FILENO);

	if (argc == 3 && strcmp(argv[1], flag) == 0)
		return bare(argv[2]);
	if (argc < 4)
		return 2;
	rounds = (int)strtol(argv[2], NULL, 10);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 2;
	floor_argv[2] = argv[1];
	command.argv = argv + 3;
	floor.argv = floor_argv;
	nothing.argv = nothing_argv;
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	for (int i = 0; i < rounds; i++) {
		run(&command, i);
		run(&floor, i);
		run(&nothing, i);
	}
	dup2(out, STDOUT_FILENO);
	printf("{\"bench\":\"oneshot\",\"rounds\":%d,\"median_ms\":%.2f,"
	       "\"p99_ms\":%.2f,\"two_commits_ms\":%.2f,"
	       "\"two_commits_p99_ms\":%.2f,\"true_ms\":%.2f,"
	       "\"ratio\":%.2f,\"peak_kib\":%ld}\n",
	    rounds, median(&command, rounds), p99(&command, rounds),
	    median(&floor, rounds), p99(&floor, rounds),
	    median(&nothing, rounds),
	    median(&command, rounds) / median(&floor, rounds),
	    command.peak_kib);
	return 0;
}
