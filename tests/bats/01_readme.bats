#!/usr/bin/env bats
# What README.md tells people to type works, and its records are real.

load helper

# blocks KIND: the fenced blocks of this kind below "Quick start"
blocks() {
	awk -v fence="\`\`\`$1" '
	    /^## Quick start/ { on = 1 }
	    $0 == fence { inside = on; next }
	    /^```$/ { inside = 0 }
	    inside' "$ROOT/README.md"
}

@test "the quick start runs as it stands, under dash and bash" {
	blocks sh | grep -v '^PATH=' >"$HOME/quick.sh"
	for shell in dash bash; do
		TMPDIR=$HOME run --separate-stderr "$shell" -eu "$HOME/quick.sh"
		assert_success
		assert_line "bob	hello, Alice"
		assert_line --index -2 --regexp '/in/report\.txt: OK$'
		assert_line --index -1 --regexp '/in/report\.tar: OK$'
	done
}

@test "the records it shows fit their schemas" {
	blocks json >"$WITNESS_DIR/readme"
	[ "$(wc -l <"$WITNESS_DIR/readme")" -ge 5 ]
}

@test "the picture of a session can be taken again" {
	run --separate-stderr "$ROOT/scripts/session" "$SENTINEL_BIN" 3>&-
	assert_success
	assert_line --partial 'in/notes.tar: OK'
	/usr/bin/python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.stdin)' \
	    <<<"$output"
	grep -q "in/notes.tar: OK" "$ROOT/share/session.svg"
}
