#!/bin/sh
# names.sh BUILD: what lib/x/y.c and server/y.c export begins with "y_"; a
# command exports main alone.
set -eu
. tests/house/objects.sh
list=$(objects "$1" lib server cmd)
# shellcheck disable=SC2086
nm -A -g --defined-only $list | awk -v build="$1/obj/" '
{
	object = $1
	sub(build, "", object)
	sub(/:.*/, "", object)
	module = object
	sub(/.*\//, "", module)
	sub(/\.o$/, "", module)
}
# names with two underscores are those of the compiler
$3 ~ /^__/ { next }
object ~ /^cmd\// && $3 == "main" { next }
object !~ /^cmd\// && ($3 == module || index($3, module "_") == 1) { next }
{
	printf "names: %s exports %s\n", object, $3
	bad = 1
}
END { exit bad }'
