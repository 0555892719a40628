/* SPDX-License-Identifier: ISC */
#include "base/proc.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

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
