#!/usr/bin/env bats
# What README.md tells people to type works, and its records are real.

load helper
load documents

# what another test types
ELSEWHERE=('Set-up sh 2') # 93_walk.bats

setup() {
	RAN=$BATS_FILE_TMPDIR/ran
}

# blocks SECTION KIND [N]: as readme; they are counted
blocks() {
	readme_list | grep -x "$1 $2 ${3:-[0-9]*}" >>"$RAN"
	readme "$@"
}

# stand_in FILE BODY: instead of a program
stand_in() {
	printf '#!/bin/sh\n%s\n' "$2" >"$1"
	chmod +x "$1"
}

@test "the two commands of the set-up; the demonstration with what is built" {
	local top=$BATS_TEST_TMPDIR/top

	mkdir -p "$top/build/release" "$top/bin"
	ln -s "$SENTINEL_BIN" "$top/build/release/bin"
	ln -s "$ROOT/scripts" "$top/scripts"
	cp "$ROOT/demo" "$top"
	stand_in "$top/bin/make" '[ "$*" = "-j2 all" ]'
	# of which this test is a part
	[ -x "$ROOT/check" ]
	stand_in "$top/check" 'echo checked'
	blocks Set-up sh 1 >"$BATS_TEST_TMPDIR/setup.sh"
	cd "$top" || return
	PATH=$top/bin:$PATH run --separate-stderr bash -e "$BATS_TEST_TMPDIR/setup.sh" 3>&-
	assert_success
	assert_line '10. Bob receives it: the session stands'
	assert_line --index -1 checked
}

@test "the quick start and the recipes run as they stand, under dash and bash" {
	for section in 'Quick start' 'Six recipes'; do
		blocks "$section" sh
	done | grep -v '^PATH=' >"$HOME/quick.sh"
	for shell in dash bash; do
		TMPDIR=$HOME run --separate-stderr "$shell" -eu "$HOME/quick.sh"
		assert_success
		assert_line "bob	hello, Alice"
		assert_line --index -2 --regexp '/in/report\.txt: OK$'
		assert_line --index -1 --regexp '/in/report\.tar: OK$'
	done
}

@test "the records it shows fit their schemas" {
	for section in 'Quick start' 'Six recipes'; do
		blocks "$section" json
	done >"$WITNESS_DIR/readme"
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

@test "each block of it was run" {
	{ sort -u "$RAN"; printf '%s\n' "${ELSEWHERE[@]}"; } | sort |
	    diff <(readme_list | sort) -
	for file in 93_walk.bats walk.bash; do
		cat "$ROOT/tests/bats/$file"
	done | grep -q "readme ${ELSEWHERE[0]}"
}
