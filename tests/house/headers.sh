#!/bin/sh
# headers.sh: every header of ours compiles alone and twice, is guarded by
# FLOOR_MODULE_H and has at most 200 lines; nobody includes more than 12 of
# ours; every source begins with the licence.
set -eu
bad=0
pq=$(pkg-config --cflags libpq 2>/dev/null) || pq=
complain() {
	echo "headers: $*"
	bad=1
}

# shellcheck disable=SC2086
alone() {
	printf '#include "%s"\n#include "%s"\ntypedef int end;\n' "$1" "$1" |
	    ${CC:-cc} $pq -std=c11 -D_GNU_SOURCE -Ilib -I. -Wall -Wextra -Wpedantic \
	    -Werror -fsyntax-only -x c - || complain "$1 does not stand alone"
}

for h in $(find lib server cmd -name '*.h' | sort); do
	name=${h#lib/}
	guard=$(echo "$name" | tr 'a-z./' 'A-Z__')
	case $name in
	server/pg*) [ -z "$pq" ] || alone "$name" ;;
	*)	alone "$name" ;;
	esac
	grep -qx "#ifndef $guard" "$h" || complain "$h is not guarded by $guard"
	lines=$(wc -l <"$h")
	[ "$lines" -le 200 ] || complain "$h has $lines lines, more than 200"
done
for f in $(find lib server cmd tests -name '*.[ch]' | sort); do
	case $(head -n 1 "$f") in
	'/* SPDX-License-Identifier: ISC */') ;;
	*)	complain "$f does not begin with the licence" ;;
	esac
	n=$(grep -c '^#include "' "$f") || :
	[ "$n" -le 12 ] || complain "$f includes $n of our headers, more than 12"
done
exit $bad
