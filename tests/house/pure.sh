#!/bin/sh
# pure.sh BUILD: layouts and ciphers take bytes and return bytes.  Their
# objects import nothing that allocates, opens, reads, writes, prints, waits,
# or asks for the time or the environment.
set -eu
. tests/house/objects.sh
list=$(objects "$1" lib/wire lib/crypto lib/e2e)
# shellcheck disable=SC2086
nm -A -u $list | awk -v build="$1/obj/" '
BEGIN {
	n = split("malloc calloc realloc reallocarray free strdup strndup " \
	    "aligned_alloc posix_memalign sodium_malloc sodium_allocarray " \
	    "open open64 openat fopen fopen64 creat close fclose " \
	    "read write pread pwrite readv writev fread fwrite lseek " \
	    "socket connect send recv sendto recvfrom poll select ioctl " \
	    "printf fprintf vprintf vfprintf dprintf puts fputs putchar " \
	    "fputc putc perror syslog " \
	    "time clock clock_gettime gettimeofday sleep usleep nanosleep " \
	    "getenv secure_getenv exit _exit abort", words, " ")
	for (i = 1; i <= n; i++)
		banned[words[i]] = 1
}
{
	symbol = name = $NF
	sub(/^__isoc99_/, "", name)
	sub(/^__/, "", name)
	sub(/_chk$/, "", name)
	# our own modules that do such things
	if (name in banned || name ~ /^(buf_new|secret_new|file_|clock_|proc_)/) {
		sub(build, "", $1)
		printf "pure: %s imports %s\n", $1, symbol
		bad = 1
	}
}
END { exit bad }'
