#!/bin/sh
# asserts.sh: no assertion of the bats tests goes for nothing.  errexit passes
# over "! command", and over the first half of "[ a ] && [ b ]": the test goes
# on as if nothing had been asked.  Such a line may end a function that answers
# a question (whoever calls it sees the status), or have an "||" behind it.
# And a command that failed has printed nothing, so [ -z "$(command)" ] is true
# of it as well: "silent command" is not.
set -eu
# shellcheck disable=SC2046
awk -v q="'" '
# without what a shell does not look into: quotes, [[ ... ]], ( ... )
function bare(s) {
	gsub("\\\\.", "", s)
	gsub("\"[^\"]*\"|" q "[^" q "]*" q "|\\[\\[ [^]]*\\]\\]", "x", s)
	while (gsub(/\([^()]*\)/, "x", s))
		continue
	return s
}
function is_mute(s) {
	if (s ~ /^\[ -z "\$\(/)
		return 1
	s = bare(s)
	return s !~ /\|\||&& *(break|continue|return)/ && s ~ /^! |&&[ \t]/
}
BEGIN {
	label = "^[ \t]*([^ \t(]+\\)[ \t]+)?"
	begins = label "(!|\\[|\\[\\[|grep|test|cmp|diff) "
}
/^@test / { in_test = 1; tests++ }
/^[a-z_]+\(\) *\{/ { in_test = 0 }
held != "" {
	if (in_test || !/^}/) {
		print "asserts: " held
		bad = 1
	}
	held = ""
}
joined == "" && $0 !~ begins { next }
joined == "" { place = FILENAME ":" FNR ": " }
{ joined = joined $0 }
/(\\|\||&&)$/ { next }
{
	sub(label, "", joined)
	if (is_mute(joined))
		held = place joined
	joined = ""
}
END {
	if (!tests)
		print "asserts: no tests"
	exit bad || !tests
}' $(find tests -name '*.bats' -o -name '*.bash')
