#!/bin/sh
# protocol.sh: sentinel-protocol(7) has the codes and reasons of wire/codes.h,
# with the statuses of base/err.h, and no others; the numbers of protocol.txt
# are on the page and in the sources alike, and no limit of wire/limits.h is
# missing there.
set -eu
page=man/sentinel-protocol.7
list=tests/house/protocol.txt
bad=0
complain() {
	echo "protocol: $*"
	bad=1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# compile FLAG... SOURCE
compile() {
	${CC:-cc} -std=c11 -D_GNU_SOURCE -Ilib -I. -w "$@"
}

cat >"$work/tables.c" <<'END'
#include <stdio.h>
#include "base/err.h"
#include "wire/codes.h"
static int status(int code)
{
#define STATUS(sym, val, token, status, ...) if (code == (sym)) return status;
	ERR_TABLE(STATUS)
	return 0;
}
int main(void)
{
#define CODE(sym, val, name) printf("%d %s\n%d\n", val, name, val + CODE_REPLY);
	CODE_TABLE(CODE)
#define REASON(sym, val, name, err) printf("%d %s %d\n", val, name, status(err));
	REASON_TABLE(REASON)
	return 0;
}
END
compile -o "$work/tables" "$work/tables.c"
"$work/tables" | sort >"$work/own"
{
	sed -nE 's/^\.It (1[0-9]{3}) ([a-z]+)[a-z ]*$/\1 \2/p' "$page"
	sed -nE 's/^(2[0-9]{3}):.*/\1/p' "$page"
	sed -nE 's/^\.It ([0-9]+) Ta ([a-z_]+) Ta .* Ta ([0-9]+)$/\1 \2 \3/p' "$page"
} | sort >"$work/told"
# "public key" is public_key in the table
sed -E 's/^(1[0-9]{3} [a-z]+)_.*/\1/' "$work/own" | sort >"$work/codes"
comm -3 "$work/codes" "$work/told" >"$work/differ"
while read -r row; do
	complain "$page and wire/codes.h do not agree on: $row"
done <"$work/differ"

# the page as one line of words
sed -E '/^\.(Bl|El|Bd|Ed|Pp|Sh|Ss|\\")/d; s/^\.[A-Z][a-z] //; s/ Ta / /g' \
    "$page" | tr -s '\t\n ' ' ' >"$work/words"

sed '/^#/d' "$list" >"$work/rows"
cut -f 1 "$work/rows" | sort -u | sed 's/.*/#include "&"/' >"$work/numbers.c"
while IFS='	' read -r file expression told; do
	[ "$told" != - ] || continue
	number=${told#*\{}
	printf '_Static_assert((%s) == %s, "%s of %s");\n' "$expression" \
	    "${number%\}*}" "$expression" "$file" >>"$work/numbers.c"
	said=$(echo "$told" | tr -d '{}')
	grep -qF -- "$said" "$work/words" || complain "$page does not say: $said"
done <"$work/rows"
compile -fsyntax-only "$work/numbers.c" 2>"$work/errors" || {
	grep 'error:' "$work/errors"
	complain "$list and the sources have other numbers"
}

cut -f 2 "$work/rows" | grep -oE '[A-Z_]{2,}' | sort -u >"$work/listed"
sed -nE 's/^#define ([A-Z_]+) .*/\1/p' lib/wire/limits.h | sort >"$work/limits"
comm -23 "$work/limits" "$work/listed" >"$work/lacking"
while read -r limit; do
	complain "$list lacks $limit"
done <"$work/lacking"
exit $bad
