/* SPDX-License-Identifier: ISC */
#include "base/proc.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

/* nothing here includes <sched.h>, which has some of these types, too */
#define NICE_MOST 19
#define SLICE_NS  100000000

int
proc_harden(void)
{
	const struct rlimit none = { 0, 0 };
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return err_sys(ERR_IO, "/dev/null");
	} while (fd <= STDERR_FILENO);
	close(fd);
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return err_sys(ERR_IO, "core limit");
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(ERR_IO, "dumpable");
	umask(077);
	return 0;
}

void
proc_step_back(int nicer)
{
	struct sched_attr a = { 0 };

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 ||
	    a.sched_policy != SCHED_NORMAL)
		return;
	a.sched_policy = SCHED_BATCH;
	a.sched_nice += nicer;
	if (a.sched_nice > NICE_MOST)
		a.sched_nice = NICE_MOST;
	a.sched_runtime = SLICE_NS;
	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}
