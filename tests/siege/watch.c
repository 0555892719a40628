/* SPDX-License-Identifier: ISC */
#include "watch.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "siege.h"

static FILE *
open_proc(pid_t pid, const char *name, const char *mode)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, mode);
	MUST(f);
	return f;
}

static void
read_memory(struct watch *w, pid_t pid)
{
	FILE *f = open_proc(pid, "status", "r");
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "VmRSS: %" SCNu64, &w->rss_kib);
		sscanf(line, "VmHWM: %" SCNu64, &w->peak_kib);
	}
	fclose(f);
}

static void
read_cpu(struct watch *w, pid_t pid)
{
	FILE *f = open_proc(pid, "stat", "r");
	uint64_t user, system;
	char line[1024];
	const char *rest;

	MUST(fgets(line, sizeof(line), f));
	fclose(f);
	rest = strrchr(line, ')'); /* the name may hold anything */
	MUST(rest &&
	    sscanf(rest + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		" %" SCNu64,
		&user, &system) == 2);
	w->cpu_ms = (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void
count_fds(struct watch *w, pid_t pid)
{
	struct dirent *e;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	MUST(d);
	w->fds = 0;
	while ((e = readdir(d)))
		w->fds += e->d_name[0] != '.';
	closedir(d);
}

void
watch_read(struct watch *w, pid_t pid)
{
	read_memory(w, pid);
	read_cpu(w, pid);
	count_fds(w, pid);
}

void
watch_mark(pid_t pid)
{
	FILE *f = open_proc(pid, "clear_refs", "w");

	fputs("5", f); /* proc(5): reset the peak */
	MUST(fclose(f) == 0);
}
