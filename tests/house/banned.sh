#!/bin/sh
# banned.sh BUILD: what we ship calls no function that is easily
# misused.
set -eu
. tests/house/objects.sh
list=$(objects "$1" lib server cmd)
# shellcheck disable=SC2086
nm -A -u $list | awk -v build="$1/obj/" '
BEGIN {
	n = split("strcpy strcat strncat stpcpy sprintf vsprintf gets strtok " \
	    "scanf fscanf sscanf atoi atol atoll atof system popen " \
	    "mktemp tmpnam tempnam rand srand random srandom drand48 " \
	    "strlcpy signal longjmp siglongjmp", words, " ")
	for (i = 1; i <= n; i++)
		banned[words[i]] = 1
}
{
	symbol = name = $NF
	sub(/^__isoc99_/, "", name)
	sub(/^__/, "", name)
	sub(/_chk$/, "", name)
	if (name in banned) {
		sub(build, "", $1)
		printf "banned: %s calls %s\n", $1, symbol
		bad = 1
	}
}
END { exit bad }'
# these two leave no symbol behind
if grep -rnE '(^|[^a-z_])(alloca|setjmp) *\(' --include='*.[ch]' lib server cmd; then
	echo 'banned: alloca and setjmp'
	exit 1
fi
