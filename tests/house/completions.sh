#!/bin/sh
# completions.sh BUILD: what is in completions/ is what the option tables say.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/completions/generate "$1/bin" "$work"
diff -r completions "$work" ||
    { echo 'completions: stale; run: make completions'; exit 1; }
