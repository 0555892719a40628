#!/bin/sh
# trials.sh: tests/trials.txt has each trial once, with tests that there are and
# all that bear its name, and SECURITY.md denies nothing without one.
set -eu
bad=0
tab=$(printf '\t')
complain() {
	echo "trials: $*"
	bad=1
}

# The list: one that is gone is missed here.
ids='A1 A2 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A15 A16 A17 A18 A19 A20
B1 B2 B3 B5 B6 B7 B8 B10
C1 C2 C3 C4 C5 C6 C7 C8 C10 C11 C12 C13 C14 C15 C16 C17 C18 C19 C21 C22
D1 D2 D3 D4 D5 D6 D7 D8 D9 D10 D11 D12 D14
E1 E2 E4 E5 E6 E7 E8 E9 E11 E12 E14 E15
F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 F13 F15 F16 F17
G1 G2 G3 G4 G5 G6 G7 G8 G9 G11 G12
H1 H2 H3 H4 H5 H6 H7 H8 H9 H10 H11
I1 I2'

# there_is FILE [NAME]: such a test
there_is() {
	[ -f "$1" ] || return 1
	case $1 in
	*.bats) grep -qxF "@test \"$2\" {" "$1" ;;
	*.c) grep -q "^$2(void \*\*state" "$1" ;;
	*) [ -z "${2-}" ] ;;
	esac
}

is_target() {
	grep -Eq "^([a-z-]+ )*$1( [a-z-]+)*:" Makefile
}

# One line of trials.txt; $trial is the one that it belongs to.
trial=
quick=met
read_line() {
	case $1 in
	'#'*|'') ;;
	[A-I]*)
		[ "$quick" = met ] || complain "$trial: nothing in ./check runs it"
		trial=$1
		case $2 in
		quick) quick=wanted ;;
		slow) quick=met ;;
		*) complain "$trial: neither quick nor slow" ;;
		esac
		echo "$trial" >>"$work/found"
		;;
	-)
		[ "$quick" = met ] || complain "$trial: quick, and no test"
		;;
	make*)
		is_target "${1#make }" || complain "$trial: no target in: $1"
		quick=met
		;;
	*)
		there_is "$1" "$2" || complain "$trial: no test in $1: $2"
		printf '%s\t%s\t%s\n' "$trial" "$1" "$2" >>"$work/listed"
		case $1 in tests/slow/*) ;; *) quick=met ;; esac
		;;
	esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/found"
: >"$work/listed"
while IFS=$tab read -r first second _; do
	read_line "$first" "$second"
done <tests/trials.txt
[ "$quick" = met ] || complain "$trial: nothing in ./check runs it"
echo "$ids" | tr ' ' '\n' | sort >"$work/wanted"
sort "$work/found" >"$work/had"
for id in $(comm -23 "$work/wanted" "$work/had"); do
	complain "$id is missing"
done
for id in $(comm -13 "$work/wanted" "$work/had"); do
	complain "$id is on no list, or twice"
done

# A test whose name begins with a trial stands under it; with a promise, under
# one of the trials
grep -rE --include='*.bats' '^@test "[A-IP][0-9]+[: ]' tests |
    sed 's/:@test "\(.*\)" {$/\t\1/' >"$work/named" || :
awk -F '\t' '
NR == FNR { under[$1, $2, $3] = listed[$2, $3] = 1; next }
{ id = $2; sub(/[: ].*/, "", id) }
!(id ~ /^P/ ? ($1, $2) in listed : (id, $1, $2) in under) {
	print $2 " of " $1
}' "$work/listed" "$work/named" >"$work/unlisted"
while read -r line; do
	complain "not listed: $line"
done <"$work/unlisted"

# SECURITY.md cites a test as `file` *name*, a check by its path, a trial as
# A1, and a command by its target and its files
# shellcheck disable=SC2016
sed -n 's/^- Cannot/&/p' SECURITY.md | grep -v '` \*' >"$work/bare" || :
while read -r line; do
	complain "no test is cited for: $line"
done <"$work/bare"
# shellcheck disable=SC2016
grep -oE '`[a-z0-9_]+` \*[^*]+\*' SECURITY.md |
    sed 's/^`\([^`]*\)` \*\(.*\)\*$/\1\t\2/' >"$work/cited"
while IFS=$tab read -r file name; do
	there_is "tests/bats/$file.bats" "$name" ||
	    there_is "tests/slow/$file.bats" "$name" ||
	    there_is "tests/unit/$file.c" "$name" ||
	    complain "SECURITY.md cites no test: $file: $name"
done <"$work/cited"
# shellcheck disable=SC2016
grep -oE '`tests/[^` ]+\.sh`' SECURITY.md | tr -d '`' >"$work/scripts" || :
while read -r script; do
	[ -x "$script" ] || complain "SECURITY.md cites no check: $script"
done <"$work/scripts"
grep -oE "check-(slow-)?bats T='[^']*'" SECURITY.md |
    sed "s/check-slow-bats/slow/; s/check-bats/bats/; s/ T='/ /; s/'//" >"$work/runs"
while read -r where glob; do
	[ -n "$(find tests/"$where" -name "$glob.bats")" ] ||
	    complain "SECURITY.md runs no test: $where $glob"
done <"$work/runs"
grep -oE '\b[A-I][0-9]+\b' SECURITY.md | sort -u | comm -23 - "$work/had" >"$work/none" || :
while read -r id; do
	complain "SECURITY.md: no trial $id"
done <"$work/none"
exit $bad
