#!/bin/sh
# generated.sh BUILD: completions/ is what the option tables say, and
# sentinel-json(5) what the schemas do.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/completions"
scripts/completions/generate "$1/bin" "$work/completions"
scripts/json-man share/schema/v1 >"$work/json"
if diff -r completions "$work/completions" &&
    diff man/sentinel-json.5 "$work/json"; then
	exit 0
fi
echo 'generated: stale; run: make generated'
exit 1
