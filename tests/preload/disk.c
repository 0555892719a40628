/* SPDX-License-Identifier: ISC */
/* For LD_PRELOAD: every file system has $TEST_DISK_ROOM bytes left. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

int
statvfs(const char *path, struct statvfs *v)
{
	const char *room = getenv("TEST_DISK_ROOM");

	(void)path;
	memset(v, 0, sizeof(*v));
	v->f_frsize = 1;
	v->f_bavail = room ? strtoul(room, NULL, 10) : 0;
	return 0;
}
