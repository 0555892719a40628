#!/bin/sh
# Every #include keeps to the floors of layers.txt and, when it is one of the
# outside headers of vendors.txt, stands in a place that may have it.
set -eu
grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' lib server cmd |
    awk '
function starts(s, prefix) {
	return substr(s, 1, length(prefix)) == prefix
}
function complain(what) {
	printf "layers: %s:%s %s\n", file, line, what
	bad = 1
}
function floor_of(path) {
	sub(/^lib\//, "", path)
	sub(/\/.*/, "", path)
	return path
}
function ours(included,    i, best) {
	best = ""
	for (i in floors)
		if (starts(file, i) && length(i) > length(best))
			best = i
	if (best == "")
		complain("stands on no floor of layers.txt")
	else if (included !~ /\//)
		complain("must name the floor in \"" included "\"")
	else if (!index(floors[best], " " floor_of(included) " "))
		complain("must not include \"" included "\"")
}
function outside(included,    n, i, places) {
	if (!(included in vendors))
		return
	n = split(vendors[included], places, " ")
	for (i = 1; i <= n; i++)
		if (starts(file, places[i]))
			return
	complain("must not include <" included ">")
}
BEGIN {
	while ((getline row < "tests/house/layers.txt") > 0)
		if (row ~ /^[a-z]/) {
			split(row, word, " ")
			sub(/^[^ ]+/, "", row)
			floors[word[1]] = row " " floor_of(word[1]) " "
		}
	while ((getline row < "tests/house/vendors.txt") > 0)
		if (row ~ /^[a-z]/) {
			split(row, word, " ")
			sub(/^[^ ]+/, "", row)
			vendors[word[1]] = row
		}
}
{
	split($0, part, ":")
	file = part[1]
	line = part[2]
	if (match($0, /"[^"]+"/))
		ours(substr($0, RSTART + 1, RLENGTH - 2))
	else if (match($0, /<[^>]+>/))
		outside(substr($0, RSTART + 1, RLENGTH - 2))
}
END { exit bad }'
