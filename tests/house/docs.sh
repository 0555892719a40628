#!/bin/sh
# docs.sh BUILD: every command has a man page with the sections that readers
# look for; the page tells all of the command's long options, or sentinel(7)
# does for those that all share, and lists none that the command does not have,
# nor one with another letter; no page speaks of an option that no command has.
# Statuses of the pages are in the table of sentinel(7).
# sentinel-relay.conf(5) names what may stand in the file, and nothing else.
# Variables of the environment that the sources name are told under some Ev
# macro, and those that have an item there are named in the sources.  No page
# refers to one of ours that is missing.
set -eu
bad=0
complain() {
	echo "docs: $*"
	bad=1
}

# flags PAGE: the long options that stand behind a Fl macro
flags() {
	grep -E '^\.(.* )?Fl ' "$1" | tr ' ' '\n' |
	    sed -n 's/^-\([a-z][a-z0-9-]*\)$/\1/p' | sort -u
}

# letters PAGE: "w wait" for each option that is an item with both
letters() {
	sed -nE 's/^\.It Fl (.) , Fl -([a-z-]+).*/\1 \2/p' "$1" | sort -u
}

# listed PAGE: those that are items of an option list
listed() {
	grep -E '^\.It Fl ' "$1" >"$work/items" || :
	flags "$work/items"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for source in cmd/*.c; do
	name=$(basename "$source" .c)
	page=
	for section in 1 8; do
		[ ! -f "man/$name.$section" ] || page=man/$name.$section
	done
	[ -n "$page" ] || { complain "no man page for $name"; continue; }

	for section in ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES \
	    'SECURITY CONSIDERATIONS'; do
		grep -qx "\.Sh $section" "$page" ||
		    complain "$page has no $section"
	done
	"$1/bin/$name" --dump-options >"$work/dump"
	jq -r '(.options, .verbs[]?.options)[]?.name' "$work/dump" | sort -u >"$work/own"
	jq -r '.common[]?.name' "$work/dump" | sort -u >"$work/common"
	sort -u "$work/own" "$work/common" >"$work/all"
	flags "$page" >"$work/told"
	cat man/sentinel.7 "$page" >"$work/pages"
	flags "$work/pages" >"$work/told_common"
	listed "$page" >"$work/listed"
	cat "$work/all" >>"$work/any"

	for o in $(comm -23 "$work/own" "$work/told"); do
		complain "$page lacks --$o"
	done
	for o in $(comm -23 "$work/common" "$work/told_common"); do
		complain "neither $page nor man/sentinel.7 has --$o"
	done
	for o in $(comm -13 "$work/all" "$work/listed"); do
		complain "$page has --$o, which $name has not"
	done

	jq -r '(.options, .verbs[]?.options)[]?, .common[]? | select(.letter) |
	    "\(.letter) \(.name)"' "$work/dump" | sort -u >"$work/letters"
	letters "$page" >"$work/listed"
	letters "$work/pages" >"$work/told"
	{
		comm -23 "$work/letters" "$work/told"
		comm -13 "$work/letters" "$work/listed"
	} >"$work/differ"
	while read -r letter o; do
		complain "$page and $name do not agree on -$letter of --$o"
	done <"$work/differ"
done

for page in man/*.[1578]; do
	for o in $(flags "$page" | sort -u); do
		grep -qx -- "$o" "$work/any" ||
		    complain "$page speaks of --$o, which no command has"
	done
	sed -nE 's/^\.It ([0-9]+) Pq Ic ([a-z_]+)$/\1 \2/p' "$page" >"$work/statuses"
	while read -r status word; do
		grep -qE "^\.It $status Ta $word Ta " man/sentinel.7 ||
		    complain "$page has the status $status $word, which is none"
	done <"$work/statuses"
done

conf=man/sentinel-relay.conf.5
if [ -f "$conf" ]; then
	"$1/bin/sentinel-relay" --dump-options | jq -r '.options[] |
	    select(.arg).name' | grep -vx 'config\|invite' | sort >"$work/own"
	sed -n '/^\.Bl/,/^\.El/s/^\.Ic \([a-z-]*\).*/\1/p' "$conf" |
	    sort >"$work/listed"
	for o in $(comm -3 "$work/own" "$work/listed"); do
		complain "$conf and the relay do not agree on $o"
	done
fi

variable='[A-Z][A-Z_]*[A-Z]'
# shellcheck disable=SC2086
grep -hoE "(getenv|variable)\(\"$variable\"|\"(SENTINEL|LISTEN|LC)_[A-Z_]+\"" \
    lib/*/*.c server/*.c cmd/*.c | grep -oE "$variable" | sort -u >"$work/own"
sed -nE 's/^\.(It |Pq )?Ev //p' man/*.[1578] | grep -oE "$variable" |
    sort -u >"$work/told"
sed -nE 's/^\.It Ev //p' man/*.[1578] | grep -oE "$variable" |
    sort -u >"$work/listed"
for v in $(comm -23 "$work/own" "$work/told"); do
	complain "no page tells of the environment's $v"
done
for v in $(comm -23 "$work/listed" "$work/own"); do
	[ "$v" = TZ ] || # the C library does
	    grep -q "\"$v\"" lib/*/*.c server/*.c cmd/*.c ||
	    complain "a page tells of $v, which nobody reads"
done

# a reference to a page of ours that is not there
sed -n 's/^\.Xr \(sentinel[a-z.-]*\) \([1-8]\).*/\1.\2/p' man/*.[1578] | sort -u |
    while read -r page; do
	[ -f "man/$page" ] || echo "docs: no man/$page to refer to"
done >"$work/dangling"
[ ! -s "$work/dangling" ] || { cat "$work/dangling"; bad=1; }
exit $bad
