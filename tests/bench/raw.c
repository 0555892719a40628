/* SPDX-License-Identifier: ISC */
#include "raw.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

#include "base/secret.h"

#define SYNC_LEN 4096

uint64_t
raw_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

void
raw_make_dir(char out[static 256])
{
	const char *base = getenv("BENCH_DIR");
	int n = snprintf(out, 256, "%s/sentinel-bench.XXXXXX",
	    base ? base : "/var/tmp");

	MUST(n > 0 && n < 256 && mkdtemp(out));
}

void
raw_remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.240s/%s", dir, e->d_name);
		if (unlink(path) < 0)
			raw_remove_dir(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

double
raw_rate(void (*fn)(void *arg), void *arg, uint64_t ns)
{
	uint64_t start = raw_now_ns(), n = 0, taken;

	do {
		fn(arg);
		n++;
		taken = raw_now_ns() - start;
	} while (taken < ns);
	return (double)n * 1e9 / (double)taken;
}

struct log {
	int fd;
	size_t len;
	unsigned a_sync;
	uint8_t *bytes;
};

static void
append(void *arg)
{
	const struct log *t = arg;

	for (unsigned i = 0; i < t->a_sync; i++)
		MUST(write(t->fd, t->bytes, t->len) == (ssize_t)t->len);
	MUST(fdatasync(t->fd) == 0);
}

double
raw_appends(const char *dir, size_t len, unsigned a_sync, uint64_t ns)
{
	struct log t = { .len = len, .a_sync = a_sync, .bytes = malloc(len) };
	char path[512];
	double r;

	snprintf(path, sizeof(path), "%s/raw.log", dir);
	t.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(t.bytes && t.fd >= 0);
	unlink(path);
	secret_random(t.bytes, len);
	r = raw_rate(append, &t, ns) * a_sync;
	close(t.fd);
	free(t.bytes);
	return r;
}

double
raw_syncs(const char *dir, uint64_t ns)
{
	return raw_appends(dir, SYNC_LEN, 1, ns);
}
