/* SPDX-License-Identifier: ISC */
/* What a process takes: memory, descriptors, processor time. */
#ifndef SIEGE_WATCH_H
#define SIEGE_WATCH_H

#include <stdint.h>
#include <sys/types.h>

struct watch {
	uint64_t rss_kib;
	uint64_t peak_kib; /* since watch_mark */
	uint64_t fds;
	uint64_t cpu_ms; /* since the process began */
};

void watch_read(struct watch *w, pid_t pid);

/* The peak is counted from now on. */
void watch_mark(pid_t pid);

#endif
