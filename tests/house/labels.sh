#!/bin/sh
# labels.sh: what is hashed, signed or encrypted for one purpose begins with a
# label of its own, and no label is the beginning of another.
set -eu
grep -rhoE --include='*.c' '"sentinel-[a-z-]+-v[0-9]+[^"]*"' lib server |
    tr -d '"' | sort | awk '
	NR > 1 && index($0, last) == 1 { print "labels: " last " begins " $0; bad = 1 }
	{ last = $0 }
	END { exit bad }'
